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
	for k := 1; k < chunks(w.length); k++ {
		sum := square(prefixes, k, x.Cols)
		if k > 1 {
			copy(sum.Data, square(prefixes, k-1, x.Cols).Data)
		}
		part := x.SliceRows((k-1)*chunk, chunk)
		w.Mul(sum, part.T(), part, k > 1)
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

// attendLinear adds the attention of all heads to w.o.
func (w *lanes) attendLinear(f foldedLayer, y *layerLanes) {
	w.accumulate(y.prefixes, y.x)
	for h := range y.y {
		n := w.head(f, y, h)
		w.queries(n)
		for k := range chunks(w.length) {
			i, count := w.chunk(k)
			x, z := n.x.SliceRows(i, count), n.z.SliceRows(i, count)
			w.prefix(n.y.SliceRows(i, count), w.lower(w.s, z, x), z, x, y.prefixes, k)
		}
		w.output(n)
	}
}

// chunk returns the first token of chunk k and the number of its tokens.
func (w *lanes) chunk(k int) (first, count int) {
	return k * chunk, min(chunk, w.length-k*chunk)
}

// prefix writes y_i = Σ_{j≤i} (q_i·x̃_j) x̃_j for the tokens of chunk k, s being
// the scores inside it. Both the attention and the gradient of z are of this
// form.
func (w *lanes) prefix(y, s, q, x kernel.Matrix, prefixes []float32, k int) {
	w.Mul(y, s, x, false)
	if k > 0 {
		w.Mul(y, q, square(prefixes, k, x.Cols), true)
	}
}

// square returns matrix k (E, E) of chunks.
func square(data []float32, k, e int) kernel.Matrix {
	size := e * e * kernel.Lanes
	return kernel.Dense(data[k*size:(k+1)*size], e, e)
}

// attendLinearBackward adds to g from w.d and, if wanted, to w.dx. With
// v_i = Uᵀ d_i,
//
//	a_i = G_i v_i, dx̃_j += Σ_h Σ_{i≥j} (z_i·x̃_j) v_i + (v_i·x̃_j) z_i = (R_j + R_jᵀ) x̃_j,
//
// R_j = Σ_h Σ_{i≥j} v_i z_iᵀ: a sum over the chunks after j's and scores inside.
func (w *lanes) attendLinearBackward(f, g foldedLayer, y *layerLanes, wanted bool) {
	e, d := f.e, w.config.Embed
	for h := range y.y {
		n := w.head(f, y, h)
		w.queries(n)
		w.project(n, g.u[h*d*e:][:d*e])
		for k := range chunks(w.length) {
			i, count := w.chunk(k)
			x, v, z := n.x.SliceRows(i, count), n.v.SliceRows(i, count), n.z.SliceRows(i, count)
			t := w.lower(w.t, v, x)
			w.prefix(n.a.SliceRows(i, count), t, v, x, y.prefixes, k)
			if !wanted {
				continue
			}
			dx := w.dx.SliceRows(i, count)
			w.Mul(dx, t.T(), without(z), true)
			w.Mul(dx, w.lower(w.s, z, x).T(), without(v), true)
			w.Mul(square(w.suffixes, k, e), v.T(), z, h > 0)
		}
		w.finish(n, g.m[h*e*e:][:e*e], wanted)
	}
	if wanted {
		w.descend(y.x)
	}
}

// descend adds (R + Rᵀ) x̃ of later chunks to w.dx; suffixes holds the parts of
// R by chunk.
func (w *lanes) descend(x kernel.Matrix) {
	e := x.Cols
	both := kernel.Dense(w.both, e, e)
	for k := chunks(w.length) - 2; k >= 0; k-- {
		later, this := square(w.suffixes, k+1, e), square(w.suffixes, k, e)
		w.Add(both, later, later.T())
		w.Mul(w.dx.SliceRows(k*chunk, chunk), x.SliceRows(k*chunk, chunk), without(both), true)
		w.Add(this, this, later)
	}
}
