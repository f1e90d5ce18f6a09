//go:build unix

package budget

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What is no file is refused at once, by path, within a folder and within a
// root, and a link to it too.
func TestWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	listener, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	r, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := errors.Join(syscall.Mkfifo(at("pipe"), 0o600), os.Symlink("pipe", at("link")),
		os.Mkdir(at("folder"), 0o700),
		os.WriteFile(at("file"), []byte("12345"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]string{"pipe": "a pipe", "link": "a pipe",
		"socket": "a socket", "folder": "a folder"} {
		for how, read := range map[string]func() error{
			"by path":  func() error { _, err := ReadFile(at(name), 10); return err },
			"a folder": func() error { _, err := ReadIn(Folder(dir), name, 10); return err },
			"a root":   func() error { _, err := ReadIn(Root(r), name, 10); return err },
		} {
			start := time.Now()
			if err := read(); !errors.Is(err, ErrIrregular) || !strings.Contains(err.Error(), kind) {
				t.Errorf("%s, %s: %v, want %s", name, how, err, kind)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("%s, %s: took %v", name, how, took)
			}
		}
	}
	if _, err := ReadFile("/dev/zero", 10); !errors.Is(err, ErrIrregular) {
		t.Errorf("/dev/zero: %v", err)
	}
	if data, err := ReadFile(at("file"), 5); err != nil || string(data) != "12345" {
		t.Errorf("a file of 5 bytes: %q, %v", data, err)
	}
	if _, err := ReadIn(Folder(dir), "file", 4); err == nil ||
		err.Error() != "file is longer than 4 bytes" {
		t.Errorf("a file of 5 bytes, of which 4 are allowed: %v", err)
	}
	if _, err := ReadIn(Folder(dir), "nothing", 4); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// A pipe that takes a file's place after it was looked at is opened without
// waiting for who writes to it, and then refused.
func TestPipeInTheLastMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for how, open := range map[string]func() error{
		"by path": func() error {
			f, err := os.OpenFile(path, os.O_RDONLY|noWait, 0)
			if err == nil {
				_, err = again(f)
			}
			return err
		},
		"a folder": func() error { _, err := OpenIn(lying{Folder(filepath.Dir(path))}, "pipe"); return err },
		"a root":   func() error { _, err := OpenIn(lying{Root(r)}, "pipe"); return err },
	} {
		opened := make(chan error, 1)
		go func() { opened <- open() }()
		select {
		case err := <-opened:
			if !errors.Is(err, ErrIrregular) {
				t.Errorf("%s: a pipe that was opened: %v", how, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: waits for who writes to the pipe", how)
		}
	}
}

// lying is a file system whose Stat takes everything for an empty file.
type lying struct{ fs.FS }

func (lying) Stat(string) (fs.FileInfo, error) { return emptyFile{}, nil }

// emptyFile has no size and no content.
type emptyFile struct{ fs.FileInfo }

func (emptyFile) Mode() fs.FileMode { return 0 }
func (emptyFile) Size() int64       { return 0 }

// A file that is longer than it says, as one that grows, is read up to the limit.
func TestFileThatGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := readAll(growing{f}, "file", 4)
	if err == nil || err.Error() != "file is longer than 4 bytes" || len(data) > 5 {
		t.Errorf("of a file that said it was empty %q was read, %v", data, err)
	}
}

// growing is a file whose size is that of a moment ago.
type growing struct{ fs.File }

func (growing) Stat() (fs.FileInfo, error) { return emptyFile{}, nil }
