package devicetest_test

import (
	"context"
	"math"
	"os"
	"strings"
	"testing"

	"icar/ar"
	"icar/internal/needs"
	"icar/nn"
	"icar/nn/cuda"
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

// TestDevicesDrawWhatThePackageDraws compares, bit by bit, what the kernels draw with what
// package ar does.
func TestDevicesDrawWhatThePackageDraws(t *testing.T) {
	large := os.Getenv("ICAR_SLOW") != ""
	if err := devicetest.Draws(context.Background(), emulator.New(), large); err != nil {
		t.Error(err)
	}
}

// TestOneBitOfASequence is found, in tokens and in targets, of the second batch.
func TestOneBitOfASequence(t *testing.T) {
	by := nn.Drawing{Law: ar.New(ar.Haar, 2), Tokens: ar.Plain, N: 17, T: 3, Seed: 1}
	for i, want := range []string{"", "step 6 tokens", "step 6 targets"} {
		got, err := cuda.Draw(context.Background(), emulator.New(), by, 5, 6)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			part := [][]float32{got[1].X, got[1].Y}[i-1]
			part[len(part)-1] = math.Float32frombits(math.Float32bits(part[len(part)-1]) ^ 1)
		}
		err = devicetest.Drawn(by, 5, got)
		if (err == nil) != (i == 0) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
}
