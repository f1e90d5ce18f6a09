package estimator

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
)

// RLS is recursive least squares without forgetting, started at the inverse
// correlation P = I/Lambda (Haykin 2002, Adaptive Filter Theory, ch. 9):
//
//	k = Px/(1 + xᵀPx),  W ← W + (y - Wx) kᵀ,  P ← P - k (Px)ᵀ,
//
// O(d²) a token. It is [Ridge] by another road, which loses digits as the
// square of the condition number.
type RLS struct {
	// Lambda > 0 is in units of |s_t|².
	Lambda float64
}

// Kalman is the Kalman filter of a constant W seen through
// s_{t+1} = W s_t + σ ε, whose entries are a priori independent of mean 0 and
// variance Variance; 1/d is that of the orthogonal group. It is the linear
// estimator of least mean squared error given the tokens as regressors: RLS
// with Lambda = Sigma²/Variance (Kalman 1960, doi:10.1115/1.3662552). As
// Sigma → 0 it goes to [LeastSquares], but P is known to a rounding of Variance
// times the square of the context's condition number, and a smaller Sigma²
// drowns in it.
type Kalman struct {
	// Sigma > 0 is the noise of one coordinate, as ar.Process has it.
	Sigma float64
	// Variance > 0 is that of one entry of W.
	Variance float64
}

var _, _ Estimator = RLS{}, Kalman{}

// Name tells Lambda.
func (e RLS) Name() string { return fmt.Sprintf("RLS, λ = %.3g", e.Lambda) }

// Name tells Sigma.
func (e Kalman) Name() string { return fmt.Sprintf("Kalman, σ = %.3g", e.Sigma) }

// Start opens a sequence. It is an error if Lambda is not positive.
func (e RLS) Start(s Sequence) (Stream, error) {
	if !(e.Lambda > 0) || math.IsInf(e.Lambda, 1) {
		return nil, fmt.Errorf("RLS λ = %v: use a positive number", e.Lambda)
	}
	return newFilter(s, 1/e.Lambda, 1)
}

// Start opens a sequence. It is an error unless Sigma and Variance are
// positive.
func (e Kalman) Start(s Sequence) (Stream, error) {
	if !(e.Sigma*e.Sigma >= smallest) || e.Sigma < 0 || math.IsInf(e.Sigma, 1) {
		return nil, fmt.Errorf("noise level σ = %v of the Kalman filter: use a positive number, or "+
			"LeastSquares for data without noise", e.Sigma)
	}
	if !(e.Variance > 0) || math.IsInf(e.Variance, 1) {
		return nil, fmt.Errorf("variance %v of the entries of W: use a positive number, 1/d for "+
			"orthogonal matrices", e.Variance)
	}
	return newFilter(s, e.Variance, e.Sigma*e.Sigma)
}

// filter has the covariance P (d, d) of each row of W in common, and of
// each coordinate of the noise the variance.
type filter struct {
	known
	p           blas64.General
	noise       float64
	px, surplus []float64 // (d) work
}

func newFilter(s Sequence, prior, noise float64) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	f := &filter{known: known{square(s.D, make([]float64, s.D*s.D))},
		p:     square(s.D, make([]float64, s.D*s.D)),
		noise: noise, px: make([]float64, s.D), surplus: make([]float64, s.D)}
	identity(s.D, f.p.Data, prior)
	return newPairs(s.D, f), nil
}

func (f *filter) learn(x, y []float64) {
	blas64.Gemv(blas.NoTrans, 1, f.p, vector(x), 0, vector(f.px))
	// xᵀPx ≥ 0, but where P is rounding.
	variance := f.noise + max(0, floats.Dot(x, f.px))
	copy(f.surplus, y)
	blas64.Gemv(blas.NoTrans, -1, f.gamma, vector(x), 1, vector(f.surplus))
	blas64.Ger(1/variance, vector(f.surplus), vector(f.px), f.gamma)
	blas64.Ger(-1/variance, vector(f.px), vector(f.px), f.p)
}
