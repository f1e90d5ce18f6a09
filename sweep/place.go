package sweep

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// A database has an identity and is at a place: a file, or tables of a server. A
// copy has the identity of its original and is at another place. Each place at
// which the database was worked on has a name, which the folder of its attempts
// bears, so that two copies do not touch each other's.
const placesTable = `CREATE TABLE icar_places (place TEXT PRIMARY KEY, ` +
	`name TEXT NOT NULL, since BIGINT NOT NULL)`

// Place is where a database is worked on.
type Place struct {
	Name  string // of the folder of its attempts
	Moved bool   // it was at another place before, and its attempts are there
}

// Settle returns the place where the database is. One that was copied, restored or
// moved to another disk since it was last worked on gets a name of its own, for its
// original may be at work elsewhere; with restored that of the place where it was
// last, whose attempts are gone on with. What has happened stays on record: all
// workers of the database hear the same.
func (s *Store) Settle(ctx context.Context, restored bool) (p Place, err error) {
	if s.version == unidentified {
		return Place{}, nil // its sweeps are worked on by no program that asks
	}
	where, err := s.where(ctx)
	if err != nil || where == "" {
		return Place{Name: s.identity}, err
	}
	defer func() { err = ofOwner(err) }()
	err = s.within(ctx, func(tx *sql.Tx) error {
		if err := s.alone(ctx, tx); err != nil {
			return err
		}
		if err := s.makePlaces(ctx, tx); err != nil {
			return err
		}
		here, err := s.nameOf(ctx, tx, "= $1", where)
		if err != nil || here != "" && !restored {
			p = Place{Name: here}
			return err
		}
		before, err := s.nameOf(ctx, tx, "<> $1", where)
		if err != nil {
			return err
		}
		switch p.Name = before; {
		case before == "" && here != "":
			p.Name = here
		case before == "":
			p.Name = s.identity
		case !restored:
			p.Moved = true
			if p.Name, err = newIdentity(); err != nil {
				return err
			}
		}
		return s.name(ctx, tx, where, p.Name)
	})
	return p, err
}

// ofOwner says what to do about a table of places that this role may not make or use.
func ofOwner(err error) error {
	var server *pgconn.PgError
	if errors.As(err, &server) && server.Code == "42501" { // insufficient_privilege
		return fmt.Errorf("%w: let the owner of the tables begin icar sweep work once, and then "+
			"GRANT ALL ON icar_places", err)
	}
	return err
}

// makePlaces makes the table of places in a database of before there was one.
func (s *Store) makePlaces(ctx context.Context, tx *sql.Tx) error {
	var tables int
	err := tx.QueryRowContext(ctx, s.catalogue("icar_places")).Scan(&tables)
	if err == nil && tables == 0 {
		_, err = tx.ExecContext(ctx, placesTable)
	}
	return err
}

// nameOf returns the name of the place of a condition that was recorded last, "" if
// there is none.
func (s *Store) nameOf(ctx context.Context, tx *sql.Tx, condition, where string) (name string,
	err error) {
	row := tx.QueryRowContext(ctx, s.sql("SELECT name FROM icar_places WHERE place "+condition+
		" ORDER BY since DESC, place LIMIT 1"), where)
	if err = scanned(row.Scan(&name)); errors.Is(err, ErrNone) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	return name, checkDigits("the name of a place", name, 2*identityBytes)
}

// name records the name of a place.
func (s *Store) name(ctx context.Context, tx *sql.Tx, where, name string) error {
	_, err := s.changed(ctx, tx, `INSERT INTO icar_places (place, name, since) VALUES ($1, $2, {now})
		ON CONFLICT (place) DO UPDATE SET name = excluded.name`, where, name)
	return err
}

// where says where the database is, "" if that cannot be told.
func (s *Store) where(ctx context.Context) (place string, err error) {
	if s.address.postgres == nil {
		return placeOfFile(s.address.file)
	}
	// Of the cluster, the database in it and the table in that. A server may keep the
	// first from its users.
	var may bool
	err = s.db.QueryRowContext(ctx,
		"SELECT has_function_privilege('pg_control_system()', 'execute')").Scan(&may)
	cluster := "''"
	if may {
		cluster = "(SELECT system_identifier::text FROM pg_control_system())"
	}
	if err == nil {
		err = s.db.QueryRowContext(ctx, fmt.Sprintf(`SELECT 'cluster ' || %s || ' database ' || oid::text ||
			' table ' || 'icar_schema'::regclass::oid::text FROM pg_database
			WHERE datname = current_database()`, cluster)).Scan(&place)
	}
	return place, s.address.redact(err)
}
