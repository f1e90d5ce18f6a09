package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// NOTICE tells of all that is linked, in the versions of go.mod: a module, a
// font or a data file that comes, goes or changes has to change it.
func TestNoticeIsUpToDate(t *testing.T) {
	want, err := notice(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) == want {
		return
	}
	old, now := strings.Split(string(got), "\n"), strings.Split(want, "\n")
	for i := range now {
		if i >= len(old) || old[i] != now[i] {
			t.Fatalf("line %d has to be %q: run go run ./internal/notice", i+1, now[i])
		}
	}
	t.Fatal("it goes on after its end: run go run ./internal/notice")
}

// What the table says is of works that are linked, and is said.
func TestTableIsOfWhatIsLinked(t *testing.T) {
	said, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Concat(slices.Collect(maps.Keys(remarks)),
		slices.Collect(maps.Keys(refusedFiles)))
	for _, name := range names {
		if !strings.Contains(string(said), "\n* "+name+" v") {
			t.Errorf("%s is in the table and is not linked", name)
		}
	}
	for _, want := range []string{
		"Creative Commons Attribution 4.0 International Public License,",
		"the FreeType License is\n", "SIL OPEN FONT LICENSE Version 1.1", "Bigelow & Holmes",
		"copyright © <year> The FreeType", "liberationsansregular", "GloVe", "moby_dick.txt.gz",
	} {
		if !strings.Contains(string(said), want) {
			t.Errorf("NOTICE does not say %q", want)
		}
	}
	if strings.Contains(string(said), "GNU GENERAL PUBLIC LICENSE\n") {
		t.Error("NOTICE holds a licence that was not chosen")
	}
}

// Files as modules have them, and what is made of them.
func TestCollect(t *testing.T) {
	const mit = "Permission is hereby granted, free of charge, to any\r\nperson obtaining a copy"
	for name, test := range map[string]struct {
		files map[string]string
		kinds string
		err   string
	}{
		"one": {map[string]string{"LICENSE": mit}, "MIT", ""},
		"two": {map[string]string{"License.txt": mit,
			"licenses/ftl.txt": "The FreeType Project LICENSE"}, "FTL MIT", ""},
		"none": {map[string]string{"README.md": mit, "license.go": mit}, "",
			"has no licence that could be found"},
		"unknown": {map[string]string{"COPYING": "Ask the author."}, "",
			"has no licence that is known here"},
		"copyleft": {map[string]string{"COPYING": "GNU GENERAL PUBLIC LICENSE\n  Version 3"}, "",
			"all of icar would fall under"},
		"of others": {map[string]string{"LICENSE-3RD-PARTY.md": mit}, "",
			"has no licence that is known here"},
	} {
		dir := t.TempDir()
		for f, content := range test.files {
			path := filepath.Join(dir, f)
			err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777),
				os.WriteFile(path, []byte(content), 0o666))
			if err != nil {
				t.Fatal(err)
			}
		}
		w := work{name: "m v1"}
		err := w.collect(dir, dir, nil)
		if err == nil {
			w.sort()
			err = w.check()
		}
		if got := strings.Join(w.kinds, " "); got != test.kinds && test.err == "" {
			t.Errorf("%s: %s, want %s", name, got, test.kinds)
		}
		if (err != nil) != (test.err != "") ||
			err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v, want %q", name, err, test.err)
		}
	}
}

// A font without a known licence and data without a source are refused.
func TestFontsAndData(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "data.go"), []byte("var TTF = []byte{0}"),
		0o666); err != nil {
		t.Fatal(err)
	}
	font := pkg{ImportPath: "example.org/font", Dir: dir, GoFiles: []string{"data.go"}}
	if _, holds, err := fontSource(font); holds || err == nil ||
		!strings.Contains(err.Error(), "holds a font") {
		t.Errorf("a font: %v, %v", holds, err)
	}
	font.ImportPath = "golang.org/x/image/font/gofont/gobold"
	if source, holds, err := fontSource(font); !holds || err != nil ||
		source != "font/gofont/ttfs/README" {
		t.Errorf("a font that is known: %s, %v, %v", source, holds, err)
	}
	own := pkg{ImportPath: "icar/x", Dir: dir, EmbedFiles: []string{"page.css", "book.gz"}}
	if _, err := data(root, []pkg{own}); err == nil ||
		!strings.Contains(err.Error(), "icar/x embeds book.gz") {
		t.Errorf("data without a source: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, sources), []byte("book.gz is mine"),
		0o666); err != nil {
		t.Fatal(err)
	}
	if works, err := data(root, []pkg{own}); err != nil || len(works) != 1 ||
		works[0].remark != "book.gz is mine" {
		t.Errorf("data with a source: %+v, %v", works, err)
	}
}
