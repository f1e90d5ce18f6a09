package nn

// Shapes: T time, D embed, H heads; x, y, z (T, D), q, k, v (T, H, D), a, p
// (H, T, T), pos (T, D). Entries of a and p at j > i are 0.

import "slices"

// FullHeads is the attention of the paper: H heads, each of the full dimension
// D, which are added up,
//
//	a_hij = q_ih·k_jh/√D for j ≤ i, or its softmax over j ≤ i
//	z_i   = Σ_h Σ_{j≤i} a_hij p_hij v_jh, y_i = W_o z_i + b_o
//
// with p = 1, or under a product position the causal softmax of the scores of the
// position vectors under the layer's own queries and keys,
//
//	p_hij = softmax over j ≤ i of (W_q pos_i + b_q)_h·(W_k pos_j + b_k)_h/√D.
//
// Reference: Sander, Giryes, Suzuki, Blondel, Peyré, "How do Transformers perform
// in-context autoregressive learning?", ICML 2024, arXiv 2402.05787.
type FullHeads struct{}

// Name implements Mixing. In a configuration the name may be left out.
func (FullHeads) Name() string { return "full" }

// Float32 implements Mixing.
func (FullHeads) Float32(c Config) (Mixer[float32], error) { return newFullHeads[float32](c), nil }

// Float64 implements Mixing.
func (FullHeads) Float64(c Config) (Mixer[float64], error) { return newFullHeads[float64](c), nil }

// fullHeads is the mixer of that kind.
type fullHeads[F Float] struct {
	scores[F]           // of the tokens
	q, k, v   Linear[F] // (H·D, D)
	o         Linear[F] // (D, D)
}

func newFullHeads[F Float](c Config) fullHeads[F] {
	return fullHeads[F]{scores: scores[F]{c.Heads, c.Embed, c.Attention == SoftmaxAttention}}
}

// Specs implements Mixer.
func (m fullHeads[F]) Specs() []Spec {
	d := m.width
	return slices.Concat(LinearSpecs("q", m.heads*d, d), LinearSpecs("k", m.heads*d, d),
		LinearSpecs("v", m.heads*d, d), LinearSpecs("o", d, d))
}

// Bind implements Mixer.
func (m fullHeads[F]) Bind(t [][]F) Mixer[F] {
	m.q, m.k = Linear[F]{t[0], t[1]}, Linear[F]{t[2], t[3]}
	m.v, m.o = Linear[F]{t[4], t[5]}, Linear[F]{t[6], t[7]}
	return m
}

// Forward implements Mixer.
func (m fullHeads[F]) Forward(y, x []F, memo *Memo[F], path Path) {
	length := len(x) / m.width
	q, k, v := memo.Keep("q", length, m.heads, m.width), memo.Keep("k", length, m.heads, m.width),
		memo.Keep("v", length, m.heads, m.width)
	m.q.Forward(q, x)
	if path == AllPaths {
		m.k.Forward(k, x)
		m.v.Forward(v, x)
	}
	a := memo.Keep("attention", m.heads, length, length)
	m.scores.forward(a, q, k)
	p := memo.Placed("position")
	z := memo.Keep("z", length, m.width)
	mix(z, a, p, v, m.heads, m.width)
	m.o.Forward(y, z)
}

// Backward implements Mixer.
func (m fullHeads[F]) Backward(dx []F, gradient Mixer[F], dy, x []F, memo *Memo[F], path Path) {
	grad, length := gradient.(fullHeads[F]), len(x)/m.width
	heads := length * m.heads * m.width
	q, k, v := memo.Keep("q", length, m.heads, m.width), memo.Keep("k", length, m.heads, m.width),
		memo.Keep("v", length, m.heads, m.width)
	a, z := memo.Keep("attention", m.heads, length, length), memo.Keep("z", length, m.width)
	dz, da := memo.Scratch("z", len(z)), memo.Scratch("a", len(a))
	dq, dk, dv := memo.Scratch("q", heads), memo.Scratch("k", heads), memo.Scratch("v", heads)
	p := memo.Placed("position")
	var dp []F
	if p != nil {
		dp = memo.Sums.Keep("position", m.heads, length, length)
	}

	m.o.Backward(dz, grad.o, dy, z)
	mixBackward(da, dp, dv, dz, a, p, v, m.heads, m.width)
	m.scores.backward(dq, dk, da, a, q, k)
	m.q.Backward(dx, grad.q, dq, x)
	if path == QueryPath {
		dx = nil
	}
	m.k.Backward(dx, grad.k, dk, x)
	m.v.Backward(dx, grad.v, dv, x)
}

// Place implements Placer.
func (m fullHeads[F]) Place(pos []F, memo *Memo[F]) {
	length := len(pos) / m.width
	q, k := memo.Keep("q", length, m.heads, m.width), memo.Keep("k", length, m.heads, m.width)
	m.q.Forward(q, pos)
	m.k.Forward(k, pos)
	m.positionScores().forward(memo.Keep("position", m.heads, length, length), q, k)
}

// PlaceBackward implements Placer.
func (m fullHeads[F]) PlaceBackward(dpos []F, gradient Mixer[F], pos []F, memo *Memo[F]) {
	grad, length, place := gradient.(fullHeads[F]), len(pos)/m.width, memo.Place
	q, k := place.Keep("q", length, m.heads, m.width), place.Keep("k", length, m.heads, m.width)
	dq, dk := memo.Scratch("q", len(q)), memo.Scratch("k", len(k))
	dp := memo.Sums.Keep("position", m.heads, length, length)
	m.positionScores().backward(dq, dk, dp, place.Keep("position", m.heads, length, length), q, k)
	m.q.Backward(dpos, grad.q, dq, pos)
	m.k.Backward(dpos, grad.k, dk, pos)
}

// positionScores are the scores of the position vectors.
func (m fullHeads[F]) positionScores() scores[F] { return scores[F]{m.heads, m.width, true} }

// mix writes z_i = Σ_h Σ_{j≤i} a_hij p_hij v_jh; a nil p is 1 everywhere.
func mix[F Float](z, a, p, v []F, heads, width int) {
	length := len(z) / width
	clear(z)
	for h := range heads {
		for i := range length {
			at := (h*length + i) * length
			out := z[i*width:][:width]
			for j, weight := range a[at:][:i+1] {
				if p != nil {
					weight *= p[at+j]
				}
				axpy(out, weight, v[(j*heads+h)*width:][:width])
			}
		}
	}
}

// mixBackward adds to da, dp and dv from dz; p and dp are both nil or neither.
//
//	dv_jh += Σ_i a_hij p_hij dz_i, da_hij += p_hij t, dp_hij += a_hij t, t = dz_i·v_jh
func mixBackward[F Float](da, dp, dv, dz, a, p, v []F, heads, width int) {
	length := len(dz) / width
	for h := range heads {
		for i := range length {
			at := (h*length + i) * length
			g := dz[i*width:][:width]
			for j, weight := range a[at:][:i+1] {
				value := (j*heads + h) * width
				t := dot(g, v[value:][:width])
				if p != nil {
					dp[at+j] += F(weight * t)
					t *= p[at+j]
					weight *= p[at+j]
				}
				da[at+j] += t
				axpy(dv[value:][:width], weight, g)
			}
		}
	}
}
