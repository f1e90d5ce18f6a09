package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// elementwise writes the loops that treat every entry by itself.
func elementwise(w width) {
	w.function("add", "dst, a, b *float32, n, step int",
		"writes a + b to n entries, those of b step bytes apart.")
	dst, a, b, n, step := pointer("dst"), pointer("a"), pointer("b"), pointer("n"), pointer("step")
	loop("entries", n, func() {
		w.each(func(_, offset int) {
			v := w.vector()
			build.VMOVUPS(operand.Mem{Base: a, Disp: offset}, v)
			build.VADDPS(operand.Mem{Base: b, Disp: offset}, v, v)
			build.VMOVUPS(v, operand.Mem{Base: dst, Disp: offset})
		})
		advance(block, dst, a)
		build.ADDQ(step, b)
	})
	finish()

	w.function("relu", "x *float32, n int", "replaces n entries by max(x, 0).")
	x, n := pointer("x"), pointer("n")
	zero := w.vector()
	w.zero(zero)
	loop("entries", n, func() {
		w.each(func(_, offset int) {
			v := w.vector()
			// of a NaN and a number the first operand
			build.VMAXPS(operand.Mem{Base: x, Disp: offset}, zero, v)
			build.VMOVUPS(v, operand.Mem{Base: x, Disp: offset})
		})
		advance(block, x)
	})
	finish()

	w.function("reluBackward", "dx, y *float32, n int", "zeroes dx in n entries where y is 0.")
	dx, y, n := pointer("dx"), pointer("y"), pointer("n")
	zero = w.vector()
	w.zero(zero)
	const notEqual = 4 // true of NaN
	loop("entries", n, func() {
		w.each(func(_, offset int) {
			v := w.vector()
			if w.bytes == block {
				mask := build.K()
				build.VCMPPS(operand.U8(notEqual), operand.Mem{Base: y, Disp: offset}, zero, mask)
				build.VMOVUPS_Z(operand.Mem{Base: dx, Disp: offset}, mask, v)
			} else {
				build.VCMPPS(operand.U8(notEqual), operand.Mem{Base: y, Disp: offset}, zero, v)
				build.VANDPS(operand.Mem{Base: dx, Disp: offset}, v, v)
			}
			build.VMOVUPS(v, operand.Mem{Base: dx, Disp: offset})
		})
		advance(block, dx, y)
	})
	finish()

	w.function("weigh", "s, p *float32, n int", "multiplies n entries of s by the numbers p.")
	s, p, n := pointer("s"), pointer("p"), pointer("n")
	loop("entries", n, func() {
		weight := w.vector()
		build.VBROADCASTSS(operand.Mem{Base: p}, weight)
		w.each(func(_, offset int) {
			v := w.vector()
			build.VMULPS(operand.Mem{Base: s, Disp: offset}, weight, v)
			build.VMOVUPS(v, operand.Mem{Base: s, Disp: offset})
		})
		advance(block, s)
		advance(4, p)
	})
	finish()

	w.function("weighBackward", "q, s, t, p *float32, n int",
		"writes s∘t, p∘s and p∘t to n entries of q, s and t.")
	q, s, t, p, n := pointer("q"), pointer("s"), pointer("t"), pointer("p"), pointer("n")
	loop("entries", n, func() {
		weight := w.vector()
		build.VBROADCASTSS(operand.Mem{Base: p}, weight)
		w.each(func(_, offset int) {
			score, slope, product := w.vector(), w.vector(), w.vector()
			build.VMOVUPS(operand.Mem{Base: s, Disp: offset}, score)
			build.VMOVUPS(operand.Mem{Base: t, Disp: offset}, slope)
			build.VMULPS(score, slope, product)
			build.VMOVUPS(product, operand.Mem{Base: q, Disp: offset})
			build.VMULPS(score, weight, score)
			build.VMOVUPS(score, operand.Mem{Base: s, Disp: offset})
			build.VMULPS(slope, weight, slope)
			build.VMOVUPS(slope, operand.Mem{Base: t, Disp: offset})
		})
		advance(block, q, s, t)
		advance(4, p)
	})
	finish()
}

// sum adds the lanes of entries: neighbours at distance 8, then 1, 2, 4. It
// takes eight entries at a time, transposing as it adds.
func sum(w width) {
	w.function("sum", "dst, src *float32, n int",
		"adds to n numbers the sums of the lanes of n entries.")
	dst, src, n := pointer("dst"), pointer("src"), pointer("n")
	fold := func(i int) reg.VecVirtual {
		v := build.YMM()
		build.VMOVUPS(operand.Mem{Base: src, Disp: i * block}, v)
		build.VADDPS(operand.Mem{Base: src, Disp: i*block + block/2}, v, v)
		return v
	}
	pair := func(a, b reg.VecVirtual) reg.VecVirtual {
		v := build.YMM()
		build.VHADDPS(b, a, v)
		return v
	}
	build.Label("eight")
	build.CMPQ(n, operand.U8(8))
	build.JLT(operand.LabelRef("rest"))
	quad := func(i int) reg.VecVirtual {
		return pair(pair(fold(i), fold(i+1)), pair(fold(i+2), fold(i+3)))
	}
	a, b := quad(0), quad(4)
	low, high := build.YMM(), build.YMM()
	build.VPERM2F128(operand.U8(0x20), b, a, low)
	build.VPERM2F128(operand.U8(0x31), b, a, high)
	build.VADDPS(high, low, low)
	build.VADDPS(operand.Mem{Base: dst}, low, low)
	build.VMOVUPS(low, operand.Mem{Base: dst})
	advance(8*block, src)
	advance(8*4, dst)
	build.SUBQ(operand.U8(8), n)
	build.JMP(operand.LabelRef("eight"))

	build.Label("rest")
	build.TESTQ(n, n)
	build.JZ(operand.LabelRef("done"))
	loop("one", n, func() {
		v := fold(0)
		build.VHADDPS(v, v, v)
		build.VHADDPS(v, v, v)
		upper := build.XMM()
		build.VEXTRACTF128(operand.U8(1), v, upper)
		build.VADDSS(upper, v.AsX(), upper)
		build.VADDSS(operand.Mem{Base: dst}, upper, upper)
		build.VMOVSS(upper, operand.Mem{Base: dst})
		advance(block, src)
		advance(4, dst)
	})
	build.Label("done")
	finish()
}
