package theory

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/optimize"
)

// Adam is the optimiser of Kingma & Ba 2015 (arXiv 1412.6980) with its
// standard constants β1 = 0.9, β2 = 0.999, ε = 1e-8:
//
//	m ← β1 m + (1-β1) g,  v ← β2 v + (1-β2) g²,
//	x ← x - rate · m/(1-β1ᵏ) / (√(v/(1-β2ᵏ)) + ε)   at step k = 1, 2, …
//
// The zero value is ready to use. A complex weight counts as two real ones.
type Adam struct {
	m, v []float64
	k    float64
}

// Step moves x down the gradient, in place.
func (o *Adam) Step(x, gradient []float64, rate float64) {
	const β1, β2, ε = 0.9, 0.999, 1e-8
	if o.m == nil {
		o.m, o.v = make([]float64, len(x)), make([]float64, len(x))
	}
	o.k++
	debias1, debias2 := 1-math.Pow(β1, o.k), 1-math.Pow(β2, o.k)
	for i, g := range gradient {
		o.m[i] = β1*o.m[i] + (1-β1)*g
		o.v[i] = β2*o.v[i] + (1-β2)*g*g
		x[i] -= rate * (o.m[i] / debias1) / (math.Sqrt(o.v[i]/debias2) + ε)
	}
}

// Schedule is a number of steps at the learning rate Rate·(1 - k/Steps)².
type Schedule struct {
	Steps int
	Rate  float64
}

// At returns the rate of step k = 0 … Steps-1.
func (s Schedule) At(k int) float64 {
	left := 1 - float64(k)/float64(s.Steps)
	return s.Rate * left * left
}

// Fit trains the model by Adam on fresh batches: at each step loss draws the
// batch of that number, returns its loss at the present weights and writes the
// gradient. The model ends as the average of the weights over the last three
// quarters of the steps, which uses all their batches where the last weights would show
// the noise of the last few (Polyak & Juditsky 1992, doi:10.1137/0330046). Fit
// fails when the context is cancelled or the loss is no longer finite.
func Fit(ctx context.Context, m LinearAttention, loss func(step uint64, gradient []float64) float64,
	s Schedule) error {
	var adam Adam
	x := m.Parameters()
	gradient, mean := make([]float64, len(x)), make([]float64, len(x))
	first := s.Steps / 4
	for k := range s.Steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if l := loss(uint64(k), gradient); math.IsNaN(l) || math.IsInf(l, 0) {
			return fmt.Errorf("loss %g at step %d of %d: use a rate below %g", l, k, s.Steps, s.Rate)
		}
		adam.Step(x, gradient, s.At(k))
		m.SetParameters(x)
		if k >= first {
			floats.AddScaled(mean, 1/float64(s.Steps-first), x)
		}
	}
	m.SetParameters(mean)
	return nil
}

// Minimise descends an exact loss from the weights of the model to a
// stationary point by L-BFGS and returns its loss. The function loss returns
// the value at the weights of the model and writes its gradient.
func Minimise(ctx context.Context, m LinearAttention,
	loss func(gradient []float64) float64) (float64, error) {
	scratch := make([]float64, len(m.Parameters()))
	problem := optimize.Problem{
		Func: func(x []float64) float64 {
			m.SetParameters(x)
			return loss(scratch)
		},
		Grad: func(gradient, x []float64) {
			m.SetParameters(x)
			loss(gradient)
		},
		Status: func() (optimize.Status, error) {
			if err := ctx.Err(); err != nil {
				return optimize.Failure, err
			}
			return optimize.NotTerminated, nil
		},
	}
	// Relative 1e-13 over 50 steps: valleys of a gauge are flat but not minima.
	settings := &optimize.Settings{
		GradientThreshold: 1e-9,
		Converger:         &optimize.FunctionConverge{Relative: 1e-13, Iterations: 50},
	}
	result, err := optimize.Minimize(problem, m.Parameters(), settings, &optimize.LBFGS{})
	if result == nil || ctx.Err() != nil {
		return 0, fmt.Errorf("descent: %w", err)
	}
	m.SetParameters(result.X) // a line search that can gain nothing more is an end too
	return result.F, nil
}
