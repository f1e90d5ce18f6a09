package cuda

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// wary is a deck that knows when two use it, or use it too long.
type wary struct {
	t     *testing.T
	last  int
	inUse atomic.Bool
	asked atomic.Int32 // orders
	row   [2]int
}

func (w *wary) use() func() {
	if w.inUse.Swap(true) {
		w.t.Error("two use the deck")
	}
	return func() { w.inUse.Store(false) }
}

func (w *wary) All(context.Context) (nn.Batch[float32], error) { return nn.Batch[float32]{}, nil }

func (w *wary) Batch(_ context.Context, k int) (nn.Batch[float32], error) {
	defer w.use()()
	time.Sleep(10 * time.Microsecond)
	return nn.Batch[float32]{N: k}, nil
}

func (w *wary) Order(k int) []int {
	defer w.use()()
	w.asked.Add(1)
	time.Sleep(10 * time.Microsecond)
	if k < 1 || k > w.last {
		w.t.Errorf("step %d of %d is asked for", k, w.last)
	}
	w.row = [2]int{k, -k}
	return w.row[:]
}

// Whatever steps are made, and however few of those that were dealt, they are on their own
// sequences; what comes next is dealt while the device is at work, and by one at a time.
func TestSequencesAreDealtAhead(t *testing.T) {
	ctx, on := t.Context(), device.Device(emulator.New())
	w := &wary{t: t, last: 20}
	d := &deckDealer{deck: w, last: w.last, device: on, set: new(Set)}
	for i, c := range []struct{ k, n, dealt, ahead int }{
		{1, 4, 4, 8},     // 1 to 4, and then 5 to 8
		{5, 3, 3, 11},    // of these, and then 8 to 10
		{8, 6, 3, 17},    // what there is of them, and then 11 to 16
		{13, 2, 2, 19},   // in their middle, and then 15 and 16
		{14, 5, 5, 26},   // before them: all anew, and then 19 and 20
		{19, 9, 2, 26},   // the last, and nothing
		{19, 9, 2, 28},   // again
		{20, 100, 1, 29}, // alone
		{1, 4, 4, 37},    // and then 5 to 8
		{9, 5, 5, 47},    // right after them: anew, and then 14 to 18
		{14, 5, 5, 49},   // of these, and then 19 and 20
		{15, 5, 5, 55},   // before them: anew, and then 20
	} {
		set, order, err := d.deal(ctx, c.k, c.n)
		var want [][]int
		for k := c.k; k < c.k+c.dealt; k++ {
			want = append(want, []int{k, -k})
		}
		if err != nil || set != d.set || !slices.EqualFunc(order, want, slices.Equal) {
			t.Errorf("%d: from step %d it deals %v, %v, want %v", i, c.k, order, err, want)
		}
		if d.next != nil {
			d.next <- <-d.next // it has been dealt
		}
		if asked := int(w.asked.Load()); asked != c.ahead {
			t.Errorf("%d: %d orders were asked for, want %d", i, asked, c.ahead)
		}
	}
	for range 10 { // what is dealt ahead is waited for
		if _, _, err := d.deal(ctx, 1, 10); err != nil {
			t.Fatal(err)
		}
		if b, err := d.batch(ctx, 7); err != nil || b.N != 7 {
			t.Fatal(b.N, err)
		}
		if _, _, err := d.deal(ctx, 1, 10); err != nil {
			t.Fatal(err)
		}
		if err := d.close(ctx); err != nil {
			t.Fatal(err)
		}
		if d.next != nil {
			t.Fatal("the deck is in use after the end")
		}
	}
}

// vast is a feed of batches of so many zeros.
type vast int

func (v vast) Batch(context.Context, int) (nn.Batch[float32], error) {
	half := make([]float32, v/2)
	return nn.Batch[float32]{N: len(half), T: 1, X: half, Y: half}, nil
}

// A window has as many batches as there is room for, and one however large it is.
func TestWindowsHaveRoom(t *testing.T) {
	for numbers, want := range map[int]int{windowNumbers / 3: 3, windowNumbers + 2: 1} {
		var got window
		w := newWindows(emulator.New(), vast(numbers), 9)
		if w.draw(t.Context(), &got, 1); got.steps != want || got.err != nil {
			t.Errorf("a window of batches of %d numbers has %d, want %d: %v", numbers, got.steps,
				want, got.err)
		}
	}
}
