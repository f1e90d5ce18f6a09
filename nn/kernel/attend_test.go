package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// attention is a random case of Attend and its backward.
type attention struct {
	z, v, x, p Matrix
	panel      Panel
}

func newAttention(r *rand.Rand, n, e int) attention {
	dense := func() Matrix { return Dense(numbers(r, n*e*Lanes), n, e) }
	c := attention{dense(), dense(), dense(), Dense(numbers(r, n*n), n, n), NewPanel(n)}
	for i := range n {
		for l := range Lanes {
			c.x.Data[((i+1)*e-1)*Lanes+l] = 1
		}
		clear(c.p.numbers(i)[i+1:])
	}
	return c
}

// run returns y, a and dp, which starts at 1.
func (c attention) run(k Kernel) [][]float32 {
	n, e := c.x.Rows, c.x.Cols
	y, a := Dense(make([]float32, n*e*Lanes), n, e), Dense(make([]float32, n*e*Lanes), n, e)
	dp := Dense(slices.Repeat([]float32{1}, n*n), n, n)
	k.Attend(y, c.z, c.x, c.p, c.panel)
	k.AttendBackward(a, dp, c.z, c.v, c.x, c.p, c.panel)
	return [][]float32{y.Data, a.Data, dp.Data}
}

// magnitude returns the case of the absolute values.
func (c attention) magnitude() attention {
	c.z, c.v, c.x, c.p = clone(c.z), clone(c.v), clone(c.x), clone(c.p)
	for _, m := range []Matrix{c.z, c.v, c.x, c.p} {
		for i, v := range m.Data {
			m.Data[i] = float32(math.Abs(float64(v)))
		}
	}
	return c
}

// FuzzAttend checks Attend and AttendBackward. Every number is a sum of products
// whose terms have gone through at most E roundings for a score, n for the sum
// over tokens, 4 for the lanes and 3 for products: an error of at most as
// many u times the sum of magnitudes, in both kernels.
func FuzzAttend(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, seed uint64, a, b, _ uint8) {
		n, e := shape(a), 2+int(b)%11
		c := newAttention(rand.New(rand.NewPCG(seed, 0)), n, e)
		want, size := c.run(plain{}), c.magnitude().run(plain{})
		for _, k := range vectors(t) {
			for i, got := range c.run(k) {
				near(t, k, []string{"y", "a", "dp"}[i], got, want[i], func(j int) float64 {
					return 2 * float64(2*e+n+7) * u * float64(size[i][j])
				})
			}
		}
	})
}

// FuzzWidths checks that the kernels in assembly give the same bits. It needs
// avx2 and avx512; neon is held against them by hashes, see bitsOf.
func FuzzWidths(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, seed uint64, a, b, c uint8) {
		kernels := vectors(t)
		if len(kernels) < 2 {
			t.Skip("one kernel in assembly on this machine")
		}
		want := everything(kernels[0], seed, shape(a), shape(b), shape(c))
		for i, got := range everything(kernels[1], seed, shape(a), shape(b), shape(c)) {
			if !slices.Equal(got, want[i]) {
				t.Fatalf("result %d differs", i)
			}
		}
	})
}

// everything returns what k's methods write for random matrices.
func everything(k Kernel, seed uint64, rows, cols, inner int) [][]float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x, y, z, p := random(r, rows, cols, Lanes), random(r, rows, cols, Lanes),
		random(r, rows, cols, Lanes), random(r, rows, cols, 1)
	var out [][]float32
	record := func(m ...Matrix) {
		for _, m := range m {
			out = append(out, slices.Clone(m.Data))
		}
	}
	left, shared, right := random(r, rows, inner, Lanes), random(r, rows, inner, 1),
		random(r, inner, cols, Lanes)
	k.Mul(x, left, right, seed%2 == 0)
	record(x)
	k.MulShared(x, shared, right, seed%2 == 1)
	record(x)
	k.Add(x, x, y)
	k.Weigh(x, p)
	k.WeighBackward(x, y, z, p)
	record(x, y, z)
	gamma, beta := numbers(r, cols), numbers(r, cols)
	normal, rstd := clone(x), random(r, rows, 1, Lanes)
	dgamma, dbeta := Dense(make([]float32, cols*Lanes), cols, 1),
		Dense(make([]float32, cols*Lanes), cols, 1)
	k.Norm(y, normal, rstd, x, gamma, beta, 1e-5)
	record(y, normal, rstd)
	k.NormBackward(z, normal, rstd, gamma, dgamma.Data, dbeta.Data)
	record(z, dgamma, dbeta)
	k.Relu(y)
	k.ReluBackward(z, y)
	record(y, z)
	k.GELU(y, x)
	k.GELUBackward(z, x)
	record(y, z)
	s, t, q, weights := random(r, rows, rows+inner, Lanes), random(r, rows, rows+inner, Lanes),
		random(r, rows, rows+inner, Lanes), random(r, rows, rows+inner, 1)
	k.Softmax(s, inner)
	record(s)
	k.SoftmaxBackward(q, s, t, weights, inner)
	record(q, s, t)
	sums := make([]float32, rows*rows)
	k.Sum(sums, q.Data[:rows*rows*Lanes])
	return append(append(out, sums), newAttention(r, rows, 2+inner%11).run(k)...)
}
