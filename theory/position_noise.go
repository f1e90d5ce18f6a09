package theory

// The positional encoding under noise of either law and under contraction.
//
// Given θ the states are jointly Gaussian, s_a = (ρλ)^{a-1} + n_a, so that an
// expected product is a sum over partial matchings of its factors (Isserlis
// 1918, doi:10.1093/biomet/12.1-2.134): matched factors give a covariance,
// the others their means. The mean over θ is an integral of a trigonometric
// polynomial, which Gauss-Legendre nodes take to rounding.

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/integrate/quad"

	"icar/ar"
)

// factor is s_a, or its conjugate.
type factor struct {
	a         int
	conjugate bool
}

// gaussian is the law of s_1, s_2, … given θ; all slices are 0-based.
type gaussian struct {
	mean     []complex128   // E s_a = (ρλ)^{a-1}
	hermite  [][]complex128 // <n_a n̄_b> = σ² Σ_{k<min(a,b)} (ρλ)^{a-1-k} (ρλ̄)^{b-1-k}, k from 1
	relation [][]complex128 // <n_a n_b> = σ² Σ_k (ρλ)^{a+b-2-2k}, 0 when the noise is circular
}

func (p Position) given(theta float64, n int) gaussian {
	g := gaussian{make([]complex128, n), make([][]complex128, n), make([][]complex128, n)}
	for a := range n {
		g.mean[a] = cmplx.Rect(math.Pow(p.Rho, float64(a)), theta*float64(a))
		g.hermite[a] = make([]complex128, n)
		g.relation[a] = make([]complex128, n)
	}
	turn, variance := cmplx.Rect(p.Rho, theta), complex(p.Sigma*p.Sigma, 0)
	for a := 1; a < n; a++ { // n_{a+1} = ρλ n_a + σ ε_a, n_1 = 0
		for b := 1; b < a; b++ {
			g.hermite[a][b] = turn * g.hermite[a-1][b]
			g.hermite[b][a] = cmplx.Conj(g.hermite[a][b])
			g.relation[a][b] = turn * g.relation[a-1][b]
			g.relation[b][a] = g.relation[a][b]
		}
		g.hermite[a][a] = turn*g.hermite[a-1][a-1]*cmplx.Conj(turn) + variance
		if p.Noise == ar.RealNoise {
			g.relation[a][a] = turn*g.relation[a-1][a-1]*turn + variance
		}
	}
	return g
}

// product returns the expected product of the factors.
func (g gaussian) product(factors ...factor) complex128 {
	if len(factors) == 0 {
		return 1
	}
	first, rest := factors[0], factors[1:]
	mean := g.mean[first.a-1]
	if first.conjugate {
		mean = cmplx.Conj(mean)
	}
	sum := mean * g.product(rest...)
	var without [5]factor
	for j, f := range rest {
		others := append(append(without[:0], rest[:j]...), rest[j+1:]...)
		sum += g.covariance(first, f) * g.product(others...)
	}
	return sum
}

func (g gaussian) covariance(x, y factor) complex128 {
	switch {
	case x.conjugate && y.conjugate:
		return cmplx.Conj(g.relation[x.a-1][y.a-1])
	case x.conjugate:
		return g.hermite[y.a-1][x.a-1]
	case y.conjugate:
		return g.hermite[x.a-1][y.a-1]
	default:
		return g.relation[x.a-1][y.a-1]
	}
}

// matched is the population loss of row T for any noise and contraction:
// G_tu = Re E[s_t² s̄_w s̄_u² s_w], b_t = Re E[s_t² s̄_w s̄_{T+1}], w = T-1.
func (p Position) matched(T int) Quadratic {
	s := func(a int) factor { return factor{a, false} }
	bar := func(a int) factor { return factor{a, true} }
	// A monomial turns by at most e^{6iTθ}; n nodes integrate e^{iκx} on
	// [-1, 1] to rounding once n exceeds κ/2 by some 20.
	nodes := int(3*math.Pi*float64(T)/p.Mu) + 20
	thetas, weights := make([]float64, nodes), make([]float64, nodes)
	quad.Legendre{}.FixedLocations(thetas, weights, 0, 2*math.Pi/p.Mu)
	q := newQuadratic(T, 0)
	w := T - 1
	for i, theta := range thetas {
		weight := weights[i] * p.Mu / (2 * math.Pi)
		g := p.given(theta, T+1)
		q.Constant += weight * real(g.product(s(T+1), bar(T+1)))
		for t := 1; t <= T; t++ {
			q.B[t-1] += weight * real(g.product(s(t), s(t), bar(w), bar(T+1)))
			for u := 1; u <= t; u++ {
				moment := g.product(s(t), s(t), bar(w), bar(u), bar(u), s(w))
				q.G.SetSym(t-1, u-1, q.G.At(t-1, u-1)+weight*real(moment))
			}
		}
	}
	return q
}
