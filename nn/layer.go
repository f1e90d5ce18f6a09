package nn

// Shapes: T time, D embed, H heads, M hidden units of the MLP.

// layer is one layer of the Transformer: attention, layer norm, skip
// connection, MLP. A gradient with respect to it has the same form.
type layer[F Float] struct {
	q, k, v linear[F] // (H·D, D)
	o       linear[F] // (D, D)
	norm    layerNorm[F]
	mlp     mlp[F]
}

// activations is what the forward of a layer on one sequence leaves for the
// backward. Where the configuration has no norm, skip or MLP, the tensor
// after it is the tensor before it.
type activations[F Float] struct {
	q, k, v      []F // (T, H, D)
	a            []F // (H, T, T) attention before the product with the position's
	z            []F // (T, D) sum of the heads
	o            []F // (T, D) after W_o
	normal, rstd []F // (T, D), (T) of the layer norm
	n            []F // (T, D) after the norm
	r            []F // (T, D) after the skip connection
	hidden       []F // (T, M) after the relu
	y            []F // (T, D) output of the layer
}

func newActivations[F Float](c Config, length int) *activations[F] {
	row, heads := length*c.Embed, length*c.Heads*c.Embed
	act := &activations[F]{
		q: make([]F, heads), k: make([]F, heads), v: make([]F, heads),
		a: make([]F, c.Heads*length*length), z: make([]F, row), o: make([]F, row),
	}
	act.n = act.o
	if c.Norm {
		act.normal, act.rstd, act.n = make([]F, row), make([]F, length), make([]F, row)
	}
	act.r = act.n
	if c.Residual {
		act.r = make([]F, row)
	}
	act.y = act.r
	if c.MLP > 0 {
		act.hidden, act.y = make([]F, row*c.MLP), make([]F, row)
	}
	return act
}

// gradients is the scratch of a layer's backward: the gradients with respect
// to the activations of the same name.
type gradients[F Float] struct {
	q, k, v, a, z, o, r, hidden []F
	x                           []F // (T, D) of the layer's output, then of its input
}

func newGradients[F Float](c Config, length int) *gradients[F] {
	row, heads := length*c.Embed, length*c.Heads*c.Embed
	return &gradients[F]{
		q: make([]F, heads), k: make([]F, heads), v: make([]F, heads),
		a: make([]F, c.Heads*length*length), z: make([]F, row), o: make([]F, row),
		r: make([]F, row), hidden: make([]F, row*c.MLP), x: make([]F, row),
	}
}

// Path says along which paths a gradient runs back to the tokens.
type Path int

const (
	// AllPaths is the gradient.
	AllPaths Path = iota
	// QueryPath holds the keys and values of every layer fixed, so that a
	// token acts through its own queries, skip connections and MLPs only.
	// What is left is the map that the context applies to the token.
	QueryPath
)

// tokenScores are the scores of the tokens.
func tokenScores[F Float](c Config) scores[F] {
	return scores[F]{c.Heads, c.Embed, c.Attention == SoftmaxAttention}
}

// forward writes act from x; p is the attention of the positions, nil for 1.
func (l layer[F]) forward(c Config, act *activations[F], x, p []F) {
	l.q.forward(act.q, x)
	l.k.forward(act.k, x)
	l.v.forward(act.v, x)
	tokenScores[F](c).forward(act.a, act.q, act.k)
	mix(act.z, act.a, p, act.v, c.Heads, c.Embed)
	l.o.forward(act.o, act.z)
	if c.Norm {
		l.norm.forward(act.n, act.normal, act.rstd, act.o)
	}
	if c.Residual {
		for i, v := range x {
			act.r[i] = v + act.n[i]
		}
	}
	if c.MLP > 0 {
		l.mlp.forward(act.y, act.hidden, act.r)
	}
}

// backward turns d.x from the gradient with respect to the layer's output into
// that with respect to its input x, and adds to grad and, unless nil, to dp.
func (l layer[F]) backward(c Config, d *gradients[F], grad layer[F], act *activations[F], x, p, dp []F, path Path) {
	if c.MLP > 0 {
		clear(d.r)
		l.mlp.backward(d.r, grad.mlp, d.x, d.hidden, act.hidden, act.r)
	} else {
		copy(d.r, d.x)
	}
	clear(d.o)
	if c.Norm {
		l.norm.backward(d.o, grad.norm, d.r, act.normal, act.rstd)
	} else {
		copy(d.o, d.r)
	}
	clear(d.z)
	l.o.backward(d.z, grad.o, d.o, act.z)

	for _, s := range [][]F{d.q, d.k, d.v, d.a, d.x} {
		clear(s)
	}
	mixBackward(d.a, dp, d.v, d.z, act.a, p, act.v, c.Heads, c.Embed)
	tokenScores[F](c).backward(d.q, d.k, d.a, act.a, act.q, act.k)

	if c.Residual {
		copy(d.x, d.r)
	}
	l.q.backward(d.x, grad.q, d.q, x)
	dx := d.x
	if path == QueryPath {
		dx = nil
	}
	l.k.backward(dx, grad.k, d.k, x)
	l.v.backward(dx, grad.v, d.v, x)
}
