package cuda_test

import (
	"os"
	"testing"

	"icar/nn/backendtest"
	"icar/nn/cuda"
	"icar/nn/cuda/emulator"
)

// TestIsABackend runs the suite of backends on the emulator, which also looks for races
// and reads of what was never written in all kernels. The whole suite takes a minute.
func TestIsABackend(t *testing.T) {
	test := backendtest.Small
	if os.Getenv("ICAR_SLOW") != "" {
		test = backendtest.Test
	}
	if err := test(cuda.On(emulator.New())); err != nil {
		t.Error(err)
	}
}
