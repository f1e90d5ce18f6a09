package theory

import (
	"fmt"
	"math"

	"icar/ar"
)

// Minima of the diagonal attention on plain tokens, per context length. They
// hold for every T at once, because one C serves all of them and each p_T is
// free: the sum over T = 2..Tmax attains (Tmax-1) times the minimum.

// PlainMinimum returns the least ℓ_T over all weights of h heads, the same for
// every T: max(0, d-h) for the unitary family and max(0, d-2h) for rotations
// (arXiv 2402.05787, for every h). Both follow from
// Eckart and Young, because rank C ≤ h.
func PlainMinimum(f ar.Family, d, h int) (float64, error) {
	if err := checkPlain(f, d); err != nil {
		return 0, err
	}
	if h < 1 {
		return 0, fmt.Errorf("number of heads H = %d: use H = 1 or more", h)
	}
	return float64(d - served(f, d, h)), nil
}

// served is the number of coordinates that h heads predict at the minimum: a
// head serves one eigenvalue, or a pair of conjugate ones. It is also tr C / c
// there.
func served(f ar.Family, d, h int) int {
	if f == ar.Rotation {
		return min(d, 2*h)
	}
	return min(d, h)
}

// PlainMinimiser returns a global minimiser with gauge c and balanced heads
// (AAᵀ = BBᵀ); c scales C and 1/c scales P, and either sign is a minimum.
//
// Unitary: C = cΠ, Π the projector on the first min(h, d) coordinates, and
// p_T = 1/c, all other weights 0; kappa plays no part. Rotation: the pairs
// served have C = c[[1, κ], [κ, 1]], p_T = 1/c and p_{T-1} = -κ/((1+κ)c). For
// h ≥ d every κ ≠ -1 is a minimum; fewer heads force κ = 1, which is the
// recursion λ^{T+1} = 2 cos θ λ^T - λ^{T-1}.
//
// It fails for c = 0 and not finite, and for a κ that no minimum has.
func PlainMinimiser(f ar.Family, d, h, tmax int, c, kappa float64) (*Diagonal, error) {
	if err := checkPlain(f, d); err != nil {
		return nil, err
	}
	if c == 0 || math.IsNaN(c) || math.IsInf(c, 0) {
		return nil, fmt.Errorf("gauge c = %v: p_T C = I on the coordinates served needs a finite c "+
			"other than 0", c)
	}
	m, err := NewDiagonal(h, d, tmax)
	if err != nil {
		return nil, err
	}
	previous := 0.0 // p_{T-1}
	if f == ar.Unitary {
		for k := range served(f, d, h) {
			m.A[k*d+k] = math.Sqrt(math.Abs(c))
			m.B[k*d+k] = math.Copysign(m.A[k*d+k], c)
		}
	} else {
		switch {
		case h < d && kappa != 1:
			return nil, fmt.Errorf("κ = %v with H = %d < d = %d: the rank of C forces κ = 1; use κ = 1 "+
				"or H = %d", kappa, h, d, d)
		case kappa == -1 || math.IsNaN(kappa) || math.IsInf(kappa, 0):
			return nil, fmt.Errorf("κ = %v: the weight p_{T-1} = -κ/((1+κ)c) needs a finite κ other "+
				"than -1", kappa)
		}
		for k := range min(h, d/2) {
			m.pairHead(k, k, 1, c*(1+kappa))
			if h >= d {
				m.pairHead(d/2+k, k, -1, c*(1-kappa))
			}
		}
		previous = -kappa / ((1 + kappa) * c)
	}
	for t := 2; t <= tmax; t++ {
		w := m.weights(t)
		w[t-2], w[t-1] = previous, 1/c
	}
	return m, nil
}

// pairHead makes head h add σ v vᵀ to C, v = (1, sign)/√2 on the coordinates
// of one conjugate pair, with |A_h| = |B_h|.
func (m *Diagonal) pairHead(h, pair int, sign, sigma float64) {
	x := math.Sqrt(math.Abs(sigma) / 2)
	a, b := m.A[h*m.D+2*pair:], m.B[h*m.D+2*pair:]
	a[0], a[1] = x, sign*x
	b[0], b[1] = math.Copysign(x, sigma), sign*math.Copysign(x, sigma)
}

// GaugeFromSmallStart returns the |c| that gradient flow from a vanishing
// start reaches (ours). The flow keeps AAᵀ - BBᵀ and Σ_T |p_T|² - |A|_F²
// (see [Conserved]), both 0 there, so |A|_F² is the nuclear norm of C, |c|
// times n, and equals Σ_T |p_T|² = (Tmax-1) w/c²:
//
//	unitary   |c|³ = (Tmax-1)/min(h, d)
//	rotation  |c|³ = (Tmax-1)(1 + κ²/(1+κ)²) / (min(h, d/2)(|1+κ| + |1-κ|))
//
// For the unitary family kappa plays no part. It fails where
// [PlainMinimiser] does.
func GaugeFromSmallStart(f ar.Family, d, h, tmax int, kappa float64) (float64, error) {
	m, err := PlainMinimiser(f, d, h, tmax, 1, kappa)
	if err != nil {
		return 0, err
	}
	// At c = 1 the minimiser is balanced: |A|_F² is the nuclear norm of C.
	_, s := Conserved(m)
	nuclear := sumSquares(m.A)
	return math.Cbrt((s + nuclear) / nuclear), nil
}

func sumSquares(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum
}
