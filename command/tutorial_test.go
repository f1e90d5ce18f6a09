package command

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"icar/internal/needs"
)

// shell runs lines in a folder with an icar and a python3 on the PATH that are this
// program and the system's Python with the package of this repository. It returns what
// they print.
func shell(t *testing.T, folder, lines string) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pack, err := filepath.Abs("../python")
	if err != nil {
		t.Fatal(err)
	}
	programs := t.TempDir()
	icar := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' \"$@\"\n", runAsCommand, binary)
	if err := errors.Join(os.WriteFile(filepath.Join(programs, "icar"), []byte(icar), 0o755),
		os.Symlink(needs.Interpreter, filepath.Join(programs, "python3"))); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "/bin/sh", "-ec", lines)
	c.Dir = folder
	c.Env = append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"),
		"ICAR="+filepath.Join(programs, "icar"), "PYTHONPATH="+pack, "PYTHONDONTWRITEBYTECODE=1",
		"OMP_NUM_THREADS=1")
	var stdout, stderr strings.Builder
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", lines, err, stderr.String())
	}
	return stdout.String()
}

// TestTutorial does what docs/tutorial.md says: its files, its commands after them, and
// they print its numbers. The program is built already.
func TestTutorial(t *testing.T) {
	t.Parallel()
	needs.Patience(t, "it trains with PyTorch for ten seconds")
	needs.Python(t, "numpy", "torch")
	const page = "../docs/tutorial.md"
	files, commands, printout := blocks(t, page, "python"), blocks(t, page, "sh"),
		blocks(t, page, "text")
	names := []string{"model.py", "ask.py", "program.py"}
	if len(files) != len(names) || len(commands) != 2 || len(printout) != 2 {
		t.Fatalf("%d files, %d commands, %d printouts", len(files), len(commands), len(printout))
	}
	folder := t.TempDir()
	for i, name := range names {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(files[i]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i, command := range commands {
		out := shell(t, folder, command)
		for want := range strings.Lines(printout[i]) {
			if !printed(out, want) {
				t.Errorf("no line of %sis %sprinted was\n%s", command, want, out)
			}
		}
	}
	for _, report := range []string{"found", "asked"} {
		if _, err := os.Stat(filepath.Join(folder, report, "report.html")); err != nil {
			t.Error(err)
		}
	}
}
