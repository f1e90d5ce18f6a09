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
	of        Sweep
	position  int64
	failures  int64
	losses    int64 // of workers
	found     bool  // position is that of a row
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
//
// Sums begin with a decimal: what an edited row holds would overflow an integer,
// and the question with it.
var due = []struct{ when, alone string }{
	{"state = 'pending' AND due <= {now}", lastPending},
	{"state = 'running' AND due <= {now}", lastRunning},
	{"state = 'running' AND due > {now} + 1.0 * lease", lastRunning},
	{fmt.Sprintf("state = 'pending' AND due > {now} + %d", maxBackoff.Milliseconds()), lastPending},
}

const (
	lastPending = "losses > 0 AND 1.0 + losses + failures >= $2"
	lastRunning = "2.0 + losses + failures = $2"
)

// Claim gives a trial of a sweep to a worker for the length of a lease, and
// raises the trial's epoch. Trials that no worker was lost with come first. Of
// a trial that has lost workers, each counts as an attempt, and the last one is
// for ClaimAlone. The error is ErrNone, or the database's.
func (s *Store) Claim(ctx context.Context, w Sweep, worker string,
	lease time.Duration) (Claim, error) {
	return s.first(ctx, "NOT ", w, worker, lease)
}

// ClaimAlone is Claim of a trial that may end its worker. The process should do
// nothing else meanwhile.
func (s *Store) ClaimAlone(ctx context.Context, w Sweep, worker string,
	lease time.Duration) (Claim, error) {
	return s.first(ctx, "", w, worker, lease)
}

func (s *Store) first(ctx context.Context, not string, w Sweep, worker string,
	lease time.Duration) (Claim, error) {
	for _, d := range due {
		condition, moved := d.when+" AND "+not+"("+d.alone+")", int64(-1)
		for {
			c, err := s.claim(ctx, condition, w, storable(worker), lease)
			if errors.Is(err, ErrNone) {
				break // the next question may find one
			}
			if !c.found || FaultOf(err) != Refusal {
				return c, err
			}
			given, failed := s.giveUp(ctx, c, condition, err)
			if failed == nil && !given && moved == c.position {
				failed = err // twice is no coincidence
			}
			if failed != nil {
				return Claim{}, failed
			}
			if !given {
				moved = c.position // by its own worker, or another has given it up
			}
		}
	}
	return Claim{}, ErrNone
}

// claim claims the first trial of a condition. The error is ErrNone, a Refusal of
// the trial that was found, or the database's.
func (s *Store) claim(ctx context.Context, condition string, w Sweep, worker string,
	lease time.Duration) (c Claim, err error) {
	question := fmt.Sprintf(`SELECT position, id, substr(config, 1, %d), epoch, state, failures, losses
		FROM trials WHERE sweep = $1 AND %s ORDER BY due, position LIMIT 1 %s`, maxConfig,
		condition, s.dialect.lock)
	err = s.within(ctx, func(tx *sql.Tx) error {
		c = Claim{Sweep: w.ID, of: w}
		var config, state string
		var epoch, failures, losses count
		row := tx.QueryRowContext(ctx, s.sql(question), w.ID, w.Attempts)
		err := row.Scan(&c.position, &c.ID, &config, &epoch, &state, &failures, &losses)
		if err := scanned(err); err != nil {
			return err
		}
		if c.found = true; state == Running {
			losses++
		}
		c.Config, c.Epoch = []byte(config), int64(epoch)
		c.failures, c.losses = int64(failures), int64(losses)
		if err := c.check(state == Running); err != nil {
			return err
		}
		const lost = `UPDATE attempts SET ended = {now}, outcome = 'lost'
			WHERE sweep = $1 AND trial = $2 AND epoch = $3`
		if state == Running {
			if _, err := s.changed(ctx, tx, lost, w.ID, c.ID, c.Epoch); err != nil {
				return err
			}
		}
		c.Epoch++
		if _, err := s.changed(ctx, tx, `UPDATE trials SET state = 'running', epoch = $1,
			due = {now} + $2, lease = $2, worker = $3, losses = $4, error = ''
			WHERE sweep = $5 AND position = $6`,
			c.Epoch, lease.Milliseconds(), worker, c.losses, w.ID, c.position); err != nil {
			return err
		}
		_, err = s.changed(ctx, tx, `INSERT INTO attempts (sweep, trial, epoch, worker, started)
			VALUES ($1, $2, $3, $4, {now})`, w.ID, c.ID, c.Epoch, worker)
		return err
	})
	return c, err
}

// check refuses a trial that is not what its id says, or that has lost as many
// workers as its sweep allows attempts, the last one now.
func (c Claim) check(lost bool) error {
	err := errors.Join(Spec{c.ID, c.Config}.check(c.of.Arithmetic),
		checkCounts(c.Epoch, c.failures, c.losses))
	if err == nil && lost && c.failures+c.losses >= c.of.Attempts {
		err = fmt.Errorf("%w %d times by now: it may have run out of memory", errPoison, c.losses)
	}
	return err
}

// errPoison is the error of a trial that ends its workers.
var errPoison = errors.New("its worker was lost")

// giveUp fails a trial for good that a condition has found and that cannot be
// claimed. It reports whether the condition still held.
func (s *Store) giveUp(ctx context.Context, c Claim, condition string,
	failure error) (given bool, err error) {
	err = s.within(ctx, func(tx *sql.Tx) error {
		n, err := s.changed(ctx, tx, `UPDATE trials SET state = 'failed', losses = $3, error = $4
			WHERE sweep = $1 AND position = $5 AND `+condition,
			c.Sweep, c.of.Attempts, max(0, c.losses), storable(failure.Error()), c.position)
		if given = n == 1; err != nil || !given {
			return err
		}
		if _, err := s.changed(ctx, tx, `UPDATE attempts SET ended = {now}, outcome = 'lost'
			WHERE sweep = $1 AND trial = $2 AND outcome IS NULL`, c.Sweep, c.ID); err != nil {
			return err
		}
		return s.stopped(ctx, tx, c.of)
	})
	return given && err == nil, err
}

// count is a number of a row. One that is none, which SQLite takes, is read as
// one that no row of icar's has.
type count int64

// Scan reads a count; it never fails.
func (n *count) Scan(value any) error {
	whole, ok := value.(int64)
	if *n = count(whole); !ok {
		*n = -1
	}
	return nil
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
	_, err := s.changed(ctx, tx, "UPDATE trials SET state = 'cancelled' WHERE sweep = $1 AND state "+
		"= 'pending'", w.ID)
	return err
}

// mine is the condition of all that a claim allows. Its arguments come first.
const mine = " WHERE sweep = $1 AND position = $2 AND epoch = $3 AND state = 'running'"

// fenced runs a statement on the claim's trial; ErrLost if it is no longer the
// worker's.
func (s *Store) fenced(ctx context.Context, tx *sql.Tx, c Claim, set string, args ...any) error {
	n, err := s.changed(ctx, tx, "UPDATE trials SET "+set+mine,
		append([]any{c.Sweep, c.position, c.Epoch}, args...)...)
	if err == nil && n == 0 {
		err = ErrLost
	}
	return err
}

// Heartbeat lets the lease of a claim begin anew. The error is ErrLost, or
// the database's.
func (s *Store) Heartbeat(ctx context.Context, c Claim) error {
	return s.within(ctx, func(tx *sql.Tx) error {
		return s.fenced(ctx, tx, c, "due = {now} + lease")
	})
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
		if _, err := s.changed(ctx, tx, "INSERT INTO results (sweep, trial, epoch, result) VALUES "+
			"($1, $2, $3, $4)", c.Sweep, c.ID, c.Epoch, string(result)); err != nil {
			return err
		}
		rows := make([][]any, len(metrics))
		for i, m := range metrics {
			rows[i] = []any{c.Sweep, c.ID, m.Step, m.Name, m.Value}
		}
		if err := s.insert(ctx, tx, "INSERT INTO metrics (sweep, trial, step, name, value)", rows,
			""); err != nil {
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
// failures and its lost workers are as many as its sweep allows attempts, or it
// has diverged, which counts as all of them. The error is ErrLost, or the
// database's.
func (s *Store) Fail(ctx context.Context, c Claim, failure error, backoff time.Duration) error {
	message := storable(s.address.redact(failure).Error())
	state, more := Pending, int64(1)
	if errors.As(failure, new(forGood)) {
		more = max(1, c.of.Attempts-c.failures)
	}
	if c.failures+c.losses+more >= c.of.Attempts {
		state = Failed
	}
	wait := min(backoff<<min(c.failures, 20), maxBackoff)
	return s.within(ctx, func(tx *sql.Tx) error {
		const set = "state = $4, failures = failures + $7, error = $5, due = {now} + $6"
		if err := s.fenced(ctx, tx, c, set, state, message, wait.Milliseconds(),
			more); err != nil {
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
			WHERE sweep = $1 AND id = $2 AND losses > 0 AND EXISTS (SELECT 1 FROM attempts WHERE `+
			lost+")", c.Sweep, c.ID, c.Epoch, c.of.Attempts)
		if err != nil || n == 0 {
			return err
		}
		_, err = s.changed(ctx, tx, "UPDATE attempts SET outcome = 'dropped' WHERE "+lost, c.Sweep,
			c.ID, c.Epoch)
		return err
	})
}

// end closes the record of an attempt.
func (s *Store) end(ctx context.Context, tx *sql.Tx, c Claim, outcome, message string) error {
	_, err := s.changed(ctx, tx, "UPDATE attempts SET ended = {now}, outcome = $4, error = $5 "+
		"WHERE sweep = $1 AND trial = $2 AND epoch = $3",
		c.Sweep, c.ID, c.Epoch, outcome, message)
	return err
}
