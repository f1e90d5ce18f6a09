package run

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"icar/nn/safetensors"
)

// Checkpoints that stay are listed by step. Those after the step that a run goes on
// from will be made again and are forgotten, as is what a killed process left; they go
// where the run goes, and are removed with it.
func TestKept(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a")
	d := stopped(t, path) // at step 2
	weights := []safetensors.Tensor{safetensors.FromSlice("out.bias", []int{1}, []float32{1})}
	const long = 1_000_000_000
	left := filepath.Join(path, "."+keptName(10)+".4242")
	if err := errors.Join(d.Keep(10, weights), d.Keep(0, weights), d.Keep(2, weights),
		d.Keep(long, weights), d.Keep(long-1, weights), d.Keep(2, weights), d.Close(),
		os.WriteFile(left, []byte("half"), 0o600)); err != nil {
		t.Fatal(err)
	}
	steps := func(path string) (steps []int) {
		t.Helper()
		kept, err := Run{Path: path}.Kept()
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range kept {
			steps = append(steps, k.Step)
			if w, err := ReadWeights(k.Path); err != nil || len(w) != 1 || w[0].Name != "out.bias" {
				t.Errorf("step %d holds %v, %v", k.Step, w, err)
			}
		}
		return steps
	}
	if got := steps(path); !slices.Equal(got, []int{0, 2, 10, long - 1, long}) {
		t.Errorf("kept %v", got)
	}
	if _, err := os.Stat(filepath.Join(path, previousFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("kept again, it has become the checkpoint before the last: %v", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	copied := filepath.Join(folder, "b")
	if err := Copy(root, "a", copied); err != nil {
		t.Fatal(err)
	}
	if got := steps(copied); !slices.Equal(got, []int{0, 2, 10, long - 1, long}) {
		t.Errorf("copied %v", got)
	}
	if _, err := opened(t, path); err != nil {
		t.Fatal(err)
	}
	if got := steps(path); !slices.Equal(got, []int{0, 2}) {
		t.Errorf("kept %v by a run at step 2", got)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was left is there: %v", err)
	}
	left = filepath.Join(path, "."+keptName(2)+".4242") // of one that is there
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Remove(path); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(copied, "checkpoint.step-1.safetensors"), nil,
		0o600); err != nil {
		t.Fatal(err)
	}
	if err := Remove(copied); err == nil {
		t.Error("a file that is no run's is removed")
	}
}

// What is named nearly like a checkpoint that stays is none, and is nobody's to remove.
func TestNearlyKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := stopped(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(path, keptName(3))
	files := []string{filepath.Join(path, keptName(4)+".12"), filepath.Join(path, "."+keptName(5))}
	if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(files[0], nil, 0o600),
		os.WriteFile(files[1], nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if kept, err := (Run{Path: path}).Kept(); err != nil || len(kept) != 0 {
		t.Errorf("kept %v, %v", kept, err)
	}
	if _, err := opened(t, path); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, folder) {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("it is removed: %v", err)
		}
	}
}

// The last checkpoint has its own name and the step that is in it.
func TestLast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := stopped(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	r := Run{Path: path}
	if last, err := r.Last(); err != nil || last.Step != 2 || last.Path != r.Checkpoint() {
		t.Errorf("%+v, %v", last, err)
	}
	data, err := os.ReadFile(r.Checkpoint())
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1 // a number that is no longer what was written
	if err := os.WriteFile(r.Checkpoint(), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if last, err := r.Last(); err == nil {
		t.Errorf("a damaged one is of step %d", last.Step)
	}
}
