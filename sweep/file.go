package sweep

import (
	"fmt"
	"io/fs"
	"os"
)

// openedFile is the file of a SQLite database as it was when it was opened. A
// process that has it open goes on reading and writing when it has been deleted
// or replaced, and nobody else ever sees what it wrote.
type openedFile struct {
	path string
	was  fs.FileInfo
}

// identify returns the file that is at a path.
func identify(path string) (*openedFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	f := &openedFile{path, info}
	return f, f.check()
}

// check returns an error, ErrBroken, if another file is at the path by now, or
// none, or one that is not to be written. Postgres has no file, and f is nil.
func (f *openedFile) check() error {
	if f == nil {
		return nil
	}
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		return fmt.Errorf("%w: the file %s was deleted: bring it back with its -wal, or create the sweep again: %w", ErrBroken, f.path, err)
	case !os.SameFile(info, f.was):
		return fmt.Errorf("%w: the file %s was replaced by another: start again with the one that is meant", ErrBroken, f.path)
	case info.Mode().Perm()&0o222 == 0:
		return fmt.Errorf("%w: the file %s is read-only: chmod u+w %[2]s", ErrBroken, f.path)
	}
	return nil
}
