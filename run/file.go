package run

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// WriteFile writes a file that is found whole or not at all, whenever the
// process or the machine stops: a temporary file beside it, fsync, rename,
// fsync of the folder. On an error nothing of it is left behind.
func WriteFile(path string, write func(io.Writer) error) error {
	return writeFile(system{}, path, "", write)
}

// writeFile is WriteFile on any disk. A file that is replaced is kept under
// the name previous, if that is not "".
func writeFile(on disk, path, previous string, write func(io.Writer) error) (err error) {
	var f *os.File
	_, err = temporary(path, func(name string) (err error) {
		f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, filePermission)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s was not written: %w", path,
				errors.Join(err, ignore(os.ErrClosed, f.Close()),
					ignore(os.ErrNotExist, os.Remove(f.Name()))))
		}
	}()
	buffered := bufio.NewWriter(onDisk{on, f})
	if err := errors.Join(write(buffered), buffered.Flush(), on.sync(f), f.Close()); err != nil {
		return err
	}
	if previous != "" {
		if err := ignore(os.ErrNotExist, on.rename(path, previous)); err != nil {
			return err
		}
	}
	if err := on.rename(f.Name(), path); err != nil {
		return err
	}
	return on.syncFolder(filepath.Dir(path))
}

// What is made may be read and written by all whom the user's umask lets, as
// with any other program: no mode is set afterwards.
const (
	filePermission   = 0o666
	folderPermission = 0o777
)

// temporary makes, beside path, what is to become path: it tries names until
// make succeeds on one that was free, and returns that. It is os.CreateTemp
// and os.MkdirTemp of the pattern .NAME.*, without their permissions, which
// are for files that nobody else is to see.
func temporary(path string, make func(name string) error) (name string, err error) {
	for range 1000 {
		random := strconv.FormatUint(uint64(rand.Uint32()), 10)
		name = filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+random)
		if err = make(name); !errors.Is(err, os.ErrExist) {
			break
		}
	}
	return name, err
}

// ignore returns err unless it is the one that is expected.
func ignore(expected, err error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// RemoveFile removes a file, if it is there, and what a [WriteFile] of it has left whose
// process was killed.
func RemoveFile(path string) error {
	folder, name := filepath.Split(path)
	left, err := leftovers(folder, name)
	for _, l := range append(left, name) {
		err = errors.Join(err, ignore(os.ErrNotExist, os.Remove(filepath.Join(folder, l))))
	}
	return err
}

// WriteFolder fills a folder that is found whole or not at all, in place of
// the one that may stand there: it is written beside it under a temporary
// name and renamed at the end. On an error the old one stands. What an
// earlier call left when its process was killed is cleared away, so that of
// one path there may be one call at a time.
func WriteFolder(path string, fill func(dir string) error) (err error) {
	parent := filepath.Dir(path)
	if err := recoverFolder(path); err != nil {
		return err
	}
	next, err := temporary(path, func(name string) error {
		return os.Mkdir(name, folderPermission)
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(next)) }()
	if err := errors.Join(fill(next), SyncFolder(next)); err != nil {
		return err
	}
	// A folder cannot be renamed over another: the old one steps aside first.
	old := next + oldSuffix
	if err := os.Rename(path, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return errors.Join(err, os.Rename(old, path))
	}
	return errors.Join(os.RemoveAll(old), SyncFolder(parent))
}

const oldSuffix = ".old"

// recoverFolder undoes what a killed WriteFolder has begun: an old folder goes
// back to its place if nothing stands there, and everything else is removed.
func recoverFolder(path string) error {
	parent, name := filepath.Split(path)
	left, err := leftovers(parent, name)
	for _, l := range left {
		if _, missing := os.Lstat(path); errors.Is(missing, os.ErrNotExist) && strings.HasSuffix(l,
			oldSuffix) {
			err = errors.Join(err, os.Rename(filepath.Join(parent, l), path))
			continue
		}
		err = errors.Join(err, os.RemoveAll(filepath.Join(parent, l)))
	}
	return err
}

// leftovers returns what in dir was to become name, or stepped aside for it:
// names that [temporary] makes.
func leftovers(dir, name string) ([]string, error) {
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var left []string
	for _, e := range entries {
		random, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), oldSuffix), "."+name+".")
		if ok && random != "" && strings.Trim(random, "0123456789") == "" {
			left = append(left, e.Name())
		}
	}
	return left, err
}
