package sweep

import (
	"context"
	"database/sql"
	"fmt"
)

// Shift makes the database's clock one that a test can set, by Tick, in
// milliseconds from the true time.
func (s *Store) Shift(ctx context.Context) error {
	if _, err := s.db.ExecContext(ctx,
		"CREATE TABLE clock_shift (shift BIGINT NOT NULL)"); err != nil {
		return err
	}
	if _, err := s.db.ExecContext(ctx, "INSERT INTO clock_shift VALUES (0)"); err != nil {
		return err
	}
	s.dialect.now = "(" + s.dialect.now + " + (SELECT shift FROM clock_shift))"
	return nil
}

func (s *Store) Tick(ctx context.Context, shift int64) error {
	_, err := s.db.ExecContext(ctx, s.sql("UPDATE clock_shift SET shift = $1"), shift)
	return err
}

// Hold keeps everybody else from writing to the database until the transaction is ended.
func (s *Store) Hold(ctx context.Context) (*sql.Tx, error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err == nil {
		_, err = tx.ExecContext(ctx, "UPDATE trials SET worker = worker")
	}
	return tx, err
}

// Count returns the single number that a question has for an answer.
func (s *Store) Count(ctx context.Context, question string, args ...any) (n int64, err error) {
	err = s.db.QueryRowContext(ctx, s.sql(question), args...).Scan(&n)
	return n, err
}

// Setting returns one of SQLite's pragmas.
func (s *Store) Setting(ctx context.Context, pragma string) (value string, err error) {
	err = s.db.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&value)
	return value, err
}

// HasPassword reports whether that is the address's password.
func (a Address) HasPassword(password string) bool { return a.postgres.Password == password }

// Plans returns how the database looks for a trial of a sweep that is due, a
// plan for each of the questions.
func (s *Store) Plans(ctx context.Context, sweep string) (plans []string, err error) {
	explain := "EXPLAIN QUERY PLAN "
	if s.address.postgres != nil {
		explain = "EXPLAIN (COSTS OFF) "
		if _, err := s.db.ExecContext(ctx, "ANALYZE trials"); err != nil {
			return nil, err
		}
	}
	for _, condition := range due {
		rows, err := s.db.QueryContext(ctx, s.sql(explain+"SELECT config FROM trials WHERE sweep "+
			"= $1 AND "+condition.when+" AND NOT ("+
			condition.alone+") ORDER BY due, position LIMIT 1 "+s.dialect.lock), sweep, 3)
		if err != nil {
			return nil, err
		}
		names, err := rows.Columns()
		if err != nil {
			return nil, err
		}
		plan := ""
		for rows.Next() {
			cells := make([]any, len(names))
			for i := range cells {
				cells[i] = new(any)
			}
			if err := rows.Scan(cells...); err != nil {
				return nil, err
			}
			plan += fmt.Sprintln(*cells[len(cells)-1].(*any))
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
		plans = append(plans, plan)
	}
	return plans, nil
}

// Run runs a statement that icar never would.
func (s *Store) Run(ctx context.Context, statement string, args ...any) error {
	_, err := s.db.ExecContext(ctx, s.sql(statement), args...)
	return err
}

// Address returns that of the store.
func (s *Store) Address() Address { return s.address }

// Shifted has a store of a database whose clock Shift has made settable use it.
func (s *Store) Shifted() {
	s.dialect.now = "(" + s.dialect.now + " + (SELECT shift FROM clock_shift))"
}

// CheckFile looks at the file of a SQLite database as every question does, twice.
func (s *Store) CheckFile(ctx context.Context) error { return s.file.check(ctx) }

// StampOf is stampOf.
var StampOf = stampOf
