package card

import (
	"context"
	"strings"
	"testing"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
	"icar/nn/kernel"
)

// TestKnownAnswers holds the bits that a card has to give against the emulator's. After a
// change to what kernels compute it says what belongs into bits.go.
func TestKnownAnswers(t *testing.T) {
	for _, k := range all() {
		bits, err := answer(t.Context(), cuda.On(emulator.New()), k.config)
		if err != nil || bits != k.bits {
			t.Errorf("%sBits = 0x%016x // and not 0x%016x, %v", k.name, bits, k.bits, err)
		}
	}
}

// wrong is a device that gives one bit of what is read another value.
type wrong struct {
	device.Device
	at, reads int
}

func (w *wrong) Read(ctx context.Context, data []byte, p device.Pointer) error {
	err := w.Device.Read(ctx, data, p)
	if w.reads++; w.reads == w.at {
		data[len(data)-4] ^= 1
	}
	return err
}

// One wrong bit of a gradient keeps a card from being used, and a device that fails.
func TestOneBitIsNoticed(t *testing.T) {
	linear := all()[:1]
	for _, at := range []int{0, 3} { // it reads its fate, its losses, and the gradient
		err := check(t.Context(), cuda.On(&wrong{Device: emulator.New(), at: at}), linear)
		if noticed := err != nil && strings.Contains(err.Error(),
			"the gradient has other bits"); noticed != (at > 0) {
			t.Errorf("a wrong bit in read %d: %v", at, err)
		}
	}
	loops := func(device.Device) nn.NewBackend { return nn.OnKernel(kernel.Available()[0]) }
	if err := check(t.Context(), loops(nil), linear); err == nil {
		t.Error("the bits of the processor pass for a card's")
	}
	closed := emulator.New()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := check(t.Context(), cuda.On(closed), linear); err == nil ||
		!strings.Contains(err.Error(), "its self-check, linear: ") {
		t.Errorf("a closed device: %v", err)
	}
}
