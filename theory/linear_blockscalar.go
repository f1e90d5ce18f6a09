package theory

import "slices"

// BlockScalar is LinearAttention whose weight blocks are multiples of the
// identity, the assumption of Sander et al. 2024: six scalars.
type BlockScalar struct {
	D int // width of a token
	// M are the score scalars m_0 … m_3: m_{2c+b} weighs <s_{t-b}, s_{T-c}>,
	// b the lag of the key and c the lag of the query.
	M [4]float64
	// V are the value scalars: v_a weighs s_{t-a}.
	V [2]float64
}

// products returns w[2k+a] = m_k v_a.
func (m *BlockScalar) products() products {
	var w products
	for i := range w {
		w[i] = m.M[i>>1] * m.V[i&1]
	}
	return w
}

// productsBackward writes the gradient over Parameters, from that over the
// products: dm_k = Σ_a v_a dw_{ka} and dv_a = Σ_k m_k dw_{ka}.
func (m *BlockScalar) productsBackward(dw products, gradient []float64) {
	clear(gradient)
	for i, slope := range dw {
		gradient[i>>1] += slope * m.V[i&1]
		gradient[4+i&1] += slope * m.M[i>>1]
	}
}

// Predict implements LinearAttention.
func (m *BlockScalar) Predict(s []complex128) []complex128 {
	out := make([]complex128, m.D)
	length := len(s) / m.D
	for t := 1; t <= length; t++ {
		score := complex128(0)
		for k, scalar := range m.M {
			b, c := k&1, k>>1
			score += complex(scalar, 0) * inner(token(s, m.D, t-b), token(s, m.D, length-c))
		}
		for a, scalar := range m.V {
			for i, x := range token(s, m.D, t-a) {
				out[i] += score * complex(scalar, 0) * x
			}
		}
	}
	return out
}

// InContextMap implements LinearAttention: Γ_c = Σ_ab m_{2c+b} v_a G_ab. At
// the optimum of a unitary context Γ_0 = η Σ_{t=2}^T s_t s_{t-1}ᴴ and Γ_1 = 0:
// one step of size η from 0 down ½ Σ_{t=1}^{T-1} |s_{t+1} - W s_t|².
func (m *BlockScalar) InContextMap(s []complex128) (current, previous []complex128) {
	g := prefixSumsOf(s, m.D)
	maps := [2][]complex128{make([]complex128, m.D*m.D), make([]complex128, m.D*m.D)}
	for i, w := range m.products() {
		a, b, c := i&1, i>>1&1, i>>2
		for j, x := range g[a][b] {
			maps[c][j] += complex(w, 0) * x
		}
	}
	return maps[0], maps[1]
}

// SampledLoss implements LinearAttention. The prediction is Σ w f over the
// products w and their features f = G_ab s_{T-c}; with the residual r,
// dw = 2 Re <f, r>.
func (m *BlockScalar) SampledLoss(batch [][]complex128, gradient []float64) float64 {
	d, w := m.D, m.products()
	var dw products
	features, residual := make([]complex128, 8*d), make([]complex128, d)
	loss, weight := 0.0, 1/float64(len(batch))
	for _, s := range batch {
		positions(s, d, func(g *prefixSums, current, previous, target []complex128) {
			clear(features)
			for i, want := range target {
				residual[i] = -want
			}
			for i := range w {
				a, b, query := i&1, i>>1&1, current
				if i>>2 == 1 {
					query = previous
				}
				f := features[i*d : i*d+d]
				addProduct(f, g[a][b], query)
				for j, x := range f {
					residual[j] += complex(w[i]*real(x), w[i]*imag(x))
				}
			}
			for _, r := range residual {
				loss += weight * squared(r)
			}
			for i := range w {
				for j, x := range features[i*d : i*d+d] {
					dw[i] += 2 * weight * (real(x)*real(residual[j]) + imag(x)*imag(residual[j]))
				}
			}
		})
	}
	m.productsBackward(dw, gradient)
	return loss
}

// Parameters implements LinearAttention: m_0 … m_3, v_0, v_1.
func (m *BlockScalar) Parameters() []float64 {
	return slices.Concat(m.M[:], m.V[:])
}

// SetParameters implements LinearAttention.
func (m *BlockScalar) SetParameters(x []float64) {
	copy(m.M[:], x[:4])
	copy(m.V[:], x[4:])
}
