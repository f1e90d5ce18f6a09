package main

import (
	"fmt"
	"slices"

	"icar/nn"
)

// retention mixes tokens by a memory S that fades, of heads h of D/H coordinates
// each with a rate γ_h = 1 - 2^(-h), h = 1, …, H:
//
//	S_i = γ_h S_{i-1} + k_i ⊙ v_i, y_i = W_o (q_i ⊙ S_i) + b_o
//
// Reference: Sun et al., "Retentive network", 2023, arXiv 2307.08621, here with
// keys and values of one coordinate.
type retention struct{}

// Name implements nn.Mixing.
func (retention) Name() string { return "retention" }

// Float32 implements nn.Mixing. The error is that of Float64.
func (retention) Float32(c nn.Config) (nn.Mixer[float32], error) { return newFading[float32](c) }

// Float64 implements nn.Mixing. The error is about heads that do not share D and
// about a softmax, which there is none of.
func (retention) Float64(c nn.Config) (nn.Mixer[float64], error) { return newFading[float64](c) }

// fading is the mixer of that kind. Shapes: T time, D embed; x, y, q, k, v, S (T, D).
type fading[F nn.Float] struct {
	rates      []F          // (D)
	q, k, v, o nn.Linear[F] // (D, D)
}

func newFading[F nn.Float](c nn.Config) (nn.Mixer[F], error) {
	if c.Embed%c.Heads != 0 {
		return nil, fmt.Errorf("embed %d is not a multiple of heads %d: use heads 1",
			c.Embed, c.Heads)
	}
	if c.Attention != nn.LinearAttention {
		return nil, fmt.Errorf("a retention has no attention %s: use attention linear", c.Attention)
	}
	rates := make([]F, c.Embed)
	for i := range rates {
		h := i / (c.Embed / c.Heads)
		rates[i] = 1 - 1/F(int(2)<<h)
	}
	return fading[F]{rates: rates}, nil
}

// Specs implements nn.Mixer.
func (m fading[F]) Specs() []nn.Spec {
	d := len(m.rates)
	return slices.Concat(nn.LinearSpecs("q", d, d), nn.LinearSpecs("k", d, d),
		nn.LinearSpecs("v", d, d), nn.LinearSpecs("o", d, d))
}

// Bind implements nn.Mixer.
func (m fading[F]) Bind(t [][]F) nn.Mixer[F] {
	m.q, m.k = nn.Linear[F]{Weight: t[0], Bias: t[1]}, nn.Linear[F]{Weight: t[2], Bias: t[3]}
	m.v, m.o = nn.Linear[F]{Weight: t[4], Bias: t[5]}, nn.Linear[F]{Weight: t[6], Bias: t[7]}
	return m
}

// kept returns what Forward leaves for Backward and for probes.
func (m fading[F]) kept(size int, memo *nn.Memo[F]) (q, k, v, state, z []F) {
	d := len(m.rates)
	keep := func(name string) []F { return memo.Keep(name, size/d, d) }
	return keep("q"), keep("k"), keep("v"), keep("state"), keep("z")
}

// Forward implements nn.Mixer. The state is the context's side. A product is
// rounded, by a conversion, before it is added: so bits are the same everywhere.
func (m fading[F]) Forward(y, x []F, memo *nn.Memo[F], path nn.Path) {
	d := len(m.rates)
	q, k, v, state, z := m.kept(len(x), memo)
	m.q.Forward(q, x)
	if path == nn.AllPaths {
		m.k.Forward(k, x)
		m.v.Forward(v, x)
		for i := range state {
			state[i] = k[i] * v[i]
			if i >= d {
				state[i] += F(m.rates[i%d] * state[i-d])
			}
		}
	}
	for i := range z {
		z[i] = q[i] * state[i]
	}
	m.o.Forward(y, z)
}

// Backward implements nn.Mixer.
func (m fading[F]) Backward(dx []F, gradient nn.Mixer[F], dy, x []F, memo *nn.Memo[F],
	path nn.Path) {
	d, grad := len(m.rates), gradient.(fading[F])
	q, k, v, state, z := m.kept(len(x), memo)
	dz, dq := memo.Scratch("dz", len(x)), memo.Scratch("dq", len(x))
	dk, dv := memo.Scratch("dk", len(x)), memo.Scratch("dv", len(x))
	dState := memo.Scratch("dState", len(x))
	m.o.Backward(dz, grad.o, dy, z)
	for i := len(x) - 1; i >= 0; i-- { // dS_i = dz_i ⊙ q_i + γ dS_{i+1}
		dState[i] = dz[i] * q[i]
		if i+d < len(x) {
			dState[i] += F(m.rates[i%d] * dState[i+d])
		}
		dq[i], dk[i], dv[i] = dz[i]*state[i], dState[i]*v[i], dState[i]*k[i]
	}
	m.q.Backward(dx, grad.q, dq, x)
	if path == nn.QueryPath {
		dx = nil
	}
	m.k.Backward(dx, grad.k, dk, x)
	m.v.Backward(dx, grad.v, dv, x)
}
