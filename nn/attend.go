package nn

// Shapes: T time, D embed, H heads, E folded input.

import "icar/nn/kernel"

// panel is the number of rows of the scores that exist at a time.
const panel = 8

// quadratic returns whether attention needs all T² scores: the linear kind
// without a product position does not.
func (c Config) quadratic() bool {
	return c.Attention == SoftmaxAttention || c.Position == ProductPosition
}

// head is a head of a layer at work: its parameters M (E, E), U (D, E) and
// P (T, T), and what it computes, all (T, E).
type headLanes struct {
	m, u, p    kernel.Matrix // plain numbers
	x          kernel.Matrix // x̃
	z, y, v, a kernel.Matrix // z = M x̃, y, v = Uᵀ g, a
}

// head returns head h of a layer.
func (w *lanes) head(f foldedLayer, y *layerLanes, h int) headLanes {
	e, d, t := f.e, w.config.Embed, w.length
	n := headLanes{
		m: kernel.Dense(f.m[h*e*e:], e, e), u: kernel.Dense(f.u[h*d*e:], d, e), x: y.x, y: y.y[h],
		z: kernel.Dense(w.z, t, e), v: kernel.Dense(w.u, t, e), a: kernel.Dense(w.a, t, e),
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

// causal returns rows [i, i+rows) of scores in s as far as they are causal, and
// of p.
func (w *lanes) causal(s []float32, n headLanes, i, rows int) (scores, p kernel.Matrix) {
	scores = kernel.Matrix{Data: s, Rows: rows, Cols: i + rows, Row: w.length, Col: 1}
	if n.p.Data == nil {
		return scores, kernel.Matrix{Data: w.ones, Rows: rows, Cols: i + rows, Row: w.length, Col: 1}
	}
	return scores, kernel.Matrix{Data: n.p.Data[i*w.length:], Rows: rows, Cols: i + rows, Row: w.length, Col: 1}
}

// scores writes rows i, i+1, … of s = z x̃ᵀ, through the softmax if there is one.
func (w *lanes) scores(s kernel.Matrix, n headLanes, i int) {
	w.Mul(s, rows(n.z, i, s.Rows), rows(n.x, 0, s.Cols).T(), false)
	if w.config.Attention == SoftmaxAttention {
		w.Softmax(s, i)
	}
}

// rows returns count rows of a matrix of vectors from row i on.
func rows(m kernel.Matrix, i, count int) kernel.Matrix { return m.Slice(i, 0, count, m.Cols) }

// attend adds the attention of all heads to w.o:
//
//	y_i = Σ_{j≤i} p_ij a_ij x̃_j, a = s or softmax s, s_ij = z_i·x̃_j, o_i += U y_i
func (w *lanes) attend(f foldedLayer, y *layerLanes) {
	for h := range y.y {
		n := w.head(f, y, h)
		w.queries(n)
		for i := 0; i < w.length; i += panel {
			s, p := w.causal(w.s, n, i, min(panel, w.length-i))
			w.scores(s, n, i)
			if n.p.Data != nil {
				w.Weigh(s, p)
			}
			w.Mul(rows(n.y, i, s.Rows), s, rows(n.x, 0, s.Cols), false)
		}
		w.output(n)
	}
}

// attendBackward adds to g from w.d and, if wanted, to w.dx. With v_i = Uᵀ d_i,
// t_ij = v_i·x̃_j is the gradient of the weight w_ij = p_ij a_ij and
//
//	dp = Σ a∘t over lanes, ds = p∘t or through the softmax,
//	a_i = Σ_{j≤i} ds_ij x̃_j, dx̃_j += Σ_{i≥j} w_ij v_i + ds_ij z_i.
func (w *lanes) attendBackward(f, g foldedLayer, y *layerLanes, wanted bool) {
	e, d, length := f.e, w.config.Embed, w.length
	for h := range y.y {
		n := w.head(f, y, h)
		w.queries(n)
		w.project(n, g.u[h*d*e:][:d*e])
		for i := 0; i < length; i += panel {
			s, p := w.causal(w.s, n, i, min(panel, length-i))
			t, _ := w.causal(w.t, n, i, s.Rows)
			q, _ := w.causal(w.q, n, i, s.Rows)
			w.scores(s, n, i)
			w.Mul(t, rows(n.v, i, s.Rows), rows(n.x, 0, s.Cols).T(), false)
			if w.config.Attention == SoftmaxAttention {
				w.SoftmaxBackward(q, s, t, p, i)
			} else {
				w.WeighBackward(q, s, t, p)
			}
			if n.p.Data != nil {
				for r := range s.Rows {
					w.Sum(g.p[(h*length+i+r)*length:][:i+r+1], q.Slice(r, 0, 1, q.Cols).Data)
				}
			}
			w.Mul(rows(n.a, i, s.Rows), t, rows(n.x, 0, s.Cols), false)
			if wanted {
				dx := rows(w.dx, 0, s.Cols)
				w.Mul(dx, s.T(), without(rows(n.v, i, s.Rows)), true)
				w.Mul(dx, t.T(), without(rows(n.z, i, s.Rows)), true)
			}
		}
		w.finish(n, g.m[h*e*e:][:e*e], wanted)
	}
}
