package ar

import (
	"math"
	"math/rand/v2"
)

// haar draws w (d, d), row-major, from the Haar measure on O(d) and returns
// its determinant too, which is known exactly without computing one.
//
// It is the Q of a Gaussian matrix, with the signs that make the diagonal of R
// positive; without them Q is not Haar (Mezzadri 2007, arXiv:math-ph/0609050).
// The reflections that have been applied leave the columns not yet reduced
// Gaussian and independent of them, so each column is drawn when its turn comes,
// at the length it then has, and R is never formed (Stewart 1980,
// doi:10.1137/0717034):
//
//	W_n = F(x) diag(1, W_{n-1}),  x ~ N(0, I_n),  F(x) e_1 = x/|x|.
//
// The first column of W_n is uniform on the sphere and, whatever it is, the
// others are a Haar matrix of what is orthogonal to it: W_n is Haar.
func haar(d int, r *rand.Rand) (w []float64, det float64) {
	w = make([]float64, d*d)
	for i := 0; i < d*d; i += d + 1 {
		w[i] = 1
	}
	det = 1
	if r.Uint64()&1 == 1 { // W_1 = ±1
		w[d*d-1], det = -1, -1
	}
	v := make([]float64, d)
	for n := 2; n <= d; n++ {
		first := (d - n) * (d + 1) // the corner of the last n rows and columns
		if householder(w[first:], d, v[:n], r) {
			det = -det
		}
	}
	return w, det
}

// householder multiplies the leading n×n block of w, whose rows are stride apart,
// from the left by F(x), x ~ N(0, I_n), where n is the length of the scratch v.
// It reports whether det F(x) = -1.
//
// With the sign s of x_1 and v = x + s|x|e_1 (no cancellation) the reflection
// H = I - 2vvᵀ/|v|² takes x to -s|x|e_1, so F(x) = -sH takes e_1 to x/|x|.
//
// The conversions keep compilers from fusing products with sums.
func householder(w []float64, stride int, v []float64, r *rand.Rand) bool {
	n, square := len(v), 0.0
	for i := range v {
		v[i] = r.NormFloat64()
		square += float64(v[i] * v[i])
	}
	norm, s := math.Sqrt(square), math.Copysign(1, v[0])
	scale := 1 / (norm * (norm + math.Abs(v[0]))) // 2/|v|²
	v[0] += float64(s * norm)
	for j := range n {
		dot := 0.0
		for i, a := range v {
			dot += float64(a * w[i*stride+j])
		}
		dot *= scale
		for i, a := range v {
			w[i*stride+j] = s * (float64(a*dot) - w[i*stride+j])
		}
	}
	return n%2 == 0 || s < 0 // det F = (-s)ⁿ det H, det H = -1
}
