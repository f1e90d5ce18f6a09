package theory

import (
	"context"
	"errors"
	"fmt"
	"math"

	"icar/ar"
)

// What the rotation landscape holds besides its minima: stationary points
// above them and a valley that leads to the minimum at infinity only.

// LeastLosses returns, for T = 2..Tmax, the least ℓ_T over all weights p_T
// with C as it is (ours). With k_i = C_iī (0 for the unitary family),
// F = Σ_{j≠ī} C_ij² and G = |k|² - <r, k>²/|r|², what is left of k beside the
// row sums r, eliminating p_{T-1}, then the others, gives
//
//	min ℓ_T = d - (tr C)²/F · (F + (T-2)G)/(F + (T-1)G).
//
// Every stationary point has exactly these losses. It fails for a family
// other than unitary and rotation.
func (m *Diagonal) LeastLosses(f ar.Family) ([]float64, error) {
	l, err := newPlainLoss(f, m.D)
	if err != nil {
		return nil, err
	}
	l.setC(m)
	var trace, k2, r2, rk float64
	for i, r := range l.row {
		k := l.conjugate[i]
		trace += l.diagonal[i]
		k2 += k * k
		r2 += r * r
		rk += r * k
	}
	rest := k2
	if r2 > 0 {
		rest = max(0, k2-rk*rk/r2)
	}
	losses := make([]float64, m.Tmax-1)
	for i := range losses {
		losses[i] = float64(m.D)
		if trace != 0 { // then F > 0: it holds the diagonal
			n := float64(i + 1) // T-1
			losses[i] -= trace * trace / l.distinct * (l.distinct + (n-1)*rest) / (l.distinct +
				n*rest)
		}
	}
	return losses, nil
}

// PlainTrap returns the stationary point of the rotation family at which each
// of h ≤ d/2 heads serves a pair with κ = -1, C = c[[1, -1], [-1, 1]], and
// its total loss (Tmax-1)(d-2h) + 2h Σ_{T=2..Tmax} 1/T (ours). All row sums
// vanish, so that p_{T-1} enters no loss; it is 0 here. The weights are
// p_T = (1 - 1/T)/c and -1/(Tc) for the others. At h = d/2 descents from
// small starts end there.
func PlainTrap(d, h, tmax int, c float64) (m *Diagonal, loss float64, err error) {
	if err := ar.Rotation.Check(d); err != nil {
		return nil, 0, err
	}
	if h > d/2 {
		return nil, 0, fmt.Errorf("number of heads H = %d: the heads of this trap serve a pair each; "+
			"use H = %d or less", h, d/2)
	}
	if c == 0 || math.IsNaN(c) || math.IsInf(c, 0) {
		return nil, 0, fmt.Errorf("gauge c = %v: use a finite c other than 0", c)
	}
	if m, err = NewDiagonal(h, d, tmax); err != nil {
		return nil, 0, err
	}
	for k := range h {
		m.pairHead(k, k, -1, 2*c)
	}
	for t := 2; t <= tmax; t++ {
		w := m.weights(t)
		for j := range w {
			w[j] = -1 / (float64(t) * c)
		}
		w[t-2] = 0
		w[t-1] += 1 / c
		loss += float64(d-2*h) + 2*float64(h)/float64(t)
	}
	return m, loss, nil
}

// SharedPlainTrap returns the stationary point of the rotation family at which one head
// serves several pairs at once, n = 2 pairs coordinates, C = c vvᵀ with n/2 entries of v equal to 1
// and n/2 to -1, and its total loss (ours),
//
//	Σ_{T=2..Tmax} d - n/(n-1) · (n+T-3)/(n+T-2).
//
// All row sums vanish, so that p_{T-1} enters no loss; the minimum over the others is
// p_T = (n+T-3)/((n-1)(n+T-2)c) and -1/((n-1)(n+T-2)c). With two pairs, v is 1 on one and
// -1 on the other, and p_{T-1} = p_T/2 as here, no direction has negative curvature, where
// p_{T-1} = 0 has one: about one descent in a thousand from small starts ends there (d = 4),
// above the trap of one pair. With one pair it is PlainTrap of one head.
func SharedPlainTrap(d, pairs, tmax int, c float64) (m *Diagonal, loss float64, err error) {
	if err := ar.Rotation.Check(d); err != nil {
		return nil, 0, err
	}
	if pairs < 1 || pairs > d/2 {
		return nil, 0, fmt.Errorf("a head that serves %d pairs of width %d: use 1 to %d pairs",
			pairs, d, d/2)
	}
	if c == 0 || math.IsNaN(c) || math.IsInf(c, 0) {
		return nil, 0, fmt.Errorf("gauge c = %v: use a finite c other than 0", c)
	}
	if m, err = NewDiagonal(1, d, tmax); err != nil {
		return nil, 0, err
	}
	n := 2 * pairs
	root := math.Sqrt(math.Abs(c))
	for i := range n {
		m.B[i] = root
		if i >= pairs {
			m.B[i] = -root
		}
		m.A[i] = math.Copysign(1, c) * m.B[i]
	}
	for t := 2; t <= tmax; t++ {
		w := m.weights(t)
		for j := range w {
			w[j] = -1 / (float64((n-1)*(n+t-2)) * c)
		}
		w[t-1] += 1 / (float64(n-1) * c)
		w[t-2] = w[t-1] / 2
		loss += float64(d) - float64(n)/float64(n-1)*float64(n+t-3)/float64(n+t-2)
	}
	return m, loss, nil
}

// MixedPlainTrap returns the stationary point of the rotation family with
// h = d/2 heads of which minus, 1 ≤ minus < d/2, serve the last pairs with
// κ < 0 and the others the first pairs with κ > 0, and its total loss, the sum
// of [Diagonal.LeastLosses] (ours).
//
// Block-diagonal C with κ = ±1 is not stationary when both signs occur: the
// (1, 1) heads gain by leaking into the rows of the (1, -1) pairs, where
// p_{T-1} r_i then offsets part of q C_iī. The symmetries of that block form
// (permuting pairs of a kind; exchanging a pair's coordinates together with
// the sign of its (1, -1) head) are kept by descent, which therefore finds the
// stationary point of the symmetric weights, and a stationary point among the
// symmetric weights is one among all (Palais, Comm. Math. Phys. 69, 1979,
// doi:10.1007/BF01941322). The weights are balanced (AAᵀ = BBᵀ).
func MixedPlainTrap(ctx context.Context,
	d, minus, tmax int) (m *Diagonal, loss float64, err error) {
	if err := ar.Rotation.Check(d); err != nil {
		return nil, 0, err
	}
	h := d / 2
	if minus < 1 || minus >= h {
		return nil, 0, fmt.Errorf("%d of %d pairs with κ < 0: a mixed trap needs pairs of both signs "+
			"(PlainTrap is the one without κ > 0)", minus, h)
	}
	n := float64(tmax - 1)
	c := math.Cbrt(1.25 * n / float64(d)) // the gauge from a small start at κ = 1
	if m, err = PlainMinimiser(ar.Rotation, d, h, tmax, c, 1); err != nil {
		return nil, 0, err
	}
	for k := h - minus; k < h; k++ {
		m.pairHead(k, k, -1, 2*c)
	}
	// The largest curvature comes from P (∝ Tmax d c²) and from the row sums
	// (∝ d Tmax/c); the constants bound what was measured for d = 4..16 and
	// Tmax = 2..50, with a factor of about 2 to spare.
	rate := 1 / (math.Cbrt(n*n*float64(d)) * (8 + 2.5*n + 2.5*float64(d)))
	g := &Diagonal{H: h, D: d, Tmax: tmax, A: make([]float64, h*d), B: make([]float64, h*d),
		P: make([]float64, tmax*tmax)}
	const chunk, chunks = 1000, 1000
	for range chunks {
		if _, err := m.Descend(ctx, ar.Rotation,
			Descent{LearningRate: rate, Iterations: chunk}); err != nil {
			return nil, 0, err
		}
		if _, err := m.Gradient(ar.Rotation, g); err != nil {
			return nil, 0, err
		}
		if g.norm() <= 1e-11*n*float64(d) {
			losses, err := m.LeastLosses(ar.Rotation)
			if err != nil {
				return nil, 0, err
			}
			for _, x := range losses {
				loss += x
			}
			return m, loss, nil
		}
	}
	return nil, 0, fmt.Errorf("d = %d, %d pairs with κ < 0, Tmax = %d: %w", d, minus, tmax,
		errNoTrap)
}

// errNoTrap says that the descent of MixedPlainTrap has not settled.
var errNoTrap = errors.New("no stationary point within 10⁶ iterations; use a smaller Tmax")

// norm is the Euclidean norm of all weights.
func (m *Diagonal) norm() float64 {
	return math.Sqrt(sumSquares(m.A) + sumSquares(m.B) + sumSquares(m.P))
}

// PlainValley returns the point δ > 0 of the valley of the rotation family
// that tends to a loss of 0 at infinity, for d/2 < h < d heads, and its total
// loss (Tmax-1)δ² (ours): C = ⊕[[1, -1], [-1, 1]] + (δ/d)11ᵀ, p_T = 1,
// p_{T-1} = 1/δ. Every κ is near -1 there: a small loss alone does not prove
// κ = 1.
func PlainValley(d, h, tmax int, delta float64) (m *Diagonal, loss float64, err error) {
	if err := ar.Rotation.Check(d); err != nil {
		return nil, 0, err
	}
	if h <= d/2 || h >= d {
		return nil, 0, fmt.Errorf("number of heads H = %d: the valley needs d/2 < H < d; use H from "+
			"%d to %d", h, d/2+1, d-1)
	}
	if !(delta > 0) || math.IsInf(delta, 0) {
		return nil, 0, fmt.Errorf("δ = %v: use a finite δ > 0", delta)
	}
	if m, err = NewDiagonal(h, d, tmax); err != nil {
		return nil, 0, err
	}
	for k := range d / 2 {
		m.pairHead(k, k, -1, 2)
	}
	for j := range d {
		m.A[d/2*d+j] = math.Sqrt(delta / float64(d))
		m.B[d/2*d+j] = m.A[d/2*d+j]
	}
	for t := 2; t <= tmax; t++ {
		w := m.weights(t)
		w[t-2], w[t-1] = 1/delta, 1
	}
	return m, float64(tmax-1) * delta * delta, nil
}
