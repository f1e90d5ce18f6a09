package nn

// Shapes: N batch, T time, D embed, c width, C coords, L layers, H heads.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

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
	length  int
	weights *folded          // of the model, at every call
	strands []*folded        // gradients
	places  []*Memo[float32] // (L·H) of a product position
	workers []*lanes
	losses  []float64 // (N) summed squared error of every sequence
}

// NewEngine returns an Engine for model on the loops of k. It has a fast form of
// FullHeads and MultiHead; about other mixers the error is errors.ErrUnsupported.
func NewEngine(model *Transformer[float32], k kernel.Kernel) (*Engine, error) {
	switch model.mixer.(type) {
	case fullHeads[float32], multiHead[float32]:
		return &Engine{model: model, kernel: k, segment: segmentSize}, nil
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
	strands := e.split(b.N)
	for len(e.strands) < strands {
		e.strands = append(e.strands, newFolded(e.model.config, b.T))
	}
	blocks, coords := blockCount(b.N), e.model.config.Coords
	err := e.each(ctx, strands, func(w *lanes, s int) {
		clear(e.strands[s].data)
		for k := s * blocks / strands; k < (s+1)*blocks/strands && ctx.Err() == nil; k++ {
			first := k * kernel.Lanes
			w.forward(e.weights, b, first, coords, func() { w.loss(b, first, e.losses) })
			w.backward(e.weights, e.strands[s])
		}
	})
	if err != nil {
		return 0, err
	}
	if err := e.reduce(ctx, e.strands[:strands]); err != nil {
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
	coords := e.model.config.Coords
	err := e.each(ctx, blockCount(b.N), func(w *lanes, k int) {
		first := k * kernel.Lanes
		w.forward(e.weights, b, first, coords, func() { w.loss(b, first, e.losses) })
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
	out := make([]float32, len(b.X))
	err := e.each(ctx, blockCount(b.N), func(w *lanes, k int) {
		w.forward(e.weights, b, k*kernel.Lanes, e.model.config.Width, func() {})
		w.scatter(k*kernel.Lanes, out)
	})
	if err != nil {
		return nil, err
	}
	if nonFinite(out) >= 0 {
		return e.model.Predict(ctx, b)
	}
	return out, nil
}

// prepare checks b, makes room for it and folds the parameters.
func (e *Engine) prepare(ctx context.Context, b Batch[float32]) error {
	c := e.model.config
	if err := b.Check(c); err != nil {
		return err
	}
	if b.T != e.length {
		e.length, e.workers, e.strands, e.places = b.T, nil, nil, nil
		e.weights = newFolded(c, b.T)
		if c.Position == ProductPosition {
			for range c.Depth * c.Heads {
				e.places = append(e.places, new(Memo[float32]))
			}
		}
	}
	for len(e.workers) < runtime.GOMAXPROCS(0) {
		e.workers = append(e.workers, newLanes(c, b.T, e.segment, e.kernel))
	}
	e.losses = slices.Grow(e.losses[:0], b.N)[:b.N]
	clear(e.losses)
	return e.fold(ctx)
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

// each runs f on tasks 0 to n-1, in parallel, each call with a worker of its
// own. It returns early, with the context's error, when ctx is done.
func (e *Engine) each(ctx context.Context, n int, f func(w *lanes, task int)) error {
	var next atomic.Int64
	var g errgroup.Group
	for _, w := range e.workers[:min(runtime.GOMAXPROCS(0), n)] {
		g.Go(func() error {
			for {
				task := int(next.Add(1) - 1)
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if task >= n {
					return nil
				}
				f(w, task)
			}
		})
	}
	return g.Wait()
}

// finite returns whether the losses and the gradients are.
func (e *Engine) finite() bool {
	for _, p := range e.model.parameters {
		if nonFinite(p.Grad) >= 0 {
			return false
		}
	}
	return nonFinite(e.losses) < 0
}

// mean returns the sum of losses over count.
func mean(losses []float64, count int) float64 {
	sum := 0.0
	for _, l := range losses {
		sum += l
	}
	return sum / float64(count)
}
