package cuda_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

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
