package estimator

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"icar/ar"
)

// zMax bounds a sample mean in standard errors. A Gaussian exceeds it with
// probability 4e-8; the means of thousands tested here are close to Gaussian.
const zMax = 5.5

// subject is an estimator with what is to hold of it.
type subject struct {
	Estimator
	// reference computes Γ_T from the pairs x, y (D, T-1), one a column, and the
	// query, by the definition, slowly.
	reference func(x, y *mat.Dense, query []float64) *mat.Dense
	// affine: the prediction is not Γ_T times the query.
	affine bool
	// exact: the prediction is W s_T from T = d+1 on, without noise.
	exact bool
	// fixedBasis: turning the tokens does not turn the prediction.
	fixedBasis bool
}

// subjects lists every estimator for dimension d and up to T tokens, with
// parameters that differ from position to position where they can.
func subjects(d, T int, w []float64) []subject {
	r := ar.Rand(1, "parameters", uint64(d))
	random := func(n int) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = 0.3 * r.NormFloat64()
		}
		return out
	}
	eta, p := make([]float64, T), make([][]float64, T)
	for t := range eta {
		eta[t], p[t] = 0.5/float64(t+1), random(d*d)
	}
	attention := LinearAttention{D: d, V: random(2 * d * d), M: random(4 * d * d)}
	one := func(eta float64) func(int) *mat.Dense { return func(int) *mat.Dense { return scaled(d, eta) } }
	return []subject{
		{Estimator: Zero{}, reference: func(_, _ *mat.Dense, _ []float64) *mat.Dense { return scaled(d, 0) }},
		{Estimator: CopyLast{}, reference: func(_, _ *mat.Dense, _ []float64) *mat.Dense { return scaled(d, 1) }},
		{Estimator: Oracle{}, reference: func(_, _ *mat.Dense, _ []float64) *mat.Dense { return mat.NewDense(d, d, slices.Clone(w)) }, exact: true, fixedBasis: true},
		{Estimator: GradientDescent{K: 0, Eta: []float64{0.1}}, reference: literalDescent(0, one(0.1))},
		{Estimator: GradientDescent{K: 1, Eta: []float64{0.1}}, reference: literalDescent(1, one(0.1))},
		{Estimator: GradientDescent{K: 5, Eta: eta}, reference: literalDescent(5, func(t int) *mat.Dense { return scaled(d, eta[t-1]) })},
		{Estimator: PreconditionedDescent{K: 3, P: p}, reference: literalDescent(3, func(t int) *mat.Dense { return mat.NewDense(d, d, p[t-1]) }), fixedBasis: true},
		{Estimator: PreconditionedDescent{K: 2, P: p[:1]}, reference: literalDescent(2, func(int) *mat.Dense { return mat.NewDense(d, d, p[0]) }), fixedBasis: true},
		{Estimator: NormalisedStep{Norm: 0.9}, reference: literalNormalised(0.9), affine: true},
		{Estimator: Ridge{Lambda: 0.3}, reference: literalRidge(0.3)},
		{Estimator: LeastSquares{}, reference: pseudoInverse, exact: true},
		{Estimator: RLS{Lambda: 0.3}, reference: literalRidge(0.3)},
		{Estimator: Kalman{Sigma: 0.5, Variance: 0.2}, reference: literalRidge(0.25 / 0.2)},
		{Estimator: Kalman{Sigma: 1e-4, Variance: 0.2}},
		{Estimator: SpecialOrthogonal{}, exact: true},
		{Estimator: NewtonSchulz{K: 3}, reference: literalNewton(3)},
		{Estimator: NewtonSchulz{K: 40}, exact: true},
		{Estimator: Chebyshev{K: 4}, reference: chebyshevByEigenvalues(4)},
		{Estimator: ConjugateGradient{K: 2}, reference: bestInKrylovSpace(2)},
		{Estimator: ConjugateGradient{K: 2 * d}, exact: true},
		{Estimator: Kaczmarz{K: 1}, reference: literalKaczmarz(1)},
		{Estimator: Kaczmarz{K: 3}, reference: literalKaczmarz(3)},
		{Estimator: attention, affine: true, fixedBasis: true},
	}
}

// sampled draws T+1 states of one sequence and its hidden matrix.
func sampled(t rapid.TB, family ar.Family, d, T int, sigma float64, seed uint64) (states, w []float64) {
	t.Helper()
	p := ar.New(family, d)
	p.Sigma = sigma
	s, err := ar.NewSampler[float64](p, 1, T, seed, "estimators")
	if err != nil {
		t.Fatal(err)
	}
	b := s.Batch(0)
	return b.States, b.Contexts[0].W
}

func start(t rapid.TB, e Estimator, s Sequence) Stream {
	t.Helper()
	stream, err := e.Start(s)
	if err != nil {
		t.Fatalf("%s: %v", e.Name(), err)
	}
	return stream
}

// columns returns states first, …, first+n-1 as the columns of a matrix.
func columns(d int, states []float64, first, n int) *mat.Dense {
	if n == 0 {
		return nil
	}
	return mat.DenseCopyOf(mat.NewDense(n, d, states[first*d:(first+n)*d]).T())
}

// Every estimator, streamed, is its definition recomputed from all pairs at
// every T. The references differ by rounding times the condition number of the
// contexts, squared through G, here below 1e3.
func TestStreamsAreTheDefinitionRecomputed(t *testing.T) {
	const d, T = 4, 9
	worst, where := 0.0, ""
	for _, family := range []ar.Family{ar.Haar, ar.Rotation, ar.Special} {
		for _, sigma := range []float64{0, 0.3} {
			states, w := sampled(t, family, d, T, sigma, 3)
			for _, e := range subjects(d, T, w) {
				if e.reference == nil {
					continue
				}
				stream := start(t, e, Sequence{D: d, T: T, W: w})
				prediction, gamma, want := make([]float64, d), make([]float64, d*d), make([]float64, d*d)
				for n := range T {
					query := states[n*d : (n+1)*d]
					stream.Next(prediction, query)
					stream.Map(gamma)
					clear(want)
					if reference := e.reference(columns(d, states, 0, n), columns(d, states, 1, n), query); reference != nil {
						copy(want, reference.RawMatrix().Data)
					}
					gap := floats.Distance(gamma, want, 2) / (1 + floats.Norm(want, 2))
					if !(gap < 1e-8) {
						t.Fatalf("%s on %s, σ = %v, T = %d: Γ is off by %.2g", e.Name(), family, sigma, n+1, gap)
					}
					if gap > worst {
						worst, where = gap, e.Name()
					}
				}
			}
		}
	}
	t.Logf("largest relative difference of Γ %.2g (%s)", worst, where)
}

// The prediction is Γ times the query where the estimator says so, and Γ is the
// Jacobian of what learnt pairs answer to a query everywhere.
func TestMapIsTheJacobianInTheQuery(t *testing.T) {
	const d, T, h = 3, 7, 1e-5
	states, w := sampled(t, ar.Haar, d, T, 0.2, 1)
	for _, e := range subjects(d, T, w) {
		stream := start(t, e, Sequence{D: d, T: T, W: w})
		prediction, gamma := make([]float64, d), make([]float64, d*d)
		for n := range T {
			query := slices.Clone(states[n*d : (n+1)*d])
			stream.Next(prediction, query)
			stream.Map(gamma)
			if !e.affine {
				var product mat.VecDense
				product.MulVec(mat.NewDense(d, d, gamma), mat.NewVecDense(d, query))
				if gap := floats.Distance(product.RawVector().Data, prediction, 2); !(gap < 1e-11*(1+floats.Norm(gamma, 2))) {
					t.Fatalf("%s, T = %d: Γ s and the prediction differ by %.2g", e.Name(), n+1, gap)
				}
			}
			// Central differences err by h² times a third derivative, 0 for
			// all but the normalised step, and by rounding/h.
			for j := range d {
				up, down := answer(stream, query, j, h), answer(stream, query, j, -h)
				for i := range d {
					slope := (up[i] - down[i]) / (2 * h)
					if gap := math.Abs(slope - gamma[i*d+j]); !(gap < 1e-7*(1+floats.Norm(gamma, 2))) {
						t.Fatalf("%s, T = %d: ∂%d/∂%d is %.9g by differences, %.9g in Γ", e.Name(), n+1, i, j, slope, gamma[i*d+j])
					}
				}
			}
		}
	}
}

// answer is the prediction for a query moved by h along j, without learning.
func answer(stream Stream, query []float64, j int, h float64) []float64 {
	out, moved := make([]float64, len(query)), slices.Clone(query)
	moved[j] += h
	switch s := stream.(type) {
	case *pairs:
		s.predict(out, moved)
	case *attention:
		// Σ_t ⟨key_t, query⟩ value_t, with C_T as it was.
		z := mat.NewVecDense(2*s.d, append(moved, s.z[s.d:]...))
		var v mat.VecDense
		v.MulVec(mat.NewDense(2*s.d, 2*s.d, s.m.Data), z)
		v.MulVec(mat.NewDense(2*s.d, 2*s.d, s.c.Data), &v)
		mat.NewVecDense(len(out), out).MulVec(mat.NewDense(s.d, 2*s.d, s.v.Data), &v)
	}
	return out
}

// Without noise, d pairs of independent tokens determine W.
func TestExactFromTheTokenThatCompletesTheContext(t *testing.T) {
	for _, c := range []struct {
		family ar.Family
		d      int
	}{{ar.Haar, 1}, {ar.Haar, 2}, {ar.Haar, 5}, {ar.Special, 4}, {ar.Rotation, 4}} {
		T := c.d + 4
		states, w := sampled(t, c.family, c.d, T, 0, 5)
		for _, e := range subjects(c.d, T, w) {
			if _, special := e.Estimator.(SpecialOrthogonal); !e.exact || special && c.family == ar.Haar {
				continue
			}
			stream, prediction := start(t, e, Sequence{D: c.d, T: T, W: w}), make([]float64, c.d)
			for n := range T {
				stream.Next(prediction, states[n*c.d:(n+1)*c.d])
				gap := floats.Distance(prediction, states[(n+1)*c.d:(n+2)*c.d], 2)
				if n >= c.d && !(gap < 1e-7) {
					t.Errorf("%s on %s d = %d, T = %d: error %.2g", e.Name(), c.family, c.d, n+1, gap)
				}
			}
		}
	}
}

// Estimators without a basis of their own turn with the data: e(Qs) = Q e(s).
// Contexts of a condition number above 1e3 are left out: squared through G, it
// would leave too few digits to tell.
func TestOrthogonalEquivariance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, T := rapid.IntRange(1, 5).Draw(t, "d"), rapid.IntRange(1, 9).Draw(t, "T")
		seed := rapid.Uint64Range(0, 1000).Draw(t, "seed")
		states, w := sampled(t, ar.Haar, d, T, rapid.SampledFrom([]float64{0.1, 0.5}).Draw(t, "sigma"), seed)
		var svd mat.SVD
		if T > 1 && (!svd.Factorize(columns(d, states, 0, T-1), mat.SVDNone) || svd.Cond() > 1e3) {
			return
		}
		q := mat.NewDense(d, d, ar.New(ar.Haar, d).Context(ar.Rand(seed, "basis", 0)).W)
		var turned mat.Dense
		turned.Mul(mat.NewDense(T+1, d, states), q.T())
		for _, e := range subjects(d, T, w) {
			if e.fixedBasis {
				continue
			}
			if _, special := e.Estimator.(SpecialOrthogonal); special && T == d {
				continue // singular values of noisy data decide
			}
			a, b := start(t, e, Sequence{D: d, T: T, W: w}), start(t, e, Sequence{D: d, T: T, W: w})
			plain, rotated := make([]float64, d), make([]float64, d)
			gamma := make([]float64, d*d)
			for n := range T {
				a.Next(plain, states[n*d:(n+1)*d])
				b.Next(rotated, turned.RawRowView(n))
			}
			a.Map(gamma)
			var want mat.VecDense
			want.MulVec(q, mat.NewVecDense(d, plain))
			// The rounding of a context grows with the size of its map.
			scale := 1 + floats.Norm(gamma, 2)
			if gap := floats.Distance(rotated, want.RawVector().Data, 2); !(gap < 1e-8*scale*scale) {
				t.Fatalf("%s: e(Qs) and Q e(s) differ by %.2g", e.Name(), gap)
			}
		}
	})
}

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
							t.Fatalf("%s, d = %d, %s, T = %d: prediction %v, Γ %v", e.Name(), d, name, n+1, prediction, gamma)
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
		want := pseudoInverse(columns(d, states, 0, T-2), columns(d, states, 1, T-2), nil).RawMatrix().Data
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
		{GradientDescent{K: -1, Eta: []float64{1}}, fit, "K = -1 iterations: use K = 0 or more"},
		{GradientDescent{K: 1}, fit, "0 step sizes for T = 4 tokens: give one for all positions or one for each"},
		{GradientDescent{K: 1, Eta: []float64{1, 1}}, fit, "2 step sizes for T = 4 tokens"},
		{GradientDescent{K: 1, Eta: []float64{nan}}, fit, "step size η_1 = NaN is not finite"},
		{PreconditionedDescent{K: -1}, fit, "K = -1 iterations"},
		{PreconditionedDescent{K: 1}, fit, "0 preconditioners for T = 4 tokens"},
		{PreconditionedDescent{K: 1, P: [][]float64{{1, 2, 3}}}, fit, "preconditioner 1 has 3 entries, and d = 2 needs 4"},
		{NormalisedStep{Norm: inf}, fit, "norm +Inf of the normalised step is not finite"},
		{Ridge{Lambda: 0}, fit, "ridge λ = 0: use a positive number, or LeastSquares for λ → 0"},
		{Ridge{Lambda: nan}, fit, "ridge λ = NaN"},
		{RLS{Lambda: -1}, fit, "RLS λ = -1: use a positive number"},
		{Kalman{Sigma: -1, Variance: 1}, fit, "noise level σ = -1 of the Kalman filter: use a positive number, or LeastSquares"},
		{Kalman{Sigma: 1e-160, Variance: 1}, fit, "noise level σ = 1e-160"},
		{Kalman{Sigma: 1}, fit, "variance 0 of the entries of W"},
		{NewtonSchulz{K: -2}, fit, "K = -2 iterations"},
		{Chebyshev{K: -2}, fit, "K = -2 iterations"},
		{ConjugateGradient{K: -2}, fit, "K = -2 iterations"},
		{Kaczmarz{}, fit, "K = 0 sweeps: use K = 1 or more"},
		{LinearAttention{D: 3}, fit, "linear attention has weights for d = 3 (V of 0 entries, M of 0), and the sequence has d = 2"},
	} {
		if _, err := c.e.Start(c.s); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%T: got %v, want %s", c.e, err, c.want)
		}
	}
	for _, e := range subjects(2, 4, make([]float64, 4)) {
		for _, s := range []Sequence{{D: -1, T: 4, W: make([]float64, 1)}, {D: 2, T: 0, W: make([]float64, 4)}} {
			if _, err := e.Start(s); err == nil {
				t.Errorf("%s starts on %v", e.Name(), fmt.Sprint(s))
			}
		}
	}
}
