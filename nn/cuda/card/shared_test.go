package card

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// meeting is a device at which two calls must never meet.
type meeting struct {
	device.Device
	inside sync.Mutex
	t      *testing.T
}

func (m *meeting) Write(ctx context.Context, p device.Pointer, data []byte) error {
	if !m.inside.TryLock() {
		m.t.Error("two goroutines use the device at once")
		return nil
	}
	defer m.inside.Unlock()
	return m.Device.Write(ctx, p, data)
}

// Many runs share a card, each with memory of its own.
func TestCardIsShared(t *testing.T) {
	s := &shared{device: &meeting{Device: emulator.New(), t: t}}
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
