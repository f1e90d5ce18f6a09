package sweep

import (
	"errors"
	"fmt"
	"regexp"
)

// ErrRow is the error about a row that icar did not write so: one whose id is
// not that of what it holds, or with a number that cannot be. Names go into
// scripts and paths, so that such a row is refused where it is read.
var ErrRow = errors.New("the database was changed by something else than icar")

var (
	sweepID = regexp.MustCompile(`^[0-9a-f]{12}$`) // of Name
	word    = regexp.MustCompile(`^[A-Za-z0-9._+-]{0,64}$`)
)

const (
	maxConfig = 1 << 20 // characters of a trial's configuration
	maxResult = 1 << 26 // characters of a result
	maxError  = 1 << 12 // characters of an error
	maxCount  = 1 << 40 // of epochs, failures and losses
)

// check refuses a sweep whose row is not icar's.
func (w Sweep) check() error {
	switch {
	case !sweepID.MatchString(w.ID):
		return fmt.Errorf("the sweep %.80q: its id is not 12 hexadecimal digits: %w; delete the row",
			w.ID, ErrRow)
	case !word.MatchString(w.Kind):
		return fmt.Errorf("the sweep %s: its kind %.80q is no word: %w; create it again in another "+
			"database", w.ID, w.Kind, ErrRow)
	case !word.MatchString(w.Arithmetic):
		return fmt.Errorf("the sweep %s: its arithmetic %.80q is no word: %w; create it again in "+
			"another database", w.ID, w.Arithmetic, ErrRow)
	case w.Trials < 0 || w.Trials > MaxTrials || w.Attempts < 1 || w.Attempts > MaxAttempts:
		return fmt.Errorf("the sweep %s: it cannot have %d trials and %d attempts: %w; create it "+
			"again in another database", w.ID, w.Trials, w.Attempts, ErrRow)
	}
	return nil
}

// check refuses a specification that Identity does not give that id.
func (t Spec) check(arithmetic string) error {
	if want := Identity(t.Config, arithmetic); t.ID != want {
		return fmt.Errorf("the trial %.80q is not what its id says, its configuration's is %s: %w; "+
			"create its sweep again in another database", t.ID, want, ErrRow)
	}
	return nil
}

// checkCounts refuses numbers of a trial that icar does not count to.
func checkCounts(epoch, failures, losses int64) error {
	for _, n := range []int64{epoch, failures, losses} {
		if n < 0 || n > maxCount {
			return fmt.Errorf("a trial cannot have the epoch %d, %d failures and %d losses: %w; create "+
				"its sweep again in another database", epoch, failures, losses, ErrRow)
		}
	}
	return nil
}
