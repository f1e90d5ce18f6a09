package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// claimant is a module whose command has two claims that follow sum and one
// that does not, and writes them where icar reproduce does.
var claimant = map[string]string{
	"go.mod":     "module toy\n\ngo 1.26\n",
	"sum/sum.go": toy["sum/sum.go"],
	"cmd/icar/main.go": `package main

import (
	"fmt"
	"os"

	"toy/sum"
)

func main() {
	pass := sum.Sum([]float64{1, 2}) == 3
	out := os.Args[6] // reproduce --seed 3 --json --out OUT NAME
	claims := fmt.Sprintf(` + "`" + `[{"id": "toy/a", "pass": %v}, {"id": "toy/b/1", "pass": %v},
		{"id": "toy/always", "pass": true}]` + "`" + `, pass, pass)
	if err := os.WriteFile(out+"/claims.json", []byte(claims), 0o644); err != nil {
		fmt.Println(err)
		os.Exit(4)
	}
	if !pass {
		os.Exit(1)
	}
}
`,
}

func writeClaimant(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range claimant {
		content = strings.Replace(content, "func sum(", "func Sum(", 1)
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

// An edit is killed when all claims it names fail, and only then.
func TestClaimVerdicts(t *testing.T) {
	root := writeClaimant(t)
	temporary(t)
	with := func(replacement string, claims ...string) Edit {
		return Edit{Theory: "toy", Name: replacement, File: "sum/sum.go",
			Old: "s += v", New: replacement, Claims: claims}
	}
	for _, test := range []struct {
		edit Edit
		want string
	}{
		{with("s -= v", "toy/a"), "killed"},
		{with("s -= v", "toy/*", "toy/b/*"), "SURVIVED"}, // toy/always
		{with("s -= v", "toy/a", "toy/b/*"), "killed"},
		{with("s += v + 0", "toy/a"), "SURVIVED"},
		{with("s += x[len(x)+int(v)]", "toy/a"), "invalid: icar reproduce toy does not end: exit " +
			"status 2"},
		{with(`s += v + "v"`, "toy/a"), "invalid: ./cmd/icar does not compile: sum.go:7:"},
	} {
		verdicts, err := judgeAll(context.Background(), root, []Edit{test.edit}, 1, io.Discard)
		if err != nil || !strings.HasPrefix(verdicts[0], test.want) {
			t.Errorf("%s %v: %v, %v, want %s", test.edit, test.edit.Claims, verdicts, err, test.want)
		}
	}
	for claims, want := range map[string]string{
		"toy/c": `no claim matches "toy/c"`,
		"toy/[": `the pattern "toy/["`,
	} {
		edits := []Edit{with("s -= v", claims)}
		if _, err := judgeAll(context.Background(), root, edits, 1, io.Discard); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", claims, err, want)
		}
	}
}
