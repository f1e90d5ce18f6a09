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

// folder is a kernel with the room that folding takes.
type folder struct {
	kernel.Kernel
	packed, product []float32     // see multiply
	memo            Memo[float32] // of a head's positions
}

// multiply writes a·b to dst (a.Rows, b.Cols); all three are plain numbers. A register
// runs along the columns of b; what it holds after the last one goes nowhere.
func (w *folder) multiply(dst []float32, a, b kernel.Matrix) {
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

// wide returns the matrix of x (rows, cols), which is rounded to float32.
func wide(x []float64, rows, cols int) kernel.Matrix {
	return kernel.Dense(narrow(x), rows, cols)
}

// foldScores is foldedLayer.foldScores in float32.
func (w *folder) foldScores(f foldedLayer, h, d int, q, k []float64) {
	e, scale := f.e, 1/math.Sqrt(float64(d))
	for i := range q {
		q[i] *= scale
	}
	w.multiply(f.m[h*e*e:], wide(k, d, e).T(), wide(q, d, e))
}

// foldValues is foldedLayer.foldValues in float32.
func (w *folder) foldValues(f foldedLayer, h, d int, v []float64, wo []float32) {
	w.multiply(f.u[h*d*f.e:], kernel.Dense(wo, d, d), wide(v, d, f.e))
}

// unfoldScores is foldedLayer.unfoldScores in float32.
func (w *folder) unfoldScores(f foldedLayer, h, d int, m, grad fullHeads[float32]) {
	e, scale := f.e, 1/math.Sqrt(float64(d))
	dm := kernel.Dense(f.m[h*e*e:], e, e)
	q, k := m.q.head(h, d).augmented(e), m.k.head(h, d).augmented(e)
	spread(grad.q.head(h, d), w.scaled(scale, wide(k, d, e), dm), e)
	spread(grad.k.head(h, d), w.scaled(scale, wide(q, d, e), dm.T()), e)
}

// unfoldValues is foldedLayer.unfoldValues in float32.
func (w *folder) unfoldValues(f foldedLayer, h, d int, m, grad fullHeads[float32]) []float64 {
	e := f.e
	du, v := kernel.Dense(f.u[h*d*e:], d, e), m.v.head(h, d).augmented(e)
	spread(grad.v.head(h, d), w.scaled(1, kernel.Dense(m.o.Weight, d, d).T(), du), e)
	return w.scaled(1, du, wide(v, d, e).T())
}

// scaled returns scale a·b.
func (w *folder) scaled(scale float64, a, b kernel.Matrix) []float64 {
	back := make([]float32, a.Rows*b.Cols)
	w.multiply(back, a, b)
	out := make([]float64, len(back))
	for i, v := range back {
		out[i] = scale * float64(v)
	}
	return out
}
