package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"icar/internal/needs"
)

// u is the unit roundoff of float32.
const u = 0x1p-24

// numbers returns n normal numbers.
func numbers(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// random returns a matrix of vectors of unit numbers with gaps between its
// rows, filled throughout.
func random(r *rand.Rand, rows, cols, unit int) Matrix {
	m := Matrix{Rows: rows, Cols: cols, Row: cols + r.IntN(3), Col: 1}
	m.Data = numbers(r, rows*m.Row*unit)
	return m
}

func clone(m Matrix) Matrix {
	m.Data = slices.Clone(m.Data)
	return m
}

// vectors returns the kernels of this machine in assembly. Without any the test
// skips, and under CI fails: no other test runs them.
func vectors(t testing.TB) []Kernel {
	list := vector()
	if len(list) == 0 {
		needs.Missing(t, "no avx2, avx512 or neon on this machine")
	}
	return list
}

// near checks got against want number by number, every difference at most
// bound(i).
func near(t *testing.T, k Kernel, what string, got, want []float32, bound func(i int) float64) {
	t.Helper()
	for i, w := range want {
		if e := math.Abs(float64(got[i]) - float64(w)); !(e <= bound(i)) {
			t.Fatalf("%s: %s[%d] = %v, plain Go has %v: off by %.3g, bound %.3g", k.Name(), what, i,
				got[i], w, e, bound(i))
		}
	}
}

// seeds adds shapes around the sizes of tiles to a fuzz test.
func seeds(f *testing.F) {
	for i := range uint8(16) {
		f.Add(uint64(i), i, 3*i+1, 15-i)
	}
	f.Add(uint64(99), uint8(1), uint8(1), uint8(1))
	f.Add(uint64(98), uint8(60), uint8(61), uint8(62))
}

// shape turns fuzz input into a size from 1 to 40.
func shape(n uint8) int { return 1 + int(n)%40 }

// FuzzMul checks Mul and MulShared. A sum of n products has an error of at
// most n·u times the sum of their magnitudes, in either rounding.
func FuzzMul(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, seed uint64, a, b, c uint8) {
		r := rand.New(rand.NewPCG(seed, 0))
		rows, cols, inner := shape(a), shape(b), shape(c)
		for _, unit := range []int{Lanes, 1} {
			left, right, sums := random(r, rows, inner, unit), random(r, inner, cols, Lanes),
				random(r, rows, cols, Lanes)
			if seed%2 == 1 {
				left = random(r, inner, rows, unit).T()
			}
			if seed%3 == 1 {
				right = random(r, cols, inner, Lanes).T()
			}
			if seed%5 == 1 {
				sums = random(r, cols, rows, Lanes).T()
			}
			add := seed%7 < 3
			mul := func(k Kernel, c, a, b Matrix) {
				if unit == 1 {
					k.MulShared(c, a, b, add)
				} else {
					k.Mul(c, a, b, add)
				}
			}
			magnitude := func(m Matrix) Matrix {
				m = clone(m)
				for i, v := range m.Data {
					m.Data[i] = float32(math.Abs(float64(v)))
				}
				return m
			}
			want, size := clone(sums), magnitude(sums)
			mul(plain{}, want, left, right)
			mul(plain{}, size, magnitude(left), magnitude(right))
			for _, k := range vectors(t) {
				got := clone(sums)
				mul(k, got, left, right)
				near(t, k, "c", got.Data, want.Data, func(i int) float64 {
					return 2 * float64(inner+2) * u * float64(size.Data[i])
				})
			}
		}
	})
}

// FuzzSum checks Sum, whose order of additions is the same everywhere.
func FuzzSum(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, seed uint64, n, _, _ uint8) {
		r := rand.New(rand.NewPCG(seed, 0))
		src, start := numbers(r, shape(n)*Lanes), numbers(r, shape(n))
		want := slices.Clone(start)
		plain{}.Sum(want, src)
		for _, k := range vectors(t) {
			got := slices.Clone(start)
			k.Sum(got, src)
			near(t, k, "dst", got, want, func(int) float64 { return 0 })
		}
	})
}

// FuzzElementwise checks the methods without sums: the same bits everywhere.
func FuzzElementwise(f *testing.F) {
	seeds(f)
	exact := func(int) float64 { return 0 }
	f.Fuzz(func(t *testing.T, seed uint64, a, b, _ uint8) {
		r := rand.New(rand.NewPCG(seed, 0))
		rows, cols := shape(a), shape(b)
		x, y, z, p := random(r, rows, cols, Lanes), random(r, rows, cols, Lanes),
			random(r, rows, cols, Lanes), random(r, rows, cols, 1)
		across := random(r, cols, rows, Lanes).T()
		run := func(k Kernel) [][]float32 {
			sum, relu, weighed := clone(x), clone(x), clone(x)
			k.Add(sum, y, across)
			k.Relu(relu)
			gradient := clone(y)
			k.ReluBackward(gradient, relu)
			k.Weigh(weighed, p)
			q, s, slope := clone(x), clone(y), clone(z)
			k.WeighBackward(q, s, slope, p)
			return [][]float32{sum.Data, relu.Data, gradient.Data, weighed.Data, q.Data, s.Data, slope.Data}
		}
		want := run(plain{})
		for _, k := range vectors(t) {
			for i, got := range run(k) {
				near(t, k, []string{"sum", "relu", "gradient", "weighed", "q", "s", "t"}[i], got, want[i],
					exact)
			}
		}
	})
}

// FuzzSoftmax checks Softmax and SoftmaxBackward. Scores differ from their
// largest by at most 2·40, which exp sees with a relative error of 8u: rounding
// of seven steps, and of n·ln 2 in its last bits. A sum of n adds n·u, the
// quotient and the product one each.
func FuzzSoftmax(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, seed uint64, a, b, _ uint8) {
		r := rand.New(rand.NewPCG(seed, 0))
		rows, first := shape(a), int(b)%20
		cols := first + rows
		scores, slope, p := random(r, rows, cols, Lanes), random(r, rows, cols, Lanes),
			random(r, rows, cols, 1)
		for i := range scores.Data {
			scores.Data[i] *= float32(seed % 10)
		}
		relative := float64(2*(8+cols+2)) * u
		attention := clone(scores)
		plain{}.Softmax(attention, first)
		q, w, dscores := clone(scores), clone(attention), clone(slope)
		plain{}.SoftmaxBackward(q, w, dscores, p, first)
		for _, k := range vectors(t) {
			got := clone(scores)
			k.Softmax(got, first)
			near(t, k, "attention", got.Data, attention.Data, func(i int) float64 {
				return relative*math.Abs(float64(attention.Data[i])) + 1e-37
			})
			gotQ, gotW, gotSlope := clone(scores), clone(attention), clone(slope)
			k.SoftmaxBackward(gotQ, gotW, gotSlope, p, first)
			near(t, k, "q", gotQ.Data, q.Data, func(int) float64 { return 0 })
			near(t, k, "w", gotW.Data, w.Data, func(int) float64 { return 0 })
			top := 0.0 // of |p t|
			for i := range slope.Rows {
				for j, weight := range p.numbers(i) {
					for _, v := range slope.row(i)[j*Lanes:][:Lanes] {
						top = max(top, math.Abs(float64(weight*v)))
					}
				}
			}
			near(t, k, "dscores", gotSlope.Data, dscores.Data,
				func(int) float64 { return 4 * float64(cols+3) * u * top })
		}
	})
}

// FuzzNorm checks Norm and NormBackward on numbers of unit size. The mean and
// the variance of n numbers have an error of n·u times the mean magnitude and
// twice that; it reaches x̂ over the standard deviation, which a few numbers
// that are nearly equal can make small.
func FuzzNorm(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, seed uint64, a, b, _ uint8) {
		r := rand.New(rand.NewPCG(seed, 0))
		rows, cols := shape(a), shape(b)
		x, dy := random(r, rows, cols, Lanes), random(r, rows, cols, Lanes)
		gamma, beta := numbers(r, cols), numbers(r, cols)
		run := func(k Kernel) [][]float32 {
			normal := Dense(make([]float32, rows*cols*Lanes), rows, cols)
			rstd := Dense(make([]float32, rows*Lanes), rows, 1)
			y := clone(normal)
			k.Norm(y, normal, rstd, x, gamma, beta, 1e-5)
			return [][]float32{rstd.Data, normal.Data, y.Data}
		}
		want := run(plain{})
		normal, rstd := Dense(want[1], rows, cols), Dense(want[0], rows, 1)
		condition := func(i int) float64 { // of entry i of a dense matrix
			return 8 * float64(cols+4) * u * (1 + float64(rstd.Data[i/(cols*Lanes)*Lanes+i%Lanes]))
		}
		back := func(k Kernel) [][]float32 {
			dx := clone(dy)
			dgamma, dbeta := make([]float32, cols*Lanes), make([]float32, cols*Lanes)
			k.NormBackward(dx, normal, rstd, gamma, dgamma, dbeta)
			return [][]float32{dx.Data, dgamma, dbeta}
		}
		wantBack := back(plain{})
		for _, k := range vectors(t) {
			got := run(k)
			near(t, k, "rstd", got[0], want[0], func(i int) float64 {
				v := float64(want[0][i])
				return 8 * float64(cols+4) * u * v * (1 + v)
			})
			near(t, k, "normal", got[1], want[1],
				func(i int) float64 { return condition(i) * (1 + math.Abs(float64(want[1][i]))) })
			near(t, k, "y", got[2], want[2], func(i int) float64 {
				return condition(i) * (1 + math.Abs(float64(want[1][i]))) * (1 +
					math.Abs(float64(gamma[i/Lanes%cols])) + math.Abs(float64(beta[i/Lanes%cols])))
			})
			gotBack := back(k)
			top := 0.0
			for _, v := range rstd.Data {
				top = max(top, float64(v))
			}
			near(t, k, "dx", gotBack[0], wantBack[0],
				func(i int) float64 { return 60 * float64(cols+4) * u * top * (1 + top) })
			for i, what := range []string{"dgamma", "dbeta"} {
				near(t, k, what, gotBack[i+1], wantBack[i+1],
					func(int) float64 { return 2 * float64(rows) * u * float64(rows) * 25 })
			}
		}
	})
}
