//go:build !windows

package run

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
)

// Who may read a file is for the user to say, by the umask, as for any other
// program: no more than that, and no less.
func TestUmaskDecides(t *testing.T) {
	for _, umask := range []fs.FileMode{0o022, 0o002, 0o077} {
		before := syscall.Umask(int(umask))
		root := t.TempDir()
		path := filepath.Join(root, "runs", "a")
		err := stopped(t, path).Close()
		err = errors.Join(err, WriteFile(filepath.Join(root, "file"), func(w io.Writer) error {
			_, err := io.WriteString(w, "whole")
			return err
		}))
		err = errors.Join(err, WriteFolder(filepath.Join(root, "folder"),
			func(string) error { return nil }))
		syscall.Umask(before)
		if err != nil {
			t.Fatal(err)
		}
		err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || path == root {
				return err
			}
			stat, err := entry.Info()
			if err != nil {
				return err
			}
			want := 0o666 &^ umask
			if stat.IsDir() {
				want = 0o777 &^ umask
			}
			if got := stat.Mode().Perm(); got != want {
				t.Errorf("umask %03o: %s has %o, want %o", umask, entry.Name(), got, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
