package devicetest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"icar/ar"
	"icar/internal/needs"
	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
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

// other is an emulator that computes otherwise, is lost, or has a number that is not finite.
type other struct {
	*emulator.Device
	flips  bool // the bits of weights and moments that are read
	lost   bool // when it is to repeat what was recorded
	spoils bool // what is written first, the tokens
}

var errLost = errors.New("the device is lost")

func (o *other) Replay(ctx context.Context, g device.Graph, n int) error {
	if o.lost {
		return errLost
	}
	return o.Device.Replay(ctx, g, n)
}

func (o *other) Write(ctx context.Context, p device.Pointer, data []byte) error {
	if o.spoils {
		o.spoils = false
		infinity := math.Float32bits(float32(math.Inf(1)))
		data = append(binary.LittleEndian.AppendUint32(nil, infinity), data[4:]...)
	}
	return o.Device.Write(ctx, p, data)
}

func (o *other) Read(ctx context.Context, data []byte, p device.Pointer) error {
	err := o.Device.Read(ctx, data, p)
	if o.flips && len(data) > 1<<10 {
		data[1<<9] ^= 1
	}
	return err
}

// TestOtherBitsAreWrong holds devices that compute otherwise to the bits of a small model: the
// error names what is wrong, and nothing is left on the device.
func TestOtherBitsAreWrong(t *testing.T) {
	var small devicetest.Case
	for _, c := range devicetest.Cases() {
		if c.Name == "two heads together" {
			small = c
		}
	}
	wrong, slow := small, small
	wrong.Name, wrong.Digest = "another digest", "0123456789abcdef"
	slow.Name, slow.Digest, slow.Slow = "a slow one", wrong.Digest, true
	for name, test := range map[string]struct {
		device other
		cases  []devicetest.Case
		slow   bool
		want   []string // parts of the error, none for no error
	}{
		"the bits on record": {other{}, []devicetest.Case{small, slow}, false, nil},
		"another bit": {other{flips: true}, []devicetest.Case{small}, false,
			[]string{small.Name + " comes to ", " on emulator, on record is " + small.Digest}},
		"all that is wrong": {other{}, []devicetest.Case{wrong, small, slow}, true,
			[]string{wrong.Name + " comes to " + small.Digest, slow.Name + " comes to "}},
		"what is not finite": {other{spoils: true}, []devicetest.Case{small}, false,
			[]string{small.Name + ": step 1 comes to what is not finite"}},
		"a device that is lost": {other{lost: true}, []devicetest.Case{small}, false,
			[]string{small.Name + ": ", errLost.Error()}},
	} {
		d := &test.device
		d.Device = emulator.New()
		err := devicetest.Hold(t.Context(), d, test.cases, test.slow)
		if len(test.want) == 0 && err != nil {
			t.Errorf("%s: the error is %v", name, err)
		}
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error is %v, want %q", name, err, want)
			}
		}
		free := fmt.Sprintf("than the %d that are free", d.Properties().Memory)
		if _, err := d.Alloc(t.Context(), d.Properties().Memory+1); err == nil ||
			!strings.Contains(err.Error(), free) {
			t.Errorf("%s: something is left on the device: %v", name, err)
		}
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
