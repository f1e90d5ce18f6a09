package nn

// Shapes: T time, S segment, D embed, H heads, E folded input.

import "icar/nn/kernel"

// quadratic returns whether attention is computed from all T² scores. The linear kind
// of FullHeads without a product position need not be: its prefix sums take a time of
// T E² and not T² E. But where a sum, E² entries, outgrows the second-level cache that
// is spent on moving it, and scores are faster up to T = 2E or so; measured at E = 97,
// T = 128, they take 0.64 of the time (icar bench d32).
func (c Config) quadratic(length int) bool {
	const outgrown = 64
	e := c.folded(c.Depth - 1) // the first layer's may be less, but all go by one form
	return c.Attention == SoftmaxAttention || c.Position == ProductPosition || c.split() ||
		e > outgrown && length <= 2*e
}

// headLanes is a head of a layer at work: its parameters M (E, E), U (D, E) and
// P (T, T), and what it computes, all (S, E).
type headLanes struct {
	m, u, p    kernel.Matrix // plain numbers
	x          kernel.Matrix // x̃
	z, y, v, a kernel.Matrix // z = M x̃, y, v = Uᵀ g, a
}

// head returns head h of a layer.
func (w *lanes) head(f foldedLayer, y layerLanes, h int) headLanes {
	e, d, t := f.e, w.config.Embed, w.length
	n := headLanes{
		m: kernel.Dense(f.m[h*e*e:], e, e), u: kernel.Dense(f.u[h*d*e:], d, e),
		x: y.x, y: w.rows(y.y[h]),
		z: view(w.z, w.count, e), v: view(w.v, w.count, e), a: view(w.a, w.count, e),
	}
	if f.p != nil {
		n.p = kernel.Dense(f.p[h*t*t:], t, t)
	}
	return n
}

// queries computes z of every token.
func (w *lanes) queries(n headLanes) { w.MulShared(n.z.T(), n.m, n.x.T(), false) }

// output adds U y to w.o.
func (w *lanes) output(n headLanes) { w.MulShared(w.o.T(), n.u, n.y.T(), true) }

// project starts the backward of a head: from g = w.d (T, D) it computes
// v = Uᵀ g and adds g ⊗ y to the gradient of U.
func (w *lanes) project(n headLanes, du []float32) {
	w.MulShared(n.v.T(), n.u.T(), w.d.T(), false)
	w.outer(du, w.d, n.y)
}

// finish ends it: from a, the gradient of z, it adds a ⊗ x̃ to the gradient of M
// and, if wanted, Mᵀ a to w.dx.
func (w *lanes) finish(n headLanes, dm []float32, wanted bool) {
	w.outer(dm, n.a, n.x)
	if wanted {
		w.MulShared(w.dx.T(), without(n.m).T(), n.a.T(), true)
	}
}

// weights returns rows of p up to the last causal column, or ones.
func (w *lanes) weights(n headLanes, i, rows int) kernel.Matrix {
	data := w.ones
	if n.p.Data != nil {
		data = n.p.Data[i*w.length:]
	}
	return kernel.Matrix{Data: data, Rows: rows, Cols: i + rows, Row: w.length, Col: 1}
}

// scores writes rows i, i+1, … of s = z x̃ᵀ, through the softmax if there is one.
func (w *lanes) scores(s kernel.Matrix, n headLanes, i int) {
	w.Mul(s, n.z.SliceRows(i, s.Rows), n.x.SliceRows(0, s.Cols).T(), false)
	if w.config.Attention == SoftmaxAttention {
		w.Softmax(s, i)
	}
}

// attend adds the attention of all heads to w.o:
//
//	y_i = Σ_{j≤i} p_ij a_ij x̃_j, a = s or softmax s, s_ij = z_i·x̃_j, o_i += U y_i
func (w *lanes) attend(f foldedLayer, y layerLanes) {
	for h := range y.y {
		n := w.head(f, y, h)
		w.queries(n)
		if w.config.Attention == LinearAttention && n.p.Data != nil {
			w.Attend(n.y, n.z, n.x, n.p, w.panel)
		} else {
			w.attendSoftmax(n)
		}
		w.output(n)
	}
}

// attendSoftmax computes y of a head under softmax.
func (w *lanes) attendSoftmax(n headLanes) {
	for i := 0; i < w.length; i += kernel.PanelRows {
		s := w.panel.Causal(w.panel.S, i, min(kernel.PanelRows, w.length-i))
		w.scores(s, n, i)
		if n.p.Data != nil {
			w.Weigh(s, w.weights(n, i, s.Rows))
		}
		if w.config.Attention == LinearAttention {
			s.ClearAbove(i)
		}
		w.Mul(n.y.SliceRows(i, s.Rows), s, n.x.SliceRows(0, s.Cols), false)
	}
}

// attendBackward adds to g from w.d and, if wanted, to w.dx.
func (w *lanes) attendBackward(f, g foldedLayer, y layerLanes, wanted bool) {
	e, d, t := f.e, w.config.Embed, w.length
	for h := range y.y {
		n := w.head(f, y, h)
		var dp kernel.Matrix
		if g.p != nil {
			dp = kernel.Dense(g.p[h*t*t:], t, t)
		}
		w.queries(n)
		w.project(n, g.u[h*d*e:][:d*e])
		if w.config.Attention == LinearAttention && n.p.Data != nil && !wanted {
			w.AttendBackward(n.a, dp, n.z, n.v, n.x, n.p, w.panel)
		} else {
			w.scoresBackward(n, dp, wanted)
		}
		w.finish(n, g.m[h*e*e:][:e*e], wanted)
	}
}

// scoresBackward computes a of a head and adds to dp and, if wanted, to w.dx.
// With v_i = Uᵀ d_i, t_ij = v_i·x̃_j is the gradient of the weight
// w_ij = p_ij a_ij and
//
//	dp = Σ a∘t over lanes, ds = p∘t or through the softmax,
//	a_i = Σ_{j≤i} ds_ij x̃_j, dx̃_j += Σ_{i≥j} w_ij v_i + ds_ij z_i.
func (w *lanes) scoresBackward(n headLanes, dp kernel.Matrix, wanted bool) {
	for i := 0; i < w.length; i += kernel.PanelRows {
		count := min(kernel.PanelRows, w.length-i)
		s, t := w.panel.Causal(w.panel.S, i, count), w.panel.Causal(w.panel.T, i, count)
		q := w.panel.Causal(w.panel.Q, i, count)
		p := w.weights(n, i, count)
		x, z, v := n.x.SliceRows(0, s.Cols), n.z.SliceRows(i, count), n.v.SliceRows(i, count)
		w.scores(s, n, i)
		w.Mul(t, v, x.T(), false)
		if w.config.Attention == SoftmaxAttention {
			w.SoftmaxBackward(q, s, t, p, i)
		} else {
			w.WeighBackward(q, s, t, p)
			s.ClearAbove(i)
			t.ClearAbove(i)
		}
		if dp.Data != nil {
			for r := range count {
				w.Sum(dp.Data[(i+r)*dp.Row:][:i+r+1], q.SliceRows(r, 1).Data)
			}
		}
		w.Mul(n.a.SliceRows(i, count), t, x, false)
		if wanted {
			dx := w.dx.SliceRows(0, s.Cols)
			w.Mul(dx, s.T(), without(v), true)
			w.Mul(dx, t.T(), without(z), true)
		}
	}
}
