// Package needs says what a test needs that a machine may lack: programs, modules of
// Python, rights, time. On a laptop a test without it skips by name. Where the
// environment has CI=true nothing is skipped for want of something: that is a failure.
package needs

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Interpreter is the system's Python, where a distribution's torch lives.
const Interpreter = "/usr/bin/python3"

// Missing ends a test that lacks something. The text says what, and how to get it.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Programs ends a test unless there are all these programs. They come with install.
func Programs(t testing.TB, install string, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			Missing(t, "there is no "+name+": install "+install)
		}
	}
}

// Axe is the script of axe-core, which finds what keeps people out of a page; it ends a test
// that has none. ICAR_AXE names it.
func Axe(t testing.TB) string {
	t.Helper()
	path := os.Getenv("ICAR_AXE")
	if path == "" {
		Missing(t, "ICAR_AXE does not name axe.min.js, which .ci/run gets from npm")
	}
	script, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// Python ends a test unless the system's Python has all these modules.
func Python(t testing.TB, modules ...string) {
	t.Helper()
	const lacks = "import sys, importlib.util as i; " +
		"print(*[m for m in sys.argv[1:] if not i.find_spec(m)])"
	out, err := exec.Command(Interpreter, append([]string{"-c", lacks}, modules...)...).Output()
	if err != nil {
		Missing(t, Interpreter+" does not run: install Debian's python3")
	}
	if missing := strings.Fields(string(out)); len(missing) > 0 {
		Missing(t, "Python lacks "+strings.Join(missing, ", ")+": apt-get install python3-"+
			strings.Join(missing, " python3-"))
	}
}

// Patience ends a test that takes seconds, so that all tests together take few minutes on
// a laptop. It runs under CI=true, with ICAR_SLOW=1, and with ICAR_PATIENT=1, which
// leaves other tests as short as they are.
func Patience(t testing.TB, why string) {
	t.Helper()
	for _, asked := range []string{"CI=true", "ICAR_SLOW=1", "ICAR_PATIENT=1"} {
		if name, value, _ := strings.Cut(asked, "="); os.Getenv(name) == value {
			return
		}
	}
	t.Skip(why + ": ICAR_PATIENT=1 runs it")
}

// Time ends a test that takes long, unless it was asked for with ICAR_SLOW=1. It skips
// under CI too: .ci/run asks for those that it has the time for.
func Time(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("ICAR_SLOW") != "1" {
		t.Skip(why + ": ICAR_SLOW=1 runs it")
	}
}
