package nn

// Shapes: T time, H heads; q, k (T, H, width of a head), a (H, T, T). Entries of a
// at j > i are 0 and are neither read nor written.

import "math"

// scores turns queries and keys into causal attention,
//
//	a_hij = q_ih·k_jh/√width for j ≤ i, or its softmax over j ≤ i.
type scores[F Float] struct {
	heads, width int // the width is that of a head
	softmax      bool
}

// forward writes a from q and k.
func (s scores[F]) forward(a, q, k []F) {
	row := s.heads * s.width
	length := len(q) / row
	scale := F(1 / math.Sqrt(float64(s.width)))
	for h := range s.heads {
		for i := range length {
			attention := a[(h*length+i)*length:][:i+1]
			query := q[i*row+h*s.width:][:s.width]
			for j := range attention {
				attention[j] = scale * dot(query, k[j*row+h*s.width:][:s.width])
			}
			if s.softmax {
				softmax(attention)
			}
		}
	}
}

// backward adds to dq and dk from da, which it overwrites with the gradient of
// the scores before the softmax.
//
//	dq_ih += Σ_j ds_hij k_jh/√width, dk_jh += Σ_i ds_hij q_ih/√width
func (s scores[F]) backward(dq, dk, da, a, q, k []F) {
	row := s.heads * s.width
	length := len(q) / row
	scale := F(1 / math.Sqrt(float64(s.width)))
	for h := range s.heads {
		for i := range length {
			ds := da[(h*length+i)*length:][:i+1]
			if s.softmax {
				softmaxBackward(ds, a[(h*length+i)*length:][:i+1])
			}
			at := i*row + h*s.width
			query, dquery := q[at:][:s.width], dq[at:][:s.width]
			for j, g := range ds {
				at := j*row + h*s.width
				axpy(dquery, scale*g, k[at:][:s.width])
				axpy(dk[at:][:s.width], scale*g, query)
			}
		}
	}
}

// softmax replaces x by e^{x_j}/Σ_k e^{x_k}.
func softmax[F Float](x []F) {
	top := x[0]
	for _, v := range x {
		top = max(top, v) // NaN if any is
	}
	var sum F
	for j, v := range x {
		x[j] = F(math.Exp(float64(v - top)))
		sum += x[j]
	}
	for j := range x {
		x[j] /= sum
	}
}

// softmaxBackward replaces the gradient g of a = softmax(x) by that of x,
// a_j (g_j - Σ_k a_k g_k).
func softmaxBackward[F Float](g, a []F) {
	mean := dot(a, g)
	for j, v := range a {
		g[j] = v * (g[j] - mean)
	}
}
