package train

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
	"icar/run"
)

// careful is a device that, like a driver, frees and forgets nothing for whoever is stopped, and
// counts what it holds.
type careful struct {
	device.Device
	held    atomic.Int32
	forgets error // of every Forget
}

func (s *careful) Alloc(ctx context.Context, bytes int) (device.Pointer, error) {
	s.held.Add(1)
	return s.Device.Alloc(ctx, bytes)
}

func (s *careful) Free(ctx context.Context, p device.Pointer) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.held.Add(-1)
	return s.Device.Free(ctx, p)
}

func (s *careful) Record(ctx context.Context, work []device.Launch) (device.Graph, error) {
	s.held.Add(1)
	return s.Device.Record(ctx, work)
}

func (s *careful) Forget(ctx context.Context, g device.Graph) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.held.Add(-1)
	return errors.Join(s.forgets, s.Device.Forget(ctx, g))
}

// A run gives back what it holds of a device, also if it is stopped. If the device does not take
// it back, that is said of a run in which all else went well.
func TestDeviceIsGivenBack(t *testing.T) {
	for name, test := range map[string]struct{ stopped, forgets error }{
		"whole":   {},
		"stopped": {stopped: errors.New("enough")},
		"broken":  {forgets: errors.New("nothing is forgotten")},
	} {
		d := &careful{Device: emulator.New(), forgets: test.forgets}
		ctx, cancel := context.WithCancelCause(t.Context())
		held := int32(0)
		_, _, err := Train(ctx, tiny(), Options{Backend: cuda.On(d), Observe: func(m run.Metric) {
			held = max(held, d.held.Load())
			if m.Step == 6 && test.stopped != nil {
				cancel(test.stopped)
			}
		}})
		cancel(nil)
		if want := cmp.Or(test.stopped, test.forgets); !errors.Is(err, want) {
			t.Errorf("%s: it ends with %v, want %v", name, err, want)
		}
		if now := d.held.Load(); now != 0 || held == 0 {
			t.Errorf("%s: of %d things on the device %d are left", name, held, now)
		}
	}
}
