package theory

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// DenseMinimum is the minimum of Dense for unitary contexts at μ = 1 up to a
// diagonal unitary gauge M → MΦ, V → Φ̄²VΦ, the order of the coordinates and
// the scale M → cM, V → V/c. Only M_1 = M (key s_{t-1}, query s_T) and V_0 = V
// (value s_t) are not 0.
type DenseMinimum struct {
	Served   int     // coordinates that are predicted, the first ones of Model
	MeanLoss float64 // mean over T = 2 … Tmax, sum over the coordinates
	Model    *Dense
}

// DenseOptimum returns the minimum over T = 2 … Tmax for width d ≥ 2. The head
// serves q of the coordinates, all of them unless Tmax is small against d. On
// these
//
//	M = I + r(11ᵀ - I),  V = f I + e(11ᵀ - I),
//
// and M is g between the key of a coordinate not served and the query of one
// that is; the rest is 0. Two variables are left (denseCurve). That no other
// weights do better is proved at Tmax = 2, where q = 2 and the mean loss is
// d - 4/3, and is what descent from many starts finds for Tmax ≥ 3.
func DenseOptimum(d, tmax int) (DenseMinimum, error) {
	if d < 2 || tmax < 2 {
		return DenseMinimum{}, fmt.Errorf("d = %d, Tmax = %d: use at least 2 of each; at d = 1 use "+
			"AugmentedHeadsOptimum", d, tmax)
	}
	best, most := denseCurve{}, 0.0
	var bestX []float64
	for q := 2; q <= d; q++ {
		c := denseCurve{q: float64(q), left: float64(d - q), count: tmax - 1}
		x, err := c.best()
		if err != nil {
			return DenseMinimum{}, err
		}
		if saved, _ := c.saved(x); saved > most {
			best, bestX, most = c, x, saved
		}
	}
	return DenseMinimum{
		Served:   int(best.q),
		MeanLoss: float64(d) - most/float64(tmax-1),
		Model:    best.model(bestX),
	}, nil
}

// denseCurve is the loss of the weights of DenseOptimum as a function of r and
// g, V minimised. The attended tokens F_k = Σ_t s_{t,k} s_{t-1}ᴴ M s_T of the
// q served coordinates have, summed over n = T-1 = 1 … count, E F_k λ̄_k^T = X̄
// and the Gram matrix P I + B 11ᵀ, so that the best V is X̄ (P I + B 11ᵀ)⁻¹ and
// saves q X̄ f.
type denseCurve struct {
	q     float64 // coordinates served
	left  float64 // coordinates not served
	count int
}

// partial is a value and its derivatives by r and by g.
type partial [3]float64

// plus adds value and derivatives.
func (p *partial) plus(value, byR, byG float64) {
	p[0] += value
	p[1] += byR
	p[2] += byG
}

// sums returns X̄, P and B at x = (r, g). For n ≥ 2, with d - q not served,
// X = n + (q-1)r + (d-q)g and Y = 1 + (n+q-2)r + (d-q)g,
//
//	B_n = (q-2)r² + (d-q)g² + n - 2 + 2Y,
//	P_n = X² + (q-1)Y² + (n-1)[(q-1)(1 + (q-1)r²) + (d-q)q g²] - B_n;
//
// for n = 1 every key is 1_d: P_1 = (q-1)X² and B_1 = X².
func (c denseCurve) sums(x []float64) (first, p, b partial) {
	q, left, r, g := c.q, c.left, x[0], x[1]
	for k := 1; k <= c.count; k++ {
		n := float64(k)
		X, dX := n+(q-1)*r+left*g, q-1
		first.plus(X, dX, left)
		if k == 1 {
			p.plus((q-1)*X*X, 2*(q-1)*X*dX, 2*(q-1)*X*left)
			b.plus(X*X, 2*X*dX, 2*X*left)
			continue
		}
		Y, dY := 1+(n+q-2)*r+left*g, n+q-2
		overlap := partial{(q-2)*r*r + left*g*g + n - 2 + 2*Y, 2*(q-2)*r + 2*dY, 2*left*g + 2*left}
		b.plus(overlap[0], overlap[1], overlap[2])
		p.plus(-overlap[0], -overlap[1], -overlap[2])
		p.plus(X*X+(q-1)*Y*Y, 2*X*dX+2*(q-1)*Y*dY, 2*left*(X+(q-1)*Y))
		p.plus((n-1)*((q-1)*(1+(q-1)*r*r)+left*q*g*g), 2*(n-1)*(q-1)*(q-1)*r, 2*(n-1)*left*q*g)
	}
	return first, p, b
}

// saved returns q X̄ f = q X̄²(P + (q-1)B)/(P(P + qB)) and the derivatives of
// minus its logarithm by r and g.
func (c denseCurve) saved(x []float64) (value float64, slope [2]float64) {
	first, p, b := c.sums(x)
	top, bottom := p[0]+(c.q-1)*b[0], p[0]+c.q*b[0]
	for i := range slope {
		dp, db := p[i+1], b[i+1]
		slope[i] = (dp+c.q*db)/bottom + dp/p[0] - (dp+(c.q-1)*db)/top - 2*first[i+1]/first[0]
	}
	return c.q * first[0] * first[0] * top / (p[0] * bottom), slope
}

// best returns the (r, g) of the largest saving: BFGS from 0 and then Newton's
// method on the slope, because near the optimum the value is flat to rounding.
// The pseudo-inverse leaves alone what does not matter: g if all coordinates
// are served, both at Tmax = 2.
func (c denseCurve) best() ([]float64, error) {
	slope := func(out, x []float64) {
		_, s := c.saved(x)
		copy(out, s[:])
	}
	problem := optimize.Problem{
		Func: func(x []float64) float64 { value, _ := c.saved(x); return -math.Log(value) },
		Grad: slope,
	}
	result, err := optimize.Minimize(problem, []float64{0, 0},
		&optimize.Settings{GradientThreshold: 1e-6}, &optimize.BFGS{})
	if err != nil {
		return nil, fmt.Errorf("dense optimum with %g coordinates served: %w", c.q, err)
	}
	x, s := result.X, make([]float64, 2)
	curvature := mat.NewDense(2, 2, nil)
	for range 4 {
		slope(s, x)
		fd.Jacobian(curvature, slope, x, &fd.JacobianSettings{Formula: fd.Central})
		var svd mat.SVD
		var step mat.VecDense
		if !svd.Factorize(curvature, mat.SVDThin) || svd.Rank(1e-6) == 0 {
			break
		}
		svd.SolveVecTo(&step, mat.NewVecDense(2, s), svd.Rank(1e-6))
		floats.AddScaled(x, -1, step.RawVector().Data)
	}
	return x, nil
}

// model returns the weights at (r, g), the served coordinates first.
func (c denseCurve) model(x []float64) *Dense {
	first, p, b := c.sums(x)
	f := first[0] * (p[0] + (c.q-1)*b[0]) / (p[0] * (p[0] + c.q*b[0]))
	e := -first[0] * b[0] / (p[0] * (p[0] + c.q*b[0]))
	served, d := int(c.q), int(c.q+c.left)
	m := newDense(d)
	for j := range served {
		for i := range served {
			m.M[1][i*d+j], m.V[0][i*d+j] = complex(x[0], 0), complex(e, 0)
		}
		for i := served; i < d; i++ {
			m.M[1][i*d+j] = complex(x[1], 0)
		}
		m.M[1][j*d+j], m.V[0][j*d+j] = 1, complex(f, 0)
	}
	return m
}
