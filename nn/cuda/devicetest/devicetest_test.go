package devicetest_test

import (
	"context"
	"os"
	"testing"

	"icar/internal/needs"
	"icar/nn/cuda/devicetest"
	"icar/nn/cuda/emulator"
)

// TestEmulator holds the emulator, and with it every kernel, to the bits on record. They
// were computed by the emulator itself, so the test shows that nothing has changed, not
// that a card computes the same: that a card has to show with the same package.
func TestEmulator(t *testing.T) {
	needs.Patience(t, "the emulator takes seconds for all cases")
	slow := os.Getenv("ICAR_SLOW") != ""
	if err := devicetest.Bits(context.Background(), emulator.New(), slow); err != nil {
		t.Error(err)
	}
}
