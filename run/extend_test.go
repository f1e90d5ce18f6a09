package run_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"icar/nn"
	"icar/nn/kernel"
	"icar/run"
	"icar/train"
)

// trained trains c into a directory.
func trained(t *testing.T, c train.Config, info run.Info) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run")
	dir, err := run.Create(path, c.YAML(), info)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = train.Train(t.Context(), c,
		train.Options{Backend: nn.OnKernel(kernel.Available()[0]), Dir: dir})
	if err := errors.Join(err, dir.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whichever change of the disk fails while a run that is done is extended, it can be
// extended afterwards, or completed as it was, and becomes the bytes of a run that was
// as long from the start.
func TestEveryFaultOfExtending(t *testing.T) {
	t.Parallel()
	short := shortRun(t) // 4 epochs of 2 steps, an evaluation every 3
	short.EvalEvery, short.Epochs = 2, 2
	long := short
	long.Epochs = 3
	info := run.NewInfo(short.Seed, kernel.Available()[0].Arithmetic())
	before := map[int]string{short.Epochs: trained(t, short, info)}
	whole := map[int]string{short.Epochs: before[short.Epochs], long.Epochs: trained(t, long, info)}

	extend := func(bad *run.FaultyDisk) (path string, err error) {
		path = filepath.Join(t.TempDir(), "run")
		if err := os.CopyFS(path, os.DirFS(before[short.Epochs])); err != nil {
			t.Fatal(err)
		}
		dir, _, err := bad.ExtendOn(path, info.Arithmetic, long.YAML())
		if dir != nil {
			err = errors.Join(err, dir.Close())
		}
		return path, err
	}
	good := &run.FaultyDisk{}
	if _, err := extend(good); err != nil {
		t.Fatal(err)
	}
	// Lines are cut twice, a checkpoint and a configuration written.
	if good.Changes < 10 {
		t.Fatalf("%d changes of the disk", good.Changes)
	}
	for _, fault := range []run.Fault{{Dead: true}, {Dead: true, Lose: true}} {
		for fault.At = 1; fault.At <= good.Changes; fault.At++ {
			for again, config := range map[bool]train.Config{true: long, false: short} {
				path, err := extend(&run.FaultyDisk{Fault: fault})
				if !errors.Is(err, run.ErrFault) {
					t.Fatalf("%+v: %v", fault, err)
				}
				file, err := os.ReadFile(filepath.Join(path, "config.yaml"))
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Equal(file, long.YAML()) {
					config = long // it was extended all the same
				}
				goOn(t, fault, path, again, config, info)
				for _, name := range files {
					want, err := os.ReadFile(filepath.Join(whole[config.Epochs], name))
					got, err2 := os.ReadFile(filepath.Join(path, name))
					if err := errors.Join(err, err2); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%+v, again %v: %s differs, %v", fault, again, name, err)
					}
				}
			}
		}
	}
}

// goOn extends a run again, or goes on with what it is, and trains it to its end.
func goOn(t *testing.T, fault run.Fault, path string, again bool, c train.Config, info run.Info) {
	t.Helper()
	var config []byte
	if again {
		config = c.YAML()
	}
	dir, saved, err := run.Extend(path, info.Arithmetic, false, config)
	if err != nil {
		t.Fatalf("%+v, again %v: %v", fault, again, err)
	}
	if saved.Done {
		return
	}
	if saved.Checkpoint.Step != 4 || saved.Damaged != nil {
		t.Errorf("%+v, again %v: step %d, %v", fault, again, saved.Checkpoint.Step, saved.Damaged)
	}
	_, _, err = train.Train(t.Context(), c, train.Options{Dir: dir, Saved: &saved})
	if err := errors.Join(err, dir.Close()); err != nil {
		t.Fatalf("%+v, again %v: %v", fault, again, err)
	}
}

// A checkpoint of another configuration is not taken for a half extended run: it has
// measured other numbers.
func TestForeignCheckpointIsNoExtension(t *testing.T) {
	c := shortRun(t)
	info := run.NewInfo(c.Seed, "go")
	other := c
	other.Seed, other.Epochs = 1, c.Epochs+1
	path, foreign := trained(t, c, info), trained(t, other, info)
	const last, previous = "checkpoint.safetensors", "checkpoint.previous.safetensors"
	data, err := os.ReadFile(filepath.Join(foreign, last))
	if err := errors.Join(err, os.Remove(filepath.Join(path, "DONE")),
		os.Rename(filepath.Join(path, last), filepath.Join(path, previous)),
		os.WriteFile(filepath.Join(path, last), data, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run.Open(path, "go", false); err == nil {
		t.Error("it is gone on with")
	}
}
