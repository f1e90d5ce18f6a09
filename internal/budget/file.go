package budget

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrIrregular is in the error about a pipe, a device, a socket or a folder
// where a file is expected.
var ErrIrregular = errors.New("is not a regular file")

// Open opens a regular file to be read. Anything else is refused and, unless it
// takes the file's place in that moment, not opened: to open a pipe waits for
// who writes to it, and to open a device can do anything. Even then nothing
// waits, and the file that was opened is looked at again.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|noWait, 0)
	if err != nil {
		return nil, err
	}
	return again(f)
}

// again closes what turns out to be no regular file.
func again(f *os.File) (*os.File, error) {
	info, err := f.Stat()
	if err == nil {
		err = regular(f.Name(), info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func regular(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	kind := "a device"
	switch mode := info.Mode(); {
	case mode.IsDir():
		kind = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	}
	return fmt.Errorf("%s %w but %s: name a file", path, ErrIrregular, kind)
}

// ReadFile reads a regular file of at most limit bytes. The error names it.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, path, limit)
}

// readAll does not trust the size that a file says it has.
func readAll(f fs.File, path string, limit int64) ([]byte, error) {
	if info, err := f.Stat(); err == nil && info.Size() > limit {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, limit)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", path, limit)
	}
	return data, err
}

// OpenIn is Open of a file of fsys. Only the file systems that Folder and Root
// return promise that nothing waits.
func OpenIn(fsys fs.FS, name string) (fs.File, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if err := regular(name, info); err != nil {
		return nil, err
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = regular(name, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ReadIn is ReadFile of a file of fsys.
func ReadIn(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := OpenIn(fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, name, limit)
}

// Folder is os.DirFS whose Open does not wait for what is no file.
func Folder(path string) fs.FS { return folder{os.DirFS(path), path} }

type folder struct {
	fs.FS
	path string
}

func (f folder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return os.OpenFile(filepath.Join(f.path, filepath.FromSlash(name)), os.O_RDONLY|noWait, 0)
}

func (f folder) Stat(name string) (fs.FileInfo, error) { return fs.Stat(f.FS, name) }

// Root is the file system of an os.Root, out of which no link leads, whose Open
// does not wait for what is no file.
func Root(r *os.Root) fs.FS { return root{r.FS(), r} }

type root struct {
	fs.FS
	r *os.Root
}

func (f root) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return f.r.OpenFile(name, os.O_RDONLY|noWait, 0)
}

func (f root) Stat(name string) (fs.FileInfo, error) { return fs.Stat(f.FS, name) }
func (f root) ReadDir(name string) ([]fs.DirEntry, error) {
	return fs.ReadDir(f.FS, name)
}
