package nn

// Shapes: T time, D embed, H heads, M hidden units of the MLP.

// layer is one layer of the Transformer, a mixer in its block: layer norm after
// or before the mixer, skip connection, MLP. A gradient with respect to it has
// the same form.
type layer[F Float] struct {
	mixer Mixer[F]
	norm  layerNorm[F]
	inner layerNorm[F] // before the MLP
	mlp   mlp[F]
}

// activations is what the forward of a layer on one sequence leaves for the
// backward. Where the configuration has no norm, skip or MLP, the tensor
// after it is the tensor before it.
type activations[F Float] struct {
	memo         Memo[F] // of the mixer
	o            []F     // (T, D) output of the mixer
	normal, rstd []F     // (T, D), (T) of the layer norm
	n            []F     // (T, D) after the norm, which may be before the mixer
	m            []F     // (T, D) after both
	r            []F     // (T, D) after the skip connection
	inner        normed[F]
	u            []F // (T, D) input of the MLP, after its norm
	pre, hidden  []F // (T, M) before and after the activation
	y            []F // (T, D) output of the layer
}

// newActivations makes room for sequences of some length, with what the mixer
// has placed for them and its scratch.
func newActivations[F Float](c Config, length int, place *Memo[F],
	scratch map[string][]F) *activations[F] {
	row := length * c.Embed
	act := &activations[F]{o: make([]F, row)}
	act.memo = Memo[F]{Place: place, Sums: new(Memo[F]), scratch: scratch}
	if c.Norm {
		act.normal, act.rstd, act.n = make([]F, row), make([]F, length), make([]F, row)
	}
	act.m = act.o
	if c.postNorm() {
		act.m = act.n
	}
	act.r = act.m
	if c.Residual {
		act.r = make([]F, row)
	}
	act.y = act.r
	if c.MLP > 0 {
		act.hidden, act.y = make([]F, row*c.MLP), make([]F, row)
		act.pre, act.u = act.hidden, act.r
		if c.Activation == GELU {
			act.pre = make([]F, row*c.MLP)
		}
		if c.MLPNorm {
			act.inner = newNormed[F](row, length)
			act.u = act.inner.y
		}
	}
	return act
}

// gradients is the scratch of a layer's backward: the gradients with respect
// to the activations of the same name.
type gradients[F Float] struct {
	o, n, r, u, hidden []F
	x                  []F // (T, D) of the layer's output, then of its input
}

func newGradients[F Float](c Config, length int) *gradients[F] {
	row := length * c.Embed
	return &gradients[F]{
		o: make([]F, row), n: make([]F, row), r: make([]F, row), u: make([]F, row),
		hidden: make([]F, row*c.MLP), x: make([]F, row),
	}
}

// forward writes act from x.
func (l layer[F]) forward(c Config, act *activations[F], x []F, path Path) {
	in := x
	if c.PreNorm {
		l.norm.forward(act.n, act.normal, act.rstd, x)
		in = act.n
	}
	l.mixer.Forward(act.o, in, &act.memo, path)
	if c.postNorm() {
		l.norm.forward(act.n, act.normal, act.rstd, act.o)
	}
	if c.Residual {
		for i, v := range x {
			act.r[i] = v + act.m[i]
		}
	}
	if c.MLP > 0 {
		if c.MLPNorm {
			act.inner.forward(l.inner, act.r)
		}
		l.mlp.forward(c.Activation, act.y, act.hidden, act.pre, act.u)
		for i, v := range act.r {
			act.y[i] += v
		}
	}
}

// backward turns d.x from the gradient with respect to the layer's output into
// that with respect to its input x, and adds to grad.
func (l layer[F]) backward(c Config, d *gradients[F], grad layer[F], act *activations[F],
	x []F, path Path) {
	copy(d.r, d.x)
	if c.MLP > 0 {
		du := d.r
		if c.MLPNorm {
			du = d.u
			clear(du)
		}
		l.mlp.backward(c.Activation, du, grad.mlp, d.x, d.hidden, act.hidden, act.pre, act.u)
		if c.MLPNorm {
			act.inner.backward(l.inner, d.r, grad.inner, d.u)
		}
	}
	clear(d.o)
	if c.postNorm() {
		l.norm.backward(d.o, grad.norm, d.r, act.normal, act.rstd)
	} else {
		copy(d.o, d.r)
	}
	clear(d.x)
	if c.Residual {
		copy(d.x, d.r)
	}
	if c.PreNorm {
		clear(d.n)
		l.mixer.Backward(d.n, grad.mixer, d.o, act.n, &act.memo, path)
		l.norm.backward(d.x, grad.norm, d.n, act.normal, act.rstd)
	} else {
		l.mixer.Backward(d.x, grad.mixer, d.o, x, &act.memo, path)
	}
}
