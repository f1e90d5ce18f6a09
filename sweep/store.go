package sweep

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver
)

// Store is the database of sweeps. It may be used from many goroutines.
type Store struct {
	db      *sql.DB
	address Address
	dialect dialect
	file    *openedFile // of SQLite, else nil

	version  int    // of the tables
	identity string // of the database, see Identity
}

// dialect is what the databases say differently.
type dialect struct {
	now  string // the database's clock, in milliseconds since 1970
	lock string // of the row that a claim has found
	once string // one migration at a time
}

var (
	sqlite = dialect{now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)"}
	// clock_timestamp, not now: the latter stands still in a transaction. As a
	// question of its own it is asked once a statement, so that an index can
	// search by it.
	postgres = dialect{
		now:  "(SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT))",
		lock: "FOR UPDATE SKIP LOCKED",
		once: "SELECT pg_advisory_xact_lock(1767990898)",
	}
)

// schemaVersion is the version of the tables.
const schemaVersion = 2

// schema makes the tables, which package documentation explains.
var schema = []string{
	`CREATE TABLE sweeps (id TEXT PRIMARY KEY, kind TEXT NOT NULL, config TEXT NOT NULL, arithmetic TEXT NOT NULL, program TEXT NOT NULL,
		trials BIGINT NOT NULL, attempts BIGINT NOT NULL, stop_on_failure BIGINT NOT NULL, created BIGINT NOT NULL)`,
	`CREATE TABLE trials (sweep TEXT NOT NULL, position BIGINT NOT NULL, id TEXT NOT NULL, config TEXT NOT NULL, state TEXT NOT NULL,
		epoch BIGINT NOT NULL DEFAULT 0, due BIGINT NOT NULL DEFAULT 0, lease BIGINT NOT NULL DEFAULT 0, worker TEXT NOT NULL DEFAULT '',
		failures BIGINT NOT NULL DEFAULT 0, losses BIGINT NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '',
		PRIMARY KEY (sweep, position), UNIQUE (sweep, id))`,
	`CREATE INDEX trials_due ON trials (sweep, state, due, position)`,
	`CREATE TABLE attempts (sweep TEXT NOT NULL, trial TEXT NOT NULL, epoch BIGINT NOT NULL, worker TEXT NOT NULL,
		started BIGINT NOT NULL, ended BIGINT, outcome TEXT, error TEXT, PRIMARY KEY (sweep, trial, epoch))`,
	`CREATE TABLE results (sweep TEXT NOT NULL, trial TEXT NOT NULL, epoch BIGINT NOT NULL, result TEXT NOT NULL, PRIMARY KEY (sweep, trial))`,
	`CREATE TABLE metrics (sweep TEXT NOT NULL, trial TEXT NOT NULL, step BIGINT NOT NULL, name TEXT NOT NULL, value DOUBLE PRECISION NOT NULL,
		PRIMARY KEY (sweep, trial, step, name))`,
	`CREATE TABLE icar_schema (version BIGINT NOT NULL, identity TEXT NOT NULL)`,
	placesTable,
}

// patience is how long one question to the database may take.
const patience = 30 * time.Second

// Open opens the database at an address and makes its tables if they are not
// there. The error says that it cannot be reached, or that another version of
// icar has made its tables; it holds no password.
func Open(ctx context.Context, a Address) (*Store, error) {
	s := &Store{address: a}
	if a.postgres != nil {
		config := a.postgres.Copy()
		config.ConnectTimeout = 10 * time.Second
		s.db, s.dialect = stdlib.OpenDB(*config, stdlib.OptionAfterConnect(cutIdle)), postgres
		s.db.SetMaxOpenConns(16)
	} else {
		if err := localDisk(a.file); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBroken, err)
		}
		var err error
		set := url.Values{"_txlock": {"immediate"},
			"_pragma": {"busy_timeout(30000)", "journal_mode(WAL)", "synchronous(FULL)"}}
		if s.db, err = openSQLite(a.file, set); err != nil {
			return nil, err
		}
		s.dialect = sqlite
		s.db.SetMaxOpenConns(1) // within a process goroutines queue better than SQLite's waiting does
	}
	made, err := s.prepare(ctx)
	if err == nil && a.postgres == nil {
		s.file, err = s.identify(ctx)
	}
	if err == nil && made {
		_, err = s.Settle(ctx, false) // a copy that is made from now on is at another place
	}
	if err != nil {
		return nil, fmt.Errorf("the database %v cannot be used: %w", a,
			errors.Join(err, s.db.Close()))
	}
	return s, nil
}

// cutIdle has the server end a transaction whose worker has been silent for
// long, one that was stopped in the middle of it: others pass over the rows that
// it has locked.
func cutIdle(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, fmt.Sprintf("SET idle_in_transaction_session_timeout = %d",
		patience.Milliseconds()))
	return err
}

// Close closes the connections.
func (s *Store) Close() error { return s.address.redact(s.db.Close()) }

// prepare makes the tables, and reports whether it did.
func (s *Store) prepare(ctx context.Context) (made bool, err error) {
	if s.readVersion(ctx) != nil {
		err := s.within(ctx, func(tx *sql.Tx) error {
			if err := s.alone(ctx, tx); err != nil {
				return err
			}
			var tables int
			err := tx.QueryRowContext(ctx, s.catalogue("icar_schema")).Scan(&tables)
			if err != nil || tables > 0 { // another was first
				return err
			}
			for _, statement := range schema {
				if _, err := tx.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			made = true
			return s.insertVersion(ctx, tx)
		})
		if err != nil {
			return false, err
		}
		if err := s.readVersion(ctx); err != nil {
			return false, s.address.redact(err)
		}
	}
	if s.version != schemaVersion && s.version != unidentified {
		return false, fmt.Errorf("its tables are of version %d, this icar's of version %d: use "+
			"the icar that made them: %w",
			s.version, schemaVersion, ErrBroken)
	}
	return made, nil
}

// alone keeps others who would change the tables waiting until a transaction ends.
func (s *Store) alone(ctx context.Context, tx *sql.Tx) error {
	if s.dialect.once == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, s.dialect.once)
	return err
}

// catalogue counts the tables of a name.
func (s *Store) catalogue(table string) string {
	if s.address.postgres != nil {
		return "SELECT count(*) FROM pg_tables WHERE tablename = '" + table + "' AND schemaname " +
			"= current_schema()"
	}
	return "SELECT count(*) FROM sqlite_master WHERE name = '" + table + "'"
}

// guarded runs f, a question to the database, if that is still the one that was
// opened, and sees afterwards whether it was. The error has no password in it.
func (s *Store) guarded(ctx context.Context, f func() error) error {
	err := s.file.check(ctx)
	if err != nil {
		return err
	}
	err = f()
	if gone := s.file.check(ctx); FaultOf(gone) == Broken {
		return gone // what f has heard, or written, is of no use
	}
	return s.address.redact(err)
}

// within runs f in a transaction.
func (s *Store) within(ctx context.Context, f func(*sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if s.address.postgres == nil {
		defer queue{s.address.file + ".queue"}.enter(ctx)()
	}
	return s.guarded(ctx, func() error {
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := f(tx); err != nil {
			_ = tx.Rollback() // err says what is wrong
			return err
		}
		return tx.Commit()
	})
}

// rows calls f for every row of a question.
func (s *Store) rows(ctx context.Context, question string, args []any,
	f func(*sql.Rows) error) error {
	return s.guarded(ctx, func() error {
		r, err := s.db.QueryContext(ctx, s.sql(question), args...)
		if err != nil {
			return err
		}
		defer r.Close()
		for r.Next() {
			if err := f(r); err != nil {
				return err
			}
		}
		return r.Err()
	})
}

// sql writes a statement for the database: {now} is its clock, $1 an argument.
func (s *Store) sql(statement string) string {
	if s.address.postgres == nil {
		statement = strings.ReplaceAll(statement, "$", "?")
	}
	return strings.ReplaceAll(statement, "{now}", s.dialect.now)
}

// changed returns how many rows a statement changes.
func (s *Store) changed(ctx context.Context, tx *sql.Tx, statement string,
	args ...any) (int64, error) {
	r, err := tx.ExecContext(ctx, s.sql(statement), args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// insertRows is how many rows one statement inserts. A statement is a journey to
// the server and back, whatever it carries; SQLite takes 32,766 arguments.
const insertRows = 500

// insert inserts rows of equal length: into is the statement up to the values
// and last what follows them.
func (s *Store) insert(ctx context.Context, tx *sql.Tx, into string, rows [][]any,
	last string) error {
	for batch := range slices.Chunk(rows, insertRows) {
		var values strings.Builder
		var args []any
		for i, row := range batch {
			if i > 0 {
				values.WriteString(", ")
			}
			places := make([]string, len(row))
			for j := range row {
				places[j] = fmt.Sprint("$", len(args)+j+1)
			}
			args = append(args, row...)
			values.WriteString("(" + strings.Join(places, ", ") + ")")
		}
		if _, err := s.changed(ctx, tx, into+" VALUES "+values.String()+" "+last,
			args...); err != nil {
			return err
		}
	}
	return nil
}
