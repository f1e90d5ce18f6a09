package estimator

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
)

// NewtonSchulz is K steps of the iteration that squares I - GX each time,
//
//	X_{k+1} = X_k (2I - G X_k),  X_0 = G/|G|_F²,  Γ = S X_K,
//
// from X_0 for K = 0. X_K goes to the pseudo-inverse of G: on an eigenvalue g
// the defect is (1 - g²/|G|_F²)^(2ᴷ) (Ben-Israel and Cohen 1966,
// doi:10.1137/0703035; in-context, Fu et al. 2023, arXiv:2310.17086). A token
// costs O(Kd³).
type NewtonSchulz struct{ K int }

var _ Estimator = NewtonSchulz{}

// Name tells K.
func (e NewtonSchulz) Name() string { return fmt.Sprintf("Newton-Schulz, k = %d", e.K) }

// Start opens a sequence; see [Estimator].
func (e NewtonSchulz) Start(s Sequence) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := checkIterations(e.K); err != nil {
		return nil, err
	}
	size := s.D * s.D
	return newInverting(s.D, &newtonSchulz{e.K, make([]float64, size), make([]float64, size),
		make([]float64, size)}), nil
}

type newtonSchulz struct {
	k                 int
	x, defect, update []float64
}

func (z *newtonSchulz) solve(m *moments, x, b blas64.General) {
	inverse, defect, update := square(m.d, z.x), square(m.d, z.defect), square(m.d, z.update)
	clear(z.x)
	if norm := floats.Norm(m.g.Data, 2); norm > 0 {
		floats.AddScaled(z.x, 1/(norm*norm), m.g.Data)
	}
	for range z.k {
		identity(m.d, z.defect, 2)
		blas64.Gemm(blas.NoTrans, blas.NoTrans, -1, m.g, inverse, 1, defect)
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, inverse, defect, 0, update)
		copy(z.x, z.update)
	}
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, inverse, b, 0, x)
}
