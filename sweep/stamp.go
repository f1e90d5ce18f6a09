package sweep

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
)

// stampOf is what stands in the header of the file of a SQLite database of that
// identity: its first four bytes, made odd, for a file that nobody stamped has 0.
func stampOf(identity string) (int32, error) {
	b, err := hex.DecodeString(identity)
	if err != nil || len(b) < 4 {
		return 0, fmt.Errorf("%q is no identity: %w", identity, ErrRow)
	}
	return int32(binary.BigEndian.Uint32(b) | 1), nil
}

// identify returns the file of a SQLite database that has been opened, stamped.
// The stamp tells from the file alone that it is still this database's, see
// openedFile. Tables of an older icar, which have no identity, are left as they are.
func (s *Store) identify(ctx context.Context) (*openedFile, error) {
	f := &openedFile{path: s.address.file}
	var err error
	if f.was, err = os.Stat(f.path); err != nil {
		return nil, err
	}
	if f.stamp, err = s.stamped(ctx); err != nil {
		return nil, err
	}
	if f.stamp == 0 && s.identity != "" {
		if f.stamp, err = stampOf(s.identity); err != nil {
			return nil, err
		}
		err = s.within(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", f.stamp))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if err := s.stampFile(ctx, f); err != nil {
		return nil, err
	}
	return f, f.check(ctx)
}

// stamped is the stamp that the connection sees, with what the -wal holds.
func (s *Store) stamped(ctx context.Context) (stamp int32, err error) {
	err = s.db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&stamp)
	return stamp, err
}

// stampFile brings the stamp from the -wal into the file itself. Who reads the database
// as it was before keeps it out, so nobody waits for that: until it is there a file
// without a stamp is taken for this one.
func (s *Store) stampFile(ctx context.Context, f *openedFile) error {
	on, err := stampOn(ctx, f.path)
	switch {
	case err != nil || on == f.stamp:
		return err
	case on != 0:
		return fmt.Errorf("%w: the file %s and its -wal are of different databases: stop all workers, "+
			"remove both and the -shm, and bring back a copy of the one that is meant", ErrBroken,
			f.path)
	}
	var busy, pages, written int64
	return s.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &written)
}
