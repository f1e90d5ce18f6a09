package card

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// A model that the card does not run is left to the loops, in their arithmetic, and that
// is said once.
func TestModelsForTheLoops(t *testing.T) {
	loops := fusedLoops(t)
	o, told := options(t, Name, nil)
	c, err := Choose(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	large := all()[2]
	large.name, large.config.MLP = "large", 3
	for _, k := range append(all(), large) {
		for range 2 {
			m, err := nn.New[float32](k.config, 1)
			if err != nil {
				t.Fatal(err)
			}
			b, err := c.New(m)
			want := Arithmetic
			if k.name == "softmax" || k.name == "large" {
				want = fused
			}
			if err != nil || b.Arithmetic() != want {
				t.Errorf("%s: %v, %v", k.name, b, err)
			}
		}
	}
	begin := "a model runs on " + loops.Name() + " and not on the card: "
	want := []string{begin + "softmax is none of its kernels: unsupported operation",
		begin + "its MLP is too wide: unsupported operation"}
	if !slices.Equal(told.said[1:], want) { // after the line that there is a card
		t.Errorf("told %q, want %q", told.said, want)
	}
}

// A model that a card could run but for a fault is not left to the loops, whose bits are others.
func TestFaultsAreNotLeftToTheLoops(t *testing.T) {
	fusedLoops(t)
	o, told := options(t, Name, nil)
	c, err := Choose(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	m, err := nn.New[float32](all()[0].config, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.New(m); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a closed card: %v", err)
	}
	if len(told.said) != 1 {
		t.Errorf("told %q", told.said)
	}
}

// meeting is a device at which two calls must never meet.
type meeting struct {
	device.Device
	inside sync.Mutex
	t      *testing.T
}

// enter is the begin of a call, and returns its end.
func (m *meeting) enter() (leave func()) {
	if !m.inside.TryLock() {
		m.t.Error("two goroutines use the device at once")
		m.inside.Lock()
	}
	time.Sleep(10 * time.Microsecond) // for others to come
	return m.inside.Unlock
}

func (m *meeting) Write(ctx context.Context, p device.Pointer, data []byte) error {
	defer m.enter()()
	return m.Device.Write(ctx, p, data)
}

func (m *meeting) Read(ctx context.Context, data []byte, p device.Pointer) error {
	defer m.enter()()
	return m.Device.Read(ctx, data, p)
}

func (m *meeting) Alloc(ctx context.Context, bytes int) (device.Pointer, error) {
	defer m.enter()()
	return m.Device.Alloc(ctx, bytes)
}

func (m *meeting) Free(ctx context.Context, p device.Pointer) error {
	defer m.enter()()
	return m.Device.Free(ctx, p)
}

// Many runs share the card that is taken, each with memory of its own.
func TestCardIsShared(t *testing.T) {
	fusedLoops(t)
	o, _ := options(t, Name, nil)
	o.Open = func(context.Context) (device.Device, error) {
		return &meeting{Device: emulator.New(), t: t}, nil
	}
	c, err := Choose(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := c.device
	var g sync.WaitGroup
	for i := range 8 {
		g.Go(func() {
			p, err := s.Alloc(t.Context(), 1<<12)
			data, back := slices.Repeat([]byte{byte(i)}, 1<<12), make([]byte, 1<<12)
			for range 20 {
				err = errors.Join(err, s.Write(t.Context(), p, data), s.Read(t.Context(), back, p))
			}
			if err = errors.Join(err, s.Free(t.Context(), p)); err != nil ||
				!slices.Equal(back, data) {
				t.Errorf("run %d: %v", i, err)
			}
		})
	}
	g.Wait()
}
