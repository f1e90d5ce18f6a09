package nn

// Shapes: T time, S segment, D embed, c width, C coords, H heads, M hidden
// units, E folded input. An entry is a vector of 16 lanes, one a sequence.

import (
	"slices"

	"icar/nn/kernel"
)

// lanes is the workspace of a block: 16 sequences of length T. Where attention
// is a prefix sum, all layers run on one segment of S tokens after the other,
// and back in the other direction, so that what they pass each other stays in
// the cache at any T; elsewhere S = T.
type lanes struct {
	kernel.Kernel               // which are cut where others help, see cut.go
	alone         kernel.Kernel // which are not
	member        *member       // who is at work here
	config        Config
	length        int
	segment       int    // S
	first, count  int    // the tokens of the segment at work
	start         int    // the first sequence of the block
	pairs         *pairs // the first layer in another form, or nil
	layers        []*layerLanes
	mixed         layerLanes    // the layer at work, its x being what the mixer sees
	last          kernel.Matrix // (T, D+1) output of the last layer
	final         normLanes     // of it, before the readout, if there is one
	out           kernel.Matrix // (T, C) or (T, c) predictions, then their gradient

	// Scratch of a layer.
	scratch
	o        kernel.Matrix // (S, D) after W_o
	d, dx    kernel.Matrix // (S, D) gradients of a layer's output and input
	dhidden  kernel.Matrix // (S, M)
	split    splitGradients
	kept     [2][]float32 // (T, T) see backwardParts
	suffixes []float32    // (chunks of S, E, E) see prefix.go
	both     []float32    // (E, E) see prefix.go
}

// scratch is the room that a head is computed in.
type scratch struct {
	z, v, a []float32    // (S, E), see attend.go
	panel   kernel.Panel // scores and gradients
	s, t    []float32    // (chunkSize, chunkSize) the same, see prefix.go
	ones    []float32    // (panel, T) numbers 1
	sums    []float32    // a gradient before its lanes are added up
}

func newScratch(c Config, length, segment int) scratch {
	e, part := max(c.folded(0), c.folded(c.Depth-1)), min(segment, length)
	vectors := func(n int) []float32 { return make([]float32, n*kernel.Lanes) }
	s := scratch{sums: vectors(max(outerRoom, 2*c.Embed, e, c.MLP*c.Embed+1))}
	if !c.split() {
		s.z, s.v, s.a = vectors(part*stride(e)), vectors(part*stride(e)), vectors(part*stride(e))
	}
	if c.quadratic(length) {
		s.panel = kernel.NewPanel(length)
		s.ones = slices.Repeat([]float32{1}, kernel.PanelRows*length)
	} else {
		s.s, s.t = vectors(chunkSize*chunkSize), vectors(chunkSize*chunkSize)
	}
	return s
}

// layerLanes is what the forward of a layer leaves for the backward. The last
// column of x, r and hidden is 1.
type layerLanes struct {
	x       kernel.Matrix   // (T, E) input
	y       []kernel.Matrix // (H) (T, E), see folded
	q, k, v kernel.Matrix   // (T, D) of MultiHead
	z       kernel.Matrix   // (T, D) its heads side by side
	norm    normLanes       // after or before the mixer
	r       kernel.Matrix   // (T, D+1) after the skip connection
	inner   normLanes       // of r, before the MLP
	pre     kernel.Matrix   // (T, M) before GELU
	hidden  kernel.Matrix   // (T, M+1) after the activation
	sums    *prefixes       // nil where attention is quadratic
}

// normLanes is what a layer norm leaves for its backward.
type normLanes struct {
	y            kernel.Matrix // (T, D+1) its output and a 1, unless after the mixer
	normal, rstd kernel.Matrix // (T, D), (T, 1)
}

func newNormLanes(length, d int) normLanes {
	return normLanes{tilde(length, d+1), entries(length, d), entries(length, 1)}
}

// normRows returns the part of n in the segment at work.
func (w *lanes) normRows(n normLanes) normLanes {
	return normLanes{w.rows(n.y), w.rows(n.normal), w.rows(n.rstd)}
}

func newLanes(c Config, length, segment int, k kernel.Kernel, p *pairs) *lanes {
	d, hidden, e := c.Embed, c.MLP*c.Embed, max(c.folded(0), c.folded(c.Depth-1))
	if c.quadratic(length) {
		segment = length
	}
	part := min(segment, length)
	vectors := func(n int) []float32 { return make([]float32, n*kernel.Lanes) }
	w := &lanes{
		alone: k, config: c, length: length, segment: segment, pairs: p,
		last: tilde(length, d+1), out: kernel.Dense(vectors(length*c.Width), length, c.Width),
		scratch: newScratch(c, length, segment),
		o:       entries(part, d), d: entries(part, d), dx: entries(part, d),
		dhidden: entries(part, hidden),
	}
	w.Kernel = &cutting{k, w}
	if !c.quadratic(length) {
		w.suffixes, w.both = vectors(chunkCount(part)*e*e), vectors(e*e)
	}
	if c.split() {
		w.split = splitGradients{entries(length, d), entries(length, d), entries(length, d),
			entries(length, d)}
	}
	if c.FinalNorm {
		w.final = newNormLanes(length, d)
	}
	for l := range c.Depth {
		w.layers = append(w.layers, newLayerLanes(c, c.folded(l), length, segment, l > 0 || p == nil))
	}
	return w
}

func newLayerLanes(c Config, e, length, segment int, looped bool) *layerLanes {
	d := c.Embed
	y := &layerLanes{x: tilde(length, e)}
	for range c.Heads {
		if looped && !c.split() {
			y.y = append(y.y, entries(length, e))
		}
	}
	if c.split() {
		y.q, y.k, y.v = entries(length, d), entries(length, d), entries(length, d)
		y.z = entries(length, d)
	}
	if !c.quadratic(length) {
		y.sums = newPrefixes(e, length, segment)
	}
	if c.PreNorm {
		y.norm = newNormLanes(length, d)
	} else if c.Norm {
		y.norm = normLanes{normal: entries(length, d), rstd: entries(length, 1)}
	}
	if c.MLP > 0 {
		y.r, y.hidden = tilde(length, d+1), tilde(length, c.MLP*d+1)
		if c.MLPNorm {
			y.inner = newNormLanes(length, d)
		}
		if c.Activation == GELU {
			y.pre = entries(length, c.MLP*d)
		}
	}
	return y
}

// segments returns the number of segments.
func (w *lanes) segments() int { return (w.length + w.segment - 1) / w.segment }

// enter makes segment k the one at work.
func (w *lanes) enter(k int) {
	w.first = k * w.segment
	w.count = min(w.segment, w.length-w.first)
	for _, m := range []*kernel.Matrix{&w.o, &w.d, &w.dx, &w.dhidden} {
		m.Rows = w.count
	}
}

// rows returns the rows of m that belong to the segment at work; m may be
// absent.
func (w *lanes) rows(m kernel.Matrix) kernel.Matrix {
	if m.Data == nil {
		return m
	}
	return m.SliceRows(w.first, w.count)
}

// layer returns the part of layer l in the segment at work.
func (w *lanes) layer(l int) layerLanes {
	y := *w.layers[l]
	for _, m := range []*kernel.Matrix{&y.x, &y.r, &y.pre, &y.hidden} {
		*m = w.rows(*m)
	}
	y.norm, y.inner = w.normRows(y.norm), w.normRows(y.inner)
	return y
}

// stride returns the distance of rows of cols entries. Rows of a multiple of 8
// entries are kept apart: a column of them would fall into the same few sets of
// the cache.
func stride(cols int) int {
	if cols%8 == 0 {
		return cols + 1
	}
	return cols
}

// view returns a matrix of vectors in data.
func view(data []float32, rows, cols int) kernel.Matrix {
	return kernel.Matrix{Data: data, Rows: rows, Cols: cols, Row: stride(cols), Col: 1}
}

// entries returns a matrix of vectors.
func entries(rows, cols int) kernel.Matrix {
	return view(make([]float32, rows*stride(cols)*kernel.Lanes), rows, cols)
}

// tilde returns a matrix of vectors whose last column is 1.
func tilde(rows, cols int) kernel.Matrix {
	m := entries(rows, cols)
	for i := range rows {
		for l := range kernel.Lanes {
			m.Data[(i*m.Row+cols-1)*kernel.Lanes+l] = 1
		}
	}
	return m
}

// without returns m without its last column.
func without(m kernel.Matrix) kernel.Matrix { m.Cols--; return m }

// ones returns the last column of m, which is 1.
func ones(m kernel.Matrix) kernel.Matrix { return m.Slice(0, m.Cols-1, m.Rows, 1) }

// input returns the input of layer l, or that of the readout for l = L, in the
// segment at work.
func (w *lanes) input(l int) kernel.Matrix {
	if l == len(w.layers) {
		return w.rows(w.last)
	}
	return w.rows(w.layers[l].x)
}

// outer adds to dst (O, I) the sum of dy_t ⊗ x_t over time and lanes,
// dy (T, O) and x (T, I): the gradient of a linear map. Of a wide one it takes some
// rows at a time, so that they are added up over lanes while they are in the cache.
func (w *lanes) outer(dst []float32, dy, x kernel.Matrix) {
	most := max(1, outerRoom/x.Cols)
	for i := 0; i < dy.Cols; i += most {
		rows := min(most, dy.Cols-i)
		parts := w.cuts((rows+3)/4, 4*x.Cols*(dy.Rows+costAdd))
		if parts == 1 {
			w.outerRows(w.Kernel, dst, dy, x, i, i, i+rows)
			continue
		}
		w.share((rows+3)/4, parts, func(from, to int) { // rows of whole tiles
			w.outerRows(w.alone, dst, dy, x, i, i+4*from, min(i+4*to, i+rows))
		})
	}
}

// outerRows adds rows [from, to), those from first on being at work.
func (w *lanes) outerRows(k kernel.Kernel, dst []float32, dy, x kernel.Matrix,
	first, from, to int) {
	n, sums := to-from, w.sums[(from-first)*x.Cols*kernel.Lanes:]
	k.Mul(kernel.Dense(sums, n, x.Cols), dy.Slice(0, from, dy.Rows, n).T(), x, false)
	k.Sum(dst[from*x.Cols:][:n*x.Cols], sums)
}

// outerRoom is the number of entries of a gradient that are added up at a time, of one
// row at least: 256 KiB, a part of the second-level cache.
const outerRoom = 1 << 12
