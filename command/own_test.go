package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// own is the folder of a module of a user's own.
var own = filepath.Join("..", "examples", "own")

// buildOwn builds and vets the module and returns its binary.
func buildOwn(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "icar")
	for _, args := range [][]string{{"vet", "."}, {"build", "-o", binary, "."}} {
		c := exec.CommandContext(t.Context(), "go", args...)
		c.Dir, c.Env = own, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("go %v in %s, where go mod tidy follows a change of go.mod: %v\n%s", args, own, err, out)
		}
	}
	return binary
}

// A binary of a user's own has the subcommands, with what the user brought.
func TestOwnBinary(t *testing.T) {
	t.Parallel()
	binary, dir := buildOwn(t), t.TempDir()
	for _, step := range []struct {
		want string // a regular expression
		args []string
	}{
		{`^EXPERIMENT .*\nreflections +ours .*\n$`, []string{"list"}},
		{`(?m)^4 of 4 claims hold: 4 of 4 of our own; quick scale, seed 0\.$`, []string{"reproduce", "--out", "out"}},
		{`(?m)^2 of 2 claims hold: .* with d = 3\.$`, []string{"reproduce", "reflections", "--set", "d=3", "--out", "out"}},
		{`^out.report\.html\n$`, []string{"report", "out"}},
	} {
		c := exec.CommandContext(t.Context(), binary, step.args...)
		c.Dir = dir
		var stderr strings.Builder
		c.Stderr = &stderr
		out, err := c.Output()
		if err != nil || !regexp.MustCompile(step.want).Match(out) {
			t.Errorf("%v: %v, printed %s%s, want %s", step.args, err, out, stderr.String(), step.want)
		}
	}
	for _, name := range []string{"figure.svg", "data/figure.csv"} {
		if info, err := os.Stat(filepath.Join(dir, "out", "reflections", name)); err != nil || info.Size() == 0 {
			t.Errorf("the experiment has no %s: %v", name, err)
		}
	}
	serve := exec.CommandContext(t.Context(), binary, "serve", "--out", "out")
	serve.Dir = dir
	if claims := visit(t, serve, "api/claims"); !strings.Contains(claims, `"reflections/third/d3"`) {
		t.Errorf("the explorer does not show the claims: %s", claims)
	}
}

// What docs/own.md quotes is in the module, letter by letter.
func TestOwnIsQuoted(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "own.md"))
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	files, err := filepath.Glob(filepath.Join(own, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(data)
	}
	quotes := 0
	for i, block := range strings.Split(string(page), "\n```") {
		language, quoted, _ := strings.Cut(block, "\n")
		if i%2 == 0 || language == "" {
			continue
		}
		// A line of dots stands for lines that are left out.
		for part := range strings.SplitSeq(quoted, "\n…\n") {
			if quotes++; !strings.Contains(code.String(), part) {
				t.Errorf("this is not in %s:\n%s", own, part)
			}
		}
	}
	if quotes < 3 {
		t.Errorf("docs/own.md quotes %d pieces of code, there are more", quotes)
	}
}
