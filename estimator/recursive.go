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
// with Lambda = Sigma²/Variance. Sigma = 0 projects W on each pair in turn and
// is [LeastSquares] on a context without noise (Kalman 1960,
// doi:10.1115/1.3662552).
type Kalman struct {
	// Sigma ≥ 0 is the noise of one coordinate, as ar.Process has it.
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

// Start opens a sequence. It is an error if Sigma is negative or Variance is
// not positive.
func (e Kalman) Start(s Sequence) (Stream, error) {
	if !(e.Sigma >= 0) || math.IsInf(e.Sigma, 1) {
		return nil, fmt.Errorf("noise level σ = %v: use σ = 0 or more", e.Sigma)
	}
	if !(e.Variance > 0) || math.IsInf(e.Variance, 1) {
		return nil, fmt.Errorf("variance %v of the entries of W: use a positive number, 1/d for orthogonal matrices", e.Variance)
	}
	return newFilter(s, e.Variance, e.Sigma*e.Sigma)
}

// filter has the covariance P (D, D) of each row of W in common, and of
// each coordinate of the noise the variance.
type filter struct {
	known
	p           blas64.General
	prior       float64
	noise       float64
	px, surplus []float64 // (D) work
}

func newFilter(s Sequence, prior, noise float64) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	f := &filter{known: known{square(s.D, make([]float64, s.D*s.D))}, p: square(s.D, make([]float64, s.D*s.D)),
		prior: prior, noise: noise, px: make([]float64, s.D), surplus: make([]float64, s.D)}
	identity(s.D, f.p.Data, prior)
	return newPairs(s.D, f), nil
}

// filterCutoff is the variance left, relative to the prior one, below which a
// noiseless token counts as known: P keeps a rounding of its first size, and a
// smaller variance is one.
const filterCutoff = 1e-12

func (f *filter) learn(x, y []float64) {
	blas64.Gemv(blas.NoTrans, 1, f.p, vector(x), 0, vector(f.px))
	variance := f.noise + floats.Dot(x, f.px)
	if variance <= filterCutoff*f.prior*floats.Dot(x, x) || variance < smallest {
		return
	}
	copy(f.surplus, y)
	blas64.Gemv(blas.NoTrans, -1, f.gamma, vector(x), 1, vector(f.surplus))
	blas64.Ger(1/variance, vector(f.surplus), vector(f.px), f.gamma)
	blas64.Ger(-1/variance, vector(f.px), vector(f.px), f.p)
}
