package estimator

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// SpecialOrthogonal is the posterior mean of W that is Haar on SO(d), noise
// free: [LeastSquares], but that d-1 known directions leave one, whose image is
// orthogonal to the images of the others and has the sign that makes
// det W = 1. So it knows W at T = d, one token before least squares, and for
// d = 1 from the start.
type SpecialOrthogonal struct{}

var _ Estimator = SpecialOrthogonal{}

// Name is "least squares on SO(d)".
func (SpecialOrthogonal) Name() string { return "least squares on SO(d)" }

// Start opens a sequence. A token costs O(d²), the one that makes d-1 known
// directions O(d³), and that one allocates.
func (SpecialOrthogonal) Start(s Sequence) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	z := &special{orthogonal: newOrthogonal(s.D), u: make([]float64, s.D), v: make([]float64, s.D)}
	z.complete()
	return newPairs(s.D, z), nil
}

// special adds v uᵀ to Γ while the rank is d-1.
type special struct {
	*orthogonal
	u, v []float64
	done bool
}

func (z *special) learn(x, y []float64) {
	z.orthogonal.learn(x, y)
	z.complete()
}

// complete sets v uᵀ to what is missing in Γ = U Σ Vᵀ = W(I - uuᵀ): the last
// singular vectors, up to sign. W = Γ + v uᵀ has determinant det U · det V.
func (z *special) complete() {
	if z.done || z.rank != z.d-1 {
		return
	}
	gamma := mat.NewDense(z.d, z.d, nil)
	z.orthogonal.jacobian(gamma.RawMatrix().Data, nil)
	var svd mat.SVD
	if !svd.Factorize(gamma, mat.SVDFull) {
		return // not finite tokens
	}
	z.done = true
	var u, v mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	mat.Col(z.u, z.d-1, &v)
	mat.Col(z.v, z.d-1, &u)
	floats.Scale(math.Copysign(1, mat.Det(&u)*mat.Det(&v)), z.v)
}

func (z *special) predict(prediction, query []float64) {
	z.orthogonal.predict(prediction, query)
	if z.rank == z.d-1 {
		floats.AddScaled(prediction, floats.Dot(z.u, query), z.v)
	}
}

func (z *special) jacobian(gamma, query []float64) {
	z.orthogonal.jacobian(gamma, query)
	if z.rank == z.d-1 {
		g := mat.NewDense(z.d, z.d, gamma)
		g.RankOne(g, 1, mat.NewVecDense(z.d, z.v), mat.NewVecDense(z.d, z.u))
	}
}
