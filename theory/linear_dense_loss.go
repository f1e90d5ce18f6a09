package theory

import (
	"cmp"
	"slices"

	"icar/ar"
)

// DensePopulation is the exact loss of Dense at μ = 1. With M[j, l] V[i, k] in
// place of a product of weights, coordinate i of the error is
//
//	Σ_q M[q] V[i, q] f_q(λ) - λ_i^T,   f_q = Σ_t s_{t-a,k} s̄_{t-b,j} s_{T-c,l},
//
// q = (a, b, c, j, k, l). The monomials of the f_q and the target are
// orthonormal, so all of λ and T is in the Gram matrix K_qq' = Σ_T E f̄_q f_q'
// of integers, most of them 0, which NewDensePopulation counts once:
//
//	L = Σ_qq' K_qq' M̄[q] M[q'] (VᴴV)[q, q'] - 2 Re Σ_q M[q] Σ_i b_iq V[i, q] + constant.
type DensePopulation struct {
	d        int
	gram     []gramEntry
	targets  []targetEntry
	constant float64
}

// gramEntry is K_qq' > 0 with the indices of M[q], M[q'] in (2, 2, d, d) and
// of the columns V[·, q], V[·, q'] in (2, d).
type gramEntry struct {
	count  float64
	m1, m2 int
	v1, v2 int
}

// targetEntry is b_iq = Σ_T E f̄_q λ_i^T > 0.
type targetEntry struct {
	count float64
	m     int // index of M[q]
	v, i  int // V[i, q] is row i, column v
}

// feature is one q: the index of M[q] and the column of V.
type feature struct{ m, v int }

// NewDensePopulation counts the monomials of T = first … last (at least 2),
// summed over the coordinates. The family is ar.Unitary or ar.Rotation.
func NewDensePopulation(family ar.Family, d, first, last int) (*DensePopulation, error) {
	if err := checkPopulation(family, d, first, last); err != nil {
		return nil, err
	}
	gram := map[[2]feature]float64{}
	targets := map[targetEntry]float64{}
	for length := first; length <= last; length++ {
		groups := monomialsOf(family, d, length)
		for _, group := range groups {
			for q1, n1 := range group {
				for q2, n2 := range group {
					gram[[2]feature{q1, q2}] += n1 * n2
				}
			}
		}
		for i := range d {
			for q, n := range groups[monomial(family, d, Power{i, length})] {
				targets[targetEntry{m: q.m, v: q.v, i: i}] += n
			}
		}
	}
	p := &DensePopulation{d: d, constant: float64(d * (last - first + 1))}
	for q, n := range gram {
		p.gram = append(p.gram, gramEntry{n, q[0].m, q[1].m, q[0].v, q[1].v})
	}
	slices.SortFunc(p.gram, func(x, y gramEntry) int {
		return cmp.Or(cmp.Compare(x.m1, y.m1), cmp.Compare(x.v1, y.v1), cmp.Compare(x.m2, y.m2),
			cmp.Compare(x.v2, y.v2))
	})
	for q, n := range targets {
		q.count = n
		p.targets = append(p.targets, q)
	}
	slices.SortFunc(p.targets, func(x, y targetEntry) int {
		return cmp.Or(cmp.Compare(x.m, y.m), cmp.Compare(x.v, y.v), cmp.Compare(x.i, y.i))
	})
	return p, nil
}

// monomialsOf returns, for every monomial at T = length, how often each
// feature holds it.
func monomialsOf(family ar.Family, d, length int) map[string]map[feature]float64 {
	groups := map[string]map[feature]float64{}
	add := func(q feature, powers ...Power) {
		key := monomial(family, d, powers...)
		if groups[key] == nil {
			groups[key] = map[feature]float64{}
		}
		groups[key][q]++
	}
	for abc := range 8 {
		a, b, c := abc&1, abc>>1&1, abc>>2
		for t := 1 + max(a, b); t <= length; t++ {
			for j := range d {
				for l := range d {
					for k := range d {
						q := feature{m: ((abc>>1)*d+j)*d + l, v: a*d + k}
						add(q, Power{k, t - a - 1}, Power{j, 1 + b - t}, Power{l, length - c - 1})
					}
				}
			}
		}
	}
	return groups
}

// Loss returns the loss of the weights and writes its gradient.
func (p *DensePopulation) Loss(w *Dense, gradient []float64) float64 {
	d := p.d
	m := slices.Concat(w.M[:]...) // (2, 2, d, d)
	dM := make([]complex128, len(m))
	vv := p.valueGram(w) // VᴴV (2, d, 2, d)
	dVV := make([]complex128, len(vv))
	loss := p.constant
	for _, e := range p.gram {
		n := complex(e.count, 0)
		i := e.v1*2*d + e.v2
		m1 := complex(real(m[e.m1]), -imag(m[e.m1]))
		loss += real(n * m1 * m[e.m2] * vv[i])
		dM[e.m1] += 2 * n * m[e.m2] * vv[i]
		dVV[i] += n * m1 * m[e.m2]
	}
	dm := newDense(d)
	p.valueBackward(w, dVV, dm)
	for _, e := range p.targets {
		n := complex(e.count, 0)
		a, i := e.v/d, e.i*d+e.v%d
		v := w.V[a][i]
		loss -= 2 * real(n*m[e.m]*v)
		dM[e.m] -= 2 * n * complex(real(v), -imag(v))
		dm.V[a][i] -= 2 * n * complex(real(m[e.m]), -imag(m[e.m]))
	}
	for k := range dm.M {
		dm.M[k] = dM[k*d*d : (k+1)*d*d]
	}
	copy(gradient, dm.Parameters())
	return loss
}

// valueGram returns VᴴV (2, d, 2, d) of the columns of V_0 and V_1.
func (p *DensePopulation) valueGram(w *Dense) []complex128 {
	d := p.d
	vv := make([]complex128, 4*d*d)
	for i := range d {
		for v1 := range 2 * d {
			x := w.V[v1/d][i*d+v1%d]
			for v2 := range 2 * d {
				vv[v1*2*d+v2] += complex(real(x), -imag(x)) * w.V[v2/d][i*d+v2%d]
			}
		}
	}
	return vv
}

// valueBackward adds the gradient over V, 2 V dVVᵀ, to dm, given the
// derivative dVV (2, d, 2, d) by the entries of VᴴV.
func (p *DensePopulation) valueBackward(w *Dense, dVV []complex128, dm *Dense) {
	d := p.d
	for i := range d {
		for v1 := range 2 * d {
			sum := complex128(0)
			for v2 := range 2 * d {
				sum += dVV[v1*2*d+v2] * w.V[v2/d][i*d+v2%d]
			}
			dm.V[v1/d][i*d+v1%d] += 2 * sum
		}
	}
}
