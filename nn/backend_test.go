package nn_test

import (
	"testing"

	"icar/internal/needs"
	"icar/nn"
	"icar/nn/backendtest"
	"icar/nn/kernel"
)

// TestReferenceIsABackend holds the reference in float32 against that in float64.
func TestReferenceIsABackend(t *testing.T) {
	reference := func(m *nn.Transformer[float32]) (nn.Backend, error) { return m, nil }
	if err := backendtest.Test(reference); err != nil {
		t.Error(err)
	}
}

// TestEngineIsABackend checks the engine on every kernel of the machine, with
// short segments and those that it has.
func TestEngineIsABackend(t *testing.T) {
	for i, k := range kernel.Available() {
		for name, build := range map[string]nn.NewBackend{
			"": nn.OnKernel(k), ", segments of 8": nn.OnSegments(k, 8),
		} {
			t.Run(k.Name()+name, func(t *testing.T) {
				if i > 0 || name != "" {
					needs.Patience(t, "the suite takes seconds a kernel")
				}
				if err := backendtest.Test(build); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestEngineOnManyModels compares 500 random models with the reference in float64, D up to
// 300 and batches up to 100, on every kernel of the machine. It takes minutes.
func TestEngineOnManyModels(t *testing.T) {
	needs.Time(t, "it takes minutes, and TestEngineIsABackend has 120 of the models")
	for _, k := range kernel.Available() {
		t.Run(k.Name(), func(t *testing.T) {
			t.Parallel()
			if err := backendtest.Random(nn.OnKernel(k), 500); err != nil {
				t.Error(err)
			}
		})
	}
}
