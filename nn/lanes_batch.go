package nn

// Shapes: T time, c width, C coords. Where lanes begin and end: tokens, predictions and
// targets of sequences.

import "icar/nn/kernel"

// gather reads the segment's tokens of 16 sequences of b from the first on. After the
// batch its last sequence is repeated, so that lanes without a sequence of
// their own are as finite as the others.
func (w *lanes) gather(f *folded, b Batch[float32], first int) {
	var tokens [kernel.Lanes][]float32
	for l := range tokens {
		tokens[l] = b.x(min(first+l, b.N-1))
	}
	w.strip(w.count, costGather*w.layers[0].x.Cols, func(from, to int) {
		for t := w.first + from; t < w.first+to; t++ {
			w.gatherToken(f, &tokens, t)
		}
	})
}

// gatherToken reads token t.
func (w *lanes) gatherToken(f *folded, tokens *[kernel.Lanes][]float32, t int) {
	c, x := w.config.Width, w.layers[0].x
	for i := range x.Cols - 1 {
		entry := (*[kernel.Lanes]float32)(x.Data[(t*x.Row+i)*kernel.Lanes:])
		from := t*c + i%c
		for l, sequence := range tokens {
			entry[l] = sequence[from]
		}
		if f.pos == nil {
			continue
		}
		for l := range entry {
			entry[l] += f.pos[t*w.config.Embed+i]
		}
	}
}

// scatter writes the predictions to out (N, T, c).
func (w *lanes) scatter(first int, out []float32) {
	size := w.length * w.config.Width
	for l := range min(kernel.Lanes, len(out)/size-first) {
		predictions := out[(first+l)*size:][:size]
		for i := range predictions {
			predictions[i] = w.out.Data[i*kernel.Lanes+l]
		}
	}
}

// loss adds to the losses of the block's sequences, the first on, and turns
// the segment's predictions into the gradient of the loss of b, 0 in lanes
// without a sequence.
func (w *lanes) loss(b Batch[float32], first int, losses []float64) {
	var targets [kernel.Lanes][]float32
	var scale [kernel.Lanes]float32
	var sums [kernel.Lanes]float64
	for l := range targets {
		targets[l] = b.y(min(first+l, b.N-1))
		if first+l < b.N {
			scale[l] = 2 * float32(1/float64(len(b.Y)))
		}
	}
	from, to := w.first*w.config.Coords, (w.first+w.count)*w.config.Coords
	w.strip(kernel.Lanes, costLoss*(to-from), func(lane, end int) {
		for i := from; i < to; i++ {
			entry := (*[kernel.Lanes]float32)(w.out.Data[i*kernel.Lanes:])
			for l := lane; l < end; l++ {
				e := entry[l] - targets[l][i]
				sums[l] += float64(e) * float64(e)
				entry[l] = scale[l] * e
			}
		}
	})
	for l := range min(kernel.Lanes, b.N-first) {
		losses[first+l] += sums[l]
	}
}
