package theory

import (
	"fmt"
	"math"
)

// DenseMinimum is the minimum of Dense for unitary contexts at μ = 1 up to a
// diagonal unitary gauge M → MΦ, V → Φ̄²VΦ and the scale M → cM, V → V/c. Only
// M_1 = M (key s_{t-1}, query s_T) and V_0 = V (value s_t) are not 0.
type DenseMinimum struct {
	MeanLoss float64 // mean over T = 2 … Tmax, sum over the coordinates
	Model    *Dense
}

// DenseOptimum returns the minimum over T = 2 … Tmax for width d ≥ 2. For
// Tmax ≥ 3
//
//	M = I + r(11ᵀ - I),  V = f I + e(11ᵀ - I)
//
// and one variable r is left (denseCurve). That no other weights do better is
// what descent from many starts finds; a proof is open. At Tmax = 2 two
// coordinates share the head, the others get nothing: the mean loss is d - 4/3.
func DenseOptimum(d, tmax int) (DenseMinimum, error) {
	if d < 2 || tmax < 2 {
		return DenseMinimum{}, fmt.Errorf("d = %d, Tmax = %d: use at least 2 of each; at d = 1 use AugmentedHeadsOptimum", d, tmax)
	}
	m := newDense(d)
	if tmax == 2 {
		for i := range 2 {
			m.M[1][i*d+i] = 1
			m.V[0][i*d+i] = 2. / 3
			m.V[0][i*d+1-i] = -1. / 3
		}
		return DenseMinimum{MeanLoss: float64(d) - 4./3, Model: m}, nil
	}
	curve := denseCurve{d: float64(d), count: tmax - 1}
	r := curve.best()
	x, p, b := curve.sums(r)
	w := float64(d)
	f := x[0] * (p[0] + (w-1)*b[0]) / (p[0] * (p[0] + w*b[0]))
	e := -x[0] * b[0] / (p[0] * (p[0] + w*b[0]))
	for i := range d {
		for j := range d {
			m.M[1][i*d+j], m.V[0][i*d+j] = complex(r, 0), complex(e, 0)
		}
		m.M[1][i*d+i], m.V[0][i*d+i] = 1, complex(f, 0)
	}
	return DenseMinimum{MeanLoss: w * (1 - x[0]*f/float64(tmax-1)), Model: m}, nil
}

// denseCurve is the loss of the symmetric weights as a function of r, V
// minimised. The attended tokens F_k = Σ_t s_{t,k} s_{t-1}ᴴ M s_T have, summed
// over n = T-1 = 1 … count, E F_k λ̄_k^T = X̄ and the Gram matrix P I + B 11ᵀ,
// so that the best V is X̄ (P I + B 11ᵀ)⁻¹ and saves d X̄ f in total.
type denseCurve struct {
	d     float64
	count int
}

// dual is a value and its derivative by r.
type dual [2]float64

// sums returns X̄, P and B, each with its derivative by r. For n ≥ 2, with
// X = n + (d-1)r and Y = 1 + (n+d-2)r,
//
//	P_n = X² + [(n-1) + (n-2)(d-2)](d-1)r² + (d-2)[(d-2)r² + n - 2] + (d-1)(1 + Y²) - 2Y,
//	B_n = (d-2)r² + n - 2 + 2Y;
//
// for n = 1 every key is 1_d: P_1 = (d-1)X² and B_1 = X².
func (c denseCurve) sums(r float64) (x, p, b dual) {
	d := c.d
	for k := 1; k <= c.count; k++ {
		n := float64(k)
		X, dX := n+(d-1)*r, d-1
		x[0], x[1] = x[0]+X, x[1]+dX
		if k == 1 {
			p[0], p[1] = p[0]+(d-1)*X*X, p[1]+2*(d-1)*X*dX
			b[0], b[1] = b[0]+X*X, b[1]+2*X*dX
			continue
		}
		Y, dY := 1+(n+d-2)*r, n+d-2
		square := ((n-1)+(n-2)*(d-2))*(d-1) + (d-2)*(d-2)
		p[0] += X*X + square*r*r + (d-2)*(n-2) + (d-1)*(1+Y*Y) - 2*Y
		p[1] += 2*X*dX + 2*square*r + 2*(d-1)*Y*dY - 2*dY
		b[0] += (d-2)*r*r + n - 2 + 2*Y
		b[1] += 2*(d-2)*r + 2*dY
	}
	return x, p, b
}

// saved returns X̄ f = X̄²(P + (d-1)B)/(P(P + dB)) and minus its logarithmic
// derivative by r.
func (c denseCurve) saved(r float64) (value, slope float64) {
	x, p, b := c.sums(r)
	top, bottom := p[0]+(c.d-1)*b[0], p[0]+c.d*b[0]
	value = x[0] * x[0] * top / (p[0] * bottom)
	slope = -(2*x[1]/x[0] + (p[1]+(c.d-1)*b[1])/top - p[1]/p[0] - (p[1]+c.d*b[1])/bottom)
	return value, slope
}

// best returns the r of the largest saving. It bisects the slope in every cell
// of a grid on -1 … 1 that holds a maximum.
func (c denseCurve) best() float64 {
	const cells = 1000
	slope := func(r float64) float64 { _, s := c.saved(r); return s }
	bestR, best := 0.0, math.Inf(-1)
	for k := range cells {
		lo := -1 + 2*float64(k)/cells
		hi := lo + 2./cells
		if slope(lo) >= 0 || slope(hi) < 0 {
			continue
		}
		r := bisect(slope, lo, hi)
		if value, _ := c.saved(r); value > best {
			bestR, best = r, value
		}
	}
	return bestR
}
