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
	left := filepath.Join(path, "."+keptName(10)+".4242")
	if err := errors.Join(d.Keep(10, weights), d.Keep(0, weights), d.Keep(2, weights), d.Close(),
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
	if got := steps(path); !slices.Equal(got, []int{0, 2, 10}) {
		t.Errorf("kept %v", got)
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
	if got := steps(copied); !slices.Equal(got, []int{0, 2, 10}) {
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
