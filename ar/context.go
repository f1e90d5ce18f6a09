package ar

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
)

// Context is one hidden matrix W, contraction included. A rotation has both
// forms, the same matrix in its eigenbasis and in a real one: the unitary
// change of basis takes (x, y) to ((x + iy)/√2, (x - iy)/√2) on each pair.
type Context struct {
	// Lambda (d) holds the eigenvalues λ_j = ρ e^{iθ_j} in the order of the
	// coordinates of a complex state. Nil unless the family is diagonal.
	Lambda []complex128
	// W (d, d), row-major, acts on real states. Nil for the unitary family.
	W []float64
}

// Context draws the hidden matrix of one sequence. The process must pass
// [Process.Check].
func (p Process) Context(r *rand.Rand) Context {
	var c Context
	switch p.Family {
	case Unitary:
		c.Lambda = make([]complex128, p.D)
		for j := range c.Lambda {
			c.Lambda[j] = p.eigenvalue(r)
		}
	case Rotation:
		c.Lambda = make([]complex128, p.D)
		for j := 0; j < p.D; j += 2 {
			c.Lambda[j] = p.eigenvalue(r)
			c.Lambda[j+1] = cmplx.Conj(c.Lambda[j])
		}
		c.W = rotations(c.Lambda)
	default:
		w, det := haar(p.D, r)
		if p.Family == Special && det < 0 {
			// A fixed reflection on the right takes the Haar measure of one
			// component of O(d) to that of the other.
			for i := p.D - 1; i < len(w); i += p.D {
				w[i] = -w[i]
			}
		}
		for i := range w {
			w[i] *= p.Rho
		}
		c.W = w
	}
	return c
}

// eigenvalue draws ρ e^{iθ}, θ ~ U[0, 2π/μ].
func (p Process) eigenvalue(r *rand.Rand) complex128 {
	return cmplx.Rect(p.Rho, r.Float64()*2*math.Pi/p.Mu)
}

// rotations returns the real form (d, d) of diag(λ, λ̄, …): for λ = a + ib
// the block [[a, -b], [b, a]], which multiplies x + iy by λ.
func rotations(lambda []complex128) []float64 {
	d := len(lambda)
	w := make([]float64, d*d)
	for j := 0; j < d; j += 2 {
		a, b := real(lambda[j]), imag(lambda[j])
		w[j*d+j], w[j*d+j+1] = a, -b
		w[(j+1)*d+j], w[(j+1)*d+j+1] = b, a
	}
	return w
}
