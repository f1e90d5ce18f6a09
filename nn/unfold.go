package nn

// Shapes: T time, D embed, H heads, E folded input.

import (
	"context"
	"math"
)

// reduce adds up the gradients of the strands in their order, in the first,
// and takes them back to the parameters.
func (e *Engine) reduce(ctx context.Context, strands []*folded) error {
	const share = 1 << 14 // numbers a task
	sum := strands[0].data
	err := e.each(ctx, (len(sum)+share-1)/share, func(_ *lanes, task int) {
		from, to := task*share, min((task+1)*share, len(sum))
		for _, s := range strands[1:] {
			axpy(sum[from:to], 1, s.data[from:to])
		}
	})
	if err != nil {
		return err
	}
	if e.pairs != nil {
		if err := e.unfoldPairs(ctx, &strands[0].layers[0]); err != nil {
			return err
		}
	}
	return e.unfold(ctx, strands[0])
}

// unfold sets the parameters' gradients from that of the folded form.
func (e *Engine) unfold(ctx context.Context, f *folded) error {
	c, d := e.model.config, e.model.config.Embed
	tensors := make([][]float32, len(e.model.parameters))
	for i, p := range e.model.parameters {
		tensors[i] = p.Grad
	}
	grad := e.model.assemble(tensors)
	clear(grad.pos)
	copy(grad.pos, f.pos)
	copy(grad.norm.weight, f.gamma)
	copy(grad.norm.bias, f.beta)
	for l, g := range grad.layers {
		y := f.layers[l]
		copy(g.output().Bias, y.o)
		y.unfoldSplit(g, c)
		copy(g.norm.weight, y.gamma)
		copy(g.norm.bias, y.beta)
		copy(g.inner.weight, y.inner[0])
		copy(g.inner.bias, y.inner[1])
		if c.MLP > 0 {
			part(g.mlp.up, y.up, d)
			part(g.mlp.down, y.down, c.MLP*d)
		}
	}
	part(grad.out, f.out, d)
	if c.split() {
		return nil
	}

	heads := c.Depth * c.Heads
	outputs := make([][]float64, heads)   // of W_o
	positions := make([][]float32, heads) // of pos
	err := e.each(ctx, heads, func(w *lanes, task int) {
		l, h := task/c.Heads, task%c.Heads
		m, g := e.model.network.layers[l].heads(), grad.layers[l].heads()
		if d < wideFold {
			outputs[task] = f.layers[l].unfoldHead(h, d, m, g)
		} else {
			outputs[task] = w.unfoldWide(f.layers[l], h, d, m, g)
		}
		if f.layers[l].p != nil {
			positions[task] = e.unfoldPosition(w, l, h, f.layers[l].p, g)
		}
	})
	if err != nil {
		return err
	}
	sum := make([]float64, d*d)
	for l, g := range grad.layers {
		clear(sum)
		for h := range c.Heads {
			axpy(sum, 1, outputs[l*c.Heads+h])
		}
		for i, v := range sum {
			g.heads().o.Weight[i] = float32(v)
		}
	}
	for _, p := range positions {
		axpy(grad.pos, 1, p)
	}
	if e.pairs != nil {
		return e.unfoldPlaces(ctx, grad)
	}
	return nil
}

// part writes [W b] from src back to l.
func part(l Linear[float32], src []float32, in int) {
	for o := range l.Bias {
		copy(l.Weight[o*in:(o+1)*in], src[o*(in+1):])
		l.Bias[o] = src[o*(in+1)+in]
	}
}

// unfoldHead sets head h of the gradients of queries, keys and values from dM
// and dU in f, and returns the head's part in that of W_o:
//
//	dW̃_k = W̃_q dMᵀ/√D, dW̃_q = W̃_k dM/√D, dW̃_v = W_oᵀ dU, dW_o = Σ_h dU W̃_vᵀ
//
// Coordinates that were one have the same gradient.
func (f foldedLayer) unfoldHead(h, d int, m, grad fullHeads[float32]) []float64 {
	e, scale := f.e, 1/math.Sqrt(float64(d))
	q, k, v := m.q.head(h, d).augmented(e), m.k.head(h, d).augmented(e), m.v.head(h, d).augmented(e)
	dq, dk, dv := make([]float64, d*e), make([]float64, d*e), make([]float64, d*e)
	do := make([]float64, d*d)
	row := make([]float64, e)
	for n := range e {
		for m, g := range f.m[(h*e+n)*e:][:e] {
			row[m] = scale * float64(g)
		}
		for o := range d {
			dk[o*e+n] = dot(row, q[o*e:(o+1)*e])
			axpy(dq[o*e:(o+1)*e], k[o*e+n], row)
		}
	}
	for r := range d {
		for m, g := range f.u[(h*d+r)*e:][:e] {
			row[m] = float64(g)
		}
		for o, w := range m.o.Weight[r*d : (r+1)*d] {
			axpy(dv[o*e:(o+1)*e], float64(w), row)
			do[r*d+o] = dot(row, v[o*e:(o+1)*e])
		}
	}
	spread(grad.q.head(h, d), dq, e)
	spread(grad.k.head(h, d), dk, e)
	spread(grad.v.head(h, d), dv, e)
	return do
}

// spread writes the gradient of a projection from that of its augmented form.
func spread(l Linear[float32], src []float64, e int) {
	d := len(l.Bias)
	for o := range l.Bias {
		for i := range d {
			l.Weight[o*d+i] = float32(src[o*e+i%(e-1)])
		}
		l.Bias[o] = float32(src[o*e+e-1])
	}
}

// unfoldPosition adds to head h of grad, layer l, from dp (H, T, T), and returns
// the head's part in the gradient of the position vectors.
func (e *Engine) unfoldPosition(w *lanes, l, h int, dp []float32,
	grad fullHeads[float32]) []float32 {
	c, d, net := e.model.config, e.model.config.Embed, e.model.network
	size := e.length * e.length
	pos := net.pos[:e.length*d]
	dpos := make([]float32, len(pos))
	w.memo.Place = e.places[l*c.Heads+h]
	copy(w.memo.Sums.Keep("position", 1, e.length, e.length), dp[h*size:])
	net.layers[l].heads().head(h).PlaceBackward(dpos, grad.head(h), pos, &w.memo)
	return dpos
}
