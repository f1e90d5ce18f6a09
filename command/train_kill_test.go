//go:build unix

package command

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"icar/nn/kernel"
	"icar/run"
)

// killing is a run to be killed: steps that take little time and a checkpoint of
// a megabyte after each, so that the disk is at work for much of it.
func killing(seconds int) []string {
	return []string{"train", "--d", "2", "--embed", "60", "--depth", "6", "--length", "2",
		"--batch", "2", "--train", "2", "--test", "2",
		"--epochs", strconv.Itoa(stepsPerSecond * seconds), "--eval_every", "50",
		"--checkpoint_every", "1"}
}

// stepsPerSecond is fewer than a slow machine makes with its checkpoints.
const stepsPerSecond = 80

// files returns the content of a run's files but timings.jsonl.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		if e.Name() == "timings.jsonl" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(data)
	}
	return all
}

// halfWritten reports whether a checkpoint was being written when its process
// was killed: its temporary file is there, or only the one before it.
func halfWritten(t *testing.T, dir string) bool {
	t.Helper()
	return exists(t, filepath.Join(dir, ".checkpoint.safetensors.*")) ||
		exists(t, filepath.Join(dir, "checkpoint.previous.safetensors")) &&
			!exists(t, filepath.Join(dir, "checkpoint.safetensors"))
}

// TestKilledAtAnyMoment kills training with SIGKILL at random moments and
// resumes it until it is through: every file but the timings is that of a run
// in one go. With ICAR_SLOW=1 there are 50 kills in runs of at least 5 s and 20
// checkpoints, otherwise 6 in a run of a second.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	wanted, seconds, writing := 6, 1, 0
	if os.Getenv("ICAR_SLOW") == "1" {
		wanted, seconds, writing = 50, 12, 5
	}
	folder := t.TempDir()
	whole := filepath.Join(folder, "whole")
	var stderr bytes.Buffer
	start := time.Now()
	if err := child(t.Context(), &stderr, append(killing(seconds), "--out",
		whole)...).Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	took := time.Since(start)
	if steps := stepsPerSecond * seconds; steps < 20 && writing > 0 ||
		took < 5*time.Second && writing > 0 {
		t.Fatalf("a run of %d steps took %v: make it longer", steps, took)
	}
	want := files(t, whole)
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	kills, within, resumed, runs := 0, 0, 0, 0
	for ; kills < wanted; runs++ {
		dir := filepath.Join(folder, strconv.Itoa(runs))
		args := append(killing(seconds), "--out", dir)
		for {
			stderr.Reset()
			c := child(t.Context(), &stderr, args...)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(time.Duration(r.Int64N(int64(took))),
				func() { _ = c.Process.Kill() })
			err := c.Wait()
			timer.Stop()
			if err == nil {
				break
			}
			if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
				t.Fatalf("seed %d, after %d kills: %v: %s", seed, kills, err, stderr.String())
			}
			kills++
			if halfWritten(t, dir) {
				within++
			}
			if exists(t, filepath.Join(dir, "config.yaml")) {
				args = []string{"train", "--resume", dir}
				resumed++
			} else if err := os.RemoveAll(dir); err != nil { // killed before there was a run
				t.Fatal(err)
			}
		}
		got := files(t, dir)
		if len(got) != len(want) {
			t.Errorf("seed %d, run %d: %d files, want %d", seed, runs, len(got), len(want))
		}
		for name, content := range want {
			if got[name] != content {
				t.Errorf("seed %d, run %d, after %d kills: %s is not that of one go", seed, runs,
					kills, name)
			}
		}
	}
	t.Logf("%d kills in %d runs of %v, %d resumed, %d kills while a checkpoint was written", kills,
		runs, took.Round(time.Second/10), resumed, within)
	if within < writing {
		t.Errorf("%d kills hit the writing of a checkpoint, want %d", within, writing)
	}
}

// arithmetic is that of the machine's default kernel, on which children run.
func arithmetic(t *testing.T) string {
	t.Helper()
	k, err := kernel.Choose(os.Getenv(kernelVariable))
	if err != nil {
		t.Fatal(err)
	}
	return k.Arithmetic()
}

// waitFor waits until a file has content.
func waitFor(t *testing.T, path string) {
	t.Helper()
	until(t, "content of "+path, func() bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() > 0
	})
}

// A first signal of either kind saves a checkpoint of the step made last; the
// run goes on from there.
func TestSignalSaves(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		dir := filepath.Join(t.TempDir(), "run")
		var stderr bytes.Buffer
		c := child(t.Context(), &stderr, append(killing(1000), "--checkpoint_every", "0", "--out",
			dir)...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, filepath.Join(dir, "metrics.jsonl"))
		if err := c.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		if code := c.ProcessState.ExitCode(); code != exitInterrupted ||
			!strings.Contains(stderr.String(), "go on with icar train --resume "+dir) {
			t.Errorf("%v: exit code %d, want %d: %s", signal, code, exitInterrupted,
				stderr.String())
		}
		d, saved, err := run.Open(dir, arithmetic(t), false)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(files(t, dir)["metrics.jsonl"], "\n")
		if saved.Checkpoint.Step == 0 || saved.Checkpoint.Step != lines {
			t.Errorf("%v: the checkpoint is of step %d, %d were recorded", signal,
				saved.Checkpoint.Step, lines)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A second signal ends the process at once, though the first waits for a step
// that takes minutes. A first signal before that step ends the run in order:
// then the next try waits longer.
func TestSecondSignalAborts(t *testing.T) {
	t.Parallel()
	for wait := 200 * time.Millisecond; wait < 30*time.Second; wait *= 2 {
		status := signalledTwice(t, wait)
		switch {
		case status.Signaled() && status.Signal() == syscall.SIGINT:
			return
		case status.ExitStatus() != exitInterrupted:
			t.Fatalf("ended with %v, want to be ended by the second signal", status)
		}
	}
	t.Error("no run was in its first step when the first signal came")
}

// signalledTwice starts a run of long steps, interrupts it after a wait until
// it ends, and returns how it did.
func signalledTwice(t *testing.T, wait time.Duration) syscall.WaitStatus {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	var stderr bytes.Buffer
	c := child(t.Context(), &stderr, "train", "--d", "60", "--length", "3000", "--batch", "64",
		"--train", "64", "--test", "64", "--depth", "8",
		"--position", "additive", "--attention", "softmax", "--out", dir)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, filepath.Join(dir, "checkpoint.safetensors"))
	time.Sleep(wait)
	ended := make(chan struct{})
	go func() {
		_ = c.Wait() // the status tells
		close(ended)
	}()
	for {
		if err := c.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		select {
		case <-ended:
			return c.ProcessState.Sys().(syscall.WaitStatus)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
