package cuda

// Shapes: N batch, T time, c width, C coords, W steps of a window.

import (
	"cmp"
	"context"
	"errors"

	"icar/nn"
	"icar/nn/cuda/device"
)

// windowNumbers is about how many numbers a window has.
const windowNumbers = 1 << 24

// windows deal batches that are drawn anew for every step: W of them are on the device
// while the host draws the next W.
type windows struct {
	device device.Device
	feed   nn.Feed
	last   int // step
	set    Set
	now    *window // that is on the device, or nil
	next   *window // that is being drawn, nil if none is
	drawn  chan struct{}
	cancel context.CancelFunc
}

// window is the batches (W, N) of some steps.
type window struct {
	first, steps int
	batch        nn.Batch[float32]
	n            int
	err          error // of the step after these
}

func newWindows(d device.Device, f nn.Feed, last int) *windows {
	return &windows{device: d, feed: f, last: last}
}

// draw fills a window with the batches from step k on.
func (w *windows) draw(ctx context.Context, to *window, k int) {
	to.first, to.steps, to.err = k, 0, nil
	to.batch.X, to.batch.Y = to.batch.X[:0], to.batch.Y[:0]
	for ; k <= w.last && to.steps < longest; k++ {
		b, err := w.feed.Batch(ctx, k)
		if err == nil && to.steps > 0 && (b.N != to.n || b.T != to.batch.T) {
			err = errors.New("batches have to be of one shape")
		}
		if err != nil {
			to.err = err
			break
		}
		to.n, to.batch.T = b.N, b.T
		to.batch.X, to.batch.Y = append(to.batch.X, b.X...), append(to.batch.Y, b.Y...)
		to.steps++
		if len(to.batch.X)+len(to.batch.Y)+len(b.X)+len(b.Y) > windowNumbers {
			break
		}
	}
	to.batch.N = to.n * to.steps
}

// ahead has the window from step k on drawn, in the memory of one that is not needed.
func (w *windows) ahead(ctx context.Context, to *window, k int) {
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.next, w.drawn = to, make(chan struct{})
	go func() {
		defer close(w.drawn)
		w.draw(ctx, to, k)
	}()
}

// move brings the window to the device in which step k is.
func (w *windows) move(ctx context.Context, k int) error {
	if w.now != nil && k >= w.now.first && k < w.now.first+w.now.steps {
		return nil
	}
	from := w.next
	if from != nil {
		select {
		case <-w.drawn:
			w.cancel()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if w.next = nil; from == nil || from.first != k {
		from = new(window)
		w.draw(ctx, from, k)
	}
	if from.steps == 0 {
		return from.err
	}
	w.ahead(ctx, cmp.Or(w.now, new(window)), from.first+from.steps)
	w.now = nil // the device has neither before all is sent
	if err := w.set.send(ctx, w.device, from.batch); err != nil {
		return err
	}
	w.now = from
	return nil
}

// first returns the batch of the first step.
func (w *windows) first(ctx context.Context, k int) (nn.Batch[float32], error) {
	if err := w.move(ctx, k); err != nil {
		return nn.Batch[float32]{}, err
	}
	return w.batch(ctx, k)
}

func (w *windows) deal(ctx context.Context, k, n int) (*Set, [][]int, error) {
	if err := w.move(ctx, k); err != nil {
		return nil, nil, err
	}
	skipped := k - w.now.first
	return &w.set, inWindow(skipped, min(n, w.now.steps-skipped), w.now.n), nil
}

// inWindow are the numbers (steps, N) of the sequences of steps of a window, behind those that
// are skipped.
func inWindow(skipped, steps, n int) [][]int {
	order := make([][]int, steps)
	for i := range order {
		for s := range n {
			order[i] = append(order[i], (skipped+i)*n+s)
		}
	}
	return order
}

func (w *windows) batch(_ context.Context, k int) (nn.Batch[float32], error) {
	b, i := nn.Batch[float32]{N: w.now.n, T: w.now.batch.T}, k-w.now.first
	x, y := len(w.now.batch.X)/w.now.steps, len(w.now.batch.Y)/w.now.steps
	b.X, b.Y = w.now.batch.X[i*x:(i+1)*x], w.now.batch.Y[i*y:(i+1)*y]
	return b, nil
}

func (w *windows) close(ctx context.Context) error {
	if w.next != nil {
		w.cancel()
		<-w.drawn
	}
	return w.set.Release(ctx, w.device)
}
