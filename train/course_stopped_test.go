package train

import (
	"context"
	"errors"
	"testing"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
	"icar/run"
)

// goOn closes the directory of a run whose last checkpoint has to be of a step, and trains it to
// its end.
func goOn(t *testing.T, c Config, build nn.NewBackend, dir *run.Dir, step int) {
	t.Helper()
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	again, saved, err := run.Open(dir.Path(), "go", false)
	if err != nil || saved.Checkpoint.Step != step {
		t.Fatalf("there is a checkpoint of step %d, %v, want step %d", saved.Checkpoint.Step, err,
			step)
	}
	_, _, err = Train(t.Context(), c, Options{Dir: again, Saved: &saved, Backend: build})
	if err := errors.Join(err, again.Close()); err != nil {
		t.Fatal(err)
	}
}

// A run on a device that is stopped, between any two steps, and gone on with leaves the
// files of one go, also if the device draws its sequences.
func TestCoursesAreStopped(t *testing.T) {
	drawn := tiny()
	drawn.Fresh = true
	stopped(t, tiny(), 1, 6, 9)
	stopped(t, drawn, 7)
}

// stopped stops runs of c after some steps and goes on with them.
func stopped(t *testing.T, c Config, after ...int) {
	t.Helper()
	_, build := onWatched()
	whole := newDir(t, c)
	if _, _, err := Train(t.Context(), c, Options{Dir: whole, Backend: build}); err != nil {
		t.Fatal(err)
	}
	for _, last := range after {
		dir, enough := newDir(t, c), errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		_, history, err := Train(ctx, c, Options{Dir: dir, Backend: build,
			Observe: func(m run.Metric) {
				if m.Step == last {
					cancel(enough)
				}
			}})
		if !errors.Is(err, enough) || len(history) < last || len(history) == c.Steps() {
			t.Fatalf("stopped at step %d it ends after %d with %v", last, len(history), err)
		}
		goOn(t, c, build, dir, len(history))
		same(t, "gone on with", whole.Path(), dir.Path())
	}
}

// lost is a device that is taken away after so many steps.
type lost struct {
	device.Device
	left int
}

func (l *lost) Replay(ctx context.Context, g device.Graph, n int) error {
	if l.left -= n; l.left < 0 {
		return device.ErrLost
	}
	return l.Device.Replay(ctx, g, n)
}

// A run whose device is lost has its last checkpoint, at a step where one is due, and is gone
// on with from there.
func TestDeviceIsLost(t *testing.T) {
	c := tiny()
	c.CheckpointEvery = 3
	_, build := onWatched()
	whole, dir := newDir(t, c), newDir(t, c)
	if _, _, err := Train(t.Context(), c, Options{Dir: whole, Backend: build}); err != nil {
		t.Fatal(err)
	}
	_, history, err := Train(t.Context(), c, Options{Dir: dir,
		Backend: cuda.On(&lost{emulator.New(), 5})})
	if !errors.Is(err, device.ErrLost) || len(history) < 3 {
		t.Fatalf("it ends after step %d with %v", len(history), err)
	}
	goOn(t, c, build, dir, 3)
	same(t, "gone on with", whole.Path(), dir.Path())
}
