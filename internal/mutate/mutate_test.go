package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"icar/internal/needs"
)

// toy is a module whose test notices a wrong sum and no wrong name.
var toy = map[string]string{
	"go.mod": "module toy\n\ngo 1.26\n",
	"sum/sum.go": `package sum

const name = "sum"

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}
`,
	"sum/sum_test.go": `package sum

import "testing"

func TestSum(t *testing.T) {
	if got := sum([]float64{1, 2}); got != 3 {
		t.Errorf("%s is %g", name, got)
	}
}

func TestBroken(t *testing.T) { t.Error("broken as it is") }
`,
}

func writeToy(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range toy {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755),
			os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if output, err := exec.Command("git", "init", root).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, output)
	}
	return root
}

func edit(name, old, replacement string) Edit {
	return Edit{Theory: "toy", Name: name, File: "sum/sum.go", Old: old, New: replacement,
		Package: "./sum", Test: "TestSum"}
}

// temporary makes temporary files go to a folder of their own and checks at
// the end that none stayed.
func temporary(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir) // Unix
	t.Setenv("TMP", dir)    // Windows
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("temporary files stayed: %v, %v", left, err)
		}
	})
}

func TestVerdicts(t *testing.T) {
	root := writeToy(t)
	temporary(t)
	edits := []Edit{
		edit("sign", "s += v", "s -= v"),
		edit("panic", "s += v", "s += x[len(x)+int(v)]"),
		edit("name", `name = "sum"`, `name = "total"`),
		edit("type", "s += v", `s += v + "v"`),
		edit("gone", "s *= v", "s /= v"),
		edit("twice", "float64", "float32"),
		edit("same", "s += v", "s += v"),
	}
	var progress bytes.Buffer
	verdicts, err := judgeAll(context.Background(), root, edits, 1, &progress)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"killed",
		"killed",
		"SURVIVED",
		"invalid: ./sum does not compile: sum.go:7:",
		"invalid: the old text occurs 0 times in sum/sum.go; quote what occurs once",
		"invalid: the old text occurs 2 times in sum/sum.go; quote what occurs once",
		"invalid: the new text is the old one",
	} {
		if !strings.HasPrefix(verdicts[i], want) {
			t.Errorf("%s: %s, want %s", edits[i].Name, verdicts[i], want)
		}
		if line := edits[i].String() + ": " + verdicts[i] + "\n"; !strings.Contains(progress.String(),
			line) {
			t.Errorf("progress lacks %q", line)
		}
	}
	var table bytes.Buffer
	if allKilled, err := printTable(&table, edits, verdicts); err != nil || allKilled ||
		!strings.HasSuffix(table.String(), "\n2 of 7 edits killed.\n") {
		t.Errorf("all killed %v, %v:\n%s", allKilled, err, &table)
	}
	if allKilled, err := printTable(&table, edits[:2], verdicts[:2]); err != nil || !allKilled {
		t.Errorf("two killed of two: %v, %v", allKilled, err)
	}
	for name, want := range toy {
		if got, err := os.ReadFile(filepath.Join(root, name)); string(got) != want || err != nil {
			t.Errorf("the module's %s was touched: %v", name, err)
		}
	}
}

// A test that fails without the edit, or that does not exist, shows nothing.
func TestUneditedTestsHaveToPass(t *testing.T) {
	root := writeToy(t)
	temporary(t)
	for test, want := range map[string]string{
		"TestBroken": "TestBroken in ./sum fails as it is: make it pass first",
		"TestAbsent": "./sum has no test TestAbsent",
	} {
		e := edit("sign", "s += v", "s -= v")
		e.Test = test
		if _, err := judgeAll(context.Background(), root, []Edit{e}, 1, io.Discard); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", test, err, want)
		}
	}
}

// canceller interrupts when the first verdict is reported.
type canceller struct{ cancel context.CancelFunc }

func (c canceller) Write(p []byte) (int, error) { c.cancel(); return len(p), nil }

func TestInterruptEndsWhatRuns(t *testing.T) {
	root := writeToy(t)
	temporary(t)
	ctx, cancel := context.WithCancel(context.Background())
	edits := []Edit{edit("endless", "s += v", "for v == v {\n\t\t}"), edit("sign", "s += v", "s -= v")}
	if _, err := judgeAll(ctx, root, edits, 2, canceller{cancel}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestReadLists(t *testing.T) {
	const good = `[{"theory": "4", "name": "sign", "file": "a.go", "old": "+", "new": "", "package": "./a", "test": "TestA"}]`
	edits, err := readLists(fstest.MapFS{"plain.json": {Data: []byte(good)},
		"augmented.json": {Data: []byte(good)}, "main.go": {}})
	if err != nil || len(edits) != 2 || edits[0].String() != "augmented/4: sign" ||
		edits[1].String() != "plain/4: sign" || edits[1].Test != "TestA" {
		t.Errorf("%+v, %v", edits, err)
	}
	for list, want := range map[string]string{
		`[{"name": "sign"}]`: `bad.json: edit 0, "sign", lacks a field`,
		`[{"nam": "sign"}]`:  `unknown field "nam"`,
		strings.Replace(good, `"package": "./a", `, "",
			1): `edit 0, "sign", needs a package and a test, or claims`,
		strings.Replace(good, `"test": "TestA"`, `"test": "TestA", "claims": ["a/b"]`,
			1): `edit 0, "sign", needs a package`,
		good[:len(good)-1] + "," + good[1:]: `two edits are called "bad/4: sign"`,
	} {
		if _, err := readLists(fstest.MapFS{"bad.json": {Data: []byte(list)}}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", list, err, want)
		}
	}
}

// Whoever changes a formula or renames a test has to keep its edits: each
// committed edit applies, and the test it names exists.
func TestCommittedListsApply(t *testing.T) {
	root, err := moduleRoot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	edits, err := readLists(lists)
	if err != nil || len(edits) == 0 {
		t.Fatalf("%d edits, %v", len(edits), err)
	}
	for _, e := range edits {
		if _, err := e.apply(root); err != nil {
			t.Errorf("%s: %v", e, err)
		}
		if len(e.Claims) > 0 {
			continue // that they exist takes a run of the experiments: TestCommittedEditsAreKilled
		}
		sources, err := filepath.Glob(filepath.Join(root, e.Package, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(sources, func(path string) bool {
			data, err := os.ReadFile(path)
			return err == nil && bytes.Contains(data, []byte("func "+e.Test+"(t *testing.T)"))
		}) {
			t.Errorf("%s: %s has no test %s", e, e.Package, e.Test)
		}
	}
}

// All committed edits are killed: every test and every claim they name can
// fail. It takes some minutes, so it runs when asked.
func TestCommittedEditsAreKilled(t *testing.T) {
	needs.Time(t, "every edit is compiled and run by itself")
	var table bytes.Buffer
	allKilled, err := mutate(t.Context(), "", runtime.GOMAXPROCS(0), &table, io.Discard)
	if err != nil || !allKilled {
		t.Errorf("all killed %v, %v:\n%s", allKilled, err, &table)
	}
	t.Log(&table)
}
