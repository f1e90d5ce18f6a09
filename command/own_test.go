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

// buildOwn vets, tests and builds the module and returns its binary.
func buildOwn(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "icar")
	for _, args := range [][]string{{"vet", "."}, {"test", "."}, {"build", "-o", binary, "."}} {
		c := exec.CommandContext(t.Context(), "go", args...)
		c.Dir, c.Env = own, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("go %v in %s, where go mod tidy follows a change of go.mod: %v\n%s", args, own,
				err, out)
		}
	}
	return binary
}

// A binary of a user's own has the subcommands, with what the user brought.
func TestOwnBinary(t *testing.T) {
	t.Parallel()
	binary, dir := buildOwn(t), t.TempDir()
	plan := "base: {law: reflection, length: 6, train: 64, batch: 32, test: 32, epochs: 2}\n" +
		"grid: {d: [2, 3], mixer: [full, retention]}\n"
	if err := os.WriteFile(filepath.Join(dir, "plan.yaml"), []byte(plan), 0o644); err != nil {
		t.Fatal(err)
	}
	learn := strings.Fields("train --law reflection --mixer retention --length 8 --train 512 " +
		"--batch 64 --test 64 --epochs 4 --out r")
	for _, step := range []struct {
		want string // a regular expression
		args []string
	}{
		{`^EXPERIMENT .*\nreflections +ours .*\n$`, []string{"list"}},
		{`(?m)^4 of 4 claims hold: 4 of 4 of our own; quick scale, seed 0\.$`,
			[]string{"reproduce", "--out", "out"}},
		{`(?m)^2 of 2 claims hold: .* with d = 3\.$`,
			[]string{"reproduce", "reflections", "--set", "d=3", "--out", "out"}},
		{`^out.report\.html\n$`, []string{"report", "out"}},
		{`(?m)^ +--law word +law of the sequences: process, .* or reflection `,
			[]string{"train", "--help"}},
		{`(?m)^test MSE +0\.\d+ +64 sequences\n  best .*\n  zero +\S+\n  copy last +\S+\ndirectory`,
			learn},
		{`(?m)^test MSE .*\n  best .*\n  zero .*\n  copy last .*\ndirectory`,
			[]string{"train", "--resume", "r", "--d", "4"}},
		{`(?m)^r +complete .* law=reflection mixer=retention length=8 batch=64 train=512`,
			[]string{"runs", "list", "."}},
		{`(?m)^law +reflection\nd +4\ntokens`, []string{"runs", "show", "r"}},
		{`(?m)^Γ beside W\n`, []string{"probe", "r"}},
		{`^[0-9a-f]{12}\n$`, []string{"sweep", "create", "plan.yaml"}},
		{`^4 trials done`, []string{"sweep", "work"}},
		{`^trial,law,d,.*,mixer,.*\n\w+,reflection,2,.*,full,.*\n\w+,reflection,2,.*,retention,.*\n\w+,reflection,3,`, []string{"sweep", "results"}},
	} {
		c := exec.CommandContext(t.Context(), binary, step.args...)
		c.Dir = dir
		var stderr strings.Builder
		c.Stderr = &stderr
		out, err := c.Output()
		if err != nil || !regexp.MustCompile(step.want).Match(out) {
			t.Errorf("%v: %v, printed %s%s, want %s", step.args, err, out, stderr.String(),
				step.want)
		}
	}
	for want, args := range map[string][]string{
		`unknown mixer "retension": did you mean retention?`: {"train", "--mixer", "retension"},
		"a retention has no attention softmax": {"train", "--mixer", "retention",
			"--attention", "softmax"},
		`unknown law "reflex": did you mean reflection?`: {"train", "--law", "reflex"},
		"mu is a setting of law process: choose that": {"train", "--law", "reflection",
			"--mu", "3"},
		"d = 1: there is no hyperplane to reflect in": {"train", "--law", "reflection",
			"--d", "1"},
		"r has no setting mu, since its law is reflection": {"train", "--resume", "r", "--mu",
			"3"},
		`there is no experiment "reflection": did you mean re`: {"reproduce", "reflection"},
	} {
		c := exec.CommandContext(t.Context(), binary, args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v, says %s, want %s", args, err, out, want)
		}
	}
	for _, name := range []string{"figure.svg", "data/figure.csv"} {
		if info, err := os.Stat(filepath.Join(dir, "out", "reflections", name)); err != nil ||
			info.Size() == 0 {
			t.Errorf("the experiment has no %s: %v", name, err)
		}
	}
	for path, want := range map[string]string{
		"api/claims": `"reflections/third/d3"`,
		"api/runs":   `"path":"r","state":"complete"`,
	} {
		c := exec.CommandContext(t.Context(), binary, "serve", "--out", "out", "--runs", ".")
		c.Dir = dir
		if shown := visit(t, c, path); !strings.Contains(shown, want) {
			t.Errorf("%s of the explorer is %s, want %s", path, shown, want)
		}
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
