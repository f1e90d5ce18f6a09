package theory

import (
	"fmt"
	"slices"
)

// DiagonalHeads is LinearAttention of H heads with diagonal weights on the one
// monomial that serves a unitary context, value s_t, key s_{t-1}, query s_T:
//
//	prediction_i = Σ_t s_{t,i} Σ_j C_ij s̄_{t-1,j} s_{T,j},   C = BᵀA.
//
// The other blocks of a head are left out: block-scalar and dense weights show
// that they vanish at the optimum. C has rank min(H, d), so heads add what one
// gradient step, C = η 11ᵀ, cannot have: weights that favour the own
// coordinate of the prediction.
type DiagonalHeads struct {
	H, D int
	A    []float64 // diagonals of query times key (H, d)
	B    []float64 // diagonals of the value (H, d)
}

// NewDiagonalHeads returns h heads of width d with all weights 0.
func NewDiagonalHeads(h, d int) (*DiagonalHeads, error) {
	if h < 1 || d < 1 {
		return nil, fmt.Errorf("number of heads H = %d of width d = %d: use at least 1 of each", h,
			d)
	}
	return &DiagonalHeads{H: h, D: d, A: make([]float64, h*d), B: make([]float64, h*d)}, nil
}

// Coupling returns C = BᵀA (d, d).
func (m *DiagonalHeads) Coupling() []float64 {
	c := make([]float64, m.D*m.D)
	for h := range m.H {
		for i := range m.D {
			for j := range m.D {
				c[i*m.D+j] += m.B[h*m.D+i] * m.A[h*m.D+j]
			}
		}
	}
	return c
}

// coupleBackward writes the gradient over A and then B, from that over C
// (d, d): dA = B dC and dB = A dCᵀ.
func (m *DiagonalHeads) coupleBackward(dC, gradient []float64) {
	clear(gradient)
	dA, dB := gradient[:m.H*m.D], gradient[m.H*m.D:]
	for h := range m.H {
		for i := range m.D {
			for j := range m.D {
				dA[h*m.D+j] += m.B[h*m.D+i] * dC[i*m.D+j]
				dB[h*m.D+i] += m.A[h*m.D+j] * dC[i*m.D+j]
			}
		}
	}
}

// Predict implements LinearAttention.
func (m *DiagonalHeads) Predict(s []complex128) []complex128 {
	out := make([]complex128, m.D)
	length := len(s) / m.D
	query := token(s, m.D, length)
	for t := 1; t <= length; t++ {
		value, key := token(s, m.D, t), token(s, m.D, t-1)
		for h := range m.H {
			score := complex128(0)
			for j, x := range key {
				score += complex(m.A[h*m.D+j]*real(x), -m.A[h*m.D+j]*imag(x)) * query[j]
			}
			for i, x := range value {
				out[i] += score * complex(m.B[h*m.D+i], 0) * x
			}
		}
	}
	return out
}

// InContextMap implements LinearAttention: Γ_0 = C ∘ G_01, entry by entry, and
// Γ_1 = 0.
func (m *DiagonalHeads) InContextMap(s []complex128) (current, previous []complex128) {
	current = prefixSumsOf(s, m.D)[0][1]
	for i, c := range m.Coupling() {
		current[i] *= complex(c, 0)
	}
	return current, make([]complex128, m.D*m.D)
}

// SampledLoss implements LinearAttention.
func (m *DiagonalHeads) SampledLoss(batch [][]complex128, gradient []float64) float64 {
	d, c := m.D, m.Coupling()
	dC := make([]float64, d*d)
	loss, weight := 0.0, 1/float64(len(batch))
	for _, s := range batch {
		positions(s, d, func(g *prefixSums, current, _, target []complex128) {
			for i, want := range target {
				row := g[0][1][i*d : i*d+d]
				residual := -want
				for j, x := range current {
					residual += complex(c[i*d+j], 0) * row[j] * x
				}
				loss += weight * squared(residual)
				for j, x := range current { // ∂|r|²/∂C_ij = 2 Re(r̄ G_ij s_j)
					f := row[j] * x
					dC[i*d+j] += 2 * weight * (real(residual)*real(f) + imag(residual)*imag(f))
				}
			}
		})
	}
	m.coupleBackward(dC, gradient)
	return loss
}

// PopulationLoss returns the exact loss at μ = 1, summed over T = first … last
// (at least 2), and writes its gradient over Parameters. With n = T-1,
//
//	ℓ_T = Σ_i (1 - n C_ii)² + n Σ_{i≠j} C_ij²,
//
// for unitary and for rotation contexts alike.
func (m *DiagonalHeads) PopulationLoss(first, last int, gradient []float64) float64 {
	c := m.Coupling()
	dC := make([]float64, len(c))
	loss := 0.0
	for t := first; t <= last; t++ {
		n := float64(t - 1)
		for i := range c {
			if i%(m.D+1) == 0 {
				loss += (1 - n*c[i]) * (1 - n*c[i])
				dC[i] -= 2 * n * (1 - n*c[i])
			} else {
				loss += n * c[i] * c[i]
				dC[i] += 2 * n * c[i]
			}
		}
	}
	m.coupleBackward(dC, gradient)
	return loss
}

// squared returns |z|².
func squared(z complex128) float64 { return real(z)*real(z) + imag(z)*imag(z) }

// Parameters implements LinearAttention: A, then B.
func (m *DiagonalHeads) Parameters() []float64 {
	return slices.Concat(m.A, m.B)
}

// SetParameters implements LinearAttention.
func (m *DiagonalHeads) SetParameters(x []float64) {
	copy(m.A, x[:len(m.A)])
	copy(m.B, x[len(m.A):])
}
