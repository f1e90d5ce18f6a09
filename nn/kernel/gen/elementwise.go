package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// elementwise writes the loops that treat every entry by itself.
func elementwise(w width) {
	w.function("add", "dst, a, b *float32, n, step int", "writes a + b to n entries, those of b step bytes apart.")
	dst, a, b, n, step := pointer("dst"), pointer("a"), pointer("b"), pointer("n"), pointer("step")
	loop("entries", n, func() {
		w.each(func(_, offset int) {
			v := w.vector()
			VMOVUPS(Mem{Base: a, Disp: offset}, v)
			VADDPS(Mem{Base: b, Disp: offset}, v, v)
			VMOVUPS(v, Mem{Base: dst, Disp: offset})
		})
		advance(block, dst, a)
		ADDQ(step, b)
	})
	finish()

	w.function("relu", "x *float32, n int", "replaces n entries by max(x, 0).")
	x, n := pointer("x"), pointer("n")
	zero := w.vector()
	w.zero(zero)
	loop("entries", n, func() {
		w.each(func(_, offset int) {
			v := w.vector()
			VMAXPS(Mem{Base: x, Disp: offset}, zero, v) // of a NaN and a number the first operand
			VMOVUPS(v, Mem{Base: x, Disp: offset})
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
				mask := K()
				VCMPPS(U8(notEqual), Mem{Base: y, Disp: offset}, zero, mask)
				VMOVUPS_Z(Mem{Base: dx, Disp: offset}, mask, v)
			} else {
				VCMPPS(U8(notEqual), Mem{Base: y, Disp: offset}, zero, v)
				VANDPS(Mem{Base: dx, Disp: offset}, v, v)
			}
			VMOVUPS(v, Mem{Base: dx, Disp: offset})
		})
		advance(block, dx, y)
	})
	finish()

	w.function("weigh", "s, p *float32, n int", "multiplies n entries of s by the numbers p.")
	s, p, n := pointer("s"), pointer("p"), pointer("n")
	loop("entries", n, func() {
		weight := w.vector()
		VBROADCASTSS(Mem{Base: p}, weight)
		w.each(func(_, offset int) {
			v := w.vector()
			VMULPS(Mem{Base: s, Disp: offset}, weight, v)
			VMOVUPS(v, Mem{Base: s, Disp: offset})
		})
		advance(block, s)
		advance(4, p)
	})
	finish()

	w.function("weighBackward", "q, s, t, p *float32, n int", "writes s∘t, p∘s and p∘t to n entries of q, s and t.")
	q, s, t, p, n := pointer("q"), pointer("s"), pointer("t"), pointer("p"), pointer("n")
	loop("entries", n, func() {
		weight := w.vector()
		VBROADCASTSS(Mem{Base: p}, weight)
		w.each(func(_, offset int) {
			score, slope, product := w.vector(), w.vector(), w.vector()
			VMOVUPS(Mem{Base: s, Disp: offset}, score)
			VMOVUPS(Mem{Base: t, Disp: offset}, slope)
			VMULPS(score, slope, product)
			VMOVUPS(product, Mem{Base: q, Disp: offset})
			VMULPS(score, weight, score)
			VMOVUPS(score, Mem{Base: s, Disp: offset})
			VMULPS(slope, weight, slope)
			VMOVUPS(slope, Mem{Base: t, Disp: offset})
		})
		advance(block, q, s, t)
		advance(4, p)
	})
	finish()
}

// sum adds the lanes of entries: neighbours at distance 8, then 1, 2, 4. It
// takes eight entries at a time, transposing as it adds.
func sum(w width) {
	w.function("sum", "dst, src *float32, n int", "adds to n numbers the sums of the lanes of n entries.")
	dst, src, n := pointer("dst"), pointer("src"), pointer("n")
	fold := func(i int) reg.VecVirtual {
		v := YMM()
		VMOVUPS(Mem{Base: src, Disp: i * block}, v)
		VADDPS(Mem{Base: src, Disp: i*block + block/2}, v, v)
		return v
	}
	pair := func(a, b reg.VecVirtual) reg.VecVirtual {
		v := YMM()
		VHADDPS(b, a, v)
		return v
	}
	Label("eight")
	CMPQ(n, U8(8))
	JLT(LabelRef("rest"))
	quad := func(i int) reg.VecVirtual {
		return pair(pair(fold(i), fold(i+1)), pair(fold(i+2), fold(i+3)))
	}
	a, b := quad(0), quad(4)
	low, high := YMM(), YMM()
	VPERM2F128(U8(0x20), b, a, low)
	VPERM2F128(U8(0x31), b, a, high)
	VADDPS(high, low, low)
	VADDPS(Mem{Base: dst}, low, low)
	VMOVUPS(low, Mem{Base: dst})
	advance(8*block, src)
	advance(8*4, dst)
	SUBQ(U8(8), n)
	JMP(LabelRef("eight"))

	Label("rest")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	loop("one", n, func() {
		v := fold(0)
		VHADDPS(v, v, v)
		VHADDPS(v, v, v)
		upper := XMM()
		VEXTRACTF128(U8(1), v, upper)
		VADDSS(upper, v.AsX(), upper)
		VADDSS(Mem{Base: dst}, upper, upper)
		VMOVSS(upper, Mem{Base: dst})
		advance(block, src)
		advance(4, dst)
	})
	Label("done")
	finish()
}
