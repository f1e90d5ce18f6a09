package icar_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// house lists the packages from the ground up: each imports only what stands above
// it in this list, so data flow one way. A new package has to be given its place.
var house = strings.Fields(`
	internal/budget internal/visible internal/suggest internal/strict internal/npy
	internal/needs internal/browser internal/hostile internal/pgtest internal/mutate internal/quote
	setting figure outcome
	ar ar/lawtest theory estimator
	nn/safetensors nn/kernel/constant nn/kernel nn/kernel/gen nn/kernel/gen/neon
	nn nn/mixertest nn/backendtest
	nn/cuda/device nn/cuda/ptx nn/cuda/emulator nn/cuda nn/cuda/devicetest
	nn/cuda/foreign nn/cuda/driver nn/cuda/card
	text text/moby
	run internal/notice sequence train probe protocol
	sweep sweep/cluster
	experiment report
	papers/sander2024
	bench bench/cardcheck web web/wasm web/site command cmd/icar
`)

// away are packages and modules that the named packages, and whatever they import,
// do without: who draws a line links no experiment, who trains no database.
var away = map[string][]string{
	"report": {"icar/experiment", "icar/papers", "icar/nn/kernel", "icar/text", "icar/train"},
	"experiment": {"icar/papers", "icar/text", "icar/theory", "icar/probe", "icar/report",
		"modernc.org/sqlite", "github.com/jackc/pgx", "gonum.org/v1/plot"},
	"probe":  {"icar/experiment", "icar/report", "gonum.org/v1/plot", "modernc.org/sqlite"},
	"train":  {"icar/probe", "icar/estimator", "icar/theory", "modernc.org/sqlite"},
	"figure": {"icar"},
	"web":    {"icar/experiment", "icar/papers", "icar/text", "icar/sweep"},
	// A visitor of the site loads it.
	"web/wasm": {"net/http", "crypto/tls", "icar/report", "gonum.org/v1/plot", "archive/zip",
		"github.com/goccy/go-yaml", "log/slog", "text/template", "html/template"},
	// What only tests need is in no program.
	"cmd/icar": {"testing", "icar/internal/browser", "icar/internal/needs", "icar/internal/pgtest"},
}

func TestNoArrowRunsUp(t *testing.T) {
	for line := range strings.Lines(list(t, `{{.ImportPath}} {{join .Imports " "}}`, "./...")) {
		words := strings.Fields(line)
		path, inside := strings.CutPrefix(words[0], "icar/")
		if !inside {
			continue // the licences
		}
		place := slices.Index(house, path)
		if place < 0 {
			t.Errorf("%s has no place in the house", path)
			continue
		}
		for _, imported := range words[1:] {
			if name, ours := strings.CutPrefix(imported, "icar/"); ours &&
				slices.Index(house, name) > place {
				t.Errorf("%s imports %s, which stands below it", path, name)
			}
		}
	}
}

func TestWhatIsNotLinked(t *testing.T) {
	for path, kept := range away {
		t.Run(path, func(t *testing.T) {
			if path == "web/wasm" { // there is nothing of it but for a browser
				t.Setenv("GOOS", "js")
				t.Setenv("GOARCH", "wasm")
			}
			for dep := range strings.Lines(list(t, "{{.ImportPath}}", "-deps", "./"+path)) {
				dep = strings.TrimSpace(dep)
				for _, out := range kept {
					if strings.HasPrefix(dep+"/", out+"/") && dep != "icar/"+path {
						t.Errorf("%s links %s", path, dep)
					}
				}
			}
		})
	}
}

// The README's Go is an example that is run, line by line.
func TestREADMEQuotesAnExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("theory/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(readme), "```go\n")
	block, _, closed := strings.Cut(block, "```")
	if !found || !closed || strings.Contains(string(readme)[strings.Index(string(readme), block):],
		"```go\n") {
		t.Fatal("the README has not one block of Go")
	}
	for line := range strings.Lines(block) {
		if !strings.Contains(string(example), "\t"+line) {
			t.Errorf("theory/example_test.go lacks the line %s", line)
		}
	}
}

func list(t *testing.T, format string, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-f", format}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
