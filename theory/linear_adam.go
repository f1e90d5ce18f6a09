package theory

import (
	"context"
	"fmt"
	"math"
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

// Schedule is a number of steps at a learning rate that is constant for the
// first half and then falls to 0 by half a cosine, which averages the noise of
// the batches away.
type Schedule struct {
	Steps int
	Rate  float64
}

// At returns the rate of step k = 0 … Steps-1.
func (s Schedule) At(k int) float64 {
	half := float64(s.Steps) / 2
	return s.Rate * (1 + math.Cos(math.Pi*max(0, float64(k)-half)/half)) / 2
}

// Fit trains the model by Adam on loss, which returns the loss at the present
// weights and writes its gradient; step numbers its fresh batch. It ends with
// an error when the context is cancelled or the loss is no longer finite, and
// leaves the weights of the last step done in the model.
func Fit(ctx context.Context, m LinearAttention, loss func(step uint64, gradient []float64) float64, s Schedule) error {
	var adam Adam
	x := m.Parameters()
	gradient := make([]float64, len(x))
	for k := range s.Steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if l := loss(uint64(k), gradient); math.IsNaN(l) || math.IsInf(l, 0) {
			return fmt.Errorf("loss %g at step %d of %d: use a rate below %g", l, k, s.Steps, s.Rate)
		}
		adam.Step(x, gradient, s.At(k))
		m.SetParameters(x)
	}
	return nil
}
