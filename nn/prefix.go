package nn

// Shapes: T time, D embed, H heads, E folded input.

import "icar/nn/kernel"

// Linear attention without weights is y_i = Σ_{j≤i} (z_i·x̃_j) x̃_j = G_i z_i with
// the prefix sum G_i = Σ_{j≤i} x̃_j x̃_jᵀ, which all heads share: O(T E²) in
// time, not O(T² E). Tokens go in chunks, with the scores inside a chunk and
// the sum of x̃ x̃ᵀ over all chunks before it.
//
// Reference: Katharopoulos et al., "Transformers are RNNs", ICML 2020, arXiv
// 2006.16236.

// chunk is the number of tokens of a chunk.
const chunk = 8

func chunks(length int) int { return (length + chunk - 1) / chunk }

// accumulate writes Σ x̃_j x̃_jᵀ (E, E) over all tokens before chunk k to
// prefixes (chunks, E, E), for every k > 0.
func (w *lanes) accumulate(prefixes []float32, x kernel.Matrix) {
	size := x.Cols * x.Cols * kernel.Lanes
	for k := 1; k < chunks(w.length); k++ {
		if k > 1 {
			copy(prefixes[k*size:(k+1)*size], prefixes[(k-1)*size:])
		}
		part := x.SliceRows((k-1)*chunk, chunk)
		w.Mul(kernel.Dense(prefixes[k*size:], x.Cols, x.Cols), part.T(), part, k > 1)
	}
}

// lower writes the causal scores q_i·x̃_j, j ≤ i, within a chunk to s.
func (w *lanes) lower(s []float32, q, x kernel.Matrix) kernel.Matrix {
	m := kernel.Dense(s, x.Rows, x.Rows)
	w.Mul(m, q, x.T(), false)
	for i := range m.Rows {
		clear(m.Slice(i, 0, 1, m.Cols).Data[(i+1)*kernel.Lanes : m.Cols*kernel.Lanes])
	}
	return m
}

// sweep writes Σ_{j≤i} (q_i·x̃_j) x̃_j to y_i, every i. Both the attention and
// the gradient of z are of this form.
func (w *lanes) sweep(y, q, x kernel.Matrix, prefixes []float32) {
	size := x.Cols * x.Cols * kernel.Lanes
	for k := range chunks(w.length) {
		i := k * chunk
		n := min(chunk, w.length-i)
		part := x.SliceRows(i, n)
		w.Mul(y.SliceRows(i, n), w.lower(w.s, q.SliceRows(i, n), part), part, false)
		if k > 0 {
			w.Mul(y.SliceRows(i, n), q.SliceRows(i, n), kernel.Dense(prefixes[k*size:], x.Cols, x.Cols), true)
		}
	}
}

// attendLinear adds the attention of all heads to w.o.
func (w *lanes) attendLinear(f foldedLayer, y *layerLanes) {
	w.accumulate(y.prefixes, y.x)
	for h := range y.y {
		n := w.head(f, y, h)
		w.queries(n)
		w.sweep(n.y, n.z, n.x, y.prefixes)
		w.output(n)
	}
}

// attendLinearBackward adds to g from w.d and, if wanted, to w.dx. With
// v_i = Uᵀ d_i,
//
//	a_i = G_i v_i, dx̃_j += Σ_h Σ_{i≥j} (z_i·x̃_j) v_i + (v_i·x̃_j) z_i = (R_j + R_jᵀ) x̃_j,
//
// R_j = Σ_h Σ_{i≥j} v_i z_iᵀ: a sum over the chunks after j's and scores inside.
func (w *lanes) attendLinearBackward(f, g foldedLayer, y *layerLanes, wanted bool) {
	e, d := f.e, w.config.Embed
	size := e * e * kernel.Lanes
	for h := range y.y {
		n := w.head(f, y, h)
		w.queries(n)
		w.project(n, g.u[h*d*e:][:d*e])
		w.sweep(n.a, n.v, n.x, y.prefixes)
		w.finish(n, g.m[h*e*e:][:e*e], wanted)
		if !wanted {
			continue
		}
		for k := range chunks(w.length) {
			i := k * chunk
			count := min(chunk, w.length-i)
			x, v, z := n.x.SliceRows(i, count), n.v.SliceRows(i, count), n.z.SliceRows(i, count)
			dx := w.dx.SliceRows(i, count)
			w.Mul(dx, w.lower(w.s, z, x).T(), without(v), true)
			w.Mul(dx, w.lower(w.t, v, x).T(), without(z), true)
			w.Mul(kernel.Dense(w.suffixes[k*size:], e, e), v.T(), z, h > 0)
		}
	}
	if wanted {
		w.descend(y.x)
	}
}

// descend adds (R + Rᵀ) x̃ of later chunks to w.dx; suffixes holds the parts of
// R by chunk.
func (w *lanes) descend(x kernel.Matrix) {
	size := x.Cols * x.Cols * kernel.Lanes
	last := chunks(w.length) - 1
	for k := last - 1; k >= 0; k-- {
		later := kernel.Dense(w.suffixes[(k+1)*size:(k+2)*size], x.Cols, x.Cols)
		part, dx := x.SliceRows(k*chunk, chunk), w.dx.SliceRows(k*chunk, chunk)
		w.Mul(dx, part, without(later), true)
		w.Mul(dx, part, without(later.T()), true)
		this := kernel.Dense(w.suffixes[k*size:(k+1)*size], x.Cols, x.Cols)
		w.Add(this, this, later)
	}
}
