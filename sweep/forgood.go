package sweep

import (
	"errors"

	"icar/train"
)

// forGood marks a failure that another attempt would meet again.
type forGood struct{ error }

func (e forGood) Unwrap() error { return e.error }

// marked marks the failure of a trial whose training diverged: the same settings from
// the same seed would diverge again, so that [Store.Fail] ends the trial at once.
// Other errors are returned as they are.
func marked(err error) error {
	if errors.As(err, new(train.DivergedError)) {
		return forGood{err}
	}
	return err
}
