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

// pair are two runs of a hall whose steps take a known time, which a test spends in a bubble.
func pair(t *testing.T, d device.Device, patience time.Duration) (first, second nn.Stepper) {
	t.Helper()
	c := small()
	cards := deck{draw(c, 1, 11, 1)[0], 5}
	build := cuda.OnPatient(device.Share(d), patience)
	_, first = descend(t, build, c, 1, nn.Descent{Feed: cards, Last: 1 << 20})
	_, second = descend(t, build, c, 2, nn.Descent{Feed: cards, Last: 1 << 20})
	return first, second
}

// Who is in a course is waited for however long that is, and not left behind.
func TestCourseIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newCounting()
		d.took = 5 * time.Second
		first, second := pair(t, d, time.Second)
		steps(t, second, 1, 1)
		begin, done := time.Now(), make(chan error, 1)
		go func() {
			_, alone := first.Steps(t.Context(), 1, 1)
			_, beside := first.Steps(t.Context(), 2, 1)
			done <- errors.Join(alone, beside)
		}()
		time.Sleep(2 * time.Second)
		steps(t, second, 2, 2)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != time.Second+2*d.took {
			t.Errorf("a step alone and one side by side take %v, each %v after a second", took,
				d.took)
		}
	})
}

// Who leaves while the others make steps waits for their end, and they for nobody.
func TestLeavingDuringACourse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newCounting()
		d.took = 5 * time.Second
		first, second := pair(t, d, 0)
		steps(t, second, 1, 1)
		begin, done := time.Now(), make(chan error, 1)
		go func() {
			_, err := first.Steps(t.Context(), 1, 1)
			done <- err
		}()
		time.Sleep(2 * time.Second)
		finish(t, second)
		if took := time.Since(begin); took != d.took {
			t.Errorf("who leaves is gone after %v, the steps of the others after %v", took, d.took)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		steps(t, first, 2, 2)
		if took := time.Since(begin); took != 2*d.took {
			t.Errorf("two steps of %v take %v", d.took, took)
		}
	})
}

// Who was left behind and has come back is waited for again.
func TestRunComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := pair(t, emulator.New(), time.Minute)
		begin := time.Now()
		took := func(want time.Duration) {
			t.Helper()
			if took := time.Since(begin); took != want {
				t.Errorf("%v have passed, want %v", took, want)
			}
		}
		steps(t, second, 1, 1)
		steps(t, first, 1, 1) // the second does not come
		took(time.Minute)
		steps(t, first, 2, 3)
		took(time.Minute)
		beside := make(chan error, 1)
		go func() {
			_, err := second.Steps(t.Context(), 2, 1)
			beside <- err
		}()
		synctest.Wait()
		steps(t, first, 4, 4)
		if err := <-beside; err != nil {
			t.Error(err)
		}
		took(time.Minute)
		steps(t, first, 5, 5) // the second does not come again
		took(2 * time.Minute)
	})
}

// What a run that was told to end has begun to wait for does not keep others from being left
// behind later.
func TestWaitThatWasTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := pair(t, emulator.New(), time.Minute)
		steps(t, second, 1, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := first.Steps(ctx, 1, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a run that waits ends with %v", err)
		}
		time.Sleep(time.Hour)
		steps(t, second, 2, 2)
		begin := time.Now()
		steps(t, first, 1, 1)
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("a run waits %v for another, with the patience of a minute", took)
		}
	})
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
	synctest.Test(t, func(t *testing.T) {
		c := small()
		build := cuda.OnPatient(device.Share(emulator.New()), time.Millisecond)
		cards := deck{draw(c, 1, 11, 1)[0], 5}
		_, slow := descend(t, build, c, 1, nn.Descent{Feed: cards, Last: 9})
		_, fast := descend(t, build, c, 2, nn.Descent{Feed: cards, Last: 9})
		steps(t, slow, 1, 1)
		steps(t, fast, 1, 9) // without an end if it waited
	})
}
