package site

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nothing of a user's is overwritten: only a site and nothing else is.
func TestWriteLeavesOtherFiles(t *testing.T) {
	files := map[string][]byte{"index.html": []byte("a page"), "assets/a.js": nil, keeperFile: nil}
	if err := seal(files); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "site")
	for range 2 { // anew, and in the place of the first
		if err := Write(dir, files); err != nil {
			t.Fatal(err)
		}
	}
	mine := filepath.Join(dir, "assets", "CNAME")
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, files); err == nil || !strings.Contains(err.Error(), "CNAME") {
		t.Errorf("beside a file of the user's: %v", err)
	}
	if data, err := os.ReadFile(mine); string(data) != "mine" {
		t.Errorf("the user's file: %s, %v", data, err)
	}
	if err := Write(filepath.Dir(mine), files); err == nil ||
		!strings.Contains(err.Error(), "something else") {
		t.Errorf("over a folder that is no site: %v", err)
	}
	if err := Check(mine); err == nil || !strings.Contains(err.Error(), "no folder") {
		t.Errorf("over a file: %v", err)
	}
}

// The version of a site follows every file, so that a browser that keeps it learns of news.
func TestVersion(t *testing.T) {
	version := func(files map[string][]byte) string {
		if err := seal(files); err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(files[keeperFile]), ",")
		return first
	}
	one := version(map[string][]byte{"a": []byte("1"), keeperFile: nil})
	if same := version(map[string][]byte{"a": []byte("1"), keeperFile: nil}); same != one {
		t.Errorf("the same files: %s and %s", one, same)
	}
	for name, other := range map[string]map[string][]byte{
		"content": {"a": []byte("2"), keeperFile: nil}, "name": {"b": []byte("1"), keeperFile: nil},
		"keeper": {"a": []byte("1"), keeperFile: []byte("x")},
	} {
		if got := version(other); got == one {
			t.Errorf("another %s: still %s", name, got)
		}
	}
}

// Where it cannot be compiled the error says what to do.
func TestCompileWithout(t *testing.T) {
	t.Run("source", func(t *testing.T) {
		t.Chdir(t.TempDir())
		if _, err := Compile(t.Context()); !errors.Is(err, ErrToolchain) ||
			!strings.Contains(err.Error(), "clone of icar") {
			t.Errorf("outside of a module: %v", err)
		}
	})
	t.Run("go", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if _, err := Compile(t.Context()); !errors.Is(err, ErrToolchain) ||
			!strings.Contains(err.Error(), "go.dev/dl") {
			t.Errorf("without Go: %v", err)
		}
	})
}

// What a browser loads stays small: the code and all beside it, compressed.
func TestSize(t *testing.T) {
	c, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	files, err := Build(c, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	const most = 2_200_000 // with gzip; brotli takes a quarter less
	t.Logf("%d bytes of WebAssembly, %d compressed", len(c.Code), len(files[codeFile]))
	if len(files[codeFile]) > most {
		t.Errorf("the code takes %d bytes, more than %d: what does package web link that "+
			"the page does not need?", len(files[codeFile]), most)
	}
}
