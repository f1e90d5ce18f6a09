package cuda_test

import (
	"testing"

	"icar/nn/backendtest"
	"icar/nn/cuda"
	"icar/nn/cuda/emulator"
)

// TestIsABackend runs the suite of backends on the emulator, which also looks for races
// and reads of what was never written in all kernels.
func TestIsABackend(t *testing.T) {
	if err := backendtest.Test(cuda.On(emulator.New())); err != nil {
		t.Error(err)
	}
}
