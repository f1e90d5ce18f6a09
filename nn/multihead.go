package nn

// Shapes: T time, D embed, H heads; x, y (T, D), q, k, v, z (T, H, D/H), a
// (H, T, T). Entries of a at j > i are 0.

import (
	"fmt"
	"slices"
)

// MultiHead is the usual attention: H heads of dimension D/H, side by side,
//
//	a_hij = q_ih·k_jh/√(D/H) for j ≤ i, or its softmax over j ≤ i
//	z_ih  = Σ_{j≤i} a_hij v_jh, y_i = W_o z_i + b_o
//
// It has no product position.
//
// Reference: Vaswani et al., "Attention is all you need", NeurIPS 2017, arXiv
// 1706.03762.
type MultiHead struct{}

// Name implements Mixing.
func (MultiHead) Name() string { return "multihead" }

// Float32 implements Mixing. The error is about a D that is no multiple of H.
func (MultiHead) Float32(c Config) (Mixer[float32], error) { return newMultiHead[float32](c) }

// Float64 implements Mixing. The error is about a D that is no multiple of H.
func (MultiHead) Float64(c Config) (Mixer[float64], error) { return newMultiHead[float64](c) }

// multiHead is the mixer of that kind.
type multiHead[F Float] struct {
	scores[F]
	q, k, v, o Linear[F] // (D, D)
}

func newMultiHead[F Float](c Config) (Mixer[F], error) {
	if c.Embed%c.Heads != 0 {
		return nil, fmt.Errorf("embed %d is not a multiple of heads %d, which share it: "+
			"use heads %d or another embed", c.Embed, c.Heads, divisor(c.Embed, c.Heads))
	}
	softmax := c.Attention == SoftmaxAttention
	return multiHead[F]{scores: scores[F]{c.Heads, c.Embed / c.Heads, softmax}}, nil
}

// divisor returns the largest divisor of n up to most.
func divisor(n, most int) int {
	for most = min(n, most); n%most != 0; most-- {
	}
	return most
}

// Specs implements Mixer.
func (m multiHead[F]) Specs() []Spec {
	d := m.heads * m.width
	return slices.Concat(LinearSpecs("q", d, d), LinearSpecs("k", d, d),
		LinearSpecs("v", d, d), LinearSpecs("o", d, d))
}

// Bind implements Mixer.
func (m multiHead[F]) Bind(t [][]F) Mixer[F] {
	m.q, m.k = Linear[F]{t[0], t[1]}, Linear[F]{t[2], t[3]}
	m.v, m.o = Linear[F]{t[4], t[5]}, Linear[F]{t[6], t[7]}
	return m
}

// keep returns what the forward leaves for the backward.
func (m multiHead[F]) keep(size int, memo *Memo[F]) (q, k, v, a, z []F) {
	length := size / (m.heads * m.width)
	return memo.Keep("q", length, m.heads, m.width), memo.Keep("k", length, m.heads, m.width),
		memo.Keep("v", length, m.heads, m.width), memo.Keep("attention", m.heads, length, length),
		memo.Keep("z", length, m.heads, m.width)
}

// Forward implements Mixer.
func (m multiHead[F]) Forward(y, x []F, memo *Memo[F], path Path) {
	q, k, v, a, z := m.keep(len(x), memo)
	m.q.Forward(q, x)
	if path == AllPaths {
		m.k.Forward(k, x)
		m.v.Forward(v, x)
	}
	m.scores.forward(a, q, k)
	clear(z)
	m.pairs(len(x), func(query, key, pair int) { // z_ih += a_hij v_jh
		axpy(z[query:][:m.width], a[pair], v[key:][:m.width])
	})
	m.o.Forward(y, z)
}

// Backward implements Mixer.
func (m multiHead[F]) Backward(dx []F, gradient Mixer[F], dy, x []F, memo *Memo[F], path Path) {
	grad := gradient.(multiHead[F])
	q, k, v, a, z := m.keep(len(x), memo)
	dq, dk, dv := memo.Scratch("q", len(q)), memo.Scratch("k", len(k)), memo.Scratch("v", len(v))
	da, dz := memo.Scratch("a", len(a)), memo.Scratch("z", len(z))
	m.o.Backward(dz, grad.o, dy, z)
	m.pairs(len(x), func(query, key, pair int) { // da_hij = dz_ih·v_jh, dv_jh += a_hij dz_ih
		da[pair] = dot(dz[query:][:m.width], v[key:][:m.width])
		axpy(dv[key:][:m.width], a[pair], dz[query:][:m.width])
	})
	m.scores.backward(dq, dk, da, a, q, k)
	m.q.Backward(dx, grad.q, dq, x)
	if path == QueryPath {
		dx = nil
	}
	m.k.Backward(dx, grad.k, dk, x)
	m.v.Backward(dx, grad.v, dv, x)
}

// pairs calls f for every head and causal pair of tokens, with the places of the
// query in z, of the key in v and of their score in a.
func (m multiHead[F]) pairs(size int, f func(query, key, pair int)) {
	row := m.heads * m.width
	length := size / row
	for h := range m.heads {
		for i := range length {
			for j := range i + 1 {
				f(i*row+h*m.width, j*row+h*m.width, (h*length+i)*length+j)
			}
		}
	}
}
