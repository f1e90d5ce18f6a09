package estimator

import (
	"math"
	"slices"
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
		{Estimator: Zero{}, reference: func(_, _ *mat.Dense, _ []float64) *mat.Dense {
			return scaled(d, 0)
		}},
		{Estimator: CopyLast{}, reference: func(_, _ *mat.Dense, _ []float64) *mat.Dense {
			return scaled(d, 1)
		}},
		{Estimator: Oracle{}, reference: func(_, _ *mat.Dense, _ []float64) *mat.Dense {
			return mat.NewDense(d, d, slices.Clone(w))
		}, exact: true, fixedBasis: true},
		{Estimator: GradientDescent{K: 0, Eta: []float64{0.1}}, reference: literalDescent(0, one(0.1))},
		{Estimator: GradientDescent{K: 1, Eta: []float64{0.1}}, reference: literalDescent(1, one(0.1))},
		{Estimator: GradientDescent{K: 5, Eta: eta}, reference: literalDescent(5,
			func(t int) *mat.Dense { return scaled(d, eta[t-1]) })},
		{Estimator: PreconditionedDescent{K: 3, P: p}, reference: literalDescent(3,
			func(t int) *mat.Dense { return mat.NewDense(d, d, p[t-1]) }), fixedBasis: true},
		{Estimator: PreconditionedDescent{K: 2, P: p[:1]}, reference: literalDescent(2,
			func(int) *mat.Dense { return mat.NewDense(d, d, p[0]) }), fixedBasis: true},
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
func sampled(t rapid.TB, family ar.Family, d, T int, sigma float64,
	seed uint64) (states, w []float64) {
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
					if reference := e.reference(columns(d, states, 0, n), columns(d, states, 1, n),
						query); reference != nil {
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
				if gap := floats.Distance(product.RawVector().Data, prediction,
					2); !(gap < 1e-11*(1+floats.Norm(gamma, 2))) {
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
						t.Fatalf("%s, T = %d: ∂%d/∂%d is %.9g by differences, %.9g in Γ", e.Name(), n+1, i, j,
							slope, gamma[i*d+j])
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
		states, w := sampled(t, ar.Haar, d, T, rapid.SampledFrom([]float64{0.1, 0.5}).Draw(t, "sigma"),
			seed)
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
