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
func newFolded(c Config, length int, p *pairs) *folded {
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
	f.data = make([]float32, size)
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

// fold sets e.weights from the parameters.
func (e *Engine) fold(ctx context.Context) error {
	c, net := e.model.config, e.model.network
	d := c.Embed
	copy(e.weights.pos, net.pos)
	for l, layer := range net.layers {
		f := e.weights.layers[l]
		copy(f.o, layer.output().Bias)
		f.foldSplit(layer, c)
		copy(f.gamma, layer.norm.weight)
		copy(f.beta, layer.norm.bias)
		copy(f.inner[0], layer.inner.weight)
		copy(f.inner[1], layer.inner.bias)
		if c.MLP > 0 {
			join(f.up, layer.mlp.up, d)
			join(f.down, layer.mlp.down, c.MLP*d)
		}
	}
	copy(e.weights.gamma, net.norm.weight)
	copy(e.weights.beta, net.norm.bias)
	join(e.weights.out, net.out, d)
	if c.split() {
		return nil
	}
	err := e.each(ctx, c.Depth*c.Heads, func(w *lanes, task int) {
		l, h := task/c.Heads, task%c.Heads
		f, m := e.weights.layers[l], net.layers[l].heads()
		q, k, v := m.q.head(h, d), m.k.head(h, d), m.v.head(h, d)
		wq, wk, wv := q.augmented(f.e), k.augmented(f.e), v.augmented(f.e)
		if d < wideFold {
			f.foldHead(h, d, wq, wk, wv, m.o.Weight)
		} else {
			w.foldWide(f, h, d, wq, wk, wv, m.o.Weight)
		}
		if f.p != nil {
			m.head(h).Place(net.pos[:e.length*d], e.places[task])
			size := e.length * e.length
			copy(f.p[h*size:], e.places[task].Keep("position", 1, e.length, e.length))
		}
	})
	if err == nil && e.pairs != nil {
		err = e.foldPairs(ctx)
	}
	return err
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
		for i, v := range l.Weight[o*d : (o+1)*d] {
			w[o*e+i%(e-1)] += float64(v)
		}
		w[o*e+e-1] = float64(b)
	}
	return w
}

// foldHead sets M_h and U_h from q, k, v = W̃_q, W̃_k, W̃_v (D, E) and wo = W_o. It
// computes in float64, so that M_h and U_h are rounded once.
func (f foldedLayer) foldHead(h, d int, q, k, v []float64, wo []float32) {
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
