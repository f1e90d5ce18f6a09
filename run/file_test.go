package run

import (
	"errors"
	"io"
	"os"
	"path/filepath"
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
	if err := WriteFile(filepath.Join(dir, "no", "such", "folder"), whole); !errors.Is(err, os.ErrNotExist) {
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
