package text

// n tokens a window, d dimensions
//
// The paper's figure: W = Y X⁺ with X = (s_1 … s_{n-1}), Y = (s_2 … s_n) is the
// least-squares W of least norm; from ŝ_1 = s_1 it predicts ŝ_{t+1} = W ŝ_t.
// With a_t = X⁺ ŝ_t that is ŝ_{t+1} = Y a_t, a_{t+1} = (XᵀX)⁺ XᵀY a_t, so
// that everything is in the inner products of the window's n vectors.

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// ExactBelow is the relative error under which a window is fitted exactly.
// Rounding in XᵀX leaves a share of about ε cond(XᵀX) ≤ 10⁻¹⁶/rank.
const ExactBelow = 1e-3

// rank is the least eigenvalue of XᵀX that counts, as a share of the largest.
const rank = 1e-10

// Rollout returns the error of the window rolled out with its own W,
// √(Σ_t |ŝ_t - s_t|² / Σ_t |s_t|²) over t = 2..n. With n - 1 independent tokens
// W fits all pairs and the error is 0, whatever the tokens are.
func (s *Sequence) Rollout(window []int32) float64 {
	n := len(window)
	G := mat.NewSymDense(n, nil) // s_iᵀ s_j
	for i, a := range window {
		for j := i; j < n; j++ {
			G.SetSym(i, j, floats.Dot(s.Vectors.RawRowView(int(a)),
				s.Vectors.RawRowView(int(window[j]))))
		}
	}
	m := n - 1
	var eigen mat.EigenSym
	if !eigen.Factorize(G.SliceSym(0, m), true) {
		return math.NaN()
	}
	var Q mat.Dense
	eigen.VectorsTo(&Q)
	values := eigen.Values(nil)
	inverse := func(b []float64) *mat.VecDense { // (XᵀX)⁺ b
		var c, a mat.VecDense
		c.MulVec(Q.T(), mat.NewVecDense(m, b))
		for i, v := range values {
			if v > rank*values[m-1] {
				c.SetVec(i, c.AtVec(i)/v)
			} else {
				c.SetVec(i, 0)
			}
		}
		a.MulVec(&Q, &c)
		return &a
	}
	b := make([]float64, m) // Xᵀ ŝ_t
	for i := range b {
		b[i] = G.At(i, 0)
	}
	wrong, size := 0.0, 0.0
	for t := 1; t < n; t++ {
		a := inverse(b)
		e := mat.VecDenseCopyOf(a) // a_t - (the unit vector of s_{t+1} in Y)
		e.SetVec(t-1, e.AtVec(t-1)-1)
		for i := range m {
			b[i] = 0
			for j := range m {
				wrong += e.AtVec(i) * G.At(i+1, j+1) * e.AtVec(j)
				b[i] += G.At(i, j+1) * a.AtVec(j)
			}
		}
		size += G.At(t, t)
	}
	return math.Sqrt(max(0, wrong) / size)
}
