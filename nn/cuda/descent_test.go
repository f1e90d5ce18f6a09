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

// deck deals the sequences of a set in an order that changes with the step.
type deck struct {
	set batch
	n   int
}

func (d deck) All(context.Context) (batch, error) { return d.set, nil }

func (d deck) Order(k int) (numbers []int) {
	for i := range d.n {
		numbers = append(numbers, (7*k+3*i)%d.set.N)
	}
	return numbers
}

func (d deck) Batch(_ context.Context, k int) (batch, error) { return of(d.set, d.Order(k)), nil }

// drawn has the same batches as a deck, each drawn anew, and fails after the last.
type drawn struct {
	deck deck
	last int
}

var errDrawn = errors.New("nothing is left to draw")

func (d drawn) Batch(ctx context.Context, k int) (batch, error) {
	if k > d.last {
		return batch{}, errDrawn
	}
	return d.deck.Batch(ctx, k)
}

// counting counts the steps that a device replays, and in how many runs.
type counting struct {
	device.Device
	took  time.Duration // by a step
	runs  map[device.Graph]int
	steps []int // by the number of runs
}

func newCounting() *counting {
	return &counting{Device: emulator.New(), runs: map[device.Graph]int{}, steps: make([]int, 4)}
}

func (c *counting) Record(ctx context.Context, work []device.Launch) (device.Graph, error) {
	g, err := c.Device.Record(ctx, work)
	c.runs[g] = work[0].Grid[2]
	return g, err
}

func (c *counting) Replay(ctx context.Context, g device.Graph, n int) error {
	c.steps[c.runs[g]] += n
	time.Sleep(time.Duration(n) * c.took)
	return c.Device.Replay(ctx, g, n)
}

// small is a model whose steps an emulator makes in a moment.
func small() nn.Config {
	c := rich()
	c.Depth, c.Length, c.MLP, c.MLPNorm, c.Activation, c.Position = 1, 3, 0, false, "", nn.NoPosition
	return c
}

// descend returns a model and what makes its steps.
func descend(t *testing.T, build nn.NewBackend, c nn.Config, seed uint64, d nn.Descent) (model,
	nn.Stepper) {
	t.Helper()
	m := newModel(t, c, seed)
	b, err := build(m)
	if err != nil {
		t.Fatal(err)
	}
	d.Optimiser = nn.NewAdamW(m.Parameters(), 0.1)
	d.Rate = func(k int) float64 { return 0.01 / float64(k) }
	s, err := nn.Descend(context.Background(), b, m.Parameters(), d)
	if err != nil {
		t.Fatal(err)
	}
	return m, s
}

// steps makes steps up to the last and returns their losses.
func steps(t *testing.T, s nn.Stepper, first, last int) (losses []float64) {
	t.Helper()
	for k := first; k <= last; {
		made, err := s.Steps(context.Background(), k, last-k+1)
		if err != nil || len(made) == 0 {
			t.Fatalf("step %d: %v", k+len(made), err)
		}
		losses, k = append(losses, made...), k+len(made)
	}
	return losses
}

// finish has the model be as the steps have made it.
func finish(t *testing.T, s nn.Stepper) {
	t.Helper()
	if err := errors.Join(s.Sync(context.Background()),
		s.Close(context.Background())); err != nil {
		t.Fatal(err)
	}
}

// onlyGradients hides that a backend makes steps.
func onlyGradients(build nn.NewBackend) nn.NewBackend {
	return func(m model) (nn.Backend, error) {
		b, err := build(m)
		return struct{ nn.Backend }{b}, err
	}
}

// Steps of a descent on a device have the bits of the host's by its gradients, from sets and
// from batches that are drawn anew.
func TestDescentIsThatOfTheHost(t *testing.T) {
	c := small()
	cards := deck{draw(c, 1, 11, 1)[0], 5}
	build := cuda.On(emulator.New())
	want, host := descend(t, onlyGradients(build), c, 1, nn.Descent{Feed: cards, Last: 9})
	losses := steps(t, host, 1, 9)
	for name, feed := range map[string]nn.Feed{"a set": cards, "drawn": drawn{cards, 9}} {
		got, on := descend(t, build, c, 1, nn.Descent{Feed: feed, Last: 9})
		if made := steps(t, on, 1, 9); !slices.Equal(made, losses) {
			t.Errorf("%s: losses %v, want %v", name, made, losses)
		}
		finish(t, on)
		if !slices.Equal(bits(nn.Tensors(got.Parameters())...),
			bits(nn.Tensors(want.Parameters())...)) {
			t.Errorf("%s: the weights have other bits", name)
		}
	}
}

// What a feed says is said at its step, after those before it.
func TestFeedThatFails(t *testing.T) {
	c := small()
	cards := deck{draw(c, 1, 11, 1)[0], 5}
	_, s := descend(t, cuda.On(emulator.New()), c, 1,
		nn.Descent{Feed: drawn{cards, 3}, Last: 9})
	steps(t, s, 1, 3)
	if losses, err := s.Steps(context.Background(), 4, 6); !errors.Is(err, errDrawn) ||
		len(losses) > 0 {
		t.Errorf("step 4: %v, %v", losses, err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// Runs of a hall wait for each other: all steps that they have in common are made side by
// side, those that one has alone are made alone, and a run that comes later, or goes, changes
// no bits of the others.
func TestRunsMeet(t *testing.T) {
	c := small()
	cards := deck{draw(c, 1, 11, 1)[0], 5}
	last := []int{30, 25, 30}
	models := make([]model, 3)
	synctest.Test(t, func(t *testing.T) {
		d := newCounting()
		d.took = 5 * time.Millisecond
		build := cuda.OnPatient(device.Share(d), time.Hour)
		steppers := make([]nn.Stepper, 3)
		for i := range models {
			models[i], steppers[i] = descend(t, build, c, uint64(i),
				nn.Descent{Feed: cards, Last: last[i], Clip: float64(i)})
		}
		// The first has made two steps before the others come, and these wait for it.
		steps(t, steppers[0], 1, 2)
		begin, gone := time.Now(), make(chan bool)
		for _, i := range []int{1, 2, 0} {
			go func() {
				defer func() { gone <- true }()
				first := 1
				if i == 0 {
					first = 3
				}
				steps(t, steppers[i], first, last[i])
				finish(t, steppers[i])
			}()
			synctest.Wait()
		}
		for range 3 {
			<-gone
		}
		// The second is done after 25 steps, of which the first has made 27. So they make three
		// without it, and the third makes two alone. Nobody waits for who has gone.
		if want := []int{1: 2 + 2, 3: 25 + 3}; !slices.Equal(d.steps, want) {
			t.Errorf("steps by the number of runs: %v, want %v", d.steps, want)
		}
		if took := time.Since(begin); took != 30*d.took {
			t.Errorf("30 steps of %v took %v", d.took, took)
		}
	})
	alone := cuda.On(emulator.New())
	for i, m := range models {
		want, s := descend(t, alone, c, uint64(i), nn.Descent{Feed: cards, Last: last[i],
			Clip: float64(i)})
		steps(t, s, 1, last[i])
		finish(t, s)
		if !slices.Equal(bits(nn.Tensors(m.Parameters())...),
			bits(nn.Tensors(want.Parameters())...)) {
			t.Errorf("run %d has other bits beside others", i)
		}
	}
}

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

// Who waits for others and is told to end ends at once, and the others go on.
func TestWaitingRunIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := small()
		build := cuda.OnPatient(device.Share(emulator.New()), time.Hour)
		cards := deck{draw(c, 1, 11, 1)[0], 5}
		_, first := descend(t, build, c, 1, nn.Descent{Feed: cards, Last: 1 << 20})
		_, second := descend(t, build, c, 2, nn.Descent{Feed: cards, Last: 9})
		begin, cause := time.Now(), errors.New("enough")
		steps(t, first, 1, 1)
		ctx, cancel := context.WithCancelCause(context.Background())
		made := 1
		go func() {
			for {
				if _, err := first.Steps(ctx, made+1, 1); err != nil {
					if !errors.Is(err, cause) {
						t.Errorf("who waits ends with %v", err)
					}
					return
				}
				made++
			}
		}()
		steps(t, second, 1, 1)
		synctest.Wait() // the first waits for the second
		if cancel(cause); made == 1 {
			t.Error("the first has made no step beside the second")
		}
		synctest.Wait()
		steps(t, second, 2, 3) // nobody is waited for any more
		if waited := time.Since(begin); waited > 0 {
			t.Errorf("who has ended is waited for: %v", waited)
		}
	})
}

// A run that is slow is waited for no longer than patience says.
func TestSlowRunIsLeftBehind(t *testing.T) {
	c := small()
	build := cuda.OnPatient(device.Share(emulator.New()), time.Millisecond)
	cards := deck{draw(c, 1, 11, 1)[0], 5}
	_, slow := descend(t, build, c, 1, nn.Descent{Feed: cards, Last: 9})
	_, fast := descend(t, build, c, 2, nn.Descent{Feed: cards, Last: 9})
	steps(t, slow, 1, 1)
	steps(t, fast, 1, 9) // without an end if it waited
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

// distant is a device to which everything that is sent takes long, but whose steps take
// little time.
type distant struct {
	device.Device
	courses []int
}

func (d *distant) Write(ctx context.Context, p device.Pointer, data []byte) error {
	time.Sleep(time.Millisecond)
	return d.Device.Write(ctx, p, data)
}

func (d *distant) Replay(ctx context.Context, g device.Graph, n int) error {
	d.courses = append(d.courses, n)
	time.Sleep(time.Duration(n) * 10 * time.Microsecond)
	return nil
}

// Courses grow with the speed of the steps, not with that of what is sent for them: the
// more that is the longer they have to be.
func TestPaceIsThatOfTheSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := small()
		d := &distant{Device: emulator.New()}
		cards := deck{draw(c, 1, 11, 1)[0], 5}
		_, s := descend(t, cuda.On(d), c, 1, nn.Descent{Feed: cards, Last: 1 << 20})
		for range 7 {
			_, _ = s.Steps(context.Background(), 1, 1<<20) // none of these is made
		}
		if want := []int{1, 4, 16, 64, 256, 1024, 1024}; !slices.Equal(d.courses, want) {
			t.Errorf("courses are of %v steps, want %v", d.courses, want)
		}
	})
}

func TestPace(t *testing.T) {
	for _, test := range []struct {
		steps, pace int
		took        time.Duration
		want        int
	}{
		{1, 1, time.Millisecond, 4},         // may grow four times
		{4, 4, 20 * time.Millisecond, 16},   // 5 ms a step, 20 of which are 100
		{16, 16, 80 * time.Millisecond, 20}, // and those it takes
		{20, 20, 10 * time.Second, 1},
		{600, 600, time.Millisecond, 1024}, // but no more
		{1, 512, time.Microsecond, 1024},   // a course that others have cut says little
	} {
		if got := cuda.PaceAfter(test.steps, test.pace, test.took); got != test.want {
			t.Errorf("after %d steps in %v at pace %d it is %d, want %d", test.steps, test.took,
				test.pace, got, test.want)
		}
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

// compiling counts the kernels that a device compiles.
type compiling struct {
	device.Device
	names []string
}

func (c *compiling) Load(ctx context.Context, text string, names ...string) (device.Module,
	error) {
	c.names = append(c.names, names...)
	return c.Device.Load(ctx, text, names...)
}

// What was compiled for a model is not compiled again, for another of its shape or one that
// has some of its kernels: a deeper one has all of them, one with an MLP has more.
func TestKernelsAreCompiledOnce(t *testing.T) {
	c := small()
	deep, more := c, c
	deep.Depth, more.MLP = 3, 2
	d := &compiling{Device: emulator.New()}
	build := cuda.On(d)
	var counts []int
	for i, c := range []nn.Config{c, c, deep, more, more} {
		gradient(t, build, newModel(t, c, uint64(i)), draw(c, 1, 3, 1)[0])
		counts = append(counts, len(d.names))
	}
	if counts[0] == 0 || counts[2] != counts[0] || counts[3] <= counts[2] ||
		counts[4] != counts[3] {
		t.Errorf("kernels compiled up to each model: %v", counts)
	}
	slices.Sort(d.names)
	if n := len(slices.Compact(slices.Clone(d.names))); n != len(d.names) {
		t.Errorf("of %d kernels %d are different", len(d.names), n)
	}
}
