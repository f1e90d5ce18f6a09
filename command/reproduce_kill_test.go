//go:build unix

package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"icar/internal/needs"
)

// child returns icar as a process of its own, with its error output in stderr.
func child(ctx context.Context, stderr io.Writer, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0], args...)
	c.Env = append(os.Environ(), runAsCommand+"=1")
	c.Stderr = stderr
	return c
}

// until waits until something is so, and fails the test if that takes minutes.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for start := time.Now(); !so(); time.Sleep(time.Millisecond) {
		if time.Since(start) > 2*time.Minute {
			t.Fatalf("waited for %s", what)
		}
	}
}

// exists reports whether a file or folder matches the pattern.
func exists(t *testing.T, pattern string) bool {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return len(found) > 0
}

// TestReproduceKilledTwice kills reproduce at the paper's scale once while
// trials train and once when results are kept, and compares the claims and the
// figures with those of one go.
func TestReproduceKilledTwice(t *testing.T) {
	needs.Patience(t, "fig5 is reproduced twice")
	t.Parallel()
	folder := t.TempDir()
	args := func(out string) []string {
		return []string{"reproduce", "fig5", "--scale", "paper", "--out",
			filepath.Join(folder, out),
			"--set", "train=128", "--set", "batch=32", "--set", "test=64", "--set", "length=16",
			"--set", "epochs=20", "--set", "warmup=0"}
	}
	var stderr bytes.Buffer
	whole := child(t.Context(), &stderr, args("whole")...)
	// claims are of other sizes
	if err := whole.Run(); err != nil && whole.ProcessState.ExitCode() != exitClaimFailed {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	for _, sign := range []string{"fig5-*/metrics.jsonl", "fig5-*.json"} {
		killed := child(t.Context(), &stderr, args("killed")...)
		if err := killed.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, sign, func() bool {
			return exists(t, filepath.Join(folder, "killed", "trials", "*", sign))
		})
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
		if err := killed.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if killed.Wait() == nil || exists(t, filepath.Join(folder, "killed", "claims.json")) {
			t.Fatal("it was complete before it was killed: make it longer")
		}
	}
	stderr.Reset()
	last := child(t.Context(), &stderr, args("killed")...)
	if err := last.Run(); err != nil && last.ProcessState.ExitCode() != exitClaimFailed {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	timings, err := os.ReadFile(filepath.Join(folder, "killed", "fig5", "timings.json"))
	if err != nil || bytes.Contains(timings, []byte(`"kept": 0`)) {
		t.Errorf("no result was kept: %s (%v)", timings, err)
	}
	for _, name := range []string{"claims.json", "fig5/result.json", "fig5/figure.svg"} {
		want, err := os.ReadFile(filepath.Join(folder, "whole", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(folder, "killed", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not that of one go (%v)", name, err)
		}
	}
	if exists(t, filepath.Join(folder, "killed", "trials")) {
		t.Error("what was kept is left")
	}
}

// TestReproduceBySweep hands trials to workers, kills the one that trains and
// starts another: the claims are those of one process, and the second goes on
// from the first's checkpoint. Postgres is stopped for a moment besides.
func TestReproduceBySweep(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	args := func(out string) []string {
		return []string{"reproduce", "fig5", "--scale", "paper", "--out",
			filepath.Join(folder, out), "--set", "train=256", "--set", "batch=64",
			"--set", "test=64", "--set", "length=20", "--set", "epochs=25", "--set", "seed=0",
			"--set", "warmup=0", "--set", "checkpoint_every=5"}
	}
	ended := func(c *exec.Cmd, stderr *bytes.Buffer) {
		t.Helper()
		// claims are of other sizes
		if err := c.Wait(); err != nil && c.ProcessState.ExitCode() != exitClaimFailed {
			t.Fatalf("%v: %s", err, stderr.String())
		}
	}
	var stderr bytes.Buffer
	whole := child(t.Context(), &stderr, args("whole")...)
	if err := whole.Start(); err != nil {
		t.Fatal(err)
	}
	ended(whole, &stderr)
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			env, server := database(t, kind)
			files := filepath.Join(t.TempDir(), "files")
			said, err := os.Create(filepath.Join(t.TempDir(), "said"))
			if err != nil {
				t.Fatal(err)
			}
			defer said.Close()
			var waiting bytes.Buffer
			waits := child(t.Context(), &waiting,
				append(args(kind), "--sweep", "--workers", "0")...)
			waits.Env, waits.Stderr = append(waits.Env, env...), said
			if err := waits.Start(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, said.Name()) // until the trials are in the database
			work := []string{"--files", files, "--lease", "1s", "--heartbeat", "200ms"}
			killed := startWorker(t.Context(), t, env, work)
			waitForSteps(t, filepath.Join(files, "*", "*", "*", "1", "metrics.jsonl"),
				12) // checkpoints of steps 5 and 10 are made, whichever is being replaced
			if err := killed.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-killed.exit
			if server != nil {
				if err := server.Down(syscall.SIGINT); err != nil {
					t.Fatal(err)
				}
				time.Sleep(1500 * time.Millisecond) // the command asks twice a second
				if err := server.Up(); err != nil {
					t.Fatal(err)
				}
			}
			second := startWorker(t.Context(), t, env, work)
			if err := <-second.exit; err != nil {
				t.Fatal(err, second.stderr.String())
			}
			ended(waits, &waiting)
			from := regexp.MustCompile(`msg=running .*epoch=2 .*from=[1-9]`)
			if !from.MatchString(second.stderr.String()) {
				t.Errorf("no trial went on from a checkpoint: %s", second.stderr.String())
			}
			for _, name := range []string{"claims.json", "fig5/result.json", "fig5/figure.svg"} {
				want, err := os.ReadFile(filepath.Join(folder, "whole", name))
				if err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(filepath.Join(folder, kind, name))
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s is not that of one process (%v)", name, err)
				}
			}
			if exists(t, filepath.Join(files, "*", "*", "*")) {
				t.Error("files of trials are left")
			}
		})
	}
}

// waitForSteps waits until a run, whose metrics match the pattern, has made so
// many steps.
func waitForSteps(t *testing.T, pattern string, steps int) {
	t.Helper()
	until(t, fmt.Sprintf("%d steps of a run at %s", steps, pattern), func() bool {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(found, func(path string) bool {
			data, err := os.ReadFile(path)
			return err == nil && bytes.Count(data, []byte("\n")) >= steps
		})
	})
}
