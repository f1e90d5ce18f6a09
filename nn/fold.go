package nn

// Shapes: T time, D embed, c width, H heads, M hidden units, E folded input.

import (
	"context"
	"math"
)

// folded is the parameters of a Transformer in the form the Engine computes
// with, or a gradient with respect to them.
//
// With x̃ = [x; 1], scores are s_ij = q_i·k_j/√D = x̃_jᵀ M_h x̃_i and values
// reach the output through W_o v_j = U_h x̃_j, where
//
//	M_h = W̃_kᵀ W̃_q/√D, U_h = W_o W̃_v, W̃ = [W b].
//
// So a head of FullHeads needs no queries, keys and values: z_i = M_h x̃_i,
// s_ij = z_i·x̃_j, y_i = Σ_j a_ij x̃_j, o_i = Σ_h U_h y_hi + b_o. In the first layer,
// where x is the token repeated D/c times, equal coordinates are one: columns of W̃
// add up and E = c + 1 instead of D + 1, unless something tells them apart before,
// positions or a layer norm. All other linear maps are [W b] too.
//
// The heads of MultiHead have so few dimensions, D/H, that M_h would have more numbers
// than W̃_q and W̃_k: they keep their queries, keys and values, with 1/√(D/H) in W̃_q.
type folded struct {
	data   []float32 // all of the below
	pos    []float32 // (T, D) of additive positions
	layers []foldedLayer
	gamma  []float32 // (D) of the last layer norm
	beta   []float32
	out    []float32 // (c, D+1)
}

type foldedLayer struct {
	e           int          // E
	m           []float32    // (H, E, E)
	u           []float32    // (H, D, E)
	q, k, v, wo []float32    // (D, D+1), the last (D, D), of MultiHead instead
	o           []float32    // (D) bias
	gamma, beta []float32    // (D) of the layer norm
	inner       [2][]float32 // (D) γ and β of that before the MLP
	up, down    []float32    // (M, D+1), (D, M+1)
	p           []float32    // (H, T, T) of a product position, 0 above the diagonal
	base        []float32    // (O, E) in place of m, u and p in the form of pairs
}

// newFolded makes room for them, with the first layer in the form of p, if there is one.
// The room is in there, if it is enough.
func newFolded(c Config, length int, p *pairs, there []float32) *folded {
	f := &folded{layers: make([]foldedLayer, c.Depth)}
	type piece struct {
		to   *[]float32
		size int
	}
	d, hidden := c.Embed, c.MLP*c.Embed
	var pieces []piece
	add := func(present bool, to *[]float32, size int) {
		if present {
			pieces = append(pieces, piece{to, size})
		}
	}
	add(c.Position == AdditivePosition, &f.pos, length*d)
	for l := range f.layers {
		y := &f.layers[l]
		y.e = c.folded(l)
		looped := l > 0 || p == nil
		add(looped && !c.split(), &y.m, c.Heads*y.e*y.e)
		add(looped && !c.split(), &y.u, c.Heads*d*y.e)
		if !looped {
			add(true, &y.base, p.maps)
		}
		for _, w := range []*[]float32{&y.q, &y.k, &y.v} {
			add(c.split(), w, d*(d+1))
		}
		add(c.split(), &y.wo, d*d)
		add(true, &y.o, d)
		add(c.Norm, &y.gamma, d)
		add(c.Norm, &y.beta, d)
		for i := range y.inner {
			add(c.MLPNorm, &y.inner[i], d)
		}
		add(c.MLP > 0, &y.up, hidden*(d+1))
		add(c.MLP > 0, &y.down, d*(hidden+1))
		add(looped && c.Position == ProductPosition, &y.p, c.Heads*length*length)
	}
	add(c.FinalNorm, &f.gamma, d)
	add(c.FinalNorm, &f.beta, d)
	add(true, &f.out, c.Width*(d+1))
	size := 0
	for _, p := range pieces {
		size += p.size
	}
	if len(there) < size {
		there = make([]float32, size)
	}
	f.data = there[:size]
	rest := f.data
	for _, p := range pieces {
		*p.to, rest = rest[:p.size:p.size], rest[p.size:]
	}
	return f
}

// folded returns E of layer l.
func (c Config) folded(l int) int {
	if l == 0 && c.Position != AdditivePosition && !c.PreNorm && !c.split() {
		return c.Width + 1
	}
	return c.Embed + 1
}

// split returns whether the heads are those of MultiHead.
func (c Config) split() bool { return c.Mixer == MultiHead{}.Name() }

// heads returns the mixer of a layer that is FullHeads.
func (l layer[F]) heads() fullHeads[F] { return l.mixer.(fullHeads[F]) }

// output returns W_o and b_o of either mixer.
func (l layer[F]) output() Linear[F] {
	if m, ok := l.mixer.(multiHead[F]); ok {
		return m.o
	}
	return l.heads().o
}

// head returns the part of head h of a projection of H heads.
func (l Linear[F]) head(h, d int) Linear[F] {
	return Linear[F]{l.Weight[h*d*d : (h+1)*d*d], l.Bias[h*d : (h+1)*d]}
}

// fold sets e.weights from the parameters. Its tasks are M and U of every head, and the
// rest of every layer.
func (e *Engine) fold(ctx context.Context) error {
	c, net := e.model.config, e.model.network
	heads := 2 * c.Depth * c.Heads
	if c.split() {
		heads = 0
	}
	err := e.tasks(ctx, heads+c.Depth+1, func(m *member, task int) {
		switch l := task - heads; {
		case l < 0:
			e.foldHead(m, task/2/c.Heads, task/2%c.Heads, task%2 == 0)
		case l < c.Depth:
			e.weights.layers[l].foldRest(net.layers[l], c)
		default:
			copy(e.weights.pos, net.pos)
			copy(e.weights.gamma, net.norm.weight)
			copy(e.weights.beta, net.norm.bias)
			join(e.weights.out, net.out, c.Embed)
		}
	})
	if err == nil && e.pairs != nil {
		err = e.foldPairs(ctx)
	}
	return err
}

// foldRest sets what is not of a head of FullHeads.
func (f foldedLayer) foldRest(l layer[float32], c Config) {
	copy(f.o, l.output().Bias)
	f.foldSplit(l, c)
	copy(f.gamma, l.norm.weight)
	copy(f.beta, l.norm.bias)
	copy(f.inner[0], l.inner.weight)
	copy(f.inner[1], l.inner.bias)
	if c.MLP > 0 {
		join(f.up, l.mlp.up, c.Embed)
		join(f.down, l.mlp.down, c.MLP*c.Embed)
	}
}

// foldHead sets M of head h of layer l, with its positions, or U.
func (e *Engine) foldHead(m *member, l, h int, scores bool) {
	c, net, f := e.model.config, e.model.network, e.weights.layers[l]
	d, heads := c.Embed, net.layers[l].heads()
	switch {
	case scores && d < wideFold:
		f.foldScores(h, d, heads.q.head(h, d).augmented(f.e), heads.k.head(h, d).augmented(f.e))
	case scores:
		m.folder.foldScores(f, h, d, heads)
	case d < wideFold:
		f.foldValues(h, d, heads.v.head(h, d).augmented(f.e), heads.o.Weight)
	default:
		m.folder.foldValues(f, h, d, heads)
	}
	if scores && f.p != nil {
		place := e.places[l*c.Heads+h]
		heads.head(h).Place(net.pos[:e.length*d], place)
		copy(f.p[h*e.length*e.length:], place.Keep("position", 1, e.length, e.length))
	}
}

// head returns the queries and keys of head h alone.
func (m fullHeads[F]) head(h int) fullHeads[F] {
	m.q, m.k, m.heads = m.q.head(h, m.width), m.k.head(h, m.width), 1
	return m
}

// join writes [W b] to dst, W with in columns.
func join(dst []float32, l Linear[float32], in int) {
	for o, b := range l.Bias {
		copy(dst[o*(in+1):], l.Weight[o*in:(o+1)*in])
		dst[o*(in+1)+in] = b
	}
}

// augmented returns W̃ (D, E) = [W b] of a square W, columns E-1 apart added up.
func (l Linear[F]) augmented(e int) []float64 {
	d := len(l.Bias)
	w := make([]float64, d*e)
	for o, b := range l.Bias {
		l.augment(w[o*e:][:e], o, b)
	}
	return w
}

// augment writes row o of W̃, whose last number is b.
func (l Linear[F]) augment(row []float64, o int, b F) {
	d, e := len(l.Bias), len(row)
	clear(row)
	for i, v := range l.Weight[o*d : (o+1)*d] {
		row[i%(e-1)] += float64(v)
	}
	row[e-1] = float64(b)
}

// foldScores sets M_h from q, k = W̃_q, W̃_k (D, E). It computes in float64, so that M_h
// is rounded once.
func (f foldedLayer) foldScores(h, d int, q, k []float64) {
	e, scale := f.e, 1/math.Sqrt(float64(d))
	row := make([]float64, e)
	for n := range e {
		clear(row)
		for o := range d {
			axpy(row, scale*k[o*e+n], q[o*e:(o+1)*e])
		}
		for m, value := range row {
			f.m[(h*e+n)*e+m] = float32(value)
		}
	}
}

// foldValues sets U_h from v = W̃_v (D, E) and wo = W_o in the same way.
func (f foldedLayer) foldValues(h, d int, v []float64, wo []float32) {
	e := f.e
	row := make([]float64, e)
	for r := range d {
		clear(row)
		for o, w := range wo[r*d : (r+1)*d] {
			axpy(row, float64(w), v[o*e:(o+1)*e])
		}
		for m, value := range row {
			f.u[(h*d+r)*e+m] = float32(value)
		}
	}
}
