package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// each runs f for every kernel of the machine and reports GFLOP/s, flops being
// the operations of one call: a fused multiply-add is two.
func each(b *testing.B, name string, flops int, f func(k Kernel)) {
	for _, k := range Available() {
		b.Run(name+"/"+k.Name(), func(b *testing.B) {
			for b.Loop() {
				f(k)
			}
			b.ReportMetric(float64(flops)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}

// BenchmarkMul runs the products of the standard models: scores, mixing,
// gradients of a linear map, and a product long and wide enough for the
// processor's peak.
func BenchmarkMul(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range []struct {
		name              string
		rows, cols, inner int
	}{{"scores", 8, 50, 11}, {"mix", 8, 11, 50}, {"prefix", 16, 16, 8}, {"outer", 15, 17, 50},
		{"peak", 4, 3, 60}} {
		c, left, right := random(r, s.rows, s.cols, Lanes), random(r, s.rows, s.inner, Lanes),
			random(r, s.inner, s.cols, Lanes)
		if s.name == "scores" {
			right = random(r, s.cols, s.inner, Lanes).T()
		}
		if s.name == "outer" {
			left = random(r, s.inner, s.rows, Lanes).T()
		}
		each(b, fmt.Sprintf("%s-%dx%dx%d", s.name, s.rows, s.inner, s.cols),
			2*Lanes*s.rows*s.cols*s.inner, func(k Kernel) { k.Mul(c, left, right, false) })
	}
}

// BenchmarkMulShared runs the linear maps of the standard models on 50 tokens.
func BenchmarkMulShared(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range [][2]int{{6, 6}, {10, 6}, {6, 10}, {15, 16}, {16, 16}, {60, 16}} {
		w, x, y := random(r, s[0], s[1], 1), random(r, 50, s[1], Lanes), random(r, 50, s[0], Lanes)
		each(b, fmt.Sprintf("%dx%d", s[0], s[1]), 2*Lanes*50*s[0]*s[1],
			func(k Kernel) { k.MulShared(y.T(), w, x.T(), false) })
	}
}

// BenchmarkAttend runs the attention of a head of 50 tokens forward and back;
// flops are those of the formulas, 4E and 6E a pair.
func BenchmarkAttend(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 50
	for _, e := range []int{4, 6, 11} {
		dense := func() Matrix { return Dense(numbers(r, n*e*Lanes), n, e) }
		a, y, z, v, x, p, dp := dense(), dense(), dense(), dense(), dense(), random(r, n, n, 1),
			random(r, n, n, 1)
		panel := NewPanel(n)
		pairs := Lanes * n * (n + 1) / 2
		each(b, fmt.Sprintf("forward-E%d", e), 4*e*pairs, func(k Kernel) { k.Attend(y, z, x, p, panel) })
		each(b, fmt.Sprintf("backward-E%d", e), 6*e*pairs,
			func(k Kernel) { k.AttendBackward(a, dp, z, v, x, p, panel) })
	}
}

// BenchmarkRows runs the loops over rows on 50 by 50 entries; flops are counted
// as two an entry of Sum, one of Relu, four of the layer norm and ten of the
// softmax.
func BenchmarkRows(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 50
	s, t, q, p := random(r, n, n, Lanes), random(r, n, n, Lanes), random(r, n, n, Lanes),
		random(r, n, n, 1)
	dst, gamma, rstd := numbers(r, n*n), numbers(r, n), random(r, n, 1, Lanes)
	dgamma, dbeta := make([]float32, n*Lanes), make([]float32, n*Lanes)
	all := n * n * Lanes
	each(b, "sum", all, func(k Kernel) { k.Sum(dst, s.Data[:all]) })
	each(b, "relu", all, func(k Kernel) { k.Relu(s) })
	each(b, "weigh", all, func(k Kernel) { k.Weigh(s, p) })
	each(b, "norm", 6*all, func(k Kernel) { k.Norm(q, t, rstd, s, gamma, gamma, 1e-5) })
	each(b, "normBackward", 10*all,
		func(k Kernel) { k.NormBackward(q, t, rstd, gamma, dgamma, dbeta) })
	each(b, "softmax", 12*all, func(k Kernel) { k.Softmax(s, 0) })
}
