package nn

// Shapes: T time, L layers, D embed, M hidden units, H heads, E folded input.

import (
	"context"

	"icar/nn/kernel"
)

// A strand is a run of blocks whose gradients are added up one after the other, and
// strands are added in their order. As many as processors are at work, if their memory
// allows it: what the backward needs of a block, all its layers, grows with D and L, and
// for D = 256 and 12 layers is 85 MiB. Such blocks come one after the other, each cut over
// all processors (cut.go), in the same workspace, and their gradients in the same two.

// abreastMemory is the numbers that blocks have for it side by side: 128 MiB.
const abreastMemory = 1 << 25

// abreast returns how many blocks are computed side by side, at most. It has nothing to
// do with the bits.
func (e *Engine) abreast() int {
	return max(1, e.memory/(kernel.Lanes*e.length*e.model.config.remembered()))
}

// remembered returns how many numbers of a token the forward leaves for the backward.
func (c Config) remembered() int {
	n := 0
	for l := range c.Depth {
		e, d, m := c.folded(l), c.Embed, c.MLP*c.Embed
		n += e + d
		if c.split() {
			n += 4 * d
		} else {
			n += c.Heads * e
		}
		if c.MLP > 0 {
			n += d + m
		}
		if c.MLPNorm {
			n += 2 * d
		}
		if c.Activation == GELU {
			n += m
		}
	}
	return n
}

// run makes a sum of the gradients of blocks from to to-1 of b, in so many strands, that
// of blocks before from being there: the data of e.strands[0].
func (e *Engine) run(ctx context.Context, b Batch[float32], from, to, strands int) error {
	blocks, coords := to-from, e.model.config.Coords
	wave := e.abreast()
	for first := 0; first < strands; first += wave {
		n, at := min(wave, strands-first), min(from+first, 1) // in front of it is the sum
		for len(e.strands) < at+n {
			e.strands = append(e.strands, e.newStrand(b.T))
		}
		err := e.each(ctx, n, func(w *lanes, k int) {
			s, grad := first+k, e.strands[at+k]
			clear(grad.data)
			for k := s * blocks / strands; k < (s+1)*blocks/strands && ctx.Err() == nil; k++ {
				first := (from + k) * kernel.Lanes
				w.forward(e.weights, b, first, coords, func() { w.loss(b, first, e.losses) })
				w.backward(e.weights, grad)
			}
		})
		if err == nil {
			err = e.add(ctx, e.strands[0].data, e.strands[1:at+n])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// newStrand makes room for the gradient of another strand. The second is where those of
// the parameters are: they are set from the first, when all have been added to it.
func (e *Engine) newStrand(length int) *folded {
	var there []float32
	if len(e.strands) == 1 {
		there = e.model.gradient
	}
	return newFolded(e.model.config, length, e.pairs, there)
}

// add adds the gradients of strands to sum in their order.
func (e *Engine) add(ctx context.Context, sum []float32, strands []*folded) error {
	const share = 1 << 14 // numbers to add a task, some 10 µs
	size := max(64, share/(1+len(strands)))
	return e.tasks(ctx, (len(sum)+size-1)/size, func(_ *member, task int) {
		from, to := task*size, min((task+1)*size, len(sum))
		for _, s := range strands {
			axpy(sum[from:to], 1, s.data[from:to])
		}
	})
}
