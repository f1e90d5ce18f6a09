package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"icar/internal/needs"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
	"icar/nn/kernel"
)

// testCard says what card the command finds in a test: none for "", an emulator, one
// that is lost at its N-th launch or step, lost-N, one that draws other bits, misread, one that
// cannot be opened, full, or what the driver of the machine finds, nvidia.
const testCard = "ICAR_TEST_CARD"

// withTestCard gives the command the card that testCard names: whatever card the machine
// has, tests of the defaults are of machines without.
func withTestCard(h *house) error {
	h.cards = cards{open: openTestCard, build: cuda.On}
	return nil
}

func openTestCard(ctx context.Context) (device.Device, error) {
	name, number, lost := strings.Cut(os.Getenv(testCard), "-")
	switch {
	case name == "":
		return nil, fmt.Errorf("no card in tests: %w", device.ErrAbsent)
	case name == "nvidia":
		return nvidia().open(ctx)
	case name == "misread":
		return misread{emulator.New()}, nil
	case name == "full":
		return nil, errors.New("its memory is full")
	case !lost:
		return emulator.New(), nil
	}
	n, err := strconv.Atoi(number)
	return &losing{Device: emulator.New(), left: int32(n)}, err
}

// misread is a device whose kernels draw other bits than they should.
type misread struct{ device.Device }

func (m misread) Load(ctx context.Context, text string, names ...string) (device.Module, error) {
	return m.Device.Load(ctx, strings.Replace(text, "xor.b32", "or.b32", 1), names...)
}

// losing is a device that is lost after so many launches and steps: from then on every call
// says so, as those of a driver do.
type losing struct {
	device.Device
	left int32
}

var errTaken = fmt.Errorf("%w: it was taken away", device.ErrLost)

func (l *losing) Launch(ctx context.Context, work []device.Launch) error {
	if atomic.AddInt32(&l.left, -1) < 0 {
		return errTaken
	}
	return l.Device.Launch(ctx, work)
}

func (l *losing) Replay(ctx context.Context, g device.Graph, n int) error {
	for range n {
		if atomic.AddInt32(&l.left, -1) < 0 {
			return errTaken
		}
		if err := l.Device.Replay(ctx, g, 1); err != nil {
			return err
		}
	}
	return nil
}

func (l *losing) Write(ctx context.Context, p device.Pointer, data []byte) error {
	return l.unlessLost(l.Device.Write(ctx, p, data))
}

func (l *losing) Read(ctx context.Context, data []byte, p device.Pointer) error {
	return l.unlessLost(l.Device.Read(ctx, data, p))
}

func (l *losing) Free(ctx context.Context, p device.Pointer) error {
	return l.unlessLost(l.Device.Free(ctx, p))
}

func (l *losing) Forget(ctx context.Context, g device.Graph) error {
	return l.unlessLost(l.Device.Forget(ctx, g))
}

func (l *losing) unlessLost(err error) error {
	if atomic.LoadInt32(&l.left) < 0 {
		return errTaken
	}
	return err
}

// onCards is the environment of a test with such a card.
func onCards(t *testing.T, card string) []string {
	t.Helper()
	if kernel.Available()[0].Arithmetic() != "fma" {
		needs.Missing(t, "the default kernel here has no fused multiply-adds, and no card is "+
			"taken beside it: run on a processor with AVX2 or NEON")
	}
	return append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, kernelVariable+"=")
	}), testCard+"="+card, kernelVariable+"=auto")
}
