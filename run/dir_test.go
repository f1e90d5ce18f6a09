package run

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"icar/nn/safetensors"
)

func newDir(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Create(path, []byte("seed: 1\n"), NewInfo(1, "go"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestDirHoldsTheRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs", "a")
	d := newDir(t, path)
	weights := []safetensors.Tensor{safetensors.FromSlice("out.bias", []int{2}, []float32{1, 2})}
	state := []safetensors.Tensor{safetensors.FromSlice("adam.m/out.bias", []int{2},
		[]float32{3, 4})}
	err := errors.Join(
		d.Record(Metric{Step: 1, Loss: 0.5, LearningRate: 0.01}, Timing{1, 2}),
		d.Record(Metric{2, 0.25, 0.01, &Evaluation{0.125, []float64{0.25, 0}}}, Timing{2, 3}),
		d.Checkpoint(Checkpoint{2, weights, state}),
		d.Done(2))
	if err != nil {
		t.Fatal(err)
	}
	metrics := `{"step":1,"loss":0.5,"learning_rate":0.01}` + "\n" +
		`{"step":2,"loss":0.25,"learning_rate":0.01,"test_mse":0.125,"position_mse":[0.25,0]}` +
		"\n"
	for name, want := range map[string]string{
		"config.yaml":   "seed: 1\n",
		"metrics.jsonl": metrics,
		"timings.jsonl": `{"step":1,"seconds":2}` + "\n" + `{"step":2,"seconds":3}` + "\n",
		"DONE":          "2 steps\n",
	} {
		if got, err := os.ReadFile(filepath.Join(path, name)); string(got) != want || err != nil {
			t.Errorf("%s holds %q, want %q (%v)", name, got, want, err)
		}
	}
	data, err := os.ReadFile(filepath.Join(path, "run.json"))
	var info Info
	if err := errors.Join(err, json.Unmarshal(data,
		&info)); err != nil || info != NewInfo(1, "go") || info.Arithmetic != "go" ||
		info.Go == "" {
		t.Errorf("run.json holds %+v, %v", info, err)
	}

	file, err := safetensors.ReadFile(filepath.Join(path, "checkpoint.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tensor := range file.Tensors {
		names = append(names, tensor.Name)
	}
	if want := []string{"step", "adam.m/out.bias", "out.bias"}; !slices.Equal(names, want) {
		t.Errorf("the checkpoint holds %v, want %v", names, want)
	}
	step := make([]int64, 1)
	if err := safetensors.Integers(step, file.Tensors[0]); err != nil || step[0] != 2 {
		t.Errorf("the checkpoint is of step %d, %v", step[0], err)
	}
	if file.Metadata["config"] != hash([]byte("seed: 1\n")) || file.Metadata["metrics"] != "128" ||
		len(metrics) != 128 {
		t.Errorf("metadata %v; metrics.jsonl has %d bytes", file.Metadata, len(metrics))
	}
}

// A checkpoint counts the lines before it, not those after.
func TestCheckpointCountsMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	d := newDir(t, path)
	if err := errors.Join(d.Checkpoint(Checkpoint{}),
		d.Record(Metric{Step: 1}, Timing{})); err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.ReadFile(filepath.Join(path, "checkpoint.safetensors"))
	if err != nil || file.Metadata["metrics"] != "0" {
		t.Errorf("metadata %v, %v", file.Metadata, err)
	}
}

func TestCreateRefusesWhatExists(t *testing.T) {
	dir := t.TempDir()
	newDir(t, filepath.Join(dir, "a"))
	before := entries(t, filepath.Join(dir, "a"))
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "a"), file, dir} {
		_, err := Create(path, nil, NewInfo(2, "go"))
		if !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(),
			"choose another directory") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if after := entries(t, filepath.Join(dir, "a")); !slices.Equal(before, after) {
		t.Errorf("a refused directory went from %v to %v", before, after)
	}
	if _, err := Create(filepath.Join(file, "below"), nil, NewInfo(2, "go")); err == nil ||
		errors.Is(err, os.ErrExist) {
		t.Errorf("below a file: %v", err)
	}
}

// of is the directory of a run that has recorded nothing.
func of(config string) *Dir {
	return &Dir{settings: []byte(config), arithmetic: "go", program: "p",
		metrics: &lines{hash: sha256.New()}}
}

func TestReadWeights(t *testing.T) {
	dir := t.TempDir()
	bias := safetensors.FromSlice("out.bias", []int{1}, []float32{1})
	slashed := safetensors.FromSlice("adam.m/out.bias", []int{1}, []float32{1})
	checkpoint, err := Checkpoint{3, []safetensors.Tensor{bias},
		[]safetensors.Tensor{slashed}}.file(of("d: 2\n"))
	newer, err2 := Checkpoint{}.file(of("d: 2\n"))
	newer.Metadata["version"] = "2"
	var err3 error
	newer.Metadata["checksum"], err3 = checksum(newer)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		file  safetensors.File
		names int
		err   string
	}{
		"plain":      {safetensors.File{Tensors: []safetensors.Tensor{bias, slashed}}, 2, ""},
		"checkpoint": {checkpoint, 1, ""},
		"newer":      {newer, 0, "is a checkpoint of version 2, this icar reads version 1"},
	} {
		f, err := os.Create(filepath.Join(dir, name))
		if err := errors.Join(err, safetensors.Write(f, test.file), f.Close()); err != nil {
			t.Fatal(err)
		}
		weights, err := ReadWeights(f.Name())
		if len(weights) != test.names {
			t.Errorf("%s: %d tensors, want %d", name, len(weights), test.names)
		}
		if (err != nil) != (test.err != "") ||
			err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v, want %q", name, err, test.err)
		}
	}
}

// Every flipped bit of a checkpoint is noticed: the file cannot be read, or it
// is no checkpoint any more, or it does not match its checksum.
func TestFlippedBits(t *testing.T) {
	bias := safetensors.FromSlice("out.bias", []int{2}, []float32{1, 2})
	state := safetensors.FromSlice("adam.m/out.bias", []int{2}, []float32{3, 4})
	good, err := Checkpoint{3, []safetensors.Tensor{bias},
		[]safetensors.Tensor{state}}.file(of("d: 2\n"))
	var file bytes.Buffer
	if err := errors.Join(err, check(good), safetensors.Write(&file, good)); err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for bit := range 8 * file.Len() {
		data := bytes.Clone(file.Bytes())
		data[bit/8] ^= 1 << (bit % 8)
		f, err := safetensors.Read(bytes.NewReader(data), int64(len(data)))
		if err != nil || f.Metadata[metaConfig] == "" {
			continue
		}
		if check(f) == nil {
			t.Errorf("byte %d, bit %d: taken for a whole checkpoint", bit/8, bit%8)
		}
		damaged++
	}
	if damaged < 1000 {
		t.Errorf("the checksum was asked for %d flipped bits only", damaged)
	}
}
