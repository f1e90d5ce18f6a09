package theory

import (
	"math/cmplx"

	"icar/ar"
)

// SamplePosition returns the empirical losses of the rows T = 2..Tmax on
// sequences of one coordinate, Tmax = batch.T. It knows the model only, the
// prediction Σ_t p_t f_t with f_t = s_t² s̄_{T-1}, and no moment of the law:
// G_tu = mean Re f_t f̄_u, b_t = mean Re f_t s̄_{T+1}, c = mean |s_{T+1}|².
func SamplePosition(batch ar.Batch[complex128]) []Quadratic {
	tmax := batch.T
	rows := make([]Quadratic, tmax-1)
	for i := range rows {
		rows[i] = newQuadratic(i+2, 0)
	}
	f := make([]complex128, tmax)
	weight := 1 / float64(batch.N)
	for n := range batch.N {
		s := batch.States[n*(tmax+1):][:tmax+1]
		for i, q := range rows {
			T, target := i+2, s[i+2] // s_{T+1}
			for t := range T {
				f[t] = s[t] * s[t] * cmplx.Conj(s[T-2])
				q.B[t] += weight * reDot(f[t], target)
			}
			G := q.G.RawSymmetric().Data // upper triangle, row-major
			for t := range T {
				for u := t; u < T; u++ {
					G[t*T+u] += weight * reDot(f[t], f[u])
				}
			}
			rows[i].Constant += weight * reDot(target, target)
		}
	}
	return rows
}

// reDot is Re(x ȳ).
func reDot(x, y complex128) float64 { return real(x)*real(y) + imag(x)*imag(y) }
