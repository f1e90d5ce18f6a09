package estimator

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// Zero predicts 0, Γ = 0: the error is the size of the data.
type Zero struct{}

// CopyLast predicts that the next token is the last, Γ = I.
type CopyLast struct{}

// Oracle knows W and predicts W s_T. Its error is the noise of the data.
type Oracle struct{}

var _, _, _ Estimator = Zero{}, CopyLast{}, Oracle{}

// Name is "zero".
func (Zero) Name() string { return "zero" }

// Name is "copy last".
func (CopyLast) Name() string { return "copy last" }

// Name is "oracle".
func (Oracle) Name() string { return "oracle" }

// Start opens a sequence; see [Estimator].
func (Zero) Start(s Sequence) (Stream, error) { return scalar(s, 0) }

// Start opens a sequence; see [Estimator].
func (CopyLast) Start(s Sequence) (Stream, error) { return scalar(s, 1) }

// Start opens a sequence whose W must be known.
func (Oracle) Start(s Sequence) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if len(s.W) != s.D*s.D {
		return nil, fmt.Errorf("the oracle needs the hidden matrix of d = %d, and W has %d entries: "+
			"give Sequence.W, or leave the oracle out", s.D, len(s.W))
	}
	return newPairs(s.D, &known{square(s.D, s.W)}), nil
}

// scalar is Γ = scale·I.
func scalar(s Sequence, scale float64) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	gamma := square(s.D, make([]float64, s.D*s.D))
	identity(s.D, gamma.Data, scale)
	return newPairs(s.D, &known{gamma}), nil
}

// known is a map that no context changes.
type known struct{ gamma blas64.General }

func (*known) learn(_, _ []float64) {}

func (k *known) predict(prediction, query []float64) {
	blas64.Gemv(blas.NoTrans, 1, k.gamma, vector(query), 0, vector(prediction))
}

func (k *known) jacobian(gamma, _ []float64) { copy(gamma, k.gamma.Data) }
