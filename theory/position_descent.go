package theory

// Gradient descent on the positional encoding in closed form: the loss of a
// row is quadratic, so in the eigenbasis of G every coordinate moves by itself
// and iteration k costs as much as iteration 1.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/mat"
)

// ErrUnreachable says that descent did not get down to a loss within the limit
// of iterations; it never does when the loss lies below the infimum.
var ErrUnreachable = errors.New("loss out of reach")

// PositionDescent is gradient descent from P = 0 on the mean loss over the
// rows T = 2..Tmax, in closed form at any iteration.
type PositionDescent struct {
	step float64 // of a row: lr·2/(Tmax-1)
	rows []spectrum
}

// spectrum is a row in the eigenbasis of its G.
type spectrum struct {
	w        []float64  // eigenvalues
	beta     []float64  // <v_i, b>
	v        *mat.Dense // eigenvectors in columns
	constant float64
}

// NewPositionDescent prepares descent with the given learning rate on the
// rows of T = 2, 3, … . It returns an error when the learning rate lets some
// row diverge.
func NewPositionDescent(rows []Quadratic, learningRate float64) (*PositionDescent, error) {
	d := &PositionDescent{step: 2 * learningRate / float64(len(rows)),
		rows: make([]spectrum, len(rows))}
	if !(learningRate > 0) {
		return nil, fmt.Errorf("learning rate %g is not positive: use 0.5 as the paper does",
			learningRate)
	}
	for i, q := range rows {
		var eigen mat.EigenSym
		if !eigen.Factorize(q.G, true) {
			return nil, fmt.Errorf("the eigenvalues of G at T = %d did not converge", i+2)
		}
		s := spectrum{w: eigen.Values(nil), v: new(mat.Dense), constant: q.Constant}
		eigen.VectorsTo(s.v)
		var beta mat.VecDense
		beta.MulVec(s.v.T(), mat.NewVecDense(len(q.B), q.B))
		s.beta = beta.RawVector().Data
		if top := s.w[len(s.w)-1]; d.step*top > 2 {
			return nil, fmt.Errorf("learning rate %g diverges at T = %d: use less than %.3g",
				learningRate, i+2, float64(len(rows))/top)
		}
		d.rows[i] = s
	}
	return d, nil
}

// powered returns (1 - (1 - step·w)^k)/w, with its limit k·step at w = 0.
func powered(step, w, k float64) float64 {
	x := step * w
	switch {
	case x == 0:
		return k * step
	case x < 0.5:
		return -math.Expm1(k*math.Log1p(-x)) / w // no cancellation for small x
	default:
		return (1 - math.Pow(1-x, k)) / w
	}
}

// At returns the encoding after k iterations as a (Tmax, Tmax) row-major
// matrix: row T-2 holds p_1..p_T, all else is 0.
func (d *PositionDescent) At(k int) []float64 {
	tmax := len(d.rows) + 1
	P := make([]float64, tmax*tmax)
	for i, s := range d.rows {
		a := mat.NewVecDense(len(s.w), nil)
		for j, w := range s.w {
			a.SetVec(j, powered(d.step, w, float64(k))*s.beta[j])
		}
		mat.NewVecDense(len(s.w), P[i*tmax:][:i+2]).MulVec(s.v, a)
	}
	return P
}

// Loss returns the mean loss over the rows after k iterations,
// mean_T [c - Σ_i β_i² (1 - (1 - step w_i)^{2k})/w_i].
func (d *PositionDescent) Loss(k int) float64 {
	sum := 0.0
	for _, s := range d.rows {
		sum += s.constant
		for j, w := range s.w {
			sum -= s.beta[j] * s.beta[j] * powered(d.step, w, float64(2*k))
		}
	}
	return sum / float64(len(d.rows))
}

// FirstBelow returns the first iteration whose mean loss is at most target.
// Each term of Loss falls with k, so that bisection finds it. When no
// iteration up to limit reaches the target the error is ErrUnreachable.
func (d *PositionDescent) FirstBelow(target float64, limit int) (int, error) {
	k := sort.Search(limit+1, func(k int) bool { return d.Loss(k) <= target })
	if k > limit {
		return 0, fmt.Errorf("%w: the mean loss is still %.3g after %d iterations; use a target "+
			"above it or a higher limit", ErrUnreachable, d.Loss(limit), limit)
	}
	return k, nil
}

// DescendPosition is the literal twin of PositionDescent: it takes the
// gradient steps one by one until the mean loss is at most target, and
// returns the encoding, laid out as At does, and the number of iterations.
func DescendPosition(ctx context.Context, rows []Quadratic, learningRate, target float64,
	limit int) (P []float64, iterations int, err error) {
	n := len(rows)
	tmax := n + 1
	P = make([]float64, tmax*tmax)
	g := make([]float64, tmax)
	for k := 0; ; k++ {
		mean := 0.0
		for i, q := range rows {
			mean += q.Loss(P[i*tmax:][:i+2]) / float64(n)
		}
		switch {
		case math.IsNaN(mean) || math.IsInf(mean, 0):
			return nil, k, fmt.Errorf("the loss of the encoding P is %g at iteration %d: use a "+
				"learning rate below %g", mean, k, learningRate)
		case mean <= target:
			return P, k, nil
		case k == limit:
			return nil, k, fmt.Errorf("%w: the mean loss is still %.3g after %d iterations; use a "+
				"target above it or a higher limit", ErrUnreachable, mean, limit)
		case ctx.Err() != nil:
			return nil, k, ctx.Err()
		}
		for i, q := range rows {
			row := P[i*tmax:][:i+2]
			q.Gradient(g[:i+2], row)
			for j := range row {
				row[j] -= learningRate / float64(n) * g[j]
			}
		}
	}
}
