package sweep

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrNoSweep is the error about a sweep that the database does not hold.
var ErrNoSweep = errors.New("there is no such sweep")

// Sweep is a set of trials.
type Sweep struct {
	ID         string `json:"id"`
	Kind       string `json:"kind"`       // what the trials are, such as Training
	Config     string `json:"-"`          // what it was made from
	Arithmetic string `json:"arithmetic"` // of every trial, see package kernel
	// that created it and does every trial, see run.Program; "" if an older icar did
	Program       string `json:"program"`
	Trials        int64  `json:"trials"`
	Attempts      int64  `json:"attempts"` // failures and lost workers after which a trial is given up
	StopOnFailure bool   `json:"stop_on_failure"`
}

// Spec is a trial to be made.
type Spec struct {
	ID     string
	Config []byte
}

// insertBatch is how many trials one transaction inserts at most: a writer of
// SQLite keeps all others out.
const insertBatch = 5000

// Create records a sweep and its trials. If it is there already nothing of it
// is changed, and if an earlier call was killed midway this one does the rest.
// It reports whether the sweep was made by this call.
func (s *Store) Create(ctx context.Context, w Sweep, trials []Spec) (created bool, err error) {
	if err := s.checkWritable(); err != nil {
		return false, err
	}
	w.Trials = int64(len(trials))
	if err := errors.Join(w.check(), w.checkRow()); err != nil {
		return false, err
	}
	for _, t := range trials {
		if err := t.check(w.Arithmetic); err != nil {
			return false, err
		}
	}
	err = s.within(ctx, func(tx *sql.Tx) error {
		stop := 0
		if w.StopOnFailure {
			stop = 1
		}
		n, err := s.changed(ctx, tx, "INSERT INTO sweeps (id, kind, config, arithmetic, program, "+
			"trials, attempts, "+
			"stop_on_failure, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, {now}) ON CONFLICT DO "+
			"NOTHING",
			w.ID, w.Kind, w.Config, w.Arithmetic, w.Program, w.Trials, w.Attempts, stop)
		created = n == 1
		return err
	})
	for first := 0; first < len(trials) && err == nil; first += insertBatch {
		err = s.within(ctx, func(tx *sql.Tx) error {
			var rows [][]any
			for i, t := range trials[first:min(first+insertBatch, len(trials))] {
				rows = append(rows, []any{w.ID, first + i, t.ID, string(t.Config), Pending})
			}
			return s.insert(ctx, tx, "INSERT INTO trials (sweep, position, id, config, state)",
				rows, "ON CONFLICT DO NOTHING")
		})
	}
	return created, err
}

// Find returns a sweep; the only one for "". The error is ErrNoSweep, ErrRow
// for one that icar has not written so, or the database's.
func (s *Store) Find(ctx context.Context, id string) (Sweep, error) {
	if sweepID.MatchString(id) {
		found, err := s.sweeps(ctx, "WHERE id = $1", id)
		if err != nil || len(found) == 1 {
			return append(found, Sweep{})[0], err
		}
	}
	all, err := s.Sweeps(ctx)
	switch {
	case err != nil:
		return Sweep{}, err
	case id == "" && len(all) == 1:
		return all[0], nil
	case len(all) == 0:
		return Sweep{}, fmt.Errorf("%w: %v holds none; icar sweep create makes one", ErrNoSweep,
			s.address)
	}
	last := all[len(all)-1].ID
	if id == "" {
		return Sweep{}, fmt.Errorf("%w: name one of the %d in %v, such as %s", ErrNoSweep, len(all),
			s.address, last)
	}
	return Sweep{}, fmt.Errorf("%w as %q in %v: the last one made is %s", ErrNoSweep, id, s.address,
		last)
}

// Sweeps returns all sweeps in the order in which they were made. The error is
// ErrRow if icar has not written one of them so, or the database's.
func (s *Store) Sweeps(ctx context.Context) ([]Sweep, error) { return s.sweeps(ctx, "") }

func (s *Store) sweeps(ctx context.Context, where string, args ...any) (all []Sweep, err error) {
	question := fmt.Sprintf("SELECT id, kind, substr(config, 1, %d), arithmetic, %s, trials, "+
		"attempts, stop_on_failure = 1 FROM sweeps %s ORDER BY created, id", maxConfig, s.programColumn(),
		where)
	err = s.rows(ctx, question, args, func(r *sql.Rows) error {
		var w Sweep
		err := scanned(r.Scan(&w.ID, &w.Kind, &w.Config, &w.Arithmetic, &w.Program, &w.Trials,
			&w.Attempts, &w.StopOnFailure))
		if err == nil {
			err = errors.Join(w.check(), w.checkRow())
		}
		all = append(all, w)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Status is how far a sweep has come.
type Status struct {
	Pending   int64 `json:"pending"`
	Running   int64 `json:"running"`
	Done      int64 `json:"done"`
	Failed    int64 `json:"failed"`
	Cancelled int64 `json:"cancelled"`
	Missing   int64 `json:"missing"` // not yet inserted: create was cut short
	Attempts  int64 `json:"claims"`  // claims made
	// of them, those whose worker's lease has passed and who did not come back
	Lost int64 `json:"lost"`
}

// Finished reports whether nothing is left to be done.
func (s Status) Finished() bool { return s.Pending+s.Running+s.Missing == 0 }

// Status returns how far a sweep has come.
func (s *Store) Status(ctx context.Context, w Sweep) (st Status, err error) {
	count := map[string]*int64{Pending: &st.Pending, Running: &st.Running, Done: &st.Done,
		Failed: &st.Failed, Cancelled: &st.Cancelled}
	st.Missing = w.Trials
	err = s.rows(ctx, "SELECT state, count(*), CAST(coalesce(sum(epoch), 0) AS BIGINT), "+
		"CAST(coalesce(sum(losses), 0) AS BIGINT) FROM trials WHERE sweep = $1 GROUP BY state",
		[]any{w.ID}, func(r *sql.Rows) error {
			var state string
			var n, claims, losses int64
			if err := scanned(r.Scan(&state, &n, &claims, &losses)); err != nil {
				return err
			}
			if count[state] == nil {
				return fmt.Errorf("a trial is in the state %.80q, which this icar does not know: %w",
					state, ErrRow)
			}
			*count[state] = n
			st.Missing -= n
			st.Attempts += claims
			st.Lost += losses
			return nil
		})
	return st, err
}

// Finished reports whether nothing of a sweep is left to be done. It is
// cheaper than Status.
func (s *Store) Finished(ctx context.Context, w Sweep) (finished bool, err error) {
	err = s.rows(ctx, `SELECT (SELECT count(*) FROM (SELECT 1 FROM trials WHERE sweep = $1 AND state = 'pending' LIMIT 1) AS p)
		+ (SELECT count(*) FROM (SELECT 1 FROM trials WHERE sweep = $1 AND state = 'running' LIMIT 1) AS r)
		+ (SELECT count(*) FROM sweeps WHERE id = $1 AND trials > (SELECT coalesce(max(position) + 1, 0) FROM trials WHERE sweep = $1))`, []any{w.ID}, func(r *sql.Rows) error {
		var left int64
		err := scanned(r.Scan(&left))
		finished = left == 0
		return err
	})
	return finished && err == nil, err
}

// Trial is a trial and what is known of it.
type Trial struct {
	Position int64
	ID       string
	Config   []byte
	State    string
	Epoch    int64
	Worker   string
	Error    string // of its last failure
	Result   []byte // nil before it is done
	Wrong    error  // ErrRow if it is not what its id says; then there are no ID, Config and Result
}

// Trials calls f for every trial of a sweep, in the order of their making.
// f must not use the store.
func (s *Store) Trials(ctx context.Context, w Sweep, f func(Trial) error) error {
	question := fmt.Sprintf(`SELECT t.position, t.id, substr(t.config, 1, %d), t.state, t.epoch, t.worker, substr(t.error, 1, %d), substr(r.result, 1, %d)
		FROM trials t LEFT JOIN results r ON r.sweep = t.sweep AND r.trial = t.id WHERE t.sweep = $1 ORDER BY t.position`, maxConfig, maxError, maxResult)
	return s.rows(ctx, question, []any{w.ID}, func(r *sql.Rows) error {
		var t Trial
		var config string
		var result sql.NullString
		var epoch count
		err := r.Scan(&t.Position, &t.ID, &config, &t.State, &epoch, &t.Worker, &t.Error, &result)
		if err := scanned(err); err != nil {
			return err
		}
		t.Config, t.Epoch = []byte(config), int64(epoch)
		if result.Valid {
			t.Result = []byte(result.String)
		}
		t.Wrong = errors.Join(Spec{t.ID, t.Config}.check(w.Arithmetic), checkCounts(t.Epoch, 0, 0))
		if t.Wrong != nil {
			t.ID, t.Config, t.Result = "", nil, nil
		}
		return f(t)
	})
}

// Cancel ends the trials of a sweep that are not done. A worker hears of it at
// its next heartbeat. It returns how many there were.
func (s *Store) Cancel(ctx context.Context, sweep string) (n int64, err error) {
	err = s.within(ctx, func(tx *sql.Tx) error {
		n, err = s.changed(ctx, tx, "UPDATE trials SET state = 'cancelled' WHERE sweep = $1 AND "+
			"state IN ('pending', 'running')", sweep)
		return err
	})
	return n, err
}

// Retry makes the trials of a sweep that have failed or were cancelled due
// again, as if they had never failed. It returns how many there were.
func (s *Store) Retry(ctx context.Context, sweep string) (n int64, err error) {
	err = s.within(ctx, func(tx *sql.Tx) error {
		n, err = s.changed(ctx, tx, "UPDATE trials SET state = 'pending', due = {now}, failures = 0, "+
			"losses = 0, error = '' WHERE sweep = $1 AND state IN ('failed', 'cancelled')", sweep)
		return err
	})
	return n, err
}
