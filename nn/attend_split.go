package nn

// Shapes: T time, D embed, H heads, δ = D/H. Heads lie side by side in q, k, v and z.

import (
	"math"

	"icar/nn/kernel"
)

// foldSplit sets the projections of MultiHead, with the scale of the scores in that
// of the queries.
func (f foldedLayer) foldSplit(l layer[float32], c Config) {
	m, ok := l.mixer.(multiHead[float32])
	if !ok {
		return
	}
	join(f.q, m.q, c.Embed)
	join(f.k, m.k, c.Embed)
	join(f.v, m.v, c.Embed)
	scaleBy(f.q, c.scoreScale())
	copy(f.wo, m.o.Weight)
}

// unfoldSplit takes the gradient f of them back.
func (f foldedLayer) unfoldSplit(grad layer[float32], c Config) {
	g, ok := grad.mixer.(multiHead[float32])
	if !ok {
		return
	}
	scaleBy(f.q, c.scoreScale())
	part(g.q, f.q, c.Embed)
	part(g.k, f.k, c.Embed)
	part(g.v, f.v, c.Embed)
	copy(g.o.Weight, f.wo)
}

// scoreScale is 1/√δ.
func (c Config) scoreScale() float32 {
	return float32(1 / math.Sqrt(float64(c.Embed/c.Heads)))
}

func scaleBy(x []float32, scale float32) {
	for i := range x {
		x[i] *= scale
	}
}

// splitGradients are those of queries, keys, values and heads, (T, D) each.
type splitGradients struct{ q, k, v, z kernel.Matrix }

// head returns the columns of head h.
func (c Config) head(m kernel.Matrix, h int) kernel.Matrix {
	size := c.Embed / c.Heads
	return m.Slice(0, h*size, m.Rows, size)
}

// projection returns [W b] of queries, keys or values.
func (c Config) projection(data []float32) kernel.Matrix {
	return kernel.Dense(data, c.Embed, c.Embed+1)
}

// attendSplit adds the attention of all heads to w.o, from y.x (T, D+1):
//
//	z_ih = Σ_{j≤i} a_hij v_jh, a = s or softmax s, s_hij = q_ih·k_jh, o_i += W_o z_i
func (w *lanes) attendSplit(f *foldedLayer, y *layerLanes) {
	c := w.config
	w.MulShared(y.q.T(), c.projection(f.q), y.x.T(), false)
	w.MulShared(y.k.T(), c.projection(f.k), y.x.T(), false)
	w.MulShared(y.v.T(), c.projection(f.v), y.x.T(), false)
	panels := (w.length + kernel.PanelRows - 1) / kernel.PanelRows
	w.each(c.Heads*panels, w.headCost(c.Embed/c.Heads)/panels, func(w *lanes, part int) {
		h, i := part/panels, part%panels*kernel.PanelRows
		q, k, v, z := c.head(y.q, h), c.head(y.k, h), c.head(y.v, h), c.head(y.z, h)
		s := w.panel.Causal(w.panel.S, i, min(kernel.PanelRows, w.length-i))
		w.splitScores(s, q, k, i)
		w.Mul(z.SliceRows(i, s.Rows), s, v.SliceRows(0, s.Cols), false)
	})
	w.MulShared(w.o.T(), kernel.Dense(f.wo, c.Embed, c.Embed), y.z.T(), true)
}

// splitScores writes rows i, i+1, … of a, 0 where it is not causal.
func (w *lanes) splitScores(s, q, k kernel.Matrix, i int) {
	w.Mul(s, q.SliceRows(i, s.Rows), k.SliceRows(0, s.Cols).T(), false)
	if w.config.Attention == SoftmaxAttention {
		w.Softmax(s, i)
	} else {
		s.ClearAbove(i)
	}
}

// attendSplitBackward adds to g from w.d and, if wanted, to w.dx. With dz = W_oᵀ d
// and the gradient t_hij = dz_ih·v_jh of a, ds is t or that through the softmax, and
//
//	dq_i = Σ_{j≤i} ds_ij k_j, dk_j = Σ_{i≥j} ds_ij q_i, dv_j = Σ_{i≥j} a_ij dz_i.
func (w *lanes) attendSplitBackward(f, g *foldedLayer, y *layerLanes, wanted bool) {
	c, d := w.config, w.split
	w.outer(g.wo, w.d, y.z)
	w.MulShared(d.z.T(), kernel.Dense(f.wo, c.Embed, c.Embed).T(), w.d.T(), false)
	clear(d.k.Data)
	clear(d.v.Data)
	w.each(c.Heads, 3*w.headCost(c.Embed/c.Heads), func(w *lanes, h int) {
		w.splitHeadBackward(layerLanes{q: c.head(y.q, h), k: c.head(y.k, h), v: c.head(y.v, h)},
			splitGradients{c.head(d.q, h), c.head(d.k, h), c.head(d.v, h), c.head(d.z, h)})
	})
	for _, p := range []struct {
		f, g []float32
		d    kernel.Matrix
	}{{f.q, g.q, d.q}, {f.k, g.k, d.k}, {f.v, g.v, d.v}} {
		w.outer(p.g, p.d, y.x)
		if wanted {
			w.MulShared(w.dx.T(), without(c.projection(p.f)).T(), p.d.T(), true)
		}
	}
}

// splitHeadBackward writes d.q and adds to d.k and d.v from d.z of one head.
func (w *lanes) splitHeadBackward(y layerLanes, d splitGradients) {
	for i := 0; i < w.length; i += kernel.PanelRows {
		count := min(kernel.PanelRows, w.length-i)
		s, t := w.panel.Causal(w.panel.S, i, count), w.panel.Causal(w.panel.T, i, count)
		k, v := y.k.SliceRows(0, s.Cols), y.v.SliceRows(0, s.Cols)
		q, dz := y.q.SliceRows(i, count), d.z.SliceRows(i, count)
		w.splitScores(s, y.q, y.k, i)
		w.Mul(t, dz, v.T(), false)
		if w.config.Attention == SoftmaxAttention {
			scratch := w.panel.Causal(w.panel.Q, i, count)
			w.SoftmaxBackward(scratch, s, t, w.weights(headLanes{}, i, count), i)
		} else {
			t.ClearAbove(i)
		}
		w.Mul(d.q.SliceRows(i, count), t, k, false)
		w.Mul(d.k.SliceRows(0, s.Cols), t.T(), q, true)
		w.Mul(d.v.SliceRows(0, s.Cols), s.T(), dz, true)
	}
}
