package cuda

// Shapes: W steps of a window, N batch, S = W·N sequences, T time, D coordinates, c width,
// G generators.

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"icar/ar"
	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/cuda/ptx"
)

// drawing says what the kernels draw; it is an error if there are none for that.
type drawing struct {
	nn.Drawing
	variates variates
	haar     haar
	tokens   tokensOf
}

func newDrawing(d nn.Drawing) (drawing, error) {
	law := d.Law
	zeros, states := d.Tokens.Blocks()
	p := drawing{d, variates{law.D}, haar{law}, tokensOf{law.D, zeros, states}}
	switch {
	case law.Family != ar.Haar && law.Family != ar.Special:
		return p, fmt.Errorf("of the family %s: %w", law.Family, errors.ErrUnsupported)
	case law.Sigma > 0:
		return p, fmt.Errorf("with noise: %w", errors.ErrUnsupported)
	case law.D > mostDrawn:
		return p, fmt.Errorf("of %d coordinates: %w", law.D, errors.ErrUnsupported)
	}
	return p, nil
}

// blocks is the number of generators of a step.
func (p drawing) blocks() int { return (p.N + ar.BlockSize - 1) / ar.BlockSize }

// step is about how many numbers of 4 bytes are kept of one.
func (p drawing) step() int {
	return p.N*(p.T*(p.tokens.width()+p.Law.D)+2*p.variates.numbers()) + p.blocks()*kept
}

// keys are those of the generators of steps k to k+steps-1, (W, G, 32).
func (p drawing) keys(k, steps int) []byte {
	data := make([]byte, 0, 4*kept*p.blocks()*steps)
	for step := k; step < k+steps; step++ {
		for b := range p.blocks() {
			key := ar.BlockKey(p.Seed, p.Stream, uint64(step), b)
			data = append(data, key[:]...)
		}
	}
	return data
}

// draws deal batches that the device draws anew for every step, W of them at a time: the
// host makes the keys of the generators, and those of the next W steps while the device is at
// work.
type draws struct {
	drawing
	device  device.Device
	feed    nn.Feed // of the same batches
	last    int     // step
	most    int     // W
	kernels map[string]device.Kernel

	first, steps          int // of the window that is on the device
	set                   Set
	table, seeds, numbers memory
	next                  chan keys // of the window behind it, nil if there is none
}

// keys are those of some steps.
type keys struct {
	first, steps int
	data         []byte
}

// drawnNumbers is about how many numbers a window has at most: the more, the more generators
// there are for a card to work on, and the more steps may be made in a row.
const drawnNumbers = 1 << 28

// drawnShare of a device's memory is for a window: there may be many runs.
const drawnShare = 1. / 128

func newDraws(d device.Device, p drawing, f nn.Feed, last int) *draws {
	room := min(drawnNumbers, int(drawnShare*float64(d.Properties().Memory))/4)
	return &draws{drawing: p, device: d, feed: f, last: last,
		most: min(longest, max(1, room/p.step()))}
}

// load compiles the kernels; others is that of [demand].
func (w *draws) load(ctx context.Context, l *compiler, others func() bool) (err error) {
	w.kernels, err = l.load(ctx, w.device, demand{[]*ptx.Kernel{w.variates.kernel(),
		w.haar.kernel(), w.tokens.kernel()}, others})
	if err != nil {
		return err
	}
	return w.table.sendBytes(ctx, w.device, encodeZiggurat())
}

// ahead has the keys of the window from step k on made.
func (w *draws) ahead(k int) {
	steps := min(w.most, w.last-k+1)
	if steps > 0 {
		made := make(chan keys, 1)
		w.next = made
		go func() { made <- keys{k, steps, w.keys(k, steps)} }()
	}
}

// move has the window be on the device in which step k is.
func (w *draws) move(ctx context.Context, k int) error {
	if k >= w.first && k < w.first+w.steps {
		return nil
	}
	var window keys
	if w.next != nil {
		window, w.next = <-w.next, nil
	}
	if window.first != k {
		window.first, window.steps = k, min(w.most, w.last-k+1)
		window.data = w.keys(k, window.steps)
	}
	w.steps = 0
	if err := w.draw(ctx, window); err != nil {
		return fmt.Errorf("to draw the sequences of %d steps: %w", window.steps, err)
	}
	w.first, w.steps = k, window.steps
	w.ahead(k + w.steps)
	return nil
}

// draw has the device draw a window.
func (w *draws) draw(ctx context.Context, window keys) error {
	d, count := w.device, window.steps*w.N
	width, coords, numbers := w.tokens.width(), w.Law.D, w.variates.numbers()
	w.set.n, w.set.t = count, w.T
	if err := errors.Join(w.seeds.sendBytes(ctx, d, window.data),
		w.numbers.grow(ctx, d, 8*numbers*count),
		w.set.x.grow(ctx, d, 4*count*w.T*width),
		w.set.y.grow(ctx, d, 4*count*w.T*coords)); err != nil {
		return err
	}
	launch := func(name string, n, block int, args ...device.Arg) device.Launch {
		return device.Launch{Kernel: w.kernels[name], Grid: [3]int{(n + block - 1) / block, 1, 1},
			Block: [3]int{block, 1, 1}, Args: append([]device.Arg{device.Number(n)}, args...)}
	}
	at := func(m memory) device.Arg { return device.Address(m.at, 0) }
	return d.Launch(ctx, []device.Launch{
		launch(w.variates.name(), window.steps*w.blocks(), generators, device.Number(w.N),
			device.Number(count), at(w.table), at(w.seeds), at(w.numbers)),
		launch(w.haar.name(), count, rollers, device.Number(w.T), at(w.numbers), at(w.set.y)),
		launch(w.tokens.name(), count*w.T*width, threads, device.Number(w.T), at(w.set.y),
			at(w.set.x)),
	})
}

// errOtherBits is a device that does not draw what the host does.
var errOtherBits = errors.New("the card draws other bits than the processor")

// check draws from step k on, whose batch has to be this one.
func (w *draws) check(ctx context.Context, k int, want nn.Batch[float32]) error {
	if err := w.move(ctx, k); err != nil {
		return err
	}
	got, err := w.read(ctx, k-w.first)
	if err != nil {
		return err
	}
	for _, pair := range [][2][]float32{{got.X, want.X}, {got.Y, want.Y}} {
		if !bytes.Equal(encode(pair[0]), encode(pair[1])) {
			return errOtherBits
		}
	}
	return nil
}

func (w *draws) deal(ctx context.Context, k, n int) (*Set, [][]int, error) {
	if err := w.move(ctx, k); err != nil {
		return nil, nil, err
	}
	return &w.set, inWindow(k-w.first, min(n, w.first+w.steps-k), w.N), nil
}

func (w *draws) batch(ctx context.Context, k int) (nn.Batch[float32], error) {
	return w.feed.Batch(ctx, k)
}

func (w *draws) close(ctx context.Context) error {
	if w.next != nil {
		<-w.next
	}
	return errors.Join(w.set.Release(ctx, w.device), w.table.free(ctx, w.device),
		w.seeds.free(ctx, w.device), w.numbers.free(ctx, w.device))
}
