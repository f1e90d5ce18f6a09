package nn

// Shapes: N batch, T time, D embed, c width, C coords, L layers, H heads.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"icar/nn/kernel"
)

// Engine computes the loss, the gradient and the predictions of a
// Transformer[float32] on the loops of package kernel: 16 sequences side by
// side, attention in its folded form (fold.go), nothing of size N·H·T² ever
// stored. It agrees with the model's own methods up to rounding.
//
// Results depend on the kernel's arithmetic, not on the number of processors
// nor on the width of its registers. Like the model, an Engine must not be
// used from two goroutines at once.
type Engine struct {
	model  *Transformer[float32]
	kernel kernel.Kernel

	segment int // tokens, see lanes
	memory  int // numbers, see abreast
	length  int
	weights *folded          // of the model, at every call
	pairs   *pairs           // the first layer in its other form, or nil
	strands []*folded        // gradients
	places  []*Memo[float32] // (L·H) of a product position
	losses  []float64        // (N) summed squared error of every sequence
	outputs [][]float64      // (L·H) of (D, D) gradients of W_o, see unfold
	crew    *crew
	rooms   struct { // workspaces that nobody is at
		sync.Mutex
		free []*lanes
	}
}

// NewEngine returns an Engine for model on the loops of k. It has a fast form of
// FullHeads and MultiHead; about other mixers the error is errors.ErrUnsupported.
func NewEngine(model *Transformer[float32], k kernel.Kernel) (*Engine, error) {
	switch model.mixer.(type) {
	case fullHeads[float32], multiHead[float32]:
		return &Engine{model: model, kernel: k, segment: segmentSize, memory: abreastMemory,
			crew: newCrew()}, nil
	}
	return nil, fmt.Errorf("the engine has no fast form of the mixer %q: %w",
		model.config.Mixer, errors.ErrUnsupported)
}

// Model returns the Transformer whose parameters the Engine reads and whose
// gradients it sets.
func (e *Engine) Model() *Transformer[float32] { return e.model }

// Arithmetic implements Backend: it is that of the kernel.
func (e *Engine) Arithmetic() string { return e.kernel.Arithmetic() }

// Gradient implements Backend.
func (e *Engine) Gradient(ctx context.Context, b Batch[float32]) (float64, error) {
	if b.Y == nil {
		return 0, errNoTargets
	}
	if err := e.prepare(ctx, b); err != nil {
		return 0, err
	}
	defer e.crew.dismiss()
	strands := e.split(b.N)
	err := e.rounds(ctx, b, true, func(from, to int) error { return e.run(ctx, b, from, to, strands) })
	if err == nil {
		err = e.unfold(ctx, e.strands[0])
	}
	if err != nil {
		return 0, err
	}
	if !e.finite() {
		return e.model.Gradient(ctx, b) // names what is not, if it comes out the same
	}
	return mean(e.losses, len(b.Y)), nil
}

// Loss implements Backend.
func (e *Engine) Loss(ctx context.Context, b Batch[float32]) (float64, error) {
	if b.Y == nil {
		return 0, errNoTargets
	}
	if err := e.prepare(ctx, b); err != nil {
		return 0, err
	}
	defer e.crew.dismiss()
	coords := e.model.config.Coords
	err := e.rounds(ctx, b, false, func(from, to int) error {
		return e.each(ctx, to-from, func(w *lanes, k int) {
			first := (from + k) * kernel.Lanes
			w.forward(e.weights, b, first, coords, func() { w.loss(b, first, e.losses) })
		})
	})
	if err != nil {
		return 0, err
	}
	if nonFinite(e.losses) >= 0 {
		return e.model.Loss(ctx, b)
	}
	return mean(e.losses, len(b.Y)), nil
}

// Predict implements Backend.
func (e *Engine) Predict(ctx context.Context, b Batch[float32]) ([]float32, error) {
	b.Y = nil
	if err := e.prepare(ctx, b); err != nil {
		return nil, err
	}
	defer e.crew.dismiss()
	out := make([]float32, len(b.X))
	err := e.rounds(ctx, b, false, func(from, to int) error {
		return e.each(ctx, to-from, func(w *lanes, k int) {
			first := (from + k) * kernel.Lanes
			w.forward(e.weights, b, first, e.model.config.Width, func() {})
			w.scatter(first, out)
		})
	})
	if err != nil {
		return nil, err
	}
	if nonFinite(out) >= 0 {
		return e.model.Predict(ctx, b)
	}
	return out, nil
}

// prepare checks b, makes room for it, calls the crew and folds the parameters. Without
// an error the crew has to be dismissed.
func (e *Engine) prepare(ctx context.Context, b Batch[float32]) error {
	c := e.model.config
	if err := b.Check(c); err != nil {
		return err
	}
	if paired := c.paired(b.N, b.T); b.T != e.length || paired != (e.pairs != nil) {
		e.length, e.rooms.free, e.strands, e.places, e.pairs = b.T, nil, nil, nil, nil
		if paired {
			e.pairs = newPairs(c, b.T)
		}
		e.weights = newFolded(c, b.T, e.pairs, nil)
		e.pairs.share(e.weights)
		if c.Position == ProductPosition {
			for range c.Depth * c.Heads {
				e.places = append(e.places, new(Memo[float32]))
			}
		}
	}
	e.losses = slices.Grow(e.losses[:0], b.N)[:b.N]
	clear(e.losses)
	e.crew.enlist(runtime.GOMAXPROCS(0), e.kernel)
	err := e.fold(ctx)
	if err != nil {
		e.crew.dismiss()
	}
	return err
}

// most is the largest number of strands, and with it of processors at work.
// Their gradients may take strandMemory numbers.
const (
	most         = 32
	strandMemory = 1 << 23
)

// split returns the number of strands of a batch of n: runs of blocks whose
// gradients are added up one after the other. It must not depend on the
// processors, since the strands' order of summation makes the bits.
func (e *Engine) split(n int) int {
	return min(blockCount(n), most, max(4, strandMemory/len(e.weights.data)))
}

// tasks runs f on tasks 0 to n-1, in parallel. It returns early, with the context's
// error, when ctx is done.
func (e *Engine) tasks(ctx context.Context, n int, f func(m *member, task int)) error {
	e.crew.run(n, func(m *member, task int) {
		if ctx.Err() == nil {
			f(m, task)
		}
	})
	return context.Cause(ctx)
}

// each is tasks with a workspace for everyone who has any of them, as many at a time as
// there may be workspaces.
func (e *Engine) each(ctx context.Context, n int, f func(w *lanes, task int)) (err error) {
	wave := e.abreast()
	for first := 0; first < n && err == nil; first += wave {
		err = e.tasks(ctx, min(wave, n-first), func(m *member, task int) {
			if m.lanes == nil {
				m.lanes = e.room()
				m.lanes.member = m
			}
			f(m.lanes, first+task)
		})
		for _, m := range e.crew.members {
			if m.lanes != nil {
				e.rooms.free, m.lanes = append(e.rooms.free, m.lanes), nil
			}
		}
	}
	return err
}

// room returns a workspace that nobody is at. So there are no more of them than tasks.
func (e *Engine) room() *lanes {
	e.rooms.Lock()
	defer e.rooms.Unlock()
	last := len(e.rooms.free) - 1
	if last < 0 {
		return newLanes(e.model.config, e.length, e.segment, e.kernel, e.pairs)
	}
	w := e.rooms.free[last]
	e.rooms.free = e.rooms.free[:last]
	return w
}

// finite returns whether the losses and the gradients are.
func (e *Engine) finite() bool {
	all := pieces(e.model.parameters, 1<<14)
	var bad atomic.Bool
	e.crew.run(len(all), func(_ *member, task int) {
		if p := all[task]; nonFinite(e.model.parameters[p.i].Grad[p.from:p.to]) >= 0 {
			bad.Store(true)
		}
	})
	return !bad.Load() && nonFinite(e.losses) < 0
}

// mean returns the sum of losses over count.
func mean(losses []float64, count int) float64 {
	sum := 0.0
	for _, l := range losses {
		sum += l
	}
	return sum / float64(count)
}
