// Package estimator holds the classical algorithms a trained Transformer may be
// running: each sees the states s_1, …, s_T of one sequence s_{t+1} = W s_t of
// unknown W, token by token, and predicts s_{T+1}.
//
// An [Estimator] is a value; iteration k of an iterative algorithm is one too
// ([GradientDescent], [Chebyshev], …). [Estimator.Start] opens a sequence,
// [Stream.Next] takes a token and predicts the next, [Stream.Map] is the
// in-context map Γ_T. The Fit functions learn step sizes and the best linear
// attention from training sequences. [MSE] measures, [Bootstrap] gives the
// error bars, and [BayesFloor] is the least error anything can have.
//
// The data are real, in float64: the families rotation, haar and so of package
// ar, or any sequence of the user's.
package estimator

// Shapes: T context length, d token dimension. Matrices are row-major.
//
// At context length T there are T-1 known pairs (s_t, s_{t+1}). What the
// algorithms approach is least squares on them,
//
//	L(W) = ½ Σ_{t<T} |s_{t+1} - W s_t|²,  ∇L(W) = WG - S,
//	S = Σ_{t<T} s_{t+1} s_tᵀ,  G = Σ_{t<T} s_t s_tᵀ.

import (
	"fmt"

	"gonum.org/v1/gonum/blas/blas64"
)

// Estimator predicts s_{T+1} from s_1, …, s_T, for every T of a sequence.
type Estimator interface {
	// Name says what the estimator is, iterations included, for a table.
	Name() string
	// Start opens a sequence. It is an error if the estimator's parameters are
	// not valid or do not fit the sequence.
	Start(Sequence) (Stream, error)
}

// Sequence is what is known of a sequence before its first token.
type Sequence struct {
	// D is the token dimension.
	D int
	// T is the largest number of tokens that will be given to Next.
	T int
	// W (d, d) is the hidden matrix, nil if unknown. Only [Oracle] looks at it.
	W []float64
}

func (s Sequence) check() error {
	if s.D < 1 || s.T < 1 {
		return fmt.Errorf("a sequence of T = %d tokens of dimension d = %d: use positive numbers",
			s.T, s.D)
	}
	return nil
}

// Stream is the state of an estimator inside one sequence.
type Stream interface {
	// Next takes the token s_T (d), finite, and writes the prediction of
	// s_{T+1} (d). It allocates nothing.
	Next(prediction, token []float64)
	// Map writes Γ_T (d, d), the Jacobian of the last prediction in the query
	// s_T, what has been learnt from the context being held fixed. It must
	// follow a Next. Where the prediction is linear in the query, which is
	// everywhere but in [NormalisedStep] and [LinearAttention], it is Γ_T s_T.
	Map(gamma []float64)
}

// learner is an algorithm that learns from pairs (x, y) = (s_t, s_{t+1}) and
// answers a query s_T. Both kinds of answer depend on all pairs learnt so far.
type learner interface {
	learn(x, y []float64)
	predict(prediction, query []float64)
	// jacobian is that of predict at the query.
	jacobian(gamma, query []float64)
}

// pairs turns tokens into pairs and queries: a Stream out of a learner.
type pairs struct {
	learner
	last  []float64 // s_T, once there is one
	begun bool
}

func newPairs(d int, l learner) *pairs { return &pairs{learner: l, last: make([]float64, d)} }

func (p *pairs) Next(prediction, token []float64) {
	if p.begun {
		p.learn(p.last, token)
	}
	p.begun = true
	copy(p.last, token)
	p.predict(prediction, token)
}

func (p *pairs) Map(gamma []float64) { p.jacobian(gamma, p.last) }

// checkIterations refuses a negative number of iterations; 0 of them is Γ = 0.
func checkIterations(k int) error {
	if k < 0 {
		return fmt.Errorf("number of iterations K = %d: use K = 0 or more", k)
	}
	return nil
}

// square is data (n, n) and column data (n, 1) in gonum's form.
func square(n int, data []float64) blas64.General {
	return blas64.General{Rows: n, Cols: n, Stride: n, Data: data}
}

func column(data []float64) blas64.General {
	return blas64.General{Rows: len(data), Cols: 1, Stride: 1, Data: data}
}

func vector(data []float64) blas64.Vector {
	return blas64.Vector{N: len(data), Inc: 1, Data: data}
}

// identity writes scale·I into w (n, n).
func identity(n int, w []float64, scale float64) {
	clear(w)
	for i := 0; i < len(w); i += n + 1 {
		w[i] = scale
	}
}
