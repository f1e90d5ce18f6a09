package nn

// Shapes: T time, D embed, H heads, E folded input.

import (
	"context"
	"math"
	"slices"
)

// unfold sets the parameters' gradients from that of the folded form, in tasks like
// those of fold, and then W_o of every layer and the positions, which all heads have a
// part in.
func (e *Engine) unfold(ctx context.Context, f *folded) error {
	c := e.model.config
	if e.pairs != nil {
		if err := e.unfoldPairs(ctx, &f.layers[0]); err != nil {
			return err
		}
	}
	tensors := make([][]float32, len(e.model.parameters))
	for i, p := range e.model.parameters {
		tensors[i] = p.Grad
	}
	u := unfolding{Engine: e, f: f, grad: e.model.assemble(tensors)}
	heads := c.Depth * c.Heads
	if c.split() {
		heads = 0
	}
	for len(e.outputs) < heads {
		e.outputs = append(e.outputs, make([]float64, c.Embed*c.Embed))
	}
	u.positions = make([][]float32, heads)
	err := e.tasks(ctx, 2*heads+c.Depth+1, func(m *member, task int) {
		switch l := task - 2*heads; {
		case l < 0:
			u.head(m, task/2/c.Heads, task/2%c.Heads, task%2 == 0)
		case l < c.Depth:
			f.layers[l].unfoldRest(u.grad.layers[l], c)
		default:
			clear(u.grad.pos)
			copy(u.grad.pos, f.pos)
			copy(u.grad.norm.weight, f.gamma)
			copy(u.grad.norm.bias, f.beta)
			part(u.grad.out, f.out, c.Embed)
		}
	})
	if err != nil || c.split() {
		return err
	}
	const size = 1 << 10 // numbers of all positions a task
	err = e.tasks(ctx, c.Depth+(len(u.grad.pos)+size-1)/size, func(m *member, task int) {
		if task < c.Depth {
			u.output(&m.folder, task)
			return
		}
		from := (task - c.Depth) * size
		for _, p := range u.positions {
			if to := min(from+size, len(p)); from < to {
				axpy(u.grad.pos[from:to], 1, p[from:to])
			}
		}
	})
	if err == nil && e.pairs != nil {
		err = e.unfoldPlaces(ctx, u.grad)
	}
	return err
}

// unfolding is unfold at work.
type unfolding struct {
	*Engine
	f         *folded
	grad      network[float32]
	positions [][]float32 // (L·H) of pos
}

// unfoldRest takes back what is not of a head of FullHeads.
func (f foldedLayer) unfoldRest(g layer[float32], c Config) {
	copy(g.output().Bias, f.o)
	f.unfoldSplit(g, c)
	copy(g.norm.weight, f.gamma)
	copy(g.norm.bias, f.beta)
	copy(g.inner.weight, f.inner[0])
	copy(g.inner.bias, f.inner[1])
	if c.MLP > 0 {
		part(g.mlp.up, f.up, c.Embed)
		part(g.mlp.down, f.down, c.MLP*c.Embed)
	}
}

// head takes back dM of head h of layer l, with its positions, or dU.
func (u *unfolding) head(w *member, l, h int, scores bool) {
	c, f := u.model.config, u.f.layers[l]
	m, g, d := u.model.network.layers[l].heads(), u.grad.layers[l].heads(), c.Embed
	at := l*c.Heads + h
	switch {
	case scores && d < wideFold:
		f.unfoldScores(h, d, m, g)
	case scores:
		w.folder.unfoldScores(f, h, d, m, g)
	case d < wideFold:
		f.unfoldValues(h, d, m, g, u.outputs[at])
	default:
		w.folder.unfoldValues(f, h, d, m, g, u.outputs[at])
	}
	if scores && f.p != nil {
		u.positions[at] = u.unfoldPosition(&w.folder.memo, l, h, f.p, g)
	}
}

// output adds up the parts of the heads of layer l in the gradient of W_o.
func (u *unfolding) output(w *folder, l int) {
	c := u.model.config
	size := c.Embed * c.Embed
	w.sum = slices.Grow(w.sum[:0], size)[:size]
	clear(w.sum)
	for _, part := range u.outputs[l*c.Heads : (l+1)*c.Heads] {
		axpy(w.sum, 1, part)
	}
	for i, v := range w.sum {
		u.grad.layers[l].heads().o.Weight[i] = float32(v)
	}
}

// part writes [W b] from src back to l.
func part(l Linear[float32], src []float32, in int) {
	for o := range l.Bias {
		copy(l.Weight[o*in:(o+1)*in], src[o*(in+1):])
		l.Bias[o] = src[o*(in+1)+in]
	}
}

// unfoldScores sets head h of the gradients of queries and keys from dM in f, and
// unfoldValues that of values from dU; that writes the head's part in that of W_o, do:
//
//	dW̃_k = W̃_q dMᵀ/√D, dW̃_q = W̃_k dM/√D, dW̃_v = W_oᵀ dU, dW_o = Σ_h dU W̃_vᵀ
//
// Coordinates that were one have the same gradient.
func (f foldedLayer) unfoldScores(h, d int, m, grad fullHeads[float32]) {
	e, scale := f.e, 1/math.Sqrt(float64(d))
	q, k := m.q.head(h, d).augmented(e), m.k.head(h, d).augmented(e)
	dq, dk, row := make([]float64, d*e), make([]float64, d*e), make([]float64, e)
	for n := range e {
		for m, g := range f.m[(h*e+n)*e:][:e] {
			row[m] = scale * float64(g)
		}
		for o := range d {
			dk[o*e+n] = dot(row, q[o*e:(o+1)*e])
			axpy(dq[o*e:(o+1)*e], k[o*e+n], row)
		}
	}
	spread(grad.q.head(h, d), dq, e)
	spread(grad.k.head(h, d), dk, e)
}

func (f foldedLayer) unfoldValues(h, d int, m, grad fullHeads[float32], do []float64) {
	e := f.e
	v := m.v.head(h, d).augmented(e)
	dv, row := make([]float64, d*e), make([]float64, e)
	for r := range d {
		for m, g := range f.u[(h*d+r)*e:][:e] {
			row[m] = float64(g)
		}
		for o, w := range m.o.Weight[r*d : (r+1)*d] {
			axpy(dv[o*e:(o+1)*e], float64(w), row)
			do[r*d+o] = dot(row, v[o*e:(o+1)*e])
		}
	}
	spread(grad.v.head(h, d), dv, e)
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
func (e *Engine) unfoldPosition(memo *Memo[float32], l, h int, dp []float32,
	grad fullHeads[float32]) []float32 {
	c, d, net := e.model.config, e.model.config.Embed, e.model.network
	size := e.length * e.length
	pos := net.pos[:e.length*d]
	dpos := make([]float32, len(pos))
	memo.Place = e.places[l*c.Heads+h]
	if memo.Sums == nil {
		memo.Sums = new(Memo[float32])
	}
	copy(memo.Sums.Keep("position", 1, e.length, e.length), dp[h*size:])
	net.layers[l].heads().head(h).PlaceBackward(dpos, grad.head(h), pos, memo)
	return dpos
}
