package estimator

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
)

// RCond is what a context is taken to know: the part of a token outside the
// span of those before counts as a new direction if its norm is above RCond
// times that of the largest token so far, else as rounding, and is dropped. A
// token that is off by a rounding, 2⁻⁵³, makes Γ wrong by at most about
// 2⁻⁵³/RCond = 1e-6 in a direction that was kept.
const RCond = 1e-10

// LeastSquares is the minimum of L of least norm, Γ = S G⁺: the pseudo-inverse
// of the context, and W itself on what the context spans. For noise-free Haar
// sequences it is the posterior mean of W (docs/bayes.md), so that nothing does
// better; its floor is [BayesFloor].
//
// The tokens are kept as a complete orthogonal decomposition, changed by
// rotations alone, O(d²) a token: the error grows with the condition number of
// the context, not with its square, as through S G⁺ it would.
type LeastSquares struct{}

// Ridge is the minimum of L(W) + ½ Lambda |W|_F², Γ = S(G + Lambda I)⁻¹, by the
// same decomposition: d more pairs (√Lambda e_i, 0).
type Ridge struct {
	// Lambda > 0 is in units of |s_t|².
	Lambda float64
}

var _, _ Estimator = LeastSquares{}, Ridge{}

// Name is "least squares".
func (LeastSquares) Name() string { return "least squares" }

// Name tells Lambda.
func (e Ridge) Name() string { return fmt.Sprintf("ridge, λ = %.3g", e.Lambda) }

// Start opens a sequence; see [Estimator].
func (LeastSquares) Start(s Sequence) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return newPairs(s.D, newOrthogonal(s.D)), nil
}

// Start opens a sequence. It is an error if Lambda is not positive.
func (e Ridge) Start(s Sequence) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if !(e.Lambda > 0) || math.IsInf(e.Lambda, 1) {
		return nil, fmt.Errorf("ridge λ = %v: use a positive number, or LeastSquares for λ → 0",
			e.Lambda)
	}
	o := newOrthogonal(s.D)
	o.rank = s.D
	identity(s.D, o.q, 1)
	identity(s.D, o.r, math.Sqrt(e.Lambda))
	return newPairs(s.D, o), nil
}

// orthogonal is the decomposition X = U R Q of the inputs x of all pairs, one a
// row: Q (rank, D) has orthonormal rows that span them, R (rank, rank) is upper
// triangular, U has orthonormal columns and is not kept, but Z = UᵀY (rank, D)
// is. Then Γᵀ = X⁺Y = Qᵀ R⁻¹ Z.
type orthogonal struct {
	d, rank int
	q, r, z []float64 // (d, d), of which the first rank rows are used
	largest float64   // max |x|

	c, rest, y []float64 // (d) work: the coordinates of x, what is left of x, y
	work       []float64 // (d, d)
}

func newOrthogonal(d int) *orthogonal {
	matrix, vector := func() []float64 {
		return make([]float64, d*d)
	}, func() []float64 { return make([]float64, d) }
	return &orthogonal{d: d, q: matrix(), r: matrix(), z: matrix(), work: matrix(), c: vector(),
		rest: vector(), y: vector()}
}

// rows is the used part of a matrix (d, d) with its first rows.
func (o *orthogonal) rows(a []float64) blas64.General {
	return blas64.General{Rows: o.rank, Cols: o.d, Stride: o.d, Data: a}
}

func (o *orthogonal) triangle() blas64.Triangular {
	return blas64.Triangular{N: o.rank, Stride: o.d, Data: o.r, Uplo: blas.Upper,
		Diag: blas.NonUnit}
}

func (o *orthogonal) learn(x, y []float64) {
	o.coordinates(x)
	o.largest = max(o.largest, floats.Norm(x, 2))
	if rest := floats.Norm(o.rest, 2); o.rank < o.d && rest > RCond*o.largest {
		floats.ScaleTo(o.q[o.rank*o.d:(o.rank+1)*o.d], 1/rest, o.rest)
		o.c[o.rank] = rest
		o.rank++
	}
	copy(o.y, y)
	o.append()
}

// coordinates sets c = Qx and rest = x - Qᵀc. Twice: once leaves rest as
// far from orthogonal to Q as |x|/|rest| roundings (Giraud, Langou and
// Rozloznik 2005, doi:10.1007/s00211-005-0615-4).
func (o *orthogonal) coordinates(x []float64) {
	copy(o.rest, x)
	clear(o.c)
	correction := vector(o.work[:o.rank])
	for range 2 {
		if o.rank == 0 {
			return
		}
		blas64.Gemv(blas.NoTrans, 1, o.rows(o.q), vector(o.rest), 0, correction)
		blas64.Gemv(blas.Trans, -1, o.rows(o.q), correction, 1, vector(o.rest))
		floats.Add(o.c[:o.rank], correction.Data)
	}
}

// append rotates the row (c | y) into (R | Z).
func (o *orthogonal) append() {
	for i := range o.rank {
		row := o.r[i*o.d : i*o.d+o.rank]
		cos, sin, r, _ := blas64.Rotg(row[i], o.c[i])
		row[i] = r
		if tail := o.c[i+1 : o.rank]; len(tail) > 0 {
			blas64.Rot(vector(row[i+1:]), vector(tail), cos, sin)
		}
		blas64.Rot(vector(o.z[i*o.d:(i+1)*o.d]), vector(o.y), cos, sin)
	}
}

// predict is Γs = Zᵀ R⁻ᵀ Qs, from right to left.
func (o *orthogonal) predict(prediction, query []float64) {
	clear(prediction)
	if o.rank == 0 {
		return
	}
	w := vector(o.work[:o.rank])
	blas64.Gemv(blas.NoTrans, 1, o.rows(o.q), vector(query), 0, w)
	blas64.Trsv(blas.Trans, o.triangle(), w)
	blas64.Gemv(blas.Trans, 1, o.rows(o.z), w, 0, vector(prediction))
}

func (o *orthogonal) jacobian(gamma, _ []float64) {
	clear(gamma)
	if o.rank == 0 {
		return
	}
	copy(o.work, o.q)
	blas64.Trsm(blas.Left, blas.Trans, 1, o.triangle(), o.rows(o.work))
	blas64.Gemm(blas.Trans, blas.NoTrans, 1, o.rows(o.z), o.rows(o.work), 0, square(o.d, gamma))
}
