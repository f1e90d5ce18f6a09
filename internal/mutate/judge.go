package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// testTimeout ends a test that an edit keeps from ending by itself.
	testTimeout = 2 * time.Minute
	// grace is how long an interrupted process has to clean up.
	grace = 5 * time.Second
)

// judge runs tests on copies of a module.
type judge struct {
	temp   string // for all that is made on the way
	module string // the snapshot that the copies are made of
	// folders free for a copy: as few as can be, for the go command compiles each package anew for
	// each
	roots chan string
}

// newJudge prepares as many copies at a time as there are workers.
func newJudge(temp string, workers int) judge {
	j := judge{temp, filepath.Join(temp, "module"), make(chan string, workers)}
	for i := range workers {
		j.roots <- filepath.Join(temp, fmt.Sprintf("copy%d", i))
	}
	return j
}

// inCopy calls f in a fresh copy of the module.
func (j judge) inCopy(f func(root string) error) (err error) {
	root := <-j.roots
	defer func() {
		err = errors.Join(err, os.RemoveAll(root))
		j.roots <- root
	}()
	if err := os.CopyFS(root, os.DirFS(j.module)); err != nil {
		return err
	}
	return f(root)
}

// killed reports whether the edit makes its test or its claims fail. The error
// is errInvalid when the edit cannot be applied or does not compile.
func (j judge) killed(ctx context.Context, e Edit) (killed bool, err error) {
	content, err := e.apply(j.module)
	if err != nil {
		return false, err
	}
	err = j.inCopy(func(root string) error {
		if err := os.WriteFile(e.source(root), content, 0o644); err != nil {
			return err
		}
		if len(e.Claims) > 0 {
			killed, err = j.claimsFail(ctx, root, e)
			return err
		}
		if err := j.compile(ctx, root, e.Package); err != nil {
			return err
		}
		passed, err := j.run(ctx, root, e.Package, e.Test)
		killed = !passed
		return err
	})
	return killed, err
}

// unedited demands that every named test passes and that every named claim
// holds on a copy without an edit.
func (j judge) unedited(ctx context.Context, edits []Edit) error {
	byPackage := slices.SortedFunc(slices.Values(edits), func(a, b Edit) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Test, b.Test))
	})
	return j.inCopy(func(root string) error {
		var last Edit
		for _, e := range byPackage {
			if len(e.Claims) > 0 {
				continue
			}
			if e.Package == last.Package && e.Test == last.Test {
				continue
			}
			if e.Package != last.Package {
				if err := j.compile(ctx, root, e.Package); err != nil {
					return err
				}
			}
			last = e
			if passed, err := j.run(ctx, root, e.Package, e.Test); err != nil {
				return err
			} else if !passed {
				return fmt.Errorf("%s in %s fails as it is: make it pass first", e.Test, e.Package)
			}
		}
		return j.claimsHold(ctx, root, edits)
	})
}

// binary is the name of the compiled tests of one package, in the copy's root.
const binary = "icar-mutate.test"

// compile builds the tests of a package in a copy; without symbols the linker
// is done sooner.
func (j judge) compile(ctx context.Context, root, pkg string) error {
	output, err := j.command(ctx, root, "go", "test", "-c", "-ldflags=-s -w", "-o", binary, pkg)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%w: %s does not compile: %s", errInvalid, pkg, oneLine(output))
	}
	return err
}

// run reports whether a compiled test passes. It is an error if it does not run.
func (j judge) run(ctx context.Context, root, pkg, test string) (passed bool, err error) {
	output, err := j.command(ctx, filepath.Join(root, filepath.FromSlash(pkg)),
		filepath.Join(root, binary),
		"-test.run=^"+test+"$", "-test.v", "-test.count=1", "-test.timeout="+testTimeout.String())
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return false, err
	}
	if !strings.Contains(string(output), "=== RUN   "+test+"\n") {
		return false, fmt.Errorf("%w: %s has no test %s", errInvalid, pkg, test)
	}
	return err == nil && strings.Contains(string(output), "--- PASS: "+test+" "), nil
}

// command runs a program in a folder until it ends or the context does.
func (j judge) command(ctx context.Context, dir, name string, arguments ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, name, arguments...)
	c.Dir = dir
	c.Env = append(os.Environ(),
		"TMPDIR="+j.temp, // what a killed process leaves goes with the rest
		"ICAR_PATIENT=1") // a test that is skipped notices nothing
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = grace
	output, err := c.CombinedOutput()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return output, err
}

// oneLine is the first complaint of the compiler, FILE:LINE:COLUMN: MESSAGE.
func oneLine(output []byte) string {
	for line := range strings.Lines(string(output)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			place, message, _ := strings.Cut(line, ": ")
			return filepath.Base(place) + ": " + message
		}
	}
	return "without a message"
}
