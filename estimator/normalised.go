package estimator

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
)

// NormalisedStep predicts in the direction u = Ss_T/|Ss_T| of one gradient step
// with a fixed norm, prediction = Norm·u, whatever the context length: what a
// layer norm after the attention can do that no step size can. It predicts 0
// where Ss_T = 0.
type NormalisedStep struct{ Norm float64 }

var _ Estimator = NormalisedStep{}

// Name is "normalised step".
func (NormalisedStep) Name() string { return "normalised step" }

// Start opens a sequence. It is an error if the norm is not finite.
func (e NormalisedStep) Start(s Sequence) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if math.IsNaN(e.Norm) || math.IsInf(e.Norm, 0) {
		return nil, fmt.Errorf("norm %v of the normalised step is not finite", e.Norm)
	}
	return newPairs(s.D, &normalised{newMoments(s.D), e.Norm, make([]float64, s.D),
		make([]float64, s.D)}), nil
}

type normalised struct {
	*moments
	norm  float64
	u, uS []float64
}

// direction sets u and returns |Ss|.
func (z *normalised) direction(query []float64) float64 {
	blas64.Gemv(blas.NoTrans, 1, z.s, vector(query), 0, vector(z.u))
	norm := floats.Norm(z.u, 2)
	if norm > 0 {
		floats.Scale(1/norm, z.u)
	}
	return norm
}

func (z *normalised) predict(prediction, query []float64) {
	z.direction(query)
	floats.ScaleTo(prediction, z.norm, z.u)
}

// jacobian is Norm (I - uuᵀ) S/|Ss|.
func (z *normalised) jacobian(gamma, query []float64) {
	norm := z.direction(query)
	if norm == 0 {
		clear(gamma)
		return
	}
	copy(gamma, z.s.Data)
	blas64.Gemv(blas.Trans, 1, z.s, vector(z.u), 0, vector(z.uS))
	blas64.Ger(-1, vector(z.u), vector(z.uS), square(z.d, gamma))
	floats.Scale(z.norm/norm, gamma)
}
