package command

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"icar/internal/needs"
)

// ran is how Python's unittest ends: so many tests, of which some may be skipped.
var ran = regexp.MustCompile(`(?m)^Ran (\d+) tests? in .*\n\nOK(?: \((.*)\))?$`)

// The tests of the package in python/ call this program. What PyTorch and pandas are
// needed for they skip by name where these are missing, and fail on CI.
func TestPythonPackage(t *testing.T) {
	t.Parallel()
	needs.Python(t, "numpy")
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, needs.Interpreter, "-B", "-m", "unittest", "discover", "-t", ".",
		"-s", "tests")
	c.Dir = "../python"
	c.Env = append(os.Environ(), "ICAR="+binary, runAsCommand+"=1",
		"PYTHONPATH=.", "OMP_NUM_THREADS=1")
	c.WaitDelay = time.Second
	out, err := c.CombinedOutput()
	m := ran.FindSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n, err := strconv.Atoi(string(m[1])); err != nil || n < 35 {
		t.Errorf("%s tests were run, there are 40", m[1])
	}
	t.Logf("%s tests, %s", m[1], m[2])
}
