package estimator

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"icar/ar"
)

// maps runs an estimator and returns Γ_1, …, Γ_T.
func maps(t *testing.T, e Estimator, d int, states []float64) [][]float64 {
	t.Helper()
	T := len(states)/d - 1
	stream, prediction := start(t, e, Sequence{D: d, T: T}), make([]float64, d)
	gammas := make([][]float64, T)
	for n := range T {
		gammas[n] = make([]float64, d*d)
		stream.Next(prediction, states[n*d:(n+1)*d])
		stream.Map(gammas[n])
	}
	return gammas
}

// Algorithms that are the same by theory. The rounding of those that go through
// G or P grows as the square of the condition number of the context.
func TestEstimatorsThatAreTheSameAlgorithm(t *testing.T) {
	const d, T = 4, 12
	p := scaled(d, 0.07).RawMatrix().Data
	step := LinearAttention{D: d, V: make([]float64, 2*d*d), M: make([]float64, 4*d*d)}
	for i := range d {
		step.V[i*2*d+i], step.M[(d+i)*2*d+i] = 1, 0.1
	}
	for _, c := range []struct {
		name      string
		a, b      Estimator
		sigma     float64
		from      int // T
		tolerance float64
	}{
		{"RLS is ridge", RLS{Lambda: 0.2}, Ridge{Lambda: 0.2}, 0.3, 1, 1e-12},
		{"Kalman is ridge of σ²/v", Kalman{Sigma: 0.4, Variance: 0.25}, Ridge{Lambda: 0.64}, 0.4, 1,
			1e-12},
		{"Kalman with σ → 0 is least squares", Kalman{Sigma: 1e-6, Variance: 0.25}, LeastSquares{}, 0,
			1, 1e-7},
		{"ridge with λ → 0 is least squares", Ridge{Lambda: 1e-14}, LeastSquares{}, 0, 1, 1e-9},
		{"d conjugate gradients are least squares", ConjugateGradient{K: d}, LeastSquares{}, 0.3, 1,
			1e-7},
		{"Newton-Schulz goes to the pseudo-inverse", NewtonSchulz{K: 60}, LeastSquares{}, 0.3, 1, 1e-9},
		{"Chebyshev goes to the pseudo-inverse", Chebyshev{K: 4000}, LeastSquares{}, 0.3, 1, 1e-9},
		{"descent with ηI is gradient descent", PreconditionedDescent{K: 4, P: [][]float64{p}},
			GradientDescent{K: 4, Eta: []float64{0.07}}, 0.3, 1, 1e-14},
		{"descent goes to least squares", GradientDescent{K: 20000, Eta: []float64{0.1}},
			LeastSquares{}, 0.3, 8, 1e-9},
		{"linear attention can be a gradient step", step, GradientDescent{K: 1, Eta: []float64{0.1}},
			0.3, 1, 1e-14},
		{"sweeps go to least squares without noise", Kaczmarz{K: 3000}, LeastSquares{}, 0, 8, 1e-9},
	} {
		states, _ := sampled(t, ar.Haar, d, T, c.sigma, 1)
		a, b := maps(t, c.a, d, states), maps(t, c.b, d, states)
		worst := 0.0
		for n := c.from - 1; n < T; n++ {
			worst = max(worst, floats.Distance(a[n], b[n], 2)/(1+floats.Norm(b[n], 2)))
		}
		t.Logf("%-45s %.2g", c.name, worst)
		if !(worst < c.tolerance) {
			t.Errorf("%s: Γ differs by %.2g, want at most %.0e", c.name, worst, c.tolerance)
		}
	}
}

// Σ_t ⟨key_t, query_T⟩ value_t, token by token, with matrices of no structure.
func TestLinearAttentionIsTheSumOverKeys(t *testing.T) {
	const d, T = 3, 6
	states, _ := sampled(t, ar.Haar, d, T, 0.3, 1)
	var e LinearAttention
	for _, s := range subjects(d, T, nil) {
		if a, ok := s.Estimator.(LinearAttention); ok {
			e = a
		}
	}
	v, m := mat.NewDense(d, 2*d, e.V), mat.NewDense(2*d, 2*d, e.M)
	token := func(t int) *mat.VecDense {
		z := mat.NewVecDense(2*d, nil)
		for i := range d {
			z.SetVec(i, states[t*d+i])
			if t > 0 {
				z.SetVec(d+i, states[(t-1)*d+i])
			}
		}
		return z
	}
	stream, prediction := start(t, e, Sequence{D: d, T: T}), make([]float64, d)
	for n := range T {
		stream.Next(prediction, states[n*d:(n+1)*d])
		want := mat.NewVecDense(d, nil)
		for k := range n + 1 {
			var value mat.VecDense
			value.MulVec(v, token(k))
			want.AddScaledVec(want, mat.Inner(token(k), m, token(n)), &value)
		}
		if !floats.EqualApprox(prediction, want.RawVector().Data, 1e-13) {
			t.Errorf("T = %d: %v, want %v", n+1, prediction, want.RawVector().Data)
		}
	}
}

// Each method brings L down at its proven rate: with κ the ratio of the
// extreme eigenvalues of G and η = 1/λ_max, the error in W shrinks by 1 - 1/κ a
// step of descent and to at most 2((√κ-1)/(√κ+1))ᵏ by Chebyshev, and
// conjugate gradients have the least L of all that stay in the Krylov space.
func TestIterationsConvergeAtTheirRates(t *testing.T) {
	const d, T = 4, 12
	states, w := sampled(t, ar.Haar, d, T, 0, 2)
	x := columns(d, states, 0, T-1)
	g := mat.NewSymDense(d, nil)
	g.SymOuterK(1, x)
	var eig mat.EigenSym
	eig.Factorize(g, true)
	values := eig.Values(nil)
	high, kappa := values[d-1], values[d-1]/values[0]
	size := math.Sqrt(d) // |W|_F
	loss := func(gamma []float64) float64 {
		var e, ge mat.Dense
		e.Sub(mat.NewDense(d, d, gamma), mat.NewDense(d, d, w))
		ge.Mul(&e, g)
		return trace(&e, &ge)
	}
	last := func(e Estimator) []float64 { return maps(t, e, d, states)[T-1] }
	for k := 1; k <= 20; k++ {
		descent, chebyshev := last(GradientDescent{K: k, Eta: []float64{1 / high}}), last(Chebyshev{K: k})
		if got, bound := floats.Distance(descent, w, 2), math.Pow(1-1/kappa,
			float64(k))*size; !(got <= bound*(1+1e-9)) {
			t.Errorf("descent, k = %d: error %.3g above the bound %.3g", k, got, bound)
		}
		root := math.Sqrt(kappa)
		if got, bound := floats.Distance(chebyshev, w, 2), 2*math.Pow((root-1)/(root+1),
			float64(k))*size; !(got <= bound*(1+1e-9)) {
			t.Errorf("Chebyshev, k = %d: error %.3g above the bound %.3g", k, got, bound)
		}
		if cg := loss(last(ConjugateGradient{K: k})); !(cg <= min(loss(descent), loss(chebyshev))+1e-20) {
			t.Errorf("k = %d: conjugate gradients have L = %.3g, descent %.3g, Chebyshev %.3g", k, cg,
				loss(descent), loss(chebyshev))
		}
	}
}
