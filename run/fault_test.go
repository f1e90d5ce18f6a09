package run_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"icar/nn"
	"icar/nn/kernel"
	"icar/run"
	"icar/train"
)

func shortRun(t *testing.T) train.Config {
	t.Helper()
	c := train.DefaultConfig()
	c.D, c.Length, c.Train, c.Batch, c.Test, c.Epochs, c.EvalEvery, c.CheckpointEvery = 2, 3, 32, 16,
		16, 4, 3, 2
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// files are those of a run that depend on its configuration alone.
var files = []string{"config.yaml", "run.json", "metrics.jsonl", "checkpoint.safetensors", "DONE"}

// Whichever change of the disk fails, is torn or is the last one before the
// machine stops: what is found is a state that was committed, and the run goes
// on to the bits of an undisturbed one.
func TestEveryFault(t *testing.T) {
	c, plain := shortRun(t), kernel.Available()[0]
	info := run.NewInfo(c.Seed, plain.Arithmetic())
	whole := filepath.Join(t.TempDir(), "whole")
	good := &run.FaultyDisk{}
	dir, err := good.CreateOn(whole, c.YAML(), info)
	if err == nil {
		_, _, err = train.Train(t.Context(), c,
			train.Options{Backend: nn.OnKernel(plain), Dir: dir})
	}
	if err := errors.Join(err, dir.Close()); err != nil {
		t.Fatal(err)
	}
	if len(good.Committed) != 5 {
		t.Fatalf("%d checkpoints, want those of steps 0, 2, 4, 6, 8", len(good.Committed))
	}
	for name, fault := range map[string]run.Fault{
		"fails": {}, "torn": {Tear: true}, "stops": {Dead: true},
		"torn and stops":        {Tear: true, Dead: true},
		"stops and loses":       {Dead: true, Lose: true},
		"torn, stops and loses": {Tear: true, Dead: true, Lose: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for fault.At = 1; fault.At <= good.Changes; fault.At++ {
				path := filepath.Join(t.TempDir(), "run")
				bad := &run.FaultyDisk{Fault: fault}
				dir, err := bad.CreateOn(path, c.YAML(), info)
				if err == nil {
					_, _, err = train.Train(t.Context(), c,
						train.Options{Backend: nn.OnKernel(plain), Dir: dir})
					err = errors.Join(err, dir.Close())
				}
				if !errors.Is(err, run.ErrFault) || bad.Changes < fault.At {
					t.Fatalf("fault %d of %d did not fire: %d changes, %v", fault.At, good.Changes,
						bad.Changes, err)
				}
				reopen(t, fault.At, path, c, info, good.Committed)
				for _, file := range files {
					want, err := os.ReadFile(filepath.Join(whole, file))
					got, err2 := os.ReadFile(filepath.Join(path, file))
					if err := errors.Join(err, err2); err != nil || !bytes.Equal(got, want) {
						t.Fatalf("fault %d: %s differs, %v", fault.At, file, err)
					}
				}
			}
		})
	}
}

// reopen goes on with what a fault has left and checks what it finds.
func reopen(t *testing.T, at int, path string, c train.Config, info run.Info,
	committed map[[sha256.Size]byte]int) {
	t.Helper()
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) { // the run could not be created
		dir, err := run.Create(path, c.YAML(), info)
		if err != nil {
			t.Fatalf("fault %d: %v", at, err)
		}
		if err := dir.Close(); err != nil {
			t.Fatal(err)
		}
	}
	dir, saved, err := run.Open(path, info.Arithmetic, false)
	if err != nil {
		t.Fatalf("fault %d: %v", at, err)
	}
	if saved.Damaged != nil {
		t.Errorf("fault %d left a damaged checkpoint: %v", at, saved.Damaged)
	}
	if data, err := os.ReadFile(filepath.Join(path, "checkpoint.safetensors")); err == nil {
		if _, ok := committed[sha256.Sum256(data)]; !ok {
			t.Errorf("fault %d: the checkpoint of step %d was never committed", at,
				saved.Checkpoint.Step)
		}
	} else if saved.Checkpoint.Step != 0 {
		t.Errorf("fault %d: %v", at, err)
	}
	if len(saved.Metrics) != saved.Checkpoint.Step {
		t.Errorf("fault %d: %d metrics at step %d", at, len(saved.Metrics), saved.Checkpoint.Step)
	}
	if saved.Done {
		return
	}
	_, history, err := train.Train(t.Context(), c, train.Options{Dir: dir, Saved: &saved})
	if err := errors.Join(err, dir.Close()); err != nil || len(history) != c.Steps() {
		t.Fatalf("fault %d: resumed to %d of %d steps, %v", at, len(history), c.Steps(), err)
	}
}
