package estimator

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"icar/ar"
)

// No context makes an estimator divide by zero.
func TestDegenerateContextsStayFinite(t *testing.T) {
	const T = 7
	for d := 1; d <= 3; d++ {
		unit := make([]float64, d)
		unit[0] = 1
		random, w := sampled(t, ar.Haar, d, T, 0.1, 1)
		contexts := map[string]func(t, i int) float64{
			"zero tokens":       func(int, int) float64 { return 0 },
			"repeated tokens":   func(_, i int) float64 { return unit[i] },
			"zero, then random": func(t, i int) float64 { return random[t*d+i] * float64(min(1, t/2)) },
			"random, then zero": func(t, i int) float64 { return random[t*d+i] * float64(1-min(1, t/2)) },
			"two directions":    func(t, i int) float64 { return random[t%2*d+i] },
			"tiny tokens":       func(t, i int) float64 { return 1e-170 * random[t*d+i] },
			"small tokens":      func(t, i int) float64 { return 1e-60 * random[t*d+i] },
			"one line":          func(t, i int) float64 { return unit[i] * float64(t) },
		}
		for name, token := range contexts {
			for _, e := range subjects(d, T, w) {
				stream := start(t, e, Sequence{D: d, T: T, W: w})
				prediction, gamma := make([]float64, d), make([]float64, d*d)
				for n := range T {
					s := make([]float64, d)
					for i := range s {
						s[i] = token(n, i)
					}
					stream.Next(prediction, s)
					stream.Map(gamma)
					for _, x := range append(slices.Clone(prediction), gamma...) {
						if math.IsNaN(x) || math.IsInf(x, 0) {
							t.Fatalf("%s, d = %d, %s, T = %d: prediction %v, Γ %v", e.Name(), d, name, n+1,
								prediction, gamma)
						}
					}
				}
			}
		}
	}
}

// Tokens of a plane, in four dimensions and of any size: their rounding is no
// third direction.
func TestLeastSquaresTellsADirectionFromRounding(t *testing.T) {
	const d, T = 4, 12
	p := ar.New(ar.Rotation, 2)
	basis := mat.NewDense(d, d, ar.New(ar.Haar, d).Context(ar.Rand(1, "plane", 0)).W).Slice(0, d, 0, 2)
	flat, err := ar.Rollout[float64](p, p.Context(ar.Rand(1, "plane", 1)), T, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []float64{1e-12, 1, 1e12} {
		var tokens mat.Dense
		tokens.Mul(mat.NewDense(T, 2, flat), basis.T())
		tokens.Scale(size, &tokens)
		states := tokens.RawMatrix().Data
		want := pseudoInverse(columns(d, states, 0, T-2), columns(d, states, 1, T-2),
			nil).RawMatrix().Data
		if gap := floats.Distance(maps(t, LeastSquares{}, d, states)[T-2], want, 2); !(gap < 1e-12) {
			t.Errorf("tokens of size %.0e: Γ is off by %.2g", size, gap)
		}
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	const d, T, warm = 4, 250, 10
	states, w := sampled(t, ar.Haar, d, T, 0.1, 1)
	for _, e := range subjects(d, T, w) {
		stream, prediction, n := start(t, e, Sequence{D: d, T: T, W: w}), make([]float64, d), 0
		next := func() { stream.Next(prediction, states[n*d:(n+1)*d]); n++ }
		for range warm {
			next()
		}
		if allocs := testing.AllocsPerRun(100, next); allocs != 0 {
			t.Errorf("%s allocates %v times a token", e.Name(), allocs)
		}
	}
}

func TestNamesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range subjects(3, 5, nil) {
		if seen[e.Name()] {
			t.Errorf("two estimators are called %q", e.Name())
		}
		seen[e.Name()] = true
	}
}

func TestStartRefusals(t *testing.T) {
	fit := Sequence{D: 2, T: 4}
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		e    Estimator
		s    Sequence
		want string
	}{
		{Oracle{}, fit, "the oracle needs the hidden matrix of d = 2, and W has 0 entries"},
		{GradientDescent{K: -1, Eta: []float64{1}}, fit,
			"number of iterations K = -1: use K = 0 or more"},
		{GradientDescent{K: 1}, fit, "0 step sizes for T = 4 tokens: give one for all positions or " +
			"one for each"},
		{GradientDescent{K: 1, Eta: []float64{1, 1}}, fit, "2 step sizes for T = 4 tokens"},
		{GradientDescent{K: 1, Eta: []float64{nan}}, fit, "step size η_1 = NaN is not finite"},
		{PreconditionedDescent{K: -1}, fit, "number of iterations K = -1"},
		{PreconditionedDescent{K: 1}, fit, "0 preconditioners for T = 4 tokens"},
		{PreconditionedDescent{K: 1, P: [][]float64{{1, 2, 3}}}, fit,
			"preconditioner 1 has 3 entries, and d = 2 needs 4"},
		{NormalisedStep{Norm: inf}, fit, "norm +Inf of the normalised step is not finite"},
		{Ridge{Lambda: 0}, fit, "ridge λ = 0: use a positive number, or LeastSquares for λ → 0"},
		{Ridge{Lambda: nan}, fit, "ridge λ = NaN"},
		{RLS{Lambda: -1}, fit, "RLS λ = -1: use a positive number"},
		{Kalman{Sigma: -1, Variance: 1}, fit, "noise level σ = -1 of the Kalman filter: use a " +
			"positive number, or LeastSquares"},
		{Kalman{Sigma: 1e-160, Variance: 1}, fit, "noise level σ = 1e-160"},
		{Kalman{Sigma: 1}, fit, "variance 0 of the entries of W"},
		{NewtonSchulz{K: -2}, fit, "number of iterations K = -2"},
		{Chebyshev{K: -2}, fit, "number of iterations K = -2"},
		{ConjugateGradient{K: -2}, fit, "number of iterations K = -2"},
		{Kaczmarz{}, fit, "number of sweeps K = 0: use K = 1 or more"},
		{LinearAttention{D: 3}, fit, "linear attention has weights for d = 3 (V of 0 entries, M of " +
			"0), and the sequence has d = 2"},
	} {
		if _, err := c.e.Start(c.s); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%T: got %v, want %s", c.e, err, c.want)
		}
	}
	for _, e := range subjects(2, 4, make([]float64, 4)) {
		for _, s := range []Sequence{{D: -1, T: 4, W: make([]float64, 1)},
			{D: 2, T: 0, W: make([]float64, 4)}} {
			if _, err := e.Start(s); err == nil {
				t.Errorf("%s starts on %v", e.Name(), fmt.Sprint(s))
			}
		}
	}
}
