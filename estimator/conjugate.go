package estimator

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
)

// ConjugateGradient is K steps of the conjugate gradient method on L, from
// W_0 = 0, in the inner product tr(AᵀB) of matrices (Hestenes and Stiefel 1952,
// doi:10.6028/jres.049.044). W ↦ WG has at most d distinct eigenvalues, so d
// steps reach the least-squares solution of least norm, but for rounding.
//
// Unlike the other iterations its steps depend on S, but like them not on the
// query: the prediction is linear in s_T. A token costs O(Kd³).
type ConjugateGradient struct{ K int }

var _ Estimator = ConjugateGradient{}

// Name tells K.
func (e ConjugateGradient) Name() string { return fmt.Sprintf("conjugate gradient, k = %d", e.K) }

// Start opens a sequence; see [Estimator].
func (e ConjugateGradient) Start(s Sequence) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := checkIterations(e.K); err != nil {
		return nil, err
	}
	matrix := func() blas64.General { return square(s.D, make([]float64, s.D*s.D)) }
	return newPairs(s.D, &conjugateGradient{known{matrix()}, newMoments(s.D), e.K, matrix(), matrix(),
		matrix()}), nil
}

type conjugateGradient struct {
	known
	*moments
	k                          int
	residual, direction, image blas64.General
}

// roundingFloor ends the iteration: a residual this small relative to S is
// rounding, and its directions are noise.
const roundingFloor = 1e-15

func (c *conjugateGradient) learn(x, y []float64) {
	c.moments.learn(x, y)
	w, r, p, pg := c.gamma.Data, c.residual.Data, c.direction.Data, c.image.Data
	clear(w)
	copy(r, c.s.Data)
	copy(p, r)
	square := floats.Dot(r, r)
	floor := roundingFloor * roundingFloor * square
	for range c.k {
		if square <= floor {
			return
		}
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, c.direction, c.g, 0, c.image)
		curvature := floats.Dot(p, pg)
		if curvature < smallest {
			return
		}
		alpha := square / curvature
		floats.AddScaled(w, alpha, p)
		floats.AddScaled(r, -alpha, pg)
		next := floats.Dot(r, r)
		floats.Scale(next/square, p)
		floats.Add(p, r)
		square = next
	}
}
