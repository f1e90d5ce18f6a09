package estimator

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// moments are the sums a least-squares problem depends on, O(d²) a token:
// S = Σ y xᵀ and G = Σ x xᵀ over the pairs seen.
type moments struct {
	d, n int // n pairs
	s, g blas64.General
}

func newMoments(d int) *moments {
	return &moments{d: d, s: square(d, make([]float64, d*d)), g: square(d, make([]float64, d*d))}
}

func (m *moments) learn(x, y []float64) {
	m.n++
	blas64.Ger(1, vector(y), vector(x), m.s)
	blas64.Ger(1, vector(x), vector(x), m.g)
}

// solver approximates G⁻¹ from the moments of a context: it writes x ≈ G⁻¹b
// for every column of b (D, 1 or D), and may overwrite b.
//
// Every method that starts from W_0 = 0 and reaches W_k = S p(G), p a fixed
// polynomial of the context, is one: to predict, p(G) s_T costs k products with
// a vector, O(kd²), where W_k itself costs O(kd³).
type solver interface {
	solve(m *moments, x, b blas64.General)
}

// inverting is the learner Γ = S p(G).
type inverting struct {
	*moments
	solver
	x, b []float64 // (d, d), of which a prediction uses (d, 1)
}

func newInverting(d int, method solver) *pairs {
	return newPairs(d, &inverting{newMoments(d), method, make([]float64, d*d),
		make([]float64, d*d)})
}

func (v *inverting) predict(prediction, query []float64) {
	x, b := column(v.x[:v.d]), column(v.b[:v.d])
	copy(b.Data, query)
	v.solve(v.moments, x, b)
	blas64.Gemv(blas.NoTrans, 1, v.s, vector(x.Data), 0, vector(prediction))
}

func (v *inverting) jacobian(gamma, _ []float64) {
	x, b := square(v.d, v.x), square(v.d, v.b)
	identity(v.d, b.Data, 1)
	v.solve(v.moments, x, b)
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, v.s, x, 0, square(v.d, gamma))
}

// spectrum finds the ends of the spectrum of G without allocating.
type spectrum struct{ matrix, values, work []float64 }

func newSpectrum(d int) *spectrum {
	return &spectrum{make([]float64, d*d), make([]float64, d), make([]float64, max(1, 3*d-1))}
}

// spectralCutoff is the size relative to λ_max below which an eigenvalue of G
// counts as 0. G is known to some 2⁻⁵² λ_max.
const spectralCutoff = 1e-12

// far is where the entries of G are so small or large that lapack scales them
// for eigenvalues alone, which it does wrongly; it does not with vectors.
const far = 1e60

// job says how lapack is to be asked about G; not ok if it cannot be.
func job(g []float64) (how lapack.EVJob, ok bool) {
	how = lapack.EVNone
	for _, v := range g {
		size := math.Abs(v)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return how, false
		}
		if size > far || size > 0 && size < 1/far {
			how = lapack.EVCompute
		}
	}
	return how, true
}

// ends returns the largest eigenvalue of G and the smallest above
// spectralCutoff times it. Both are 0 if G = 0, and NaN if G is not finite: the
// squares of the tokens are more than a float64 holds.
func (p *spectrum) ends(g blas64.General) (low, high float64) {
	how, ok := job(g.Data)
	if !ok {
		return math.NaN(), math.NaN()
	}
	copy(p.matrix, g.Data)
	a := blas64.Symmetric{N: g.Rows, Stride: g.Rows, Data: p.matrix, Uplo: blas.Upper}
	lapack64.Syev(how, a, p.values, p.work, len(p.work))
	high = p.values[len(p.values)-1]
	for _, low = range p.values {
		if low > spectralCutoff*high {
			break
		}
	}
	return low, high
}
