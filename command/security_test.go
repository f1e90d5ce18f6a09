package command

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every promise of docs/security.md names tests, and they are there.
func TestPromisesAreHeld(t *testing.T) {
	page, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	promises, broken := checkPromises(string(page), "..")
	for _, b := range broken {
		t.Error(b)
	}
	if promises < 20 {
		t.Errorf("%d promises were found, there are more", promises)
	}
}

// A promise without a test, or of one that is not there, is told; what is not
// promised needs none.
func TestBrokenPromises(t *testing.T) {
	page := strings.Join([]string{
		"- before: no promise", "## What is promised", "### Against files",
		"- held, over\n  two lines. `run.TestRead`", "- bare", "- `run.TestOfNobody` is gone",
		"- `nowhere.TestRead`", "- in code. `command.TestPromisesAreHeld` `run.FuzzNothing`",
		"", "## What is not promised", "- peace",
	}, "\n")
	promises, broken := checkPromises(page, "..")
	want := []string{
		`"bare" names no test`, "run.TestOfNobody is not there", "nowhere.TestRead is not there",
		"run.FuzzNothing is not there",
	}
	if promises != 5 || !slices.Equal(broken, want) {
		t.Errorf("%d promises, %q, want %q", promises, broken, want)
	}
}

// promised finds the names of tests: the folder of a package and a function.
var promised = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")

// checkPromises returns how many promises a page makes, the items of its section
// "What is promised", and what is wrong with them.
func checkPromises(page, root string) (promises int, broken []string) {
	_, page, _ = strings.Cut(page, "## What is promised\n")
	page, _, _ = strings.Cut(page, "\n## ")
	for item := range strings.SplitSeq("\n"+page, "\n- ") {
		if item = strings.TrimSpace(item); strings.HasPrefix(item, "#") || item == "" {
			continue // what stands before the first item
		}
		item, _, _ = strings.Cut(item, "\n\n") // a heading and its words may follow
		promises++
		all := promised.FindAllStringSubmatch(item, -1)
		if len(all) == 0 {
			broken = append(broken, fmt.Sprintf("%.40q names no test", item))
		}
		for _, m := range all {
			if !hasTest(filepath.Join(root, filepath.FromSlash(m[1])), m[2]) {
				broken = append(broken, m[1]+"."+m[2]+" is not there")
			}
		}
	}
	return promises, broken
}

// hasTest reports whether a test file of a folder has a function.
func hasTest(folder, name string) bool {
	files, _ := filepath.Glob(filepath.Join(folder, "*_test.go")) // the pattern is right
	declared := regexp.MustCompile(`(?m)^func ` + name + `\(`)
	return slices.ContainsFunc(files, func(f string) bool {
		code, err := os.ReadFile(f)
		return err == nil && declared.Match(code)
	})
}
