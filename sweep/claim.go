package sweep

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The states of a trial.
const (
	Pending   = "pending"
	Running   = "running"
	Done      = "done"
	Failed    = "failed" // as often as the sweep allows, see Trial.Error
	Cancelled = "cancelled"
)

// ErrNone is the error of a claim when no trial is to be had now.
var ErrNone = errors.New("no trial is due")

// ErrLost is the error about a trial that is no longer the worker's: its lease
// has passed and another has claimed it, or it was cancelled.
var ErrLost = errors.New("the trial is no longer this worker's")

// Claim is a trial that a worker holds.
type Claim struct {
	Sweep, ID string
	Epoch     int64 // 1 for the first claim of the trial
	Config    []byte
	position  int64
	spent     int64 // attempts that failed or lost their worker
	failures  int64
	of        Sweep
}

// maxBackoff is the longest wait of a trial after a failure.
const maxBackoff = 5 * time.Minute

// due are the trials that can be claimed, in the order in which they are
// looked for. The last two are of a clock that was set back. $2 is what the
// sweep allows in attempts; a running trial that is claimed has lost its worker.
//
// The last attempt at a trial that has lost workers is made alone: if it is the
// trial that ends them it takes no other with it again, and if it was another
// that ran beside it this one gets away.
var due = []struct{ when, alone string }{
	{"state = 'pending' AND due <= {now}", "losses > 0 AND losses + failures + 1 >= $2"},
	{"state = 'running' AND due <= {now}", "losses + failures + 2 = $2"},
	{"state = 'running' AND due > {now} + lease", "losses + failures + 2 = $2"},
	{fmt.Sprintf("state = 'pending' AND due > {now} + %d", maxBackoff.Milliseconds()), "losses > 0 AND losses + failures + 1 >= $2"},
}

// Claim gives a trial of a sweep to a worker for the length of a lease, and
// raises the trial's epoch. Trials that no worker was lost with come first. Of
// a trial that has lost workers, each counts as an attempt, and the last one is
// for ClaimAlone. The error is ErrNone, or the database's.
func (s *Store) Claim(ctx context.Context, w Sweep, worker string, lease time.Duration) (Claim, error) {
	return s.first(ctx, "NOT ", w, worker, lease)
}

// ClaimAlone is Claim of a trial that may end its worker. The process should do
// nothing else meanwhile.
func (s *Store) ClaimAlone(ctx context.Context, w Sweep, worker string, lease time.Duration) (Claim, error) {
	return s.first(ctx, "", w, worker, lease)
}

func (s *Store) first(ctx context.Context, not string, w Sweep, worker string, lease time.Duration) (Claim, error) {
	for _, d := range due {
		for {
			c, given, err := s.claim(ctx, d.when+" AND "+not+"("+d.alone+")", w, storable(worker), lease)
			switch {
			case errors.Is(err, ErrNone):
			case err != nil || given:
				return c, err
			default:
				continue // the one that was found is given up, the next may be fine
			}
			break
		}
	}
	return Claim{}, ErrNone
}

// claim claims the first trial of a condition. One that has lost too many
// workers, or is not what its id says, fails at once and is not given.
func (s *Store) claim(ctx context.Context, condition string, w Sweep, worker string, lease time.Duration) (c Claim, given bool, err error) {
	c = Claim{Sweep: w.ID, of: w}
	err = s.within(ctx, func(tx *sql.Tx) error {
		var config, state string
		var losses int64
		row := tx.QueryRowContext(ctx, s.sql(fmt.Sprintf("SELECT position, id, substr(config, 1, %d), epoch, state, failures, losses FROM trials WHERE sweep = $1 AND %s ORDER BY due, position LIMIT 1 %s",
			maxConfig, condition, s.dialect.lock)), w.ID, w.Attempts)
		if err := scanned(row.Scan(&c.position, &c.ID, &config, &c.Epoch, &state, &c.failures, &losses)); err != nil {
			return err
		}
		if state == Running {
			losses++
			if _, err := s.changed(ctx, tx, "UPDATE attempts SET ended = {now}, outcome = 'lost' WHERE sweep = $1 AND trial = $2 AND epoch = $3", w.ID, c.ID, c.Epoch); err != nil {
				return err
			}
		}
		c.Config, c.spent = []byte(config), c.failures+losses
		wrong := errors.Join(Spec{c.ID, c.Config}.check(w.Arithmetic), checkCounts(c.Epoch, c.failures, losses))
		if wrong == nil && state == Running && c.spent >= w.Attempts {
			wrong = fmt.Errorf("its worker was lost, %d times by now: it may have run out of memory", losses)
		}
		if wrong != nil {
			n, err := s.changed(ctx, tx, "UPDATE trials SET state = 'failed', losses = $1, error = $2 WHERE sweep = $3 AND position = $4", losses, storable(wrong.Error()), w.ID, c.position)
			if err == nil && n != 1 {
				err = fmt.Errorf("%w: the trial at %d cannot be given up", ErrRow, c.position)
			}
			if err != nil {
				return err
			}
			return s.stopped(ctx, tx, w)
		}
		given = true
		c.Epoch++
		if _, err := s.changed(ctx, tx, "UPDATE trials SET state = 'running', epoch = $1, due = {now} + $2, lease = $2, worker = $3, losses = $4, error = '' WHERE sweep = $5 AND position = $6",
			c.Epoch, lease.Milliseconds(), worker, losses, w.ID, c.position); err != nil {
			return err
		}
		_, err := s.changed(ctx, tx, "INSERT INTO attempts (sweep, trial, epoch, worker, started) VALUES ($1, $2, $3, $4, {now})", w.ID, c.ID, c.Epoch, worker)
		return err
	})
	return c, given, err
}

// scanned is what it means that a row could not be read: there is none, or it
// holds something else than icar writes.
func scanned(err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrNone
	case err != nil && strings.HasPrefix(err.Error(), "sql: Scan error"):
		return fmt.Errorf("%w: %w", ErrRow, err)
	}
	return err
}

// stopped gives up what is left of a sweep that ends with its first failure.
func (s *Store) stopped(ctx context.Context, tx *sql.Tx, w Sweep) error {
	if !w.StopOnFailure {
		return nil
	}
	_, err := s.changed(ctx, tx, "UPDATE trials SET state = 'cancelled' WHERE sweep = $1 AND state = 'pending'", w.ID)
	return err
}

// mine is the condition of all that a claim allows. Its arguments come first.
const mine = " WHERE sweep = $1 AND position = $2 AND epoch = $3 AND state = 'running'"

// fenced runs a statement on the claim's trial; ErrLost if it is no longer the
// worker's.
func (s *Store) fenced(ctx context.Context, tx *sql.Tx, c Claim, set string, args ...any) error {
	n, err := s.changed(ctx, tx, "UPDATE trials SET "+set+mine, append([]any{c.Sweep, c.position, c.Epoch}, args...)...)
	if err == nil && n == 0 {
		err = ErrLost
	}
	return err
}

// Heartbeat lets the lease of a claim begin anew. The error is ErrLost, or
// the database's.
func (s *Store) Heartbeat(ctx context.Context, c Claim) error {
	return s.within(ctx, func(tx *sql.Tx) error { return s.fenced(ctx, tx, c, "due = {now} + lease") })
}

// Metric is a number that a trial measured after a step.
type Metric struct {
	Step  int
	Name  string
	Value float64
}

// Complete records the result of a claim's trial, which ends it. The error is
// ErrLost, and nothing is recorded, or the database's; then it may have been
// recorded, and Complete again says ErrLost.
func (s *Store) Complete(ctx context.Context, c Claim, result []byte, metrics []Metric) error {
	return s.within(ctx, func(tx *sql.Tx) error {
		if err := s.fenced(ctx, tx, c, "state = 'done', error = ''"); err != nil {
			return err
		}
		if _, err := s.changed(ctx, tx, "INSERT INTO results (sweep, trial, epoch, result) VALUES ($1, $2, $3, $4)", c.Sweep, c.ID, c.Epoch, string(result)); err != nil {
			return err
		}
		rows := make([][]any, len(metrics))
		for i, m := range metrics {
			rows[i] = []any{c.Sweep, c.ID, m.Step, m.Name, m.Value}
		}
		if err := s.insert(ctx, tx, "INSERT INTO metrics (sweep, trial, step, name, value)", rows, ""); err != nil {
			return err
		}
		return s.end(ctx, tx, c, Done, "")
	})
}

// Release gives a claim's trial back, to be claimed at once. The error is
// ErrLost, or the database's.
func (s *Store) Release(ctx context.Context, c Claim) error {
	return s.within(ctx, func(tx *sql.Tx) error {
		if err := s.fenced(ctx, tx, c, "state = 'pending', due = {now}"); err != nil {
			return err
		}
		return s.end(ctx, tx, c, "released", "")
	})
}

// Fail records that a claim's trial has failed. It is due again after backoff,
// twice as long after each further failure and at most five minutes, unless its
// failures and its lost workers are as many as its sweep allows attempts. The
// error is ErrLost, or the database's.
func (s *Store) Fail(ctx context.Context, c Claim, failure error, backoff time.Duration) error {
	message := storable(s.address.redact(failure).Error())
	state := Pending
	if c.spent+1 >= c.of.Attempts {
		state = Failed
	}
	wait := min(backoff<<min(c.failures, 20), maxBackoff)
	return s.within(ctx, func(tx *sql.Tx) error {
		if err := s.fenced(ctx, tx, c, "state = $4, failures = failures + 1, error = $5, due = {now} + $6", state, message, wait.Milliseconds()); err != nil {
			return err
		}
		if state == Failed {
			if err := s.stopped(ctx, tx, c.of); err != nil {
				return err
			}
		}
		return s.end(ctx, tx, c, Failed, message)
	})
}

// Survived takes back that a claim's trial has lost its worker: the worker was
// stopped, or the database away, for longer than the lease, and here it is. A
// trial that was given up for this loss is due again. Called for a claim that
// was not lost, or again, it changes nothing.
func (s *Store) Survived(ctx context.Context, c Claim) error {
	const lost = "sweep = $1 AND trial = $2 AND epoch = $3 AND outcome = 'lost'"
	return s.within(ctx, func(tx *sql.Tx) error {
		// The trial first, as a claim does: two transactions wait for each other in one order.
		n, err := s.changed(ctx, tx, `UPDATE trials SET losses = losses - 1,
			state = CASE WHEN state = 'failed' AND losses - 1 + failures < $4 THEN 'pending' ELSE state END
			WHERE sweep = $1 AND id = $2 AND losses > 0 AND EXISTS (SELECT 1 FROM attempts WHERE `+lost+")", c.Sweep, c.ID, c.Epoch, c.of.Attempts)
		if err != nil || n == 0 {
			return err
		}
		_, err = s.changed(ctx, tx, "UPDATE attempts SET outcome = 'dropped' WHERE "+lost, c.Sweep, c.ID, c.Epoch)
		return err
	})
}

// end closes the record of an attempt.
func (s *Store) end(ctx context.Context, tx *sql.Tx, c Claim, outcome, message string) error {
	_, err := s.changed(ctx, tx, "UPDATE attempts SET ended = {now}, outcome = $4, error = $5 WHERE sweep = $1 AND trial = $2 AND epoch = $3",
		c.Sweep, c.ID, c.Epoch, outcome, message)
	return err
}
