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
func (w *lanes) head(f *foldedLayer, y *layerLanes, h int) headLanes {
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
func (w *lanes) attend(f *foldedLayer, y *layerLanes) {
	if panels, cost := w.attendCut(f, y); w.cuts(len(y.y)*panels, cost) > 1 {
		w.attendParts(f, y, panels, cost)
		return
	}
	for h := range y.y {
		n := w.head(f, y, h)
		w.queries(n)
		w.attendHead(n)
		w.output(n)
	}
}

// attendHead computes y of a head from its queries.
func (w *lanes) attendHead(n headLanes) {
	if w.config.Attention == LinearAttention && n.p.Data != nil {
		w.Attend(n.y, n.z, n.x, n.p, w.panel)
		return
	}
	for i := 0; i < w.length; i += kernel.PanelRows {
		w.attendPanel(n, i)
	}
}

// attendPanel computes rows i, i+1, … of y of a head.
func (w *lanes) attendPanel(n headLanes, i int) {
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

// panels returns room for rows i, i+1, … of scores and their gradients.
func (w *lanes) panels(i int) (s, t kernel.Matrix) {
	rows := min(kernel.PanelRows, w.length-i)
	return w.panel.Causal(w.panel.S, i, rows), w.panel.Causal(w.panel.T, i, rows)
}

// attendBackward adds to g from w.d and, if wanted, to w.dx.
func (w *lanes) attendBackward(f, g *foldedLayer, y *layerLanes, wanted bool) {
	if !wanted {
		w.each(len(y.y), w.headCost(f.e), func(w *lanes, h int) { w.headBackward(f, g, y, h, false) })
		return
	}
	for h := range y.y {
		w.headBackward(f, g, y, h, true)
	}
}

// headBackward is attendBackward of one head.
func (w *lanes) headBackward(f, g *foldedLayer, y *layerLanes, h int, wanted bool) {
	e, d, t := f.e, w.config.Embed, w.length
	n := w.head(f, y, h)
	var dp kernel.Matrix
	if g.p != nil {
		dp = kernel.Dense(g.p[h*t*t:], t, t)
	}
	du, dm := g.u[h*d*e:][:d*e], g.m[h*e*e:][:e*e]
	if wanted && w.keepsScores() && w.cuts(w.panelCount(), w.panelCost(e)) > 1 {
		all := n // what is shared outlives the call
		w.backwardParts(&all, dp, du, dm)
		return
	}
	w.queries(n)
	w.project(n, du)
	if w.config.Attention == LinearAttention && n.p.Data != nil && !wanted {
		w.AttendBackward(n.a, dp, n.z, n.v, n.x, n.p, w.panel)
	} else {
		for i := 0; i < w.length; i += kernel.PanelRows {
			s, t := w.panels(i)
			w.panelBackward(n, s, t, dp, i)
			if wanted {
				w.tokensBackward(n, w.dx, s, t, i)
			}
		}
	}
	w.finish(n, dm, wanted)
}

// panelBackward computes rows i, i+1, … of a of a head and adds to those of dp. With
// v_i = Uᵀ d_i, t_ij = v_i·x̃_j is the gradient of the weight w_ij = p_ij a_ij and
//
//	dp = Σ a∘t over lanes, ds = p∘t or through the softmax,
//	a_i = Σ_{j≤i} ds_ij x̃_j, dx̃_j += Σ_{i≥j} w_ij v_i + ds_ij z_i.
//
// It leaves w in s and ds in t.
func (w *lanes) panelBackward(n headLanes, s, t, dp kernel.Matrix, i int) {
	q, p := w.panel.Causal(w.panel.Q, i, s.Rows), w.weights(n, i, s.Rows)
	x, v := n.x.SliceRows(0, s.Cols), n.v.SliceRows(i, s.Rows)
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
		for r := range s.Rows {
			w.Sum(dp.Data[(i+r)*dp.Row:][:i+r+1], q.SliceRows(r, 1).Data)
		}
	}
	w.Mul(n.a.SliceRows(i, s.Rows), t, x, false)
}

// tokensBackward adds to dx, columns of w.dx from the first on, what rows i, i+1, … of
// w and ds say, from the same columns of v and z.
func (w *lanes) tokensBackward(n headLanes, dx, s, t kernel.Matrix, i int) {
	v, z := n.v.SliceRows(i, s.Rows), n.z.SliceRows(i, s.Rows)
	v.Cols, z.Cols, dx.Rows = dx.Cols, dx.Cols, s.Cols
	w.Mul(dx, s.T(), v, true)
	w.Mul(dx, t.T(), z, true)
}
