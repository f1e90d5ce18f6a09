package nn

// Shapes: T time, D embed, H heads. An entry is a vector of 16 lanes, a head each.

import (
	"context"
	"math"

	"icar/nn/kernel"
)

// The positions of 16 heads side by side, see FullHeads:
//
//	p_ij = softmax over j ≤ i of q_i·k_j/√D, q_i = W̃_q [pos_i; 1], k_j = W̃_k [pos_j; 1]

// placed is queries and keys of the positions of 16 heads.
type placed struct {
	pos    kernel.Matrix // (T, D+1) of numbers, the last 1
	wq, wk kernel.Matrix // (D+1, D) entries, W̃ᵀ, that of the queries over √D
	q, k   kernel.Matrix // (T, D)
}

// newPlaced computes those of the heads from 16·block on.
func (p *pairs) newPlaced(w *lanes, net network[float32], block int) placed {
	d, heads := p.embed, net.layers[0].heads()
	y := placed{pos: kernel.Dense(make([]float32, p.length*(d+1)), p.length, d+1),
		wq: p.side(heads.q, block, 1/math.Sqrt(float64(d))), wk: p.side(heads.k, block, 1),
		q: entries(p.length, d), k: entries(p.length, d)}
	for t := range p.length {
		row := y.pos.Data[t*(d+1):][:d+1]
		row[copy(row, net.pos[t*d:][:d])] = 1
	}
	w.MulShared(y.q, y.pos, y.wq, false)
	w.MulShared(y.k, y.pos, y.wk, false)
	return y
}

// side returns W̃ᵀ of 16 heads of a projection, times a scale.
func (p *pairs) side(l Linear[float32], block int, scale float64) kernel.Matrix {
	d := p.embed
	m := entries(d+1, d)
	p.lanes(block, func(lane, h int) {
		head := l.head(h, d)
		for o, b := range head.Bias {
			for i, v := range head.Weight[o*d:][:d] {
				m.Data[(i*m.Row+o)*kernel.Lanes+lane] = float32(scale * float64(v))
			}
			m.Data[(d*m.Row+o)*kernel.Lanes+lane] = float32(scale * float64(b))
		}
	})
	return m
}

// lanes calls f for every head of a block.
func (p *pairs) lanes(block int, f func(lane, h int)) {
	for lane := range min(kernel.Lanes, p.heads-block*kernel.Lanes) {
		f(lane, block*kernel.Lanes+lane)
	}
}

// place sets the positions of block k of the heads.
func (p *pairs) place(w *lanes, net network[float32], block int) {
	y := p.newPlaced(w, net, block)
	for i := 0; i < p.length; i += kernel.PanelRows {
		s := w.panel.Causal(w.panel.S, i, min(kernel.PanelRows, p.length-i))
		w.Mul(s, y.q.SliceRows(i, s.Rows), y.k.SliceRows(0, s.Cols).T(), false)
		w.Softmax(s, i)
		p.causal(p.fold.p, s, i, block, func(at, in []float32) { copy(at, in) })
	}
}

// causal calls f with the entries of m (pairs, H/16) and of the panel s, whose first row
// is that of token i, for all pairs of s.
func (p *pairs) causal(m, s kernel.Matrix, i, block int, f func(at, in []float32)) {
	for r := range s.Rows {
		for j := range i + r + 1 {
			f(m.Data[(pair(i+r, j)*m.Row+block)*kernel.Lanes:][:kernel.Lanes],
				s.Data[(r*s.Row+j)*kernel.Lanes:][:kernel.Lanes])
		}
	}
}

// unfoldPlaces adds to the gradients of queries, keys and positions from that of p.
func (e *Engine) unfoldPlaces(ctx context.Context, grad network[float32]) error {
	p := e.pairs
	size := p.length * p.embed
	heads := grad.layers[0].heads()
	err := e.each(ctx, p.blocks, func(w *lanes, k int) {
		p.placeBackward(w, e.model.network, k, heads, p.fold.dpos[k*size:][:size])
	})
	for k := range p.blocks {
		axpy(grad.pos, 1, p.fold.dpos[k*size:][:size])
	}
	return err
}

// placeBackward adds to those of a block of heads, and sets its part of dpos.
func (p *pairs) placeBackward(w *lanes, net network[float32], block int,
	grad fullHeads[float32], dpos []float32) {
	d, y := p.embed, p.newPlaced(w, net, block)
	dq, dk := entries(p.length, d), entries(p.length, d)
	for i := 0; i < p.length; i += kernel.PanelRows {
		count := min(kernel.PanelRows, p.length-i)
		s, t := w.panel.Causal(w.panel.S, i, count), w.panel.Causal(w.panel.T, i, count)
		p.causal(p.fold.p, s, i, block, func(at, in []float32) { copy(in, at) })
		p.causal(p.fold.dp, t, i, block, func(at, in []float32) { copy(in, at) })
		w.SoftmaxBackward(w.panel.Causal(w.panel.Q, i, count), s, t,
			w.weights(headLanes{}, i, count), i)
		w.Mul(dq.SliceRows(i, count), t, y.k.SliceRows(0, t.Cols), false)
		w.Mul(dk.SliceRows(0, t.Cols), t.T(), y.q.SliceRows(i, count), true)
	}
	sum := entries(p.length, d)
	for _, side := range []struct {
		dy, weights kernel.Matrix
		grad        Linear[float32]
		scale       float64
	}{
		{dq, y.wq, grad.q, 1 / math.Sqrt(float64(d))}, {dk, y.wk, grad.k, 1},
	} {
		dw := entries(d+1, d)
		w.MulShared(dw, y.pos.T(), side.dy, false)
		p.addSide(side.grad, dw, block, float32(side.scale))
		w.Mul(sum, side.dy, side.weights.SliceRows(0, d).T(), true)
	}
	clear(dpos)
	for t := range p.length {
		w.Sum(dpos[t*d:][:d], sum.SliceRows(t, 1).Data)
	}
}

// addSide adds a scale times the gradient of side's W̃ᵀ to that of the projection.
func (p *pairs) addSide(l Linear[float32], dw kernel.Matrix, block int, scale float32) {
	d := p.embed
	p.lanes(block, func(lane, h int) {
		head := l.head(h, d)
		for o := range head.Bias {
			for i := range d {
				head.Weight[o*d+i] += scale * dw.Data[(i*dw.Row+o)*kernel.Lanes+lane]
			}
			head.Bias[o] += scale * dw.Data[(d*dw.Row+o)*kernel.Lanes+lane]
		}
	})
}
