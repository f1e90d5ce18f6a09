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
	if err := errors.Join(syscall.Mkfifo(at("pipe"), 0o600), os.Symlink("pipe", at("link")), os.Mkdir(at("folder"), 0o700),
		os.WriteFile(at("file"), []byte("12345"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]string{"pipe": "a pipe", "link": "a pipe", "socket": "a socket", "folder": "a folder"} {
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
	if _, err := ReadIn(Folder(dir), "file", 4); err == nil || err.Error() != "file is longer than 4 bytes" {
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
	f, err := os.OpenFile(path, os.O_RDONLY|noWait, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again(f); !errors.Is(err, ErrIrregular) {
		t.Errorf("a pipe that was opened: %v", err)
	}
}
