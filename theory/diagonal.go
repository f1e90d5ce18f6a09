package theory

import (
	"errors"
	"fmt"
	"math/cmplx"
	"math/rand/v2"

	"icar/ar"
)

// H heads, d token dimension, T context length, T = 2..Tmax.

// Diagonal is the causal multi-head linear attention on plain tokens e_t = s_t
// whose query-key and value matrices are diagonal in the eigenbasis of the
// context matrix (Sander et al. 2024, arXiv 2402.05787). With
// C = BᵀA and p_t the entries of row T-2 of P its prediction of s_{T+1} is
//
//	prediction_i = Σ_{t≤T} p_t s_{t,i} Σ_j C_ij s_{t,j} conj(s_{T-1,j}).
//
// The query is the token before the last one and it is the query that is
// conjugated: that is the combination that reaches s_{T+1,i} = λ_i^T at t = T.
type Diagonal struct {
	H, D, Tmax int
	// A holds the query-key diagonals and B the value diagonals, (H, d)
	// row-major.
	A, B []float64
	// P is the positional encoding, (Tmax, Tmax) row-major: row i = T-2
	// serves context length T, column j = 0..T-1 weighs token s_{j+1}, so that
	// the first superdiagonal is p_T. Entries j > i+1 and the last row enter
	// no loss; they are 0 and stay 0.
	P []float64
}

// NewDiagonal returns the model with h heads on tokens of dimension d for
// contexts of length 2..tmax, all weights zero.
func NewDiagonal(h, d, tmax int) (*Diagonal, error) {
	switch {
	case h < 1:
		return nil, fmt.Errorf("number of heads H = %d: use H = 1 or more", h)
	case d < 1:
		return nil, fmt.Errorf("token dimension d = %d is not positive: use d = 1 or more", d)
	case tmax < 2:
		return nil, fmt.Errorf("longest context Tmax = %d: a context of length T = 1 has no query "+
			"s_{T-1}; use Tmax = 2 or more", tmax)
	}
	return &Diagonal{
		H: h, D: d, Tmax: tmax,
		A: make([]float64, h*d),
		B: make([]float64, h*d),
		P: make([]float64, tmax*tmax),
	}, nil
}

// Init draws scale·N(0, 1) for A, then B, then the entries of P that a loss
// touches, row by row, and zeroes the rest of P.
func (m *Diagonal) Init(r *rand.Rand, scale float64) {
	for i := range m.A {
		m.A[i] = scale * r.NormFloat64()
	}
	for i := range m.B {
		m.B[i] = scale * r.NormFloat64()
	}
	clear(m.P)
	for t := 2; t <= m.Tmax; t++ {
		row := m.weights(t)
		for j := range row {
			row[j] = scale * r.NormFloat64()
		}
	}
}

// weights is the part of P that context length t reads: p_1..p_t.
func (m *Diagonal) weights(t int) []float64 {
	return m.P[(t-2)*m.Tmax:][:t]
}

// C returns the in-context coupling BᵀA, (d, d) row-major,
// C_ij = Σ_h B_hi A_hj. Its rank is at most H.
func (m *Diagonal) C() []float64 {
	c := make([]float64, m.D*m.D)
	coupling(c, m.A, m.B, m.D)
	return c
}

// coupling overwrites c with BᵀA for a and b of shape (H, d).
func coupling(c, a, b []float64, d int) {
	clear(c)
	for h := 0; h < len(a); h += d {
		key := a[h : h+d]
		for i, value := range b[h : h+d] {
			row := c[i*d:][:d]
			for j, x := range key {
				row[j] += value * x
			}
		}
	}
}

// Predict returns the prediction of s_{t+1} from s_1..s_t, 2 ≤ t ≤ Tmax, by
// the literal definition: for every head the causal sum of value times score,
// the score against the conjugated query s_{t-1}. The tokens s are (≥t, D)
// row-major, s_1 first.
func (m *Diagonal) Predict(s []complex128, t int) []complex128 {
	token := func(u int) []complex128 { return s[(u-1)*m.D:][:m.D] }
	out := make([]complex128, m.D)
	query := token(t - 1)
	for h := range m.H {
		a, b := m.A[h*m.D:][:m.D], m.B[h*m.D:][:m.D]
		for u, p := range m.weights(t) {
			x := token(u + 1)
			var score complex128
			for j := range x {
				score += complex(a[j], 0) * x[j] * cmplx.Conj(query[j])
			}
			for i := range x {
				out[i] += complex(p*b[i], 0) * x[i] * score
			}
		}
	}
	return out
}

// errNoEigenbasis refuses the families whose eigenbasis changes from sequence
// to sequence.
var errNoEigenbasis = errors.New("the diagonal attention lives in a fixed complex eigenbasis: " +
	"use the unitary or the rotation family")

// checkPlain returns an error unless the exact losses of the diagonal
// attention on plain tokens cover the family at dimension d.
func checkPlain(f ar.Family, d int) error {
	if err := f.Check(d); err != nil {
		return err
	}
	if f != ar.Unitary && f != ar.Rotation {
		return fmt.Errorf("family %q: %w", f, errNoEigenbasis)
	}
	return nil
}
