package estimator

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"icar/ar"
)

// FitLinearAttention returns the linear attention of least mean squared error
// on the sequences, as far as alternating least squares gets from the gradient
// step V = (I 0), M = [[0, 0], [I, 0]]: the error is quadratic in V for a given
// M and in M for a given V, each round solves both exactly, and the error never
// rises. It ends when a round gains less than tolerance of the error, a fraction
// such as 1e-4, or after rounds of them. The error as a function of both has
// other stationary points; the one found is not proved to be least.
//
// A round costs O(NT d⁴): the equations for M have (2d)² unknowns.
func FitLinearAttention(ctx context.Context, batch ar.Batch[float64], rounds int,
	tolerance float64) (LinearAttention, error) {
	d := batch.D
	a := LinearAttention{D: d, V: make([]float64, 2*d*d), M: make([]float64, 4*d*d)}
	if rounds < 1 || !(tolerance >= 0) {
		return a, fmt.Errorf("%d rounds to a tolerance of %v: use 1 round or more and a tolerance of "+
			"0 or more", rounds, tolerance)
	}
	for i := range d {
		a.V[i*2*d+i], a.M[(d+i)*2*d+i] = 1, 1
	}
	last := 0.0
	for round := range rounds {
		if err := a.fitValues(ctx, batch); err != nil {
			return a, err
		}
		explained, err := a.fitQueries(ctx, batch)
		if err != nil {
			return a, err
		}
		// |target|² - |error|² grows by at least as much as the error falls.
		residual := floats.Dot(batch.Targets(), batch.Targets()) - explained
		if round > 0 && last-residual <= tolerance*last {
			break
		}
		last = residual
	}
	return a, nil
}

// fitValues solves for V: the target is regressed on the read-out r = C M z.
func (a *LinearAttention) fitValues(ctx context.Context, batch ar.Batch[float64]) error {
	d := a.D
	normal := mat.NewSymDense(2*d, nil)
	right := blas64.General{Rows: d, Cols: 2 * d, Stride: 2 * d, Data: make([]float64, 2*d*d)}
	query, read := make([]float64, 2*d), make([]float64, 2*d)
	err := memories(ctx, batch, func(m *memory, target []float64) {
		blas64.Gemv(blas.NoTrans, 1, square(2*d, a.M), vector(m.z), 0, vector(query))
		blas64.Gemv(blas.NoTrans, 1, m.c, vector(query), 0, vector(read))
		blas64.Syr(1, vector(read), normal.RawSymmetric())
		blas64.Ger(1, vector(target), vector(read), right)
	})
	if err != nil {
		return err
	}
	for i := range d {
		row, err := leastNorm(normal, right.Data[i*2*d:(i+1)*2*d])
		if err != nil {
			return err
		}
		copy(a.V[i*2*d:], row)
	}
	return nil
}

// fitQueries solves for M: with B = CVᵀ the normal equations are
// Σ BBᵀ M zzᵀ = Σ B target zᵀ. It returns the sum of squares explained,
// Σ⟨target, prediction⟩, which at the solution is Σ|target|² - Σ|error|².
//
// The sum over tokens of the products of two symmetric matrices is a product
// of two tall matrices of their upper triangles, accumulated by blocks.
func (a *LinearAttention) fitQueries(ctx context.Context,
	batch ar.Batch[float64]) (float64, error) {
	d := a.D
	w := 2 * d
	packed := w * (w + 1) / 2
	products := square(packed, make([]float64, packed*packed))
	right := square(w, make([]float64, w*w))
	b := blas64.General{Rows: w, Cols: d, Stride: d, Data: make([]float64, w*d)}
	bb, image := square(w, make([]float64, w*w)), make([]float64, w)
	left, tokens := newTall(packed), newTall(packed)
	flush := func() {
		blas64.Gemm(blas.Trans, blas.NoTrans, 1, left.general(), tokens.general(), 1, products)
		left.rows, tokens.rows = 0, 0
	}
	v := blas64.General{Rows: d, Cols: w, Stride: w, Data: a.V}
	err := memories(ctx, batch, func(m *memory, target []float64) {
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, m.c, v, 0, b)
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, b, b, 0, bb)
		blas64.Gemv(blas.NoTrans, 1, b, vector(target), 0, vector(image))
		blas64.Ger(1, vector(image), vector(m.z), right)
		row, outer := left.next(), tokens.next()
		k := 0
		for i := range w {
			for j := i; j < w; j++ {
				row[k], outer[k] = bb.Data[i*w+j], m.z[i]*m.z[j]
				k++
			}
		}
		if left.full() {
			flush()
		}
	})
	if err != nil {
		return 0, err
	}
	flush()
	at := func(i, j int) int { // where (i, j) is among the packed
		i, j = min(i, j), max(i, j)
		return i*w - i*(i-1)/2 + j - i
	}
	normal := mat.NewSymDense(w*w, nil)
	for p := range w * w {
		for q := p; q < w*w; q++ {
			i, j, k, l := p/w, p%w, q/w, q%w // M_ij with M_kl: (BBᵀ)_ik z_j z_l
			normal.SetSym(p, q, products.Data[at(i, k)*packed+at(j, l)])
		}
	}
	solution, err := leastNorm(normal, right.Data)
	if err != nil {
		return 0, err
	}
	copy(a.M, solution)
	return floats.Dot(solution, right.Data), nil
}

// tall is a matrix of tallRows rows, filled one by one.
type tall struct {
	rows, width int
	data        []float64
}

const tallRows = 256

func newTall(width int) *tall { return &tall{width: width, data: make([]float64, tallRows*width)} }

func (t *tall) next() []float64 {
	t.rows++
	return t.data[(t.rows-1)*t.width : t.rows*t.width]
}

func (t *tall) full() bool { return t.rows == tallRows }

func (t *tall) general() blas64.General {
	return blas64.General{Rows: t.rows, Cols: t.width, Stride: t.width, Data: t.data}
}

// memories visits C_T and z_T with the target s_{T+1}, for all positions of all
// sequences.
func memories(ctx context.Context, batch ar.Batch[float64], visit func(m *memory,
	target []float64)) error {
	d := batch.D
	for n := range batch.N {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		m := newMemory(d)
		for t, s := 0, states(batch, n); t < batch.T; t, s = t+1, s[d:] {
			m.add(s[:d])
			visit(m, s[d:2*d])
		}
	}
	return nil
}
