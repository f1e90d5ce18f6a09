package nn_test

import (
	"testing"

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
	for _, k := range kernel.Available() {
		for name, build := range map[string]nn.NewBackend{
			"": nn.OnKernel(k), ", segments of 8": nn.OnSegments(k, 8),
		} {
			if err := backendtest.Test(build); err != nil {
				t.Errorf("%s%s: %v", k.Name(), name, err)
			}
		}
	}
}
