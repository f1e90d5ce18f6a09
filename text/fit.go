package text

// n pairs (x, y), U distinct tokens, k dimensions
//
// A fit needs of the pairs no more than Σ x xᵀ and Σ y xᵀ. A text repeats few
// tokens often, so both are summed over the distinct x: Σ_x c_x x xᵀ with the
// count c_x, and Σ_x (Σ_{y after x} y) xᵀ.

import (
	"errors"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// moments are the sums over pairs that a fit and its error are made of.
type moments struct {
	n      float64
	sx, sy []float64  // Σ x, Σ y
	yy     float64    // Σ |y|²
	xx, yx *mat.Dense // Σ x xᵀ, Σ y xᵀ: (k, k)
}

// gram computes moments; its buffers make it one goroutine's.
type gram struct {
	vectors  *mat.Dense // (U, k)
	squares  []float64  // (U) |v|²
	place    []int32    // (U) of a token in the rows below, -1 for none
	count    []float64  // (distinct x) c_x
	x, cx, y []float64  // (distinct x, k): x, c_x x, Σ y
}

func newGram(vectors *mat.Dense) *gram {
	U, _ := vectors.Dims()
	g := &gram{vectors: vectors, squares: make([]float64, U), place: make([]int32, U)}
	for i := range U {
		v := vectors.RawRowView(i)
		g.squares[i], g.place[i] = floats.Dot(v, v), -1
	}
	return g
}

// moments of the pairs (x_i, y_i), given as rows of the vectors.
func (g *gram) moments(x, y []int32) moments {
	_, k := g.vectors.Dims()
	m := moments{n: float64(len(x)), sx: make([]float64, k), sy: make([]float64, k),
		xx: mat.NewDense(k, k, nil), yx: mat.NewDense(k, k, nil)}
	if len(x) == 0 {
		return m
	}
	g.x, g.cx, g.y, g.count = g.x[:0], g.cx[:0], g.y[:0], g.count[:0]
	zeros := make([]float64, k)
	rows := int32(0)
	for i, a := range x {
		if g.place[a] < 0 {
			g.place[a] = rows
			rows++
			g.x = append(g.x, g.vectors.RawRowView(int(a))...)
			g.y, g.count = append(g.y, zeros...), append(g.count, 0)
		}
		at, v := int(g.place[a])*k, g.vectors.RawRowView(int(y[i]))
		floats.Add(g.y[at:at+k], v)
		g.count[g.place[a]]++
		m.yy += g.squares[y[i]]
	}
	for _, a := range x {
		g.place[a] = -1
	}
	g.cx = append(g.cx, g.x...)
	for row, at := 0, 0; at < len(g.y); row, at = row+1, at+k {
		floats.Scale(g.count[row], g.cx[at:at+k])
		floats.Add(m.sx, g.cx[at:at+k])
		floats.Add(m.sy, g.y[at:at+k])
	}
	X := mat.NewDense(int(rows), k, g.x)
	m.xx.Mul(mat.NewDense(int(rows), k, g.cx).T(), X)
	m.yx.Mul(mat.NewDense(int(rows), k, g.y).T(), X)
	return m
}

// Fit is y - ȳ ≈ W (x - x̄), with the means of the training pairs.
type Fit struct {
	W            *mat.Dense // (k, k)
	meanX, meanY []float64
}

// ridge is the weight of |W|² as a share of the mean variance of a coordinate
// of x: enough to make the fit unique, too little to shrink it.
const ridge = 1e-3

var errDegenerate = errors.New("the training pairs do not vary: give a longer text")

// fit returns the ridge regression of the pairs of m, about their means.
func (m moments) fit(share float64) (Fit, error) {
	k := len(m.sx)
	f := Fit{meanX: make([]float64, k), meanY: make([]float64, k)}
	if m.n == 0 {
		return f, errDegenerate
	}
	floats.ScaleTo(f.meanX, 1/m.n, m.sx)
	floats.ScaleTo(f.meanY, 1/m.n, m.sy)
	return f, f.solve(m.about(f.meanX, f.meanY), share)
}

// solve sets W from moments about the means.
func (f *Fit) solve(c moments, share float64) error {
	k := len(c.sx)
	a := mat.NewSymDense(k, nil)
	for i := range k {
		for j := i; j < k; j++ {
			a.SetSym(i, j, c.xx.At(i, j))
		}
	}
	trace := mat.Trace(a)
	for i := range k {
		a.SetSym(i, i, a.At(i, i)+share*trace/float64(k))
	}
	var factor mat.Cholesky
	if !(trace > 0) || !factor.Factorize(a) {
		return errDegenerate
	}
	var wt mat.Dense
	if err := factor.SolveTo(&wt, c.yx.T()); err != nil {
		return errDegenerate
	}
	f.W = mat.DenseCopyOf(wt.T())
	return nil
}

// about returns the moments of (x - a, y - b).
func (m moments) about(a, b []float64) moments {
	k := len(a)
	c := moments{n: m.n, sx: make([]float64, k), sy: make([]float64, k),
		xx: mat.NewDense(k, k, nil), yx: mat.NewDense(k, k, nil)}
	c.yy = m.yy - 2*floats.Dot(b, m.sy) + m.n*floats.Dot(b, b)
	for i := range k {
		c.sx[i], c.sy[i] = m.sx[i]-m.n*a[i], m.sy[i]-m.n*b[i]
		for j := range k {
			c.xx.Set(i, j, m.xx.At(i, j)-m.sx[i]*a[j]-a[i]*m.sx[j]+m.n*a[i]*a[j])
			c.yx.Set(i, j, m.yx.At(i, j)-m.sy[i]*a[j]-b[i]*m.sx[j]+m.n*b[i]*a[j])
		}
	}
	return c
}

// errors returns SSE = Σ |y - ȳ - W(x - x̄)|² and SST = Σ |y - ȳ|² over the
// pairs of m, summed over coordinates: |y|² - 2 tr(W Σ x yᵀ) + tr(W Σ x xᵀ Wᵀ).
func (f Fit) errors(m moments) (sse, sst float64) {
	c := m.about(f.meanX, f.meanY)
	var wxx mat.Dense
	wxx.Mul(f.W, c.xx)
	cross := floats.Dot(f.W.RawMatrix().Data, c.yx.RawMatrix().Data)
	square := floats.Dot(wxx.RawMatrix().Data, f.W.RawMatrix().Data)
	return c.yy - 2*cross + square, c.yy
}

// r2 returns 1 - SSE/SST of the pairs of m.
func (f Fit) r2(m moments) float64 {
	sse, sst := f.errors(m)
	return 1 - sse/sst
}
