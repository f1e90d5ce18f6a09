package sequence

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"icar/ar"
	"icar/internal/npy"
	"icar/nn/safetensors"
)

func sampled(t *testing.T, n int) ar.Batch[float64] {
	t.Helper()
	sampler, err := ar.NewSampler[float64](ar.New(ar.Haar, 3), n, 4, 7, "sequence")
	if err != nil {
		t.Fatal(err)
	}
	return sampler.Batch(0)
}

// The arrays of a law are its states, the matrix that makes each state the next, and
// the tokens of its encoding.
func TestArraysAreWhatTheyAreCalled(t *testing.T) {
	s := sampled(t, 2)
	arrays, err := Arrays(s, ar.Augmented)
	if err != nil || len(arrays) != 3 {
		t.Fatalf("%d arrays, %v", len(arrays), err)
	}
	w, tokens := arrays[1], arrays[2]
	if w.Name != Hidden || !slices.Equal(w.Shape, []int{2, 3, 3}) || tokens.Name != Tokens ||
		!slices.Equal(tokens.Shape, []int{2, 4, 9}) {
		t.Errorf("%s %v, %s %v", w.Name, w.Shape, tokens.Name, tokens.Shape)
	}
	second, last := s.States[5*3:], 0.0 // the second sequence
	for j := range 3 {
		last += w.Data[9+2*3+j] * second[j]
	}
	if math.Abs(last-second[3+2]) > 1e-12 {
		t.Errorf("(W s_1)_3 = %v, s_2 has %v", last, second[5])
	}
	if at := tokens.Data[9*4+9:][:9]; !slices.Equal(at[3:6], second[3:6]) ||
		!slices.Equal(at[6:], second[:3]) {
		t.Errorf("e_2 = %v of s_1, s_2 = %v", at, second[:6])
	}
	s.Contexts = make([]ar.Context, s.N)
	if arrays, err = Arrays(s, nil); err != nil || len(arrays) != 1 || arrays[0].Name != States {
		t.Errorf("without W and tokens: %d arrays, %v", len(arrays), err)
	}
}

func TestSaveByTheEnding(t *testing.T) {
	dir := t.TempDir()
	arrays, err := Arrays(sampled(t, 2), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.npy", "a.npz", "a.safetensors"} {
		if err := Save(filepath.Join(dir, name), arrays); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{"a.npy", "a-w.npy"} {
		shape, data, err := npy.ReadFile(filepath.Join(dir, name))
		if err != nil || !slices.Equal(shape, arrays[i].Shape) ||
			!slices.Equal(data, arrays[i].Data) {
			t.Errorf("%s has %v %v, %v", name, shape, data, err)
		}
	}
	file, err := os.Open(filepath.Join(dir, "a.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Read(file, info.Size())
	if err != nil || len(f.Tensors) != 2 {
		t.Fatalf("%d tensors, %v", len(f.Tensors), err)
	}
	data := make([]float64, len(arrays[0].Data))
	if err := safetensors.Floats(data, f.Tensors[0]); err != nil || f.Tensors[0].Name != States ||
		!slices.Equal(data, arrays[0].Data) {
		t.Errorf("%s: %v", f.Tensors[0].Name, err)
	}
	if err := Save(filepath.Join(dir, "a.csv"), arrays); err == nil {
		t.Error("an unknown ending was written")
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 4 {
		t.Errorf("%d files, %v", len(all), err)
	}
}
