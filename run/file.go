package run

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteFile writes a file that is found whole or not at all, whenever the
// process or the machine stops: a temporary file beside it, fsync, rename,
// fsync of the folder. On an error nothing of it is left behind.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s was not written: %w", path, err), ignoreClosed(f.Close()), os.Remove(f.Name()))
		}
	}()
	buffered := bufio.NewWriter(f)
	if err := errors.Join(write(buffered), buffered.Flush(), f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// WriteFolder fills a folder that is found whole or not at all, in place of
// the one that may stand there: it is written beside it under a temporary
// name and renamed at the end. On an error the old one stands.
func WriteFolder(path string, fill func(dir string) error) (err error) {
	parent := filepath.Dir(path)
	next, err := os.MkdirTemp(parent, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(next)) }()
	if err := errors.Join(fill(next), os.Chmod(next, 0o755), SyncFolder(next)); err != nil {
		return err
	}
	// A folder cannot be renamed over another: the old one steps aside first.
	old := next + ".old"
	if err := os.Rename(path, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return errors.Join(err, os.Rename(old, path))
	}
	return errors.Join(os.RemoveAll(old), SyncFolder(parent))
}
