package nn

// Shapes: T time, D embed, H heads; pos (T, D), q and k (T, H, D), p (H, T, T).

// product is the product position of one layer: the causal softmax of the
// scores of the position vectors under the layer's own queries and keys,
//
//	p_hij = softmax over j ≤ i of (W_q pos_i + b_q)_h·(W_k pos_j + b_k)_h/√D.
//
// It depends on parameters only, so it is computed once for a whole batch.
type product[F Float] struct {
	q, k, p []F
}

func newProduct[F Float](c Config, length int) *product[F] {
	heads := length * c.Heads * c.Embed
	return &product[F]{make([]F, heads), make([]F, heads), make([]F, c.Heads*length*length)}
}

// positionScores are the scores of the position vectors.
func positionScores[F Float](c Config) scores[F] { return scores[F]{c.Heads, c.Embed, true} }

// forward writes o from the position vectors.
func (o *product[F]) forward(c Config, l layer[F], pos []F) {
	l.q.forward(o.q, pos)
	l.k.forward(o.k, pos)
	positionScores[F](c).forward(o.p, o.q, o.k)
}

// backward adds to dpos and to grad from dp, which it overwrites; d is
// scratch. Being linear in dp, it runs once for all the sequences that were
// added up there.
func (o *product[F]) backward(c Config, l layer[F], dpos []F, grad layer[F], dp, pos []F, d *gradients[F]) {
	clear(d.q)
	clear(d.k)
	positionScores[F](c).backward(d.q, d.k, dp, o.p, o.q, o.k)
	l.q.backward(dpos, grad.q, d.q, pos)
	l.k.backward(dpos, grad.k, d.k, pos)
}
