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

// folder is a kernel with the room that folding takes, which it keeps from step to step.
type folder struct {
	kernel.Kernel
	packed, product []float32    // see multiply
	sides           [2][]float32 // see side
	back            []float32    // a gradient
	row             []float64
	sum             []float64     // (D, D) see unfolding.output
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

// side returns scale W̃ (D, E) of a head, see augmented, which is computed in float64. It
// is in place n of the folder's two.
func (w *folder) side(n int, l Linear[float32], e int, scale float64) kernel.Matrix {
	d := len(l.Bias)
	w.sides[n] = slices.Grow(w.sides[n][:0], d*e)[:d*e]
	w.row = slices.Grow(w.row[:0], e)[:e]
	for o, b := range l.Bias {
		l.augment(w.row, o, b)
		for i, v := range w.row {
			w.sides[n][o*e+i] = float32(scale * v)
		}
	}
	return kernel.Dense(w.sides[n], d, e)
}

// foldScores is foldedLayer.foldScores in float32.
func (w *folder) foldScores(f foldedLayer, h, d int, m fullHeads[float32]) {
	q := w.side(0, m.q.head(h, d), f.e, 1/math.Sqrt(float64(d)))
	w.multiply(f.m[h*f.e*f.e:], w.side(1, m.k.head(h, d), f.e, 1).T(), q)
}

// foldValues is foldedLayer.foldValues in float32.
func (w *folder) foldValues(f foldedLayer, h, d int, m fullHeads[float32]) {
	v := w.side(0, m.v.head(h, d), f.e, 1)
	w.multiply(f.u[h*d*f.e:], kernel.Dense(m.o.Weight, d, d), v)
}

// unfoldScores is foldedLayer.unfoldScores in float32.
func (w *folder) unfoldScores(f foldedLayer, h, d int, m, grad fullHeads[float32]) {
	e, scale := f.e, 1/math.Sqrt(float64(d))
	dm := kernel.Dense(f.m[h*e*e:], e, e)
	w.spread(grad.q.head(h, d), e, scale, w.side(0, m.k.head(h, d), e, 1), dm)
	w.spread(grad.k.head(h, d), e, scale, w.side(0, m.q.head(h, d), e, 1), dm.T())
}

// unfoldValues is foldedLayer.unfoldValues in float32.
func (w *folder) unfoldValues(f foldedLayer, h, d int, m, grad fullHeads[float32], do []float64) {
	e := f.e
	du := kernel.Dense(f.u[h*d*e:], d, e)
	w.spread(grad.v.head(h, d), e, 1, kernel.Dense(m.o.Weight, d, d).T(), du)
	for i, v := range w.times(du, w.side(0, m.v.head(h, d), e, 1).T()) {
		do[i] = float64(v)
	}
}

// times returns a·b, until it is called again.
func (w *folder) times(a, b kernel.Matrix) []float32 {
	size := a.Rows * b.Cols
	w.back = slices.Grow(w.back[:0], size)[:size]
	w.multiply(w.back, a, b)
	return w.back
}

// spread is spread of scale a·b.
func (w *folder) spread(l Linear[float32], e int, scale float64, a, b kernel.Matrix) {
	d, back := len(l.Bias), w.times(a, b)
	for o := range l.Bias {
		for i := range d {
			l.Weight[o*d+i] = float32(scale * float64(back[o*e+i%(e-1)]))
		}
		l.Bias[o] = float32(scale * float64(back[o*e+e-1]))
	}
}
