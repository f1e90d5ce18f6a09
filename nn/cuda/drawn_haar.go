package cuda

// Shapes: S sequences of a window, T time, D coordinates, M = D(D+1)/2; W (D, D).

import (
	"fmt"
	"math"

	"icar/ar"
	"icar/nn/cuda/ptx"
)

// haar rolls sequences out under Haar matrices, a sequence a thread: the operations of haar.go
// and of realStates in package ar, in their order, so the same bits. W stands in registers.
type haar struct{ ar.Process }

// mostDrawn is the largest D for which registers suffice: of more coordinates most of W would
// be put aside.
const mostDrawn = 11

func (h haar) name() string {
	return fmt.Sprintf("haar_%d_%t_%x", h.D, h.Family == ar.Special, math.Float64bits(h.Rho))
}

// kernel has the parameters S, T, the numbers (M, S) of variates, and the targets (S, T, D).
func (h haar) kernel() *ptx.Kernel {
	k := ptx.New(h.name())
	k.Bounds(rollers, 1)
	count, length := k.Number(), k.Number()
	numbers, targets := k.Pointer(), k.Pointer()
	s := k.Add(k.Mul(k.Block(ptx.X), ptx.Int(rollers)), k.Thread(ptx.X))
	k.ExitUnless(k.Less(s, count))
	drawn := 0
	w := h.matrix(k, func() ptx.F64 {
		drawn++
		return k.LoadWide(k.At(numbers, k.Add(s, k.Mul(count, ptx.Int(drawn-1))), 8), 0)
	})
	to := k.CopyAddress(k.Stride(targets, s, k.Product(length, ptx.Int(4*h.D))))
	h.rollout(k, w, length, func(state []ptx.F64) {
		for i, x := range state {
			k.Store(to, 4*i, k.Narrow(x))
		}
		k.MoveTo(to, ptx.Long(4*h.D))
	})
	return k
}

// rollers are the threads of a block of haar.
const rollers = 64

// matrix makes W of a sign and normal variates, which draw returns one after the other.
func (h haar) matrix(k *ptx.Kernel, draw func() ptx.F64) [][]ptx.F64 {
	w := make([][]ptx.F64, h.D)
	for i := range w {
		for j := range w {
			w[i] = append(w[i], ptx.Double(map[bool]float64{true: 1}[i == j]))
		}
	}
	det := draw() // 1 or -1
	w[h.D-1][h.D-1] = det
	for n := 2; n <= h.D; n++ {
		first := h.D - n
		sign := householder(k, w[first:], first, draw)
		if n%2 == 0 { // det F = -1
			det = k.NegativeWide(det)
		} else {
			det = k.TimesWide(det, sign)
		}
	}
	for i, row := range w {
		if h.Family == ar.Special {
			row[h.D-1] = k.TimesWide(det, row[h.D-1])
		}
		for j := range row {
			w[i][j] = k.TimesWide(row[j], ptx.Double(h.Rho))
		}
	}
	return w
}

// householder multiplies columns from first on of the rows w from the left by F(x), whose first
// column is x/|x|, and returns the sign of x₁, which of an odd number of rows is det F.
func householder(k *ptx.Kernel, w [][]ptx.F64, first int, draw func() ptx.F64) (sign ptx.F64) {
	v, square := make([]ptx.F64, len(w)), ptx.Double(0)
	for i := range v {
		v[i] = draw()
		square = k.PlusWide(square, k.TimesWide(v[i], v[i]))
	}
	norm := k.RootWide(square)
	sign = k.ChooseWide(k.LessWide(v[0], ptx.Double(0)), ptx.Double(-1), ptx.Double(1))
	scale := k.OverWide(ptx.Double(1), // 2/|v|²
		k.TimesWide(norm, k.PlusWide(norm, k.TimesWide(sign, v[0]))))
	v[0] = k.PlusWide(v[0], k.TimesWide(sign, norm))
	for j := first; j < first+len(w); j++ {
		dot := ptx.Double(0)
		for i, a := range v {
			dot = k.PlusWide(dot, k.TimesWide(a, w[i][j]))
		}
		dot = k.TimesWide(dot, scale)
		for i, a := range v {
			w[i][j] = k.TimesWide(sign, k.MinusWide(k.TimesWide(a, dot), w[i][j]))
		}
	}
	return sign
}

// rollout has what is to be done with each of s_2, …, s_{T+1} done.
func (h haar) rollout(k *ptx.Kernel, w [][]ptx.F64, length ptx.U32, do func(state []ptx.F64)) {
	state := make([]ptx.F64, h.D)
	for i := range state {
		state[i] = k.CopyWide(ptx.Double(startOf(h.D)))
	}
	k.For(ptx.Int(0), length, next, func(ptx.U32) {
		after := make([]ptx.F64, h.D)
		for i, row := range w {
			after[i] = ptx.Double(0)
			for j, x := range state {
				after[i] = k.PlusWide(after[i], k.TimesWide(row[j], x))
			}
		}
		for i, x := range after {
			k.CopyWideTo(state[i], x)
		}
		do(state)
	})
}

// startOf is a coordinate of s_1 = 1_D/√D.
func startOf(d int) float64 { return 1 / math.Sqrt(float64(d)) }

// tokensOf makes tokens of targets: blocks of D zeros, and then the last states, s_t first.
type tokensOf struct{ d, zeros, states int }

func (e tokensOf) name() string { return fmt.Sprintf("tokens_%d_%d_%d", e.d, e.zeros, e.states) }

func (e tokensOf) width() int { return (e.zeros + e.states) * e.d }

// kernel has the parameters of the number of all numbers, T, the targets (S, T, D) and the
// tokens (S, T, c). A thread makes a number.
func (e tokensOf) kernel() *ptx.Kernel {
	k := ptx.New(e.name())
	count, length := k.Number(), k.Number()
	targets, tokens := k.Pointer(), k.Pointer()
	i := k.Add(k.Mul(k.Block(ptx.X), ptx.Int(threads)), k.Thread(ptx.X))
	k.ExitUnless(k.Less(i, count))
	width, d := ptx.Int(e.width()), ptx.Int(e.d)
	token, feature := k.Div(i, width), k.Rem(i, width)
	t, block := k.Rem(token, length), k.Div(feature, d)
	lag := k.Sub(block, ptx.Int(e.zeros)) // of a zero it is beyond all t
	// s_{t+1-lag}, counted from s_1 at t = 0, is the target lag + 1 tokens before.
	before := k.Add(lag, next)
	v := k.Copy(k.Choose(k.Equal(t, lag), ptx.Float(float32(startOf(e.d))), zero))
	k.If(k.Both(k.AtLeast(block, ptx.Int(e.zeros)), k.AtLeast(t, before)), func() {
		at := k.Add(k.Mul(k.Sub(token, before), d), k.Rem(feature, d))
		k.CopyTo(v, k.Load(k.At(targets, at, 4), 0))
	})
	k.Store(k.At(tokens, i, 4), 0, v)
	return k
}
