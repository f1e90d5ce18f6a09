package command

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"icar/internal/needs"
)

// blocks returns the blocks of a language in a page.
func blocks(t *testing.T, page, language string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	of := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$")
	for _, m := range of.FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	if len(all) == 0 {
		t.Fatalf("%s has no block of %s", page, language)
	}
	return all
}

// icarIn runs lines `icar ARGS` in a folder, each in a process of its own, and returns
// what they print.
func icarIn(t *testing.T, folder, lines string) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	for line := range strings.Lines(lines) {
		words := strings.Fields(line)
		if words[0] != "icar" {
			t.Fatalf("%q is no icar command", line)
		}
		var stderr bytes.Buffer
		c := exec.Command(binary, words[1:]...)
		c.Dir, c.Env = folder, append(os.Environ(), runAsCommand+"=1")
		c.Stdout, c.Stderr = &stdout, &stderr
		if err := c.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, stderr.String())
		}
	}
	return stdout.String()
}

// number is a number in what a command prints.
var number = regexp.MustCompile(`-?\d+(\.\d+)?`)

// printed reports whether one of the lines is the expected one: word by word, its
// numbers to 2 %, which is more than another order of rounding does to them and less
// than what tells the laws apart.
func printed(lines, want string) bool {
	shape := func(line string) string {
		return strings.Join(strings.Fields(number.ReplaceAllString(line, "#")), " ")
	}
	values := number.FindAllString(want, -1)
	for line := range strings.Lines(lines) {
		got := number.FindAllString(line, -1)
		same := shape(line) == shape(want) && len(got) == len(values)
		for i := 0; same && i < len(got); i++ {
			a, err := strconv.ParseFloat(got[i], 64)
			b, other := strconv.ParseFloat(values[i], 64)
			same = err == nil && other == nil && math.Abs(a-b) <= 0.02*math.Abs(b)
		}
		if same {
			return true
		}
	}
	return false
}

// The three laws of docs/own-data.md, which are not icar's: its Python is run, its
// commands after it, and they print its numbers.
func TestLawsOfTheDocument(t *testing.T) {
	t.Parallel()
	needs.Python(t, "numpy")
	const page = "../docs/own-data.md"
	python, shell, text := blocks(t, page, "python"), blocks(t, page, "sh"), blocks(t, page, "text")
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "laws.py"), []byte(python[0]), 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(needs.Interpreter, "laws.py")
	c.Dir = folder
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	expected := strings.Split(text[0], "\n\n")
	laws := []string{"tanh", "oscillators", "half"}
	if len(expected) != len(laws) {
		t.Fatalf("the page has the numbers of %d laws, want %d", len(expected), len(laws))
	}
	for i, law := range laws {
		out := icarIn(t, folder, strings.ReplaceAll(shell[0], "tanh", law))
		for want := range strings.Lines(expected[i]) {
			if !printed(out, want) {
				t.Errorf("%s: no line is %sprinted was\n%s", law, want, out)
			}
		}
	}
}

// What is compared is compared: a line of other words or numbers is another one.
func TestPrintedNumbers(t *testing.T) {
	const lines = "test MSE     0.0643342  232 sequences\n"
	for want, is := range map[string]bool{
		"test MSE  0.0643342  232 sequences": true, "test MSE 0.0645 232 sequences": true,
		"test MSE 0.0663 232 sequences": false, "test MSE 0.0643342 23 sequences": false,
		"zero 0.0643342": false, "test MSE 0.0643342": false,
	} {
		if printed(lines, want) != is {
			t.Errorf("%q printed: %v, want %v", want, !is, is)
		}
	}
}
