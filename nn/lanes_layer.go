package nn

// Shapes: T time, D embed, C coords, M hidden units, E folded input. Linear maps
// act on the transposes: (O, I) times (I, T).

import "icar/nn/kernel"

// forward runs the model on 16 sequences of b, the first on, and leaves the
// first coords coordinates of the predictions in w.out. visit is called with
// every segment at work.
func (w *lanes) forward(f *folded, b Batch[float32], first, coords int, visit func()) {
	w.out, w.start = kernel.Dense(w.out.Data, w.length, coords), first
	for k := range w.segments() {
		w.enter(k)
		w.gather(f, b, first)
		for l := range f.layers {
			w.forwardLayer(&f.layers[l], l)
		}
		last := w.rows(w.last)
		if w.config.FinalNorm {
			n := w.normRows(w.final)
			w.Norm(without(n.y), n.normal, n.rstd, without(last), f.gamma, f.beta, normEpsilon)
			last = n.y
		}
		readout := kernel.Dense(f.out, coords, last.Cols)
		w.MulShared(w.rows(w.out).T(), readout, last.T(), false)
		visit()
	}
}

// backward adds to grad from the gradient of the predictions in w.out.
func (w *lanes) backward(f, grad *folded) {
	coords := w.out.Cols
	readout := kernel.Dense(f.out, coords, w.last.Cols)
	for k := w.segments() - 1; k >= 0; k-- {
		w.enter(k)
		out, last := w.rows(w.out), w.rows(w.last)
		if w.config.FinalNorm {
			last = w.rows(w.final.y)
		}
		w.outer(grad.out[:coords*last.Cols], out, last)
		w.MulShared(w.d.T(), without(readout).T(), out.T(), false)
		if w.config.FinalNorm {
			w.normBackward(w.d, w.normRows(w.final), f.gamma, grad.gamma, grad.beta)
		}
		for l := len(f.layers) - 1; l >= 0; l-- {
			w.backwardLayer(&f.layers[l], &grad.layers[l], l)
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
func (w *lanes) forwardLayer(f *foldedLayer, l int) {
	c, y, mixed := w.config, w.layer(l), &w.mixed
	out := without(w.input(l + 1))
	skip := out
	if c.MLP > 0 {
		skip = without(y.r)
	}
	*mixed = y
	if c.PreNorm {
		n := y.norm
		w.Norm(without(n.y), n.normal, n.rstd, without(y.x), f.gamma, f.beta, normEpsilon)
		mixed.x = n.y
	}
	w.MulShared(w.o.T(), kernel.Dense(f.o, c.Embed, 1), ones(mixed.x).T(), false)
	switch {
	case l == 0 && w.pairs != nil:
		w.pairs.output(w, f.base, mixed.x)
	case c.split():
		w.attendSplit(f, mixed)
	case c.quadratic(w.length):
		w.attend(f, mixed)
	default:
		w.attendLinear(f, mixed)
	}
	if c.postNorm() {
		w.Norm(w.o, y.norm.normal, y.norm.rstd, w.o, f.gamma, f.beta, normEpsilon)
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
		w.forwardMLP(f, y, out)
	}
}

// forwardMLP writes out from y.r, which has the skip connection.
func (w *lanes) forwardMLP(f *foldedLayer, y layerLanes, out kernel.Matrix) {
	c, x := w.config, y.r
	if c.MLPNorm {
		n := y.inner
		w.Norm(without(n.y), n.normal, n.rstd, without(x), f.inner[0], f.inner[1], normEpsilon)
		x = n.y
	}
	hidden := without(y.hidden)
	up := kernel.Dense(f.up, hidden.Cols, c.Embed+1)
	if c.Activation == GELU {
		w.MulShared(y.pre.T(), up, x.T(), false)
		w.GELU(hidden, y.pre)
	} else {
		w.MulShared(hidden.T(), up, x.T(), false)
		w.Relu(hidden)
	}
	copyRows(out, without(y.r))
	w.MulShared(out.T(), kernel.Dense(f.down, c.Embed, y.hidden.Cols), y.hidden.T(), true)
}

// backwardMLP turns w.d from the gradient of the MLP's output into that of y.r.
func (w *lanes) backwardMLP(f, g *foldedLayer, y layerLanes) {
	c, x := w.config, y.r
	if c.MLPNorm {
		x = y.inner.y
	}
	up := kernel.Dense(f.up, w.dhidden.Cols, c.Embed+1)
	down := kernel.Dense(f.down, c.Embed, y.hidden.Cols)
	w.MulShared(w.dhidden.T(), without(down).T(), w.d.T(), false)
	if c.Activation == GELU {
		w.GELUBackward(w.dhidden, y.pre)
	} else {
		w.ReluBackward(w.dhidden, without(y.hidden))
	}
	w.outer(g.down, w.d, y.hidden)
	w.outer(g.up, w.dhidden, x)
	if !c.MLPNorm {
		w.MulShared(w.d.T(), without(up).T(), w.dhidden.T(), true)
		return
	}
	w.MulShared(w.dx.T(), without(up).T(), w.dhidden.T(), false)
	w.normBackward(w.dx, y.inner, f.inner[0], g.inner[0], g.inner[1])
	w.Add(w.d, w.d, w.dx)
}

// normBackward turns d from the gradient of a layer norm's output into that of
// its input, and adds to those of γ and β.
func (w *lanes) normBackward(d kernel.Matrix, n normLanes, gamma, dgamma, dbeta []float32) {
	size := w.config.Embed * kernel.Lanes
	along, sum := w.sums[:size], w.sums[size:2*size]
	clear(w.sums[:2*size])
	w.NormBackward(d, n.normal, n.rstd, gamma, along, sum)
	w.Sum(dgamma, along)
	w.Sum(dbeta, sum)
}

// backwardLayer turns w.d from the gradient of the output of layer l into that
// of its input, if anything before the mixer learns, and adds to g.
func (w *lanes) backwardLayer(f, g *foldedLayer, l int) {
	c, y, mixed := w.config, w.layer(l), &w.mixed
	if c.MLP > 0 {
		w.backwardMLP(f, g, y)
	}
	*mixed = y
	if c.Residual && !c.PreNorm {
		copy(w.dx.Data, w.d.Data)
	} else {
		clear(w.dx.Data)
	}
	if c.PreNorm {
		mixed.x = y.norm.y
	} else if c.Norm {
		w.normBackward(w.d, y.norm, f.gamma, g.gamma, g.beta)
	}
	w.outer(g.o, w.d, ones(mixed.x))
	switch {
	case l == 0 && w.pairs != nil:
		w.pairs.gradient(w, g.base, mixed.x)
	case c.split():
		w.attendSplitBackward(f, g, mixed, c.learns(l))
	case c.quadratic(w.length):
		w.attendBackward(f, g, mixed, c.learns(l))
	default:
		w.attendLinearBackward(f, g, mixed, c.learns(l))
	}
	if c.PreNorm {
		w.normBackward(w.dx, y.norm, f.gamma, g.gamma, g.beta)
		if c.Residual {
			w.Add(w.dx, w.dx, w.d)
		}
	}
	w.d, w.dx = w.dx, w.d
}

// learns returns whether anything before the mixer of layer l does.
func (c Config) learns(l int) bool {
	return l > 0 || c.Position == AdditivePosition || c.PreNorm
}

// copyRows copies src to dst, whose rows may be further apart.
func copyRows(dst, src kernel.Matrix) {
	for i := range src.Rows {
		row := src.Data[i*src.Row*kernel.Lanes:][:src.Cols*kernel.Lanes]
		copy(dst.Data[i*dst.Row*kernel.Lanes:], row)
	}
}
