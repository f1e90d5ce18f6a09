package theory

import (
	"fmt"

	"icar/ar"
)

// products are coefficients of the 8 products of a score with a value scalar,
// w[2k+a] = m_k v_a. A prediction of BlockScalar is linear in them.
type products [8]float64

// combinations are the combinations of products that multiply one monomial
// each in the error. Only η s_t <s_{t-1}, s_T> learns W; τ multiplies what the
// three products of its degree have in common.
type combinations struct {
	eta  products // η = m_1 v_0
	zeta products // ζ = m_2 v_0
	tau  products // τ = m_2 v_0 + (m_0 + m_3) v_1
	ab   products // a + b = m_0 v_0 + m_3 v_0
	ac   products // a + c = m_0 v_0 + m_1 v_1
	b    products // b = m_3 v_0
	e    products // e = m_2 v_1
}

func newCombinations() combinations {
	return combinations{
		eta: products{2: 1}, zeta: products{4: 1}, tau: products{1: 1, 4: 1, 7: 1},
		ab: products{0: 1, 6: 1}, ac: products{0: 1, 3: 1}, b: products{6: 1}, e: products{5: 1},
	}
}

// plus returns p + scale·q.
func (p products) plus(scale float64, q products) products {
	for i := range p {
		p[i] += scale * q[i]
	}
	return p
}

// BlockScalarPopulation is an exact loss of BlockScalar, a quadratic form in the 8 products
// w of its weights, L = wᵀKw - 2bᵀw + constant. It is convex in w, and the
// weights enter through w = m vᵀ, a matrix of rank one, which is all that is
// not convex about the model.
type BlockScalarPopulation struct {
	k        [8][8]float64
	b        products
	constant float64
}

// addSquare adds weight·(form·w - target)².
func (q *BlockScalarPopulation) addSquare(weight float64, form products, target float64) {
	for i, u := range form {
		for j, v := range form {
			q.k[i][j] += weight * u * v
		}
		q.b[i] += weight * u * target
	}
	q.constant += weight * target * target
}

// NewBlockScalarPopulation returns the population loss of block-scalar weights
// at μ = 1, summed over T = first … last (at least 2) and over the d
// coordinates. The family is ar.Unitary or ar.Rotation.
func NewBlockScalarPopulation(family ar.Family,
	d, first, last int) (*BlockScalarPopulation, error) {
	if err := checkPopulation(family, d, first, last); err != nil {
		return nil, err
	}
	var q BlockScalarPopulation
	for n := first - 1; n < last; n++ {
		if family == ar.Unitary {
			q.addUnitary(float64(n), float64(d))
		} else {
			q.addRotation(float64(n), float64(d))
		}
	}
	return &q, nil
}

// checkPopulation refuses what no population loss is known for.
func checkPopulation(family ar.Family, d, first, last int) error {
	if family != ar.Unitary && family != ar.Rotation {
		return fmt.Errorf("no exact loss for the family %q: use %q or %q", family, ar.Unitary,
			ar.Rotation)
	}
	if err := family.Check(d); err != nil {
		return err
	}
	if first < 2 || last < first {
		return fmt.Errorf("positions T = %d … %d: use 2 ≤ first ≤ last", first, last)
	}
	return nil
}

// addUnitary adds ℓ_T for independent eigenvalues, n = T-1. Its blocks are the
// degrees T (the target's), T-2, T-1 and T-3 of the monomials in λ; within a
// block one square belongs to one monomial.
func (q *BlockScalarPopulation) addUnitary(n, d float64) {
	x := newCombinations()
	q.addSquare(d, products{}.plus(n, x.eta), 1)
	q.addSquare(d*(d-1)*n, x.eta, 0)

	q.addSquare(d, x.zeta.plus(n+d-1, x.tau), 0)
	q.addSquare(d*(d-1)*(n-1), x.tau, 0)
	q.addSquare(d*(d-1), x.zeta, 0)

	q.addSquare(d, products{}.plus(d, x.ab).plus(n, x.ac).plus(n-1, x.b), 0)
	q.addSquare(d*(d-1), x.ac, 0)
	q.addSquare(d*(d-1)*(n-1), x.ac.plus(1, x.b), 0)

	if n == 1 {
		q.addSquare(d*d, x.e, 0)
		return
	}
	q.addSquare(d*(n+d-1)*(n+d-1), x.e, 0)
	q.addSquare(d*(d-1)*(n-1), x.e, 0)
}

// addRotation adds ℓ_T = d(E + O) for conjugate pairs, n = T-1. The conjugate
// of a coordinate turns degree T into T-2 and T-1 into T-3, so that ζ now
// helps η, which is why one gradient step is not optimal.
func (q *BlockScalarPopulation) addRotation(n, d float64) {
	x := newCombinations()
	q.addSquare(d, products{}.plus(n, x.eta).plus(1, x.zeta), 1)
	q.addSquare(d, x.eta.plus(1, x.zeta).plus(n+d-1, x.tau), 0)
	q.addSquare(d*(n-1), x.eta.plus(1, x.tau), 0)
	q.addSquare(d*(d-2), x.eta.plus(1, x.zeta), 0)
	q.addSquare(d*(d-2)*(n-1), x.eta, 0)
	q.addSquare(d*(d-2)*(n-1), x.tau, 0)

	if n == 1 {
		q.addSquare(d, products{}.plus(d, x.ab).plus(1, x.ac).plus(1, x.e), 0)
		q.addSquare(d*(d-1), x.ac.plus(1, x.e), 0)
		return
	}
	abc := x.ac.plus(1, x.b)
	q.addSquare(d, products{}.plus(d, x.ab).plus(n, x.ac).plus(n-1, x.b).plus(1, x.e), 0)
	q.addSquare(d, abc.plus(n+d-1, x.e), 0)
	q.addSquare(d*(n-2), abc.plus(1, x.e), 0)
	q.addSquare(d, x.ac, 0)
	q.addSquare(d*(d-2), abc.plus(1, x.e), 0)
	q.addSquare(d*(d-2)*(n-2), abc, 0)
	q.addSquare(d*(d-2), x.ac, 0)
	q.addSquare(d*(d-2)*(n-2), x.e, 0)
}

// Loss returns the loss of the weights and writes its gradient.
func (q *BlockScalarPopulation) Loss(m *BlockScalar, gradient []float64) float64 {
	w := m.products()
	var dw products
	loss := q.constant
	for i := range w {
		kw := 0.0
		for j := range w {
			kw += q.k[i][j] * w[j]
		}
		loss += w[i] * (kw - 2*q.b[i])
		dw[i] = 2 * (kw - q.b[i])
	}
	m.productsBackward(dw, gradient)
	return loss
}
