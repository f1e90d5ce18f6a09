package run

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var errBroken = errors.New("broken")

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestWriteFileIsWholeOrAbsent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	torn := func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		return errBroken
	}
	if err := WriteFile(path, torn); !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	if left := entries(t, dir); len(left) != 0 {
		t.Fatalf("a failed write left %v", left)
	}
	whole := func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }
	if err := WriteFile(path, whole); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, torn); !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	if data, err := os.ReadFile(path); string(data) != "whole" || err != nil {
		t.Fatalf("after a failed write the file holds %q, %v", data, err)
	}
	if left := entries(t, dir); len(left) != 1 {
		t.Fatalf("temporary files stayed: %v", left)
	}
	if err := WriteFile(filepath.Join(dir, "no", "such", "folder"), whole); !errors.Is(err,
		os.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}

func TestWriteFolderReplacesWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "folder")
	fill := func(content string, err error) func(string) error {
		return func(d string) error {
			return errors.Join(os.WriteFile(filepath.Join(d, content), nil, 0o644), err)
		}
	}
	if err := WriteFolder(path, fill("half", errBroken)); !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	if left := entries(t, dir); len(left) != 0 {
		t.Fatalf("a failed write left %v", left)
	}
	if err := WriteFolder(path, fill("first", nil)); err != nil {
		t.Fatal(err)
	}
	if err := WriteFolder(path, fill("half", errBroken)); !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	if got := entries(t, path); len(got) != 1 || got[0] != "first" {
		t.Fatalf("after a failed write the folder holds %v", got)
	}
	if err := WriteFolder(path, fill("second", nil)); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, path); len(got) != 1 || got[0] != "second" {
		t.Fatalf("the folder holds %v", got)
	}
	if left := entries(t, dir); len(left) != 1 {
		t.Fatalf("temporary folders stayed: %v", left)
	}
}

// A file goes with what was to become it, and with nothing else; without any there is
// nothing to do.
func TestRemoveFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, path := range []string{filepath.Join(dir, "a.json"), "a.json"} {
		for _, present := range []bool{true, false} {
			names := []string{".a.json.42", "..a.json.42", ".a.json.x", ".b.json.42", "b.json"}
			if present {
				names = append(names, "a.json")
			}
			for _, name := range names {
				if err := os.WriteFile(name, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(RemoveFile(path), RemoveFile(path)); err != nil {
				t.Error(err)
			}
			left := entries(t, dir)
			if want := []string{"..a.json.42", ".a.json.x", ".b.json.42",
				"b.json"}; !slices.Equal(left, want) {
				t.Errorf("%s: %v are left, want %v", path, left, want)
			}
		}
	}
	if err := RemoveFile(filepath.Join(dir, "nowhere", "a.json")); err != nil {
		t.Errorf("in no folder: %v", err)
	}
}
