package estimator

// The estimators by their definitions, on all pairs at once: x, y (d, n) hold
// s_1, …, s_n and s_2, …, s_{n+1} in their columns, nil if n = 0, where Γ = 0.

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

type reference = func(x, y *mat.Dense, query []float64) *mat.Dense

func scaled(d int, scale float64) *mat.Dense {
	m := mat.NewDense(d, d, nil)
	for i := range d {
		m.Set(i, i, scale)
	}
	return m
}

// literalDescent is W ← W - Σ (W s - y) sᵀ P, pair by pair, for P_T.
func literalDescent(k int, p func(t int) *mat.Dense) reference {
	return func(x, y *mat.Dense, _ []float64) *mat.Dense {
		if x == nil {
			return nil
		}
		d, n := x.Dims()
		w := mat.NewDense(d, d, nil)
		for range k {
			gradient := mat.NewDense(d, d, nil)
			for t := range n {
				var miss mat.VecDense
				miss.MulVec(w, x.ColView(t))
				miss.SubVec(&miss, y.ColView(t))
				gradient.RankOne(gradient, 1, &miss, x.ColView(t))
			}
			var step mat.Dense
			step.Mul(gradient, p(n+1))
			w.Sub(w, &step)
		}
		return w
	}
}

// literalNormalised is the derivative of c Sq/|Sq| by the quotient rule.
func literalNormalised(c float64) reference {
	return func(x, y *mat.Dense, query []float64) *mat.Dense {
		if x == nil {
			return nil
		}
		d, _ := x.Dims()
		var s mat.Dense
		s.Mul(y, x.T())
		var v mat.VecDense
		v.MulVec(&s, mat.NewVecDense(d, query))
		norm := mat.Norm(&v, 2)
		gamma := mat.NewDense(d, d, nil)
		for i := range d {
			for j := range d {
				slope := mat.Dot(&v, s.ColView(j)) / norm // of |Sq|
				gamma.Set(i, j, c*(s.At(i, j)*norm-v.AtVec(i)*slope)/(norm*norm))
			}
		}
		return gamma
	}
}

// literalRidge inverts G + λI.
func literalRidge(lambda float64) reference {
	return func(x, y *mat.Dense, _ []float64) *mat.Dense {
		if x == nil {
			return nil
		}
		d, _ := x.Dims()
		var g, s, inverse mat.Dense
		g.Mul(x, x.T())
		g.Add(&g, scaled(d, lambda))
		if err := inverse.Inverse(&g); err != nil {
			return nil
		}
		s.Mul(y, x.T())
		s.Mul(&s, &inverse)
		return &s
	}
}

// pseudoInverse is Y X⁺ by gonum's singular values, those below RCond of the
// largest counting as 0.
func pseudoInverse(x, y *mat.Dense, _ []float64) *mat.Dense {
	if x == nil {
		return nil
	}
	var svd mat.SVD
	svd.Factorize(x, mat.SVDThin)
	var u, v, w mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	for i, value := range svd.Values(nil) {
		inverse := 1 / value
		if value <= RCond*svd.Values(nil)[0] {
			inverse = 0
		}
		rows, _ := v.Dims()
		for r := range rows {
			v.Set(r, i, v.At(r, i)*inverse)
		}
	}
	w.Product(y, &v, u.T())
	return &w
}

// literalNewton iterates X ← 2X - XGX.
func literalNewton(k int) reference {
	return func(x, y *mat.Dense, _ []float64) *mat.Dense {
		if x == nil {
			return nil
		}
		var g, z, s mat.Dense
		g.Mul(x, x.T())
		norm := mat.Norm(&g, 2)
		z.Scale(1/(norm*norm), &g)
		for range k {
			var square mat.Dense
			square.Product(&z, &g, &z)
			z.Scale(2, &z)
			z.Sub(&z, &square)
		}
		s.Product(y, x.T(), &z)
		return &s
	}
}

// chebyshevByEigenvalues applies p(g) = (1 - r(g))/g to the positive eigenvalues
// of G, where r(g) = T_k((b+a-2g)/(b-a)) / T_k((b+a)/(b-a)).
func chebyshevByEigenvalues(k int) reference {
	chebyshev := func(z float64) float64 {
		last, value := 1.0, z
		for range k - 1 {
			last, value = value, 2*z*value-last
		}
		return value
	}
	return func(x, y *mat.Dense, _ []float64) *mat.Dense {
		if x == nil {
			return nil
		}
		d, _ := x.Dims()
		g := mat.NewSymDense(d, nil)
		g.SymOuterK(1, x)
		var eig mat.EigenSym
		eig.Factorize(g, true)
		values := eig.Values(nil)
		high := values[d-1]
		low := high
		for _, value := range values {
			if value > 1e-12*high {
				low = min(low, value)
			}
		}
		var u, s mat.Dense
		eig.VectorsTo(&u)
		inverse := mat.NewDiagDense(d, nil)
		for i, value := range values {
			if value < low {
				continue
			}
			r := 0.0
			if high > low {
				r = chebyshev((high+low-2*value)/(high-low)) / chebyshev((high+low)/(high-low))
			}
			inverse.SetDiag(i, (1-r)/value)
		}
		s.Product(y, x.T(), &u, inverse, u.T())
		return &s
	}
}

// bestInKrylovSpace minimises L over the span of S, SG, …, SG^{k-1}, which is
// what k steps of conjugate gradients do.
func bestInKrylovSpace(k int) reference {
	return func(x, y *mat.Dense, _ []float64) *mat.Dense {
		if x == nil {
			return nil
		}
		d, _ := x.Dims()
		var g, s mat.Dense
		g.Mul(x, x.T())
		s.Mul(y, x.T())
		// A basis orthonormal in ⟨A, B⟩ = tr(A G Bᵀ) by Gram-Schmidt: the
		// coefficients of the minimum are then tr(A Sᵀ).
		w, power := mat.NewDense(d, d, nil), mat.DenseCopyOf(&s)
		var basis, images []*mat.Dense
		for range k {
			a := mat.DenseCopyOf(power)
			for range 2 {
				for i, b := range basis {
					a.Sub(a, times(trace(a, images[i]), b))
				}
			}
			var image mat.Dense
			image.Mul(a, &g)
			norm := trace(a, &image)
			if norm < 1e-20*trace(&s, &s) {
				break
			}
			a.Scale(1/math.Sqrt(norm), a)
			basis, images = append(basis, a), append(images, times(1/math.Sqrt(norm), &image))
			w.Add(w, times(trace(a, &s), a))
			power.Mul(power, &g)
		}
		return w
	}
}

// trace is tr(ABᵀ).
func trace(a, b *mat.Dense) float64 { return floats.Dot(a.RawMatrix().Data, b.RawMatrix().Data) }

func times(scale float64, a *mat.Dense) *mat.Dense {
	var b mat.Dense
	b.Scale(scale, a)
	return &b
}

// literalKaczmarz makes one pair after the other exact.
func literalKaczmarz(k int) reference {
	return func(x, y *mat.Dense, _ []float64) *mat.Dense {
		if x == nil {
			return nil
		}
		d, n := x.Dims()
		w := mat.NewDense(d, d, nil)
		for range k {
			for t := range n {
				var miss mat.VecDense
				miss.MulVec(w, x.ColView(t))
				miss.SubVec(y.ColView(t), &miss)
				w.RankOne(w, 1/mat.Dot(x.ColView(t), x.ColView(t)), &miss, x.ColView(t))
			}
		}
		return w
	}
}
