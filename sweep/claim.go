package sweep

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	failures  int64
}

const (
	// maxBackoff is the longest wait of a trial after a failure.
	maxBackoff = 5 * time.Minute
	// maxLosses is how many workers a trial may lose before it counts as failed.
	maxLosses = 1000
)

// due are the trials that can be claimed, in the order in which they are
// looked for. The last two are of a clock that was set back.
var due = []string{
	"state = 'pending' AND due <= {now}",
	"state = 'running' AND due <= {now}",
	"state = 'running' AND due > {now} + lease",
	fmt.Sprintf("state = 'pending' AND due > {now} + %d", maxBackoff.Milliseconds()),
}

// Claim gives a trial of a sweep to a worker for the length of a lease, and
// raises the trial's epoch. The error is ErrNone, or the database's.
func (s *Store) Claim(ctx context.Context, sweep, worker string, lease time.Duration) (Claim, error) {
	for _, condition := range due {
		c, err := s.claim(ctx, condition, sweep, worker, lease)
		if !errors.Is(err, ErrNone) {
			return c, err
		}
	}
	return Claim{}, ErrNone
}

func (s *Store) claim(ctx context.Context, condition, sweep, worker string, lease time.Duration) (Claim, error) {
	c, failed := Claim{Sweep: sweep}, false
	err := s.within(ctx, func(tx *sql.Tx) error {
		var config, state string
		var losses int64
		row := tx.QueryRowContext(ctx, s.sql("SELECT position, id, config, epoch, state, failures, losses FROM trials WHERE sweep = $1 AND "+condition+
			" ORDER BY due, position LIMIT 1 "+s.dialect.lock), sweep)
		if err := row.Scan(&c.position, &c.ID, &config, &c.Epoch, &state, &c.failures, &losses); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				return ErrNone
			}
			return err
		}
		if state == Running {
			losses++
			if _, err := s.changed(ctx, tx, "UPDATE attempts SET ended = {now}, outcome = 'lost' WHERE sweep = $1 AND trial = $2 AND epoch = $3", sweep, c.ID, c.Epoch); err != nil {
				return err
			}
		}
		c.Config = []byte(config)
		c.Epoch++
		next, message := Running, ""
		if losses > maxLosses {
			next, message = Failed, fmt.Sprintf("its worker was lost %d times", losses)
		}
		if _, err := s.changed(ctx, tx, "UPDATE trials SET state = $1, epoch = $2, due = {now} + $3, lease = $3, worker = $4, losses = $5, error = $6 WHERE sweep = $7 AND position = $8",
			next, c.Epoch, lease.Milliseconds(), worker, losses, message, sweep, c.position); err != nil {
			return err
		}
		if failed = next == Failed; failed {
			return nil
		}
		_, err := s.changed(ctx, tx, "INSERT INTO attempts (sweep, trial, epoch, worker, started) VALUES ($1, $2, $3, $4, {now})", sweep, c.ID, c.Epoch, worker)
		return err
	})
	if err == nil && failed {
		err = ErrNone
	}
	return c, err
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
		for _, m := range metrics {
			if _, err := s.changed(ctx, tx, "INSERT INTO metrics (sweep, trial, step, name, value) VALUES ($1, $2, $3, $4, $5)", c.Sweep, c.ID, m.Step, m.Name, m.Value); err != nil {
				return err
			}
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
// twice as long after each further failure and at most five minutes, unless it
// has failed as often as its sweep allows. The error is ErrLost, or the
// database's.
func (s *Store) Fail(ctx context.Context, c Claim, failure error, backoff time.Duration) error {
	message := s.address.redact(failure).Error()
	return s.within(ctx, func(tx *sql.Tx) error {
		var attempts int64
		var stop bool
		if err := tx.QueryRowContext(ctx, s.sql("SELECT attempts, stop_on_failure = 1 FROM sweeps WHERE id = $1"), c.Sweep).Scan(&attempts, &stop); err != nil {
			return err
		}
		state := Pending
		if c.failures+1 >= attempts {
			state = Failed
		}
		wait := min(backoff<<min(c.failures, 20), maxBackoff)
		if err := s.fenced(ctx, tx, c, "state = $4, failures = failures + 1, error = $5, due = {now} + $6", state, message, wait.Milliseconds()); err != nil {
			return err
		}
		if state == Failed && stop {
			if _, err := s.changed(ctx, tx, "UPDATE trials SET state = 'cancelled' WHERE sweep = $1 AND state = 'pending'", c.Sweep); err != nil {
				return err
			}
		}
		return s.end(ctx, tx, c, Failed, message)
	})
}

// end closes the record of an attempt.
func (s *Store) end(ctx context.Context, tx *sql.Tx, c Claim, outcome, message string) error {
	_, err := s.changed(ctx, tx, "UPDATE attempts SET ended = {now}, outcome = $4, error = $5 WHERE sweep = $1 AND trial = $2 AND epoch = $3",
		c.Sweep, c.ID, c.Epoch, outcome, message)
	return err
}
