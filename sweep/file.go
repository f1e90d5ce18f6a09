package sweep

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
)

// openedFile is the file of a SQLite database as it was when it was opened. A
// process that has it open goes on reading and writing when it has been deleted
// or replaced, and nobody else ever sees what it wrote. When another database was
// copied over it the process goes on with a mixture of both.
type openedFile struct {
	path  string
	was   fs.FileInfo
	stamp int32 // see Store.identify

	stamped atomic.Bool // it was seen in the file
}

// check returns an error, ErrBroken, if another file is at the path by now, or
// none, or one that is not to be written, or if another database was copied into
// the file. Postgres has no file, and f is nil.
func (f *openedFile) check(ctx context.Context) error {
	if f == nil {
		return nil
	}
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		return fmt.Errorf("%w: the file %s was deleted: bring it back with its -wal, or create the "+
			"sweep again: %w", ErrBroken, f.path, err)
	case !os.SameFile(info, f.was):
		return fmt.Errorf("%w: the file %s was replaced by another: start again with the one that is "+
			"meant", ErrBroken, f.path)
	case info.Mode().Perm()&0o222 == 0:
		return fmt.Errorf("%w: the file %s is read-only: chmod u+w %[2]s", ErrBroken, f.path)
	}
	stamp, err := stampOn(context.WithoutCancel(ctx), f.path)
	switch {
	case err != nil:
	case stamp == f.stamp:
		f.stamped.Store(true)
	case stamp != 0 || f.stamped.Load(): // else it is in the -wal still
		err = fmt.Errorf("stamped %08x and not %08x: %w", uint32(stamp), uint32(f.stamp), errStamp)
	}
	if errors.Is(err, errStamp) || FaultOf(err) == Broken {
		return fmt.Errorf("%w: the file %s was overwritten while it was open (%w): stop all workers, "+
			"remove it with its -wal and -shm, which belong to what was there before, and bring "+
			"back a copy of the one that is meant", ErrBroken, f.path, err)
	}
	return err
}

// errStamp is the error about a file with the stamp of another database.
var errStamp = errors.New("another database's")

// openSQLite opens the file at a path with these settings of the driver.
func openSQLite(path string, set url.Values) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	address := url.URL{Scheme: "file", Path: path, RawQuery: set.Encode()}
	return sql.Open("sqlite", address.String())
}

// stampOn reads the stamp in the file at a path, not what its -wal makes of it:
// bytes 68 to 71, https://www.sqlite.org/fileformat.html#application_id. SQLite is
// asked to open the file, since all the locks that a process has on a file are
// gone when it closes any descriptor of it, which SQLite knows to put off.
// "immutable" has it neither lock the file nor look at the -wal, and
// "writable_schema" read a file of which a checkpoint has not yet written the end.
func stampOn(ctx context.Context, path string) (stamp int32, err error) {
	db, err := openSQLite(path, url.Values{"mode": {"ro"}, "immutable": {"1"},
		"_pragma": {"writable_schema(1)"}})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&stamp)
	return stamp, err
}
