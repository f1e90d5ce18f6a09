package nn_test

import (
	"errors"
	"path/filepath"
	"testing"

	"icar/nn"
	"icar/nn/kernel"
	"icar/nn/mixertest"
)

// cases returns PyTorch's.
func cases(t *testing.T) []mixertest.Case {
	t.Helper()
	paths, err := filepath.Glob("testdata/golden/*.npz")
	if err != nil || len(paths) != 10 {
		t.Fatalf("%d golden cases, %v, want 10", len(paths), err)
	}
	var all []mixertest.Case
	for _, path := range paths {
		c, err := mixertest.ReadCase(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// TestGolden compares the reference in both types with PyTorch.
func TestGolden(t *testing.T) {
	for _, c := range cases(t) {
		wide, err := mixertest.NewModel[float64](c)
		if err != nil {
			t.Fatal(err)
		}
		narrow, err := mixertest.NewModel[float32](c)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(
			mixertest.Compare(c, wide, wide, 1e-10), mixertest.Compare(c, narrow, narrow, 1e-4))
		if err != nil {
			t.Error(err)
		}
	}
}

// TestEngineGolden compares every kernel with PyTorch.
func TestEngineGolden(t *testing.T) {
	for _, c := range cases(t) {
		for _, k := range kernel.Available() {
			m, err := mixertest.NewModel[float32](c)
			if err != nil {
				t.Fatal(err)
			}
			e, err := nn.NewEngine(m, k)
			if err == nil {
				err = mixertest.Compare(c, m, mixertest.Computer[float32](e), 1e-4)
			}
			if err != nil {
				t.Errorf("%s: %v", k.Name(), err)
			}
		}
	}
}
