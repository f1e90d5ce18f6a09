package nn

// Shapes: D embed, E folded input.

import (
	"math"
	"slices"

	"icar/nn/kernel"
)

// wideFold is the D from which on folding takes the kernel's products in float32. It
// needs D³ operations a head, which scalar loops in float64 make most of a step on
// few sequences; sums of that many products are as exact as the others of a step.
const wideFold = 32

// multiply writes a·b to dst (a.Rows, b.Cols); all three are plain numbers. A register
// runs along the columns of b; what it holds after the last one goes nowhere.
func (w *lanes) multiply(dst []float32, a, b kernel.Matrix) {
	cols := (b.Cols + kernel.Lanes - 1) / kernel.Lanes
	row := cols * kernel.Lanes
	w.packed = slices.Grow(w.packed[:0], b.Rows*row)[:b.Rows*row]
	for i := range b.Rows {
		to := w.packed[i*row:][:row]
		for j := range b.Cols {
			to[j] = b.Data[i*b.Row+j*b.Col]
		}
	}
	w.product = slices.Grow(w.product[:0], a.Rows*row)[:a.Rows*row]
	w.MulShared(kernel.Dense(w.product, a.Rows, cols), a,
		kernel.Dense(w.packed, b.Rows, cols), false)
	for i := range a.Rows {
		copy(dst[i*b.Cols:][:b.Cols], w.product[i*row:])
	}
}

// narrow rounds x to float32.
func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// foldWide is foldHead in float32.
func (w *lanes) foldWide(f foldedLayer, h, d int, q, k, v []float64, wo []float32) {
	e, scale := f.e, 1/math.Sqrt(float64(d))
	dense := func(x []float64) kernel.Matrix { return kernel.Dense(narrow(x), d, e) }
	for i := range q {
		q[i] *= scale
	}
	w.multiply(f.m[h*e*e:], dense(k).T(), dense(q))
	w.multiply(f.u[h*d*e:], kernel.Dense(wo, d, d), dense(v))
}

// unfoldWide is unfoldHead in float32.
func (w *lanes) unfoldWide(f foldedLayer, h, d int, m, grad fullHeads[float32]) []float64 {
	e, scale := f.e, 1/math.Sqrt(float64(d))
	side := func(l Linear[float32]) kernel.Matrix {
		return kernel.Dense(narrow(l.head(h, d).augmented(e)), d, e)
	}
	dm, du := kernel.Dense(f.m[h*e*e:], e, e), kernel.Dense(f.u[h*d*e:], d, e)
	back := make([]float32, d*max(d, e))
	to := func(l Linear[float32], scale float64, a, b kernel.Matrix) {
		w.multiply(back, a, b)
		wide := make([]float64, d*e)
		for i := range wide {
			wide[i] = scale * float64(back[i])
		}
		spread(l.head(h, d), wide, e)
	}
	to(grad.q, scale, side(m.k), dm)
	to(grad.k, scale, side(m.q), dm.T())
	to(grad.v, 1, kernel.Dense(m.o.Weight, d, d).T(), du)
	w.multiply(back, du, side(m.v).T())
	do := make([]float64, d*d)
	for i := range do {
		do[i] = float64(back[i])
	}
	return do
}
