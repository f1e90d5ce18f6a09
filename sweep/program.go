package sweep

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"icar/run"
)

// ErrProgram is the error about work that is another program's: other code may
// give other results.
var ErrProgram = errors.New("is another program's")

// unidentified is the version of tables that know of no programs. They are read;
// what adds to them or works on them is the icar that made them.
const unidentified = 1

// CheckProgram refuses to work on a sweep that was created by another program
// than the one of that identity, see run.Program.
func (w Sweep) CheckProgram(program string) error {
	switch {
	case w.Program == "":
		return fmt.Errorf("the sweep %s %w: it was created before programs had identities; "+
			"work on it with the icar that created it, or create it again in another database",
			w.ID, ErrProgram)
	case w.Program != program:
		return fmt.Errorf("the sweep %s %w: it was created by %s and this is %s; "+
			"work on it with the same file, or create it again with this one", w.ID, ErrProgram,
			w.Program, program)
	}
	return nil
}

const (
	identityBytes = 6  // of a database's identity, two digits each
	programDigits = 16 // of run.Program
)

// newIdentity draws the identity of a database.
func newIdentity() (string, error) {
	b := make([]byte, identityBytes)
	_, err := rand.Read(b)
	return hex.EncodeToString(b), err
}

// Identity tells the database from others that were made; "" for one whose tables
// are of an older icar. A copy of a database has the same, see Settle.
func (s *Store) Identity() string { return s.identity }

// readVersion finds out what tables there are and whose.
func (s *Store) readVersion(ctx context.Context) error {
	if err := s.db.QueryRowContext(ctx,
		"SELECT version FROM icar_schema").Scan(&s.version); err != nil || s.version != schemaVersion {
		return err
	}
	if err := s.db.QueryRowContext(ctx,
		"SELECT identity FROM icar_schema").Scan(&s.identity); err != nil {
		return err
	}
	return checkDigits("the identity of the database", s.identity, 2*identityBytes)
}

// checkDigits refuses an identity from a database that is none: it goes into
// paths and to terminals.
func checkDigits(what, id string, digits int) error {
	if len(id) != digits || strings.Trim(id, "0123456789abcdef") != "" {
		return fmt.Errorf("%s, %.80q, is not %d hexadecimal digits: %w; use another database",
			what, id, digits, ErrRow)
	}
	return nil
}

// checkRow refuses a sweep whose program is no identity.
func (w Sweep) checkRow() error {
	if w.Program == "" {
		return nil
	}
	return checkDigits("the program of a sweep", w.Program, programDigits)
}

// checkWritable refuses to add sweeps to tables that have no room for their
// program.
func (s *Store) checkWritable() error {
	if s.version == unidentified {
		return fmt.Errorf("the tables of %v are of version %d, which knows of no programs: "+
			"name another database, or use the icar that made them", s.address, s.version)
	}
	return nil
}

// programColumn is where the program of a sweep stands.
func (s *Store) programColumn() string {
	if s.version == unidentified {
		return "''"
	}
	return "program"
}

// ours refuses what an attempt of another program has left.
func ours(saved run.Saved) error {
	if !saved.Info.Ours() {
		return fmt.Errorf("its run %w", ErrProgram)
	}
	return nil
}

// insertVersion records what icar has made the tables.
func (s *Store) insertVersion(ctx context.Context, tx *sql.Tx) error {
	id, err := newIdentity()
	if err == nil {
		_, err = s.changed(ctx, tx, "INSERT INTO icar_schema (version, identity) VALUES ($1, $2)",
			schemaVersion, id)
	}
	return err
}
