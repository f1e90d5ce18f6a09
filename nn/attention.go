package nn

// Shapes: T time, D width, H heads; q, k, v (T, H, D), a, p (H, T, T), z (T, D).
// Entries of a and p at j > i are 0 and are neither read nor written.

import "math"

// scores turns queries and keys into causal attention,
//
//	a_hij = q_ih·k_jh/√D for j ≤ i, or its softmax over j ≤ i.
//
// It serves the tokens and, always with softmax, the product position.
type scores[F Float] struct {
	heads, width int
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
//	dq_ih += Σ_j ds_hij k_jh/√D, dk_jh += Σ_i ds_hij q_ih/√D
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
