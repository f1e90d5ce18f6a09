package cuda_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// A run that has been trained before takes the place of one that has gone, and another comes
// when there is no place: they, and the one that was there, come to the bits that they
// come to alone.
func TestSeatsAreTaken(t *testing.T) {
	c := small()
	cards := deck{draw(c, 1, 11, 1)[0], 5}
	// begun returns a model that has made three steps, and what makes the next.
	begun := func(build nn.NewBackend, seed uint64) (model, nn.Stepper) {
		m := newModel(t, c, seed)
		o := nn.NewAdamW(m.Parameters(), 0.1)
		b, err := build(m)
		if err != nil {
			t.Fatal(err)
		}
		d := nn.Descent{Feed: cards, Optimiser: o, Last: 9,
			Rate: func(k int) float64 { return 0.01 / float64(k) }}
		var made [2]nn.Stepper
		for i, by := range []nn.Backend{struct{ nn.Backend }{b}, b} {
			if made[i], err = nn.Descend(context.Background(), by, m.Parameters(), d); err != nil {
				t.Fatal(err)
			}
		}
		steps(t, made[0], 1, 3)
		return m, made[1]
	}
	var want [][]uint32
	for seed := range uint64(3) {
		m, s := begun(cuda.On(emulator.New()), seed)
		steps(t, s, 4, 9)
		finish(t, s)
		want = append(want, bits(nn.Tensors(m.Parameters())...))
	}
	d := newCounting()
	build := cuda.OnPatient(device.Share(d), 0)
	models, steppers := make([]model, 3), make([]nn.Stepper, 3)
	for i := range models {
		models[i], steppers[i] = begun(build, uint64(i))
	}
	_, gone := begun(build, 7)
	steps(t, steppers[0], 4, 5)
	steps(t, gone, 4, 4) // there are two seats
	finish(t, gone)
	steps(t, steppers[1], 4, 5) // takes the second
	steps(t, steppers[2], 4, 5) // needs a third
	for i, s := range steppers {
		steps(t, s, 6, 9)
		finish(t, s)
		if !slices.Equal(bits(nn.Tensors(models[i].Parameters())...), want[i]) {
			t.Errorf("run %d comes to other bits", i)
		}
	}
	if d.steps[1] < 2 || d.steps[2] < 3 || d.steps[3] < 2 {
		t.Errorf("steps by the number of runs: %v", d.steps)
	}
}

// full is a device that has memory for so many allocations of runs.
type full struct {
	device.Device
	left int
}

var errFull = errors.New("the memory is full")

func (f *full) Alloc(ctx context.Context, bytes int) (device.Pointer, error) {
	if bytes > 1<<18 { // more than a set, or a batch to predict
		if f.left--; f.left < 0 {
			return 0, errFull
		}
	}
	return f.Device.Alloc(ctx, bytes)
}

// A run for which there is no memory beside the others is told so, and the others go on as if
// it had not come.
func TestHallIsFull(t *testing.T) {
	c := small()
	cards := deck{draw(c, 1, 11, 1)[0], 5}
	want, alone := descend(t, cuda.On(emulator.New()), c, 1, nn.Descent{Feed: cards, Last: 9})
	steps(t, alone, 1, 9)
	finish(t, alone)
	build := cuda.OnPatient(device.Share(&full{emulator.New(), 1}), 0)
	m, first := descend(t, build, c, 1, nn.Descent{Feed: cards, Last: 9})
	_, second := descend(t, build, c, 2, nn.Descent{Feed: cards, Last: 9})
	steps(t, first, 1, 3)
	for range 2 {
		if _, err := second.Steps(context.Background(), 1, 9); !errors.Is(err, errFull) {
			t.Errorf("who comes is told %v", err)
		}
	}
	steps(t, first, 4, 9)
	finish(t, first)
	if !slices.Equal(bits(nn.Tensors(m.Parameters())...),
		bits(nn.Tensors(want.Parameters())...)) {
		t.Error("who was there comes to other bits")
	}
	if err := second.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// tight is a device that says that it has hardly any memory.
type tight struct{ *tally }

func (d tight) Properties() device.Properties {
	p := d.tally.Properties()
	p.Memory = 1
	return p
}

// Where the memory has room for one run, another is not beside it, nor is a set kept there.
func TestLittleMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := tight{&tally{Device: emulator.New()}}
		first, second := pair(t, d, time.Hour)
		begin := time.Now()
		steps(t, first, 1, 2)
		steps(t, second, 1, 2)
		if took := time.Since(begin); took > 0 {
			t.Errorf("runs that are not side by side wait %v for each other", took)
		}
		if c := small(); d.sent[4*11*c.Length*c.Width] > 0 {
			t.Error("the set is sent, for which there is no room")
		}
		finish(t, first)
		finish(t, second)
		d.empty(t, "two runs")
	})
}

// A run whose weights cannot be brought to where it would be beside another takes down both,
// and gives back what was made for that.
func TestRunCannotBeMoved(t *testing.T) {
	d := &tally{Device: emulator.New()}
	first, second := pair(t, d, 0)
	steps(t, first, 1, 1)
	d.blind = true
	if _, err := second.Steps(context.Background(), 1, 1); !errors.Is(err, errFailed) {
		t.Errorf("who comes is told %v", err)
	}
	if err := errors.Join(first.Close(context.Background()),
		second.Close(context.Background())); err != nil {
		t.Error(err)
	}
	d.empty(t, "a move that failed")
}

// failing is a device that fails once, after one course, and then seems to work.
type failing struct {
	device.Device
	courses int
}

var errFailed = errors.New("a bit has flipped")

func (f *failing) Replay(ctx context.Context, g device.Graph, n int) error {
	if f.courses++; f.courses == 2 {
		return errFailed
	}
	return f.Device.Replay(ctx, g, n)
}

// After a device has failed nothing is known of the runs: their steps and weights are refused
// with what it said. Who comes later is not among them.
func TestDeviceOfAHallFails(t *testing.T) {
	c := small()
	build := cuda.OnPatient(device.Share(&failing{Device: emulator.New()}), time.Hour)
	cards := deck{draw(c, 1, 11, 1)[0], 5}
	_, s := descend(t, build, c, 1, nn.Descent{Feed: cards, Last: 9})
	steps(t, s, 1, 1)
	for range 2 {
		_, made := s.Steps(context.Background(), 2, 1)
		for _, err := range []error{made, s.Sync(context.Background())} {
			if !errors.Is(err, errFailed) || err.Error() != errFailed.Error() {
				t.Errorf("what nobody knows is gone on with, or fetched: %v", err)
			}
		}
	}
	_, other := descend(t, build, c, 2, nn.Descent{Feed: cards, Last: 9})
	steps(t, other, 1, 2)
	finish(t, other)
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
