package nn

// Shapes: T time, D embed, C coords, M hidden units, E folded input. Linear maps
// act on the transposes: (O, I) times (I, T).

import "icar/nn/kernel"

// forward runs the model on 16 sequences of b, the first on, and leaves the
// first coords coordinates of the predictions in w.out. visit is called with
// every segment at work.
func (w *lanes) forward(f *folded, b Batch[float32], first, coords int, visit func()) {
	w.out = kernel.Dense(w.out.Data, w.length, coords)
	for k := range w.segments() {
		w.enter(k)
		w.gather(f, b, first)
		for l, layer := range f.layers {
			w.forwardLayer(layer, l)
		}
		readout := kernel.Dense(f.out, coords, w.last.Cols)
		w.MulShared(w.rows(w.out).T(), readout, w.rows(w.last).T(), false)
		visit()
	}
}

// backward adds to grad from the gradient of the predictions in w.out.
func (w *lanes) backward(f, grad *folded) {
	coords := w.out.Cols
	readout := kernel.Dense(f.out, coords, w.last.Cols)
	for k := w.segments() - 1; k >= 0; k-- {
		w.enter(k)
		out := w.rows(w.out)
		w.outer(grad.out[:coords*w.last.Cols], out, w.rows(w.last))
		w.MulShared(w.d.T(), without(readout).T(), out.T(), false)
		for l := len(f.layers) - 1; l >= 0; l-- {
			w.backwardLayer(f.layers[l], grad.layers[l], l)
		}
		if grad.pos != nil {
			pos := grad.pos[w.first*w.d.Cols:]
			for t := range w.count {
				w.Sum(pos[t*w.d.Cols:(t+1)*w.d.Cols], w.d.SliceRows(t, 1).Data)
			}
		}
	}
}

// forwardLayer writes the input of layer l+1 from that of layer l.
func (w *lanes) forwardLayer(f foldedLayer, l int) {
	c, y := w.config, w.layer(l)
	out := without(w.input(l + 1))
	skip := out
	if c.MLP > 0 {
		skip = without(y.r)
	}
	w.MulShared(w.o.T(), kernel.Dense(f.o, c.Embed, 1), ones(y.x).T(), false)
	if c.quadratic() {
		w.attend(f, y)
	} else {
		w.attendLinear(f, y)
	}
	if c.Norm {
		w.Norm(w.o, y.normal, y.rstd, w.o, f.gamma, f.beta, normEpsilon)
	}
	if c.Residual { // with the token as often as it is repeated
		x := without(y.x)
		for i := 0; i < c.Embed; i += x.Cols {
			w.Add(skip.Slice(0, i, w.count, x.Cols), w.o.Slice(0, i, w.count, x.Cols), x)
		}
	} else {
		copyRows(skip, w.o)
	}
	if c.MLP > 0 {
		hidden := without(y.hidden)
		w.MulShared(hidden.T(), kernel.Dense(f.up, hidden.Cols, c.Embed+1), y.r.T(), false)
		w.Relu(hidden)
		copyRows(out, skip)
		w.MulShared(out.T(), kernel.Dense(f.down, c.Embed, y.hidden.Cols), y.hidden.T(), true)
	}
}

// backwardLayer turns w.d from the gradient of the output of layer l into that
// of its input, if anything before it learns, and adds to g.
func (w *lanes) backwardLayer(f, g foldedLayer, l int) {
	c, y := w.config, w.layer(l)
	if c.MLP > 0 {
		hidden := without(y.hidden)
		up := kernel.Dense(f.up, hidden.Cols, c.Embed+1)
		down := kernel.Dense(f.down, c.Embed, y.hidden.Cols)
		w.MulShared(w.dhidden.T(), without(down).T(), w.d.T(), false)
		w.ReluBackward(w.dhidden, hidden)
		w.outer(g.down, w.d, y.hidden)
		w.outer(g.up, w.dhidden, y.r)
		w.MulShared(w.d.T(), without(up).T(), w.dhidden.T(), true)
	}
	learns := l > 0 || c.Position == AdditivePosition
	if c.Residual {
		copy(w.dx.Data, w.d.Data)
	} else {
		clear(w.dx.Data)
	}
	if c.Norm {
		size := c.Embed * kernel.Lanes
		dgamma, dbeta := w.sums[:size], w.sums[size:2*size]
		clear(w.sums[:2*size])
		w.NormBackward(w.d, y.normal, y.rstd, f.gamma, dgamma, dbeta)
		w.Sum(g.gamma, dgamma)
		w.Sum(g.beta, dbeta)
	}
	w.outer(g.o, w.d, ones(y.x))
	if c.quadratic() {
		w.attendBackward(f, g, y, learns)
	} else {
		w.attendLinearBackward(f, g, y, learns)
	}
	w.d, w.dx = w.dx, w.d
}

// copyRows copies src to dst, whose rows may be further apart.
func copyRows(dst, src kernel.Matrix) {
	for i := range src.Rows {
		row := src.Data[i*src.Row*kernel.Lanes:][:src.Cols*kernel.Lanes]
		copy(dst.Data[i*dst.Row*kernel.Lanes:], row)
	}
}
