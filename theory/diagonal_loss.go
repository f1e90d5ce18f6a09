package theory

import "icar/ar"

// The exact population loss of the diagonal attention and its gradient.
//
// With s_1 = 1 the error of coordinate i at context length T is the Laurent
// polynomial Σ_t p_t λ_i^{t-1} Σ_j C_ij λ_j^{t-T+1} - λ_i^T. Monomials are
// orthonormal, so E|error|² is the sum of the squared coefficients. Write
// p = p_T, a = p_{T-1}, q = Σ_{t≠T-1} p_t, w = Σ_{t≠T,T-1} p_t²,
// r_i = Σ_j C_ij. At t = T-1 all j give the same monomial λ_i^{T-2}; for the
// conjugate ī of i (rotation) every t does; all other monomials are distinct:
//
//	ℓ_T = Σ_i [ (p C_ii - 1)² + p² Σ_{j≠i,ī} C_ij² + w Σ_{j≠ī} C_ij² + (a r_i + q C_iī)² ]
//
// For the unitary family there is no ī: the sums skip nothing for it and
// C_iī is 0. This form, a sum of squares, loses no digits near a zero loss;
// expanding it gives THEORY's (|p|² - a²)|C|² + a²|C1|² - 2p tr C + d and its
// rotation twin.

// plainLoss evaluates ℓ_T and the gradient of Σ_T ℓ_T in buffers of its own,
// so that descent allocates nothing.
type plainLoss struct {
	rotation bool
	d        int
	c, gc    []float64 // (d, d) C and the gradient in C
	// (d) diagonal C_ii, conjugate C_iī and row sums r_i of C
	diagonal, conjugate, row []float64
	// (d) their gradients, without the factor 2 that all gradients share
	gDiagonal, gConjugate, gRow []float64
	offDiagonal                 float64 // Σ_i Σ_{j≠i,ī} C_ij²
	distinct                    float64 // Σ_i Σ_{j≠ī} C_ij²
}

func newPlainLoss(f ar.Family, d int) (*plainLoss, error) {
	if err := checkPlain(f, d); err != nil {
		return nil, err
	}
	buffer := make([]float64, 2*d*d+6*d)
	take := func(n int) []float64 {
		x := buffer[:n:n]
		buffer = buffer[n:]
		return x
	}
	return &plainLoss{
		rotation: f == ar.Rotation,
		d:        d,
		c:        take(d * d), gc: take(d * d),
		diagonal: take(d), conjugate: take(d), row: take(d),
		gDiagonal: take(d), gConjugate: take(d), gRow: take(d),
	}, nil
}

// setC computes C = BᵀA and everything the losses need of it.
func (l *plainLoss) setC(m *Diagonal) {
	d := l.d
	coupling(l.c, m.A, m.B, d)
	l.offDiagonal, l.distinct = 0, 0
	for i := range d {
		sum, off := 0.0, 0.0
		for j, x := range l.c[i*d:][:d] {
			sum += x
			if j != i && !(l.rotation && j == i^1) {
				off += x * x
			}
		}
		l.row[i] = sum
		l.diagonal[i] = l.c[i*d+i]
		if l.rotation {
			l.conjugate[i] = l.c[i*d+i^1]
		}
		l.offDiagonal += off
		l.distinct += off + l.diagonal[i]*l.diagonal[i]
	}
}

// split reads the four numbers through which ℓ_T depends on p_1..p_T.
func split(weights []float64) (p, a, q, w float64) {
	T := len(weights)
	p, a = weights[T-1], weights[T-2]
	q = p
	for _, x := range weights[:T-2] {
		q += x
		w += x * x
	}
	return p, a, q, w
}

// at returns ℓ_T for the weights p_1..p_T and the C of setC.
func (l *plainLoss) at(weights []float64) float64 {
	p, a, q, w := split(weights)
	sum := p*p*l.offDiagonal + w*l.distinct
	for i, x := range l.diagonal {
		e := p*x - 1
		b := a*l.row[i] + q*l.conjugate[i]
		sum += e*e + b*b
	}
	return sum
}

// gradient overwrites g with the gradient of Σ_T ℓ_T at m and returns the
// loss. With e_i = p C_ii - 1 and b_i = a r_i + q C_iī,
//
//	½ ∂ℓ_T/∂p_T     = Σ_i e_i C_ii + p Σ_{j≠i,ī} C_ij² + Σ_i b_i C_iī
//	½ ∂ℓ_T/∂p_{T-1} = Σ_i b_i r_i
//	½ ∂ℓ_T/∂p_t     = p_t Σ_{j≠ī} C_ij² + Σ_i b_i C_iī
//	½ ∂ℓ_T/∂C_ij    = a b_i + [j=i](p e_i + w C_ii) + [j=ī] q b_i + [j≠i,ī](p² + w) C_ij
//
// and ∂/∂A = B ∂/∂C, ∂/∂B = A (∂/∂C)ᵀ.
func (l *plainLoss) gradient(m, g *Diagonal) float64 {
	l.setC(m)
	clear(l.gDiagonal)
	clear(l.gConjugate)
	clear(l.gRow)
	clear(g.P)
	loss, sumP2, sumW := 0.0, 0.0, 0.0
	for t := 2; t <= m.Tmax; t++ {
		weights := m.weights(t)
		p, a, q, w := split(weights)
		var eDiagonal, bRow, bConjugate float64
		for i, x := range l.diagonal {
			e := p*x - 1
			b := a*l.row[i] + q*l.conjugate[i]
			loss += e*e + b*b
			eDiagonal += e * x
			bRow += b * l.row[i]
			bConjugate += b * l.conjugate[i]
			l.gDiagonal[i] += p * e
			l.gConjugate[i] += q * b
			l.gRow[i] += a * b
		}
		loss += p*p*l.offDiagonal + w*l.distinct
		sumP2 += p * p
		sumW += w
		gp := g.weights(t)
		for j, x := range weights[:t-2] {
			gp[j] = 2 * (x*l.distinct + bConjugate)
		}
		gp[t-2] = 2 * bRow
		gp[t-1] = 2 * (eDiagonal + p*l.offDiagonal + bConjugate)
	}
	l.gradientC(sumP2, sumW)
	l.gradientHeads(m, g)
	return loss
}

// gradientC assembles ∂/∂C from the sums over T.
func (l *plainLoss) gradientC(sumP2, sumW float64) {
	d := l.d
	for i := range d {
		out, in := l.gc[i*d:][:d], l.c[i*d:][:d]
		for j, x := range in {
			out[j] = 2 * (l.gRow[i] + (sumP2+sumW)*x)
		}
		out[i] = 2 * (l.gRow[i] + l.gDiagonal[i] + sumW*in[i])
		if l.rotation {
			out[i^1] = 2 * (l.gRow[i] + l.gConjugate[i])
		}
	}
}

// gradientHeads takes ∂/∂C to the heads.
func (l *plainLoss) gradientHeads(m, g *Diagonal) {
	d := l.d
	clear(g.A)
	for h := 0; h < len(m.A); h += d {
		a, b := m.A[h:h+d], m.B[h:h+d]
		ga, gb := g.A[h:h+d], g.B[h:h+d]
		for i, value := range b {
			sum := 0.0
			for j, x := range l.gc[i*d:][:d] {
				ga[j] += value * x
				sum += a[j] * x
			}
			gb[i] = sum
		}
	}
}

// Losses returns the exact population losses ℓ_T = E|prediction - s_{T+1}|²,
// summed over coordinates, at index T-2 for T = 2..Tmax and μ = 1. It fails
// for a family other than unitary and rotation.
func (m *Diagonal) Losses(f ar.Family) ([]float64, error) {
	l, err := newPlainLoss(f, m.D)
	if err != nil {
		return nil, err
	}
	l.setC(m)
	losses := make([]float64, m.Tmax-1)
	for i := range losses {
		losses[i] = l.at(m.weights(i + 2))
	}
	return losses, nil
}

// Loss returns the training loss Σ_{T=2..Tmax} ℓ_T, see [Diagonal.Losses].
func (m *Diagonal) Loss(f ar.Family) (float64, error) {
	losses, err := m.Losses(f)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, x := range losses {
		sum += x
	}
	return sum, nil
}

// Gradient overwrites g, a model of the same shape, with the gradient of
// [Diagonal.Loss] and returns the loss. Entries of P that no loss touches get
// gradient 0.
func (m *Diagonal) Gradient(f ar.Family, g *Diagonal) (loss float64, err error) {
	l, err := newPlainLoss(f, m.D)
	if err != nil {
		return 0, err
	}
	return l.gradient(m, g), nil
}
