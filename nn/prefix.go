package nn

// Shapes: T time, S segment, D embed, H heads, E folded input.

import "icar/nn/kernel"

// Linear attention without weights is y_i = Σ_{j≤i} (z_i·x̃_j) x̃_j = G_i z_i with
// the prefix sum G_i = Σ_{j≤i} x̃_j x̃_jᵀ, which all heads share: O(T E²) in
// time, not O(T² E). Tokens go in chunks, with the scores inside a chunk and
// the sum of x̃ x̃ᵀ over all chunks before it. What one segment passes to the
// next is that sum, and back that of v zᵀ.
//
// Reference: Katharopoulos et al., "Transformers are RNNs", ICML 2020, arXiv
// 2006.16236.

// chunkSize is the number of tokens of a chunk, segmentSize that of a segment, a
// multiple of it.
const (
	chunkSize   = 8
	segmentSize = 64
)

// chunkCount returns the number of chunks of so many tokens.
func chunkCount(length int) int { return (length + chunkSize - 1) / chunkSize }

// prefixes holds the prefix sums of a layer.
type prefixes struct {
	// before (chunks of S, E, E) is Σ x̃_j x̃_jᵀ over all tokens before a chunk, of
	// the chunks of segment at.
	before []float32
	at     int
	starts []float32 // (segments, E, E) the same before each segment
	after  []float32 // (E, E) R of the segment after, see attendLinearBackward
}

func newPrefixes(e, length, segment int) *prefixes {
	square := func(n int) []float32 { return make([]float32, n*e*e*kernel.Lanes) }
	p := &prefixes{before: square(chunkCount(min(segment, length)))}
	if length > segment {
		p.starts, p.after = square((length+segment-1)/segment), square(1)
	}
	return p
}

// accumulate fills the prefixes of the segment at work, those before the
// segment being known, and that before the next.
func (w *lanes) accumulate(p *prefixes, x kernel.Matrix) {
	p.at = w.first / w.segment
	if p.at > 0 {
		copy(square(p.before, 0, x.Cols).Data, square(p.starts, p.at, x.Cols).Data)
	}
	for k := 1; k <= chunkCount(w.count); k++ {
		var sum kernel.Matrix
		switch {
		case k < chunkCount(w.count):
			sum = square(p.before, k, x.Cols)
		case w.first+w.count < w.length:
			sum = square(p.starts, p.at+1, x.Cols)
		default:
			return
		}
		before := w.first+k*chunkSize > chunkSize
		if before {
			copy(sum.Data, square(p.before, k-1, x.Cols).Data)
		}
		part := x.SliceRows((k-1)*chunkSize, chunkSize)
		w.Mul(sum, part.T(), part, before)
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
func (w *lanes) attendLinear(f *foldedLayer, y *layerLanes) {
	w.accumulate(y.sums, y.x)
	if heads := len(y.y); w.cuts(heads, w.headCost(f.e)) > 1 {
		w.each(heads, w.headCost(f.e), func(w *lanes, h int) { w.prefixHead(f, y, h) })
		w.outputs(f, y)
		return
	}
	for h := range y.y {
		w.output(w.prefixHead(f, y, h))
	}
}

// prefixHead computes y of a head.
func (w *lanes) prefixHead(f *foldedLayer, y *layerLanes, h int) headLanes {
	n := w.head(f, y, h)
	w.queries(n)
	for k := range chunkCount(w.count) {
		i, count := w.span(k)
		x, z := n.x.SliceRows(i, count), n.z.SliceRows(i, count)
		w.prefix(n.y.SliceRows(i, count), w.lower(w.s, z, x), z, x, y.sums.before, k)
	}
	return n
}

// span returns the first token of chunk k and the number of its tokens.
func (w *lanes) span(k int) (first, count int) {
	return k * chunkSize, min(chunkSize, w.count-k*chunkSize)
}

// prefix writes y_i = Σ_{j≤i} (q_i·x̃_j) x̃_j for the tokens of chunk k, s being
// the scores inside it. Both the attention and the gradient of z are of this
// form.
func (w *lanes) prefix(y, s, q, x kernel.Matrix, prefixes []float32, k int) {
	w.Mul(y, s, x, false)
	if w.first+k > 0 {
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
func (w *lanes) attendLinearBackward(f, g *foldedLayer, y *layerLanes, wanted bool) {
	if y.sums.at != w.first/w.segment {
		w.accumulate(y.sums, y.x)
	}
	if !wanted {
		w.each(len(y.y), w.headCost(f.e), func(w *lanes, h int) {
			w.prefixHeadBackward(f, g, y, h, false)
		})
		return
	}
	for h := range y.y {
		w.prefixHeadBackward(f, g, y, h, true)
	}
	w.descend(y.sums.after, y.x)
}

// prefixHeadBackward is attendLinearBackward of one head, with the chunks' own parts of
// R in w.suffixes.
func (w *lanes) prefixHeadBackward(f, g *foldedLayer, y *layerLanes, h int, wanted bool) {
	e, d := f.e, w.config.Embed
	n := w.head(f, y, h)
	w.queries(n)
	w.project(n, g.u[h*d*e:][:d*e])
	for k := range chunkCount(w.count) {
		i, count := w.span(k)
		x, v, z := n.x.SliceRows(i, count), n.v.SliceRows(i, count), n.z.SliceRows(i, count)
		t := w.lower(w.t, v, x)
		w.prefix(n.a.SliceRows(i, count), t, v, x, y.sums.before, k)
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

// descend adds (R + Rᵀ) x̃ of later chunks to w.dx, with the part of R after the
// segment, which it moves on to before it; suffixes holds the parts by chunk.
func (w *lanes) descend(after []float32, x kernel.Matrix) {
	e, last := x.Cols, chunkCount(w.count)-1
	both := kernel.Dense(w.both, e, e)
	for k := last; k >= 0; k-- {
		var later kernel.Matrix
		switch {
		case k < last:
			later = square(w.suffixes, k+1, e)
		case w.first+w.count < w.length:
			later = square(after, 0, e)
		default:
			continue
		}
		i, count := w.span(k)
		this := square(w.suffixes, k, e)
		w.Add(both, later, later.T())
		w.Mul(w.dx.SliceRows(i, count), x.SliceRows(i, count), without(both), true)
		w.Add(this, this, later)
	}
	if after != nil {
		copy(after, square(w.suffixes, 0, e).Data)
	}
}
