package cardcheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"icar/bench"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// tiny is a case that an emulator trains in a moment.
func tiny(t *testing.T) bench.Case {
	t.Helper()
	cases, err := bench.Choose([]string{"fig5-L1"})
	if err != nil {
		t.Fatal(err)
	}
	c := cases[0].AtLength(2)
	c.Config.D, c.Config.Batch, c.Config.Train = 2, 4, 4
	return c
}

// slow is a device that takes a known time more for each replay of a recorded step of a
// run, and others for the recording, for compiling and for each time that it draws.
type slow struct {
	device.Device
	step, recording, compiling, drawing time.Duration
	runs                                map[device.Graph]int
	draws                               map[device.Kernel]bool
}

func newSlow(step, recording, compiling, drawing time.Duration) slow {
	return slow{emulator.New(), step, recording, compiling, drawing, map[device.Graph]int{},
		map[device.Kernel]bool{}}
}

func (s slow) Load(ctx context.Context, text string, names ...string) (device.Module, error) {
	time.Sleep(s.compiling)
	m, err := s.Device.Load(ctx, text, names...)
	for i, k := range m.Kernels {
		s.draws[k] = strings.HasPrefix(names[i], "variates")
	}
	return m, err
}

// Properties are of a device with room for the sequences of one step at a time.
func (s slow) Properties() device.Properties {
	p := s.Device.Properties()
	p.Memory = 1 << 16
	return p
}

func (s slow) Launch(ctx context.Context, work []device.Launch) error {
	if s.draws[work[0].Kernel] {
		time.Sleep(s.drawing)
	}
	return s.Device.Launch(ctx, work)
}

func (s slow) Record(ctx context.Context, work []device.Launch) (device.Graph, error) {
	time.Sleep(s.recording)
	g, err := s.Device.Record(ctx, work)
	s.runs[g] = work[0].Grid[2]
	return g, err
}

func (s slow) Replay(ctx context.Context, g device.Graph, n int) error {
	time.Sleep(time.Duration(n*s.runs[g]) * s.step)
	return s.Device.Replay(ctx, g, n)
}

// Everything is told, in order, also after what is wrong, and what is wrong is counted. In the
// bubble only sleeps take time, so times are known.
func TestFindings(t *testing.T) {
	bad := errors.New("other bits")
	suite := func(err error) func(context.Context, device.Device) error {
		return func(context.Context, device.Device) error { return err }
	}
	synctest.Test(t, func(t *testing.T) {
		c := Check{Device: newSlow(20*time.Millisecond, time.Second, 1500*time.Millisecond,
			9*time.Millisecond), Cases: []bench.Case{tiny(t)}, Steps: 3, Rounds: 2, Seeds: 4,
			Suites: []Suite{{"bits", "first", suite(bad)}, {"backend", "second", suite(nil)}},
			Against: func(_ context.Context, name string) (bench.Other, error) {
				return bench.Other{Case: name, Seconds: 8, Program: "another"}, nil
			}}
		var told []string
		wrong, err := c.Run(t.Context(), func(f Finding) {
			told = append(told, fmt.Sprint(f.What, ": ", f.Detail, ": ", f.Wrong))
		})
		name := c.Cases[0].Name
		want := []string{"bits: first: other bits", "backend: second: <nil>",
			"time: " + name + ": ready after 1.50 s, 20.0000 ms a step, median of 2, " +
				"least 20.0000; 8000.0000 ms by another: 400.0 times: <nil>",
			"seeds: 4 runs of " + name + " side by side take 4.00 times one: " +
				"80.0000 ms a step of all: <nil>",
			"fresh: " + name + " on fresh sequences: 29.0000 ms a step of a run, 20.0000 on a " +
				"set: <nil>"}
		if err != nil || wrong != 1 || !slices.Equal(told, want) {
			t.Errorf("%d wrong, %v, told %q, want %q", wrong, err, told, want)
		}
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if _, err := c.Run(ctx, func(f Finding) { t.Errorf("%s is told", f.What) }); !errors.Is(err,
			cause) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

// A step's time is without what a course takes however long it is.
func TestTimeOfAStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Check{Device: newSlow(5*time.Millisecond, time.Second, 2*time.Second, 0), Steps: 3,
			Rounds: 2}
		m, err := c.measure(t.Context(), tiny(t), 1)
		if want := []float64{0.005, 0.005}; err != nil || !slices.Equal(m.steps, want) ||
			m.ready != 2*time.Second {
			t.Errorf("steps of 5 ms after 2 s are measured as %v s after %v, %v", m.steps, m.ready,
				err)
		}
	})
	if m := median([]float64{5, 1, 3, 2}); m != 2.5 {
		t.Errorf("the median is %v", m)
	}
}

// misread is a device whose kernels draw other bits than they should.
type misread struct{ device.Device }

func (m misread) Load(ctx context.Context, text string, names ...string) (device.Module, error) {
	return m.Device.Load(ctx, strings.Replace(text, "xor.b32", "or.b32", 1), names...)
}

// A device that leaves drawing to the processor is wrong: its steps on fresh sequences are not
// what is to be measured.
func TestProcessorDraws(t *testing.T) {
	c := Check{Device: misread{emulator.New()}, Steps: 1, Rounds: 1}
	f := c.fresh(t.Context(), tiny(t))
	if f.Wrong == nil || !strings.Contains(f.Wrong.Error(), "other bits") {
		t.Errorf("%+v", f)
	}
}

// mortal is a device that is lost after so many steps, and counts what it holds.
type mortal struct {
	device.Device
	left, held int
}

func (m *mortal) Alloc(ctx context.Context, bytes int) (device.Pointer, error) {
	m.held++
	return m.Device.Alloc(ctx, bytes)
}

func (m *mortal) Free(ctx context.Context, p device.Pointer) error {
	m.held--
	return m.Device.Free(ctx, p)
}

func (m *mortal) Replay(ctx context.Context, g device.Graph, n int) error {
	if m.left -= n; m.left < 0 {
		return device.ErrLost
	}
	return m.Device.Replay(ctx, g, n)
}

// What is measured gives back what it holds, whether it gets through or not.
func TestNothingIsLeftOnTheCard(t *testing.T) {
	for _, left := range []int{5, 1000} {
		d := &mortal{Device: emulator.New(), left: left}
		c := Check{Device: d, Steps: 2, Rounds: 1, Seeds: 2}
		for _, f := range []Finding{c.fresh(t.Context(), tiny(t)), c.time(t.Context(), tiny(t)),
			c.seeds(t.Context(), tiny(t))} {
			if errors.Is(f.Wrong, device.ErrLost) != (left == 5) || d.held != 0 {
				t.Errorf("%s of a card that makes %d steps: %v, and %d pieces of memory are held",
					f.What, left, f.Wrong, d.held)
			}
		}
	}
}
