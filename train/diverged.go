package train

import (
	"context"
	"errors"
	"fmt"

	"icar/nn"
	"icar/run"
)

// DivergedError is a step at which training has left all use behind: a number
// became infinite or NaN, or the error on the test sequences is beyond [Beyond].
type DivergedError struct {
	Step         int
	LearningRate float64 // of that step
	Err          error   // an nn.NonFiniteError or an ExcessError
}

func (e DivergedError) Error() string {
	use := fmt.Sprintf("learning_rate below %v", e.LearningRate)
	var number nn.NonFiniteError
	if errors.As(e.Err, &number) && (number.Tensor == "x" || number.Tensor == "y") {
		use = "smaller sigma" // the sequences themselves
	}
	return fmt.Sprintf("training diverged at step %d: %v; use a %s", e.Step, e.Err, use)
}

// Unwrap returns which number, or how large an error.
func (e DivergedError) Unwrap() error { return e.Err }

// Beyond is how many times the error of predicting 0 a test error may be. A model
// that predicts nothing is there at 1: what is worse by two orders of magnitude does
// not come from the sequences.
const Beyond = 100

// ExcessError is a test error that is more than [Beyond] times that of predicting 0.
type ExcessError struct{ TestMSE, Zero float64 }

func (e ExcessError) Error() string {
	return fmt.Sprintf("the test error %.3g is more than %d times that of predicting 0, %.3g",
		e.TestMSE, Beyond, e.Zero)
}

// excess returns an ExcessError if the run is over with this step, nil if it is
// not. The trained model is judged, and while training one that has become worse
// than twice what it was at the start: some start from far above and come down.
func (t *trainer) excess(m run.Metric) error {
	if m.Evaluation == nil || !(m.TestMSE > Beyond*t.zero) {
		return nil
	}
	if m.Step < t.config.Steps() && m.TestMSE <= 2*t.history[0].Loss {
		return nil
	}
	return ExcessError{m.TestMSE, t.zero}
}

// diverged ends a run after its last step, whose model is saved to be looked at.
func (t *trainer) diverged(ctx context.Context, why error) error {
	over := t.overAt(t.made, why)
	return errors.Join(over, t.checkpoint(ctx))
}

// overAt puts on record that the run is over with step k.
func (t *trainer) overAt(k int, why error) error {
	over := DivergedError{k, t.config.rate(k), why}
	if t.Dir == nil {
		return over
	}
	if err := t.Dir.Diverged(over.Error()); err != nil {
		return errors.Join(over, err)
	}
	return over
}
