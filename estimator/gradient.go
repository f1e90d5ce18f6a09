package estimator

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
)

// GradientDescent takes K steps of size η_T on L, from W_0 = 0:
//
//	W_{k+1} = W_k + η_T (S - W_k G).
//
// K = 1 is Γ_T = η_T S, what one layer of linear attention computes with value
// s_{t+1}, key s_t and query s_T (von Oswald et al. 2023, arXiv:2212.07677;
// Sander et al. 2024). It converges where η_T < 2/λ_max(G).
type GradientDescent struct {
	K int
	// Eta holds one step for every context length, or η_T at T-1 for
	// T = 1, …, len(Eta). Each is finite.
	Eta []float64
}

var _ Estimator = GradientDescent{}

// Name tells K and whether the step depends on the position.
func (e GradientDescent) Name() string {
	name := "gradient descent"
	if len(e.Eta) > 1 {
		name += " by position"
	}
	return fmt.Sprintf("%s, k = %d", name, e.K)
}

// Start opens a sequence. It is an error if there are neither one nor T steps.
func (e GradientDescent) Start(s Sequence) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := checkIterations(e.K); err != nil {
		return nil, err
	}
	if err := checkPositions("step sizes", len(e.Eta), s.T); err != nil {
		return nil, err
	}
	for t, eta := range e.Eta {
		if math.IsNaN(eta) || math.IsInf(eta, 0) {
			return nil, fmt.Errorf("step size η_%d = %v is not finite", t+1, eta)
		}
	}
	return newInverting(s.D, &richardson{e.K, e.Eta, newScratch(s.D)}), nil
}

// checkPositions refuses parameters by position that do not reach the last.
func checkPositions(what string, n, t int) error {
	if n == 0 || n > 1 && n < t {
		return fmt.Errorf("%d %s for T = %d tokens: give one for all positions or one for each", n,
			what, t)
	}
	return nil
}

// at picks the parameter of context length t.
func at[E any](values []E, t int) E {
	if len(values) == 1 {
		return values[0]
	}
	return values[t-1]
}

// richardson is gradient descent seen from the query: W_k s = S x_k with
// x_{k+1} = x_k + η (s - G x_k), x_0 = 0.
type richardson struct {
	k   int
	eta []float64
	scratch
}

func (r *richardson) solve(m *moments, x, b blas64.General) {
	eta := at(r.eta, m.n+1)
	clear(x.Data)
	for range r.k {
		floats.AddScaled(x.Data, eta, r.residual(m, x, b).Data)
	}
}

// scratch is room for a block of D columns.
type scratch []float64

func newScratch(d int) scratch { return make(scratch, d*d) }

// residual is b - Gx.
func (r scratch) residual(m *moments, x, b blas64.General) blas64.General {
	out := b
	out.Data = r[:len(b.Data)]
	copy(out.Data, b.Data)
	if b.Cols == 1 { // a prediction: many times faster than as a product of matrices
		blas64.Gemv(blas.NoTrans, -1, m.g, vector(x.Data), 1, vector(out.Data))
		return out
	}
	blas64.Gemm(blas.NoTrans, blas.NoTrans, -1, m.g, x, 1, out)
	return out
}
