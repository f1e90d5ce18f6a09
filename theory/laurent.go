// Package theory holds the models that the paper solves exactly, in complex
// arithmetic: their population losses, gradients, minima and certificates.
package theory

import (
	"encoding/binary"
	"maps"
	"slices"

	"icar/ar"
)

// Laurent is a Laurent polynomial Σ_k a_k λ^k, k ∈ Z^d, in the eigenvalues of
// a context matrix. Every error prediction_i - s_{T+1,i} of the models here is
// one, and because the monomials are orthonormal for eigenvalues spread over
// the whole circle (μ = 1) its mean square is Σ_k |a_k|² exactly. That makes
// it the reference for all closed forms: it knows no formula, only the model.
type Laurent struct {
	family ar.Family
	d      int
	terms  map[string]complex128
}

// Power is the factor λ_J^K of a monomial.
type Power struct{ J, K int }

// NewLaurent returns the zero polynomial in the d eigenvalues of a family,
// ar.Unitary or ar.Rotation. For the latter λ_{2k+1} = 1/λ_{2k}.
func NewLaurent(family ar.Family, d int) *Laurent {
	return &Laurent{family: family, d: d, terms: map[string]complex128{}}
}

// Add adds coefficient times the product of the powers.
func (p *Laurent) Add(coefficient complex128, powers ...Power) {
	p.terms[monomial(p.family, p.d, powers...)] += coefficient
}

// monomial returns the exponents of a product of powers as a key that two
// products share if and only if they are the same monomial.
func monomial(family ar.Family, d int, powers ...Power) string {
	exponents := make([]int16, d)
	for _, f := range powers {
		if family == ar.Rotation && f.J%2 == 1 {
			exponents[f.J-1] -= int16(f.K)
		} else {
			exponents[f.J] += int16(f.K)
		}
	}
	key := make([]byte, 0, 2*d)
	for _, e := range exponents {
		key = binary.BigEndian.AppendUint16(key, uint16(e))
	}
	return string(key)
}

// MeanSquare returns E|p(λ)|² = Σ_k |a_k|² at μ = 1 (Parseval).
func (p *Laurent) MeanSquare() float64 {
	sum := 0.0
	for _, key := range slices.Sorted(maps.Keys(p.terms)) { // one order, so the same bits each time
		a := p.terms[key]
		sum += real(a)*real(a) + imag(a)*imag(a)
	}
	return sum
}
