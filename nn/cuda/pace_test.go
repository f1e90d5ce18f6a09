package cuda_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// distant is a device to which everything that is sent takes long, but whose steps take
// little time.
type distant struct {
	device.Device
	took    time.Duration // by a step
	courses []int
}

func (d *distant) Write(ctx context.Context, p device.Pointer, data []byte) error {
	time.Sleep(time.Millisecond)
	return d.Device.Write(ctx, p, data)
}

func (d *distant) Replay(ctx context.Context, g device.Graph, n int) error {
	d.courses = append(d.courses, n)
	time.Sleep(time.Duration(n) * d.took)
	return nil
}

// Courses grow with the speed of the steps, not with that of what is sent for them: the
// more that is the longer they have to be.
func TestPaceIsThatOfTheSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := small()
		cards := deck{draw(c, 1, 11, 1)[0], 5}
		for took, want := range map[time.Duration][]int{
			10 * time.Microsecond: {1, 4, 16, 64, 256, 1024, 1024},
			2 * time.Millisecond:  {1, 4, 16, 50, 50, 50, 50}, // which are 100
		} {
			d := &distant{Device: emulator.New(), took: took}
			_, s := descend(t, cuda.On(d), c, 1, nn.Descent{Feed: cards, Last: 1 << 20})
			for range want {
				_, _ = s.Steps(context.Background(), 1, 1<<20) // none of these is made
			}
			if !slices.Equal(d.courses, want) {
				t.Errorf("courses of steps of %v are of %v, want %v", took, d.courses, want)
			}
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
