package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// table is a block of every constant that exp and norm need.
type table struct {
	mem    Mem
	offset map[string]int
}

// constants writes the table of a width.
func constants(w width, name string) table {
	t := table{offset: map[string]int{}}
	t.mem = GLOBL(name+w.suffix, RODATA|NOPTR)
	const ln2High = 0x1.62ep-1
	size := 0
	for _, c := range []struct {
		name  string
		value float64
	}{
		{"least", -87.33654}, {"log2e", math.Log2E}, {"shift", 3 << 22}, {"high", ln2High}, {"low", math.Ln2 - ln2High},
		{"7", 1.0 / 5040}, {"6", 1.0 / 720}, {"5", 1.0 / 120}, {"4", 1.0 / 24}, {"3", 1.0 / 6}, {"2", 1.0 / 2}, {"1", 1},
	} {
		t.offset[c.name] = size
		for range w.bytes / 4 {
			DATA(size, U32(math.Float32bits(float32(c.value)))) // avo writes F32(1) as the integer 1
			size += 4
		}
	}
	return t
}

func (t table) at(name string) Mem { return t.mem.Offset(t.offset[name]) }

// exp replaces x by its exponential, see exp.go of package kernel.
func (t table) exp(w width, x reg.VecVirtual) {
	bound, shifted, n, y := w.vector(), w.vector(), w.vector(), w.vector()
	VMOVUPS(t.at("least"), bound)
	VMAXPS(x, bound, x) // NaN stays
	VMOVUPS(t.at("shift"), shifted)
	VFMADD231PS(t.at("log2e"), x, shifted)
	VSUBPS(t.at("shift"), shifted, n)
	VFNMADD231PS(t.at("high"), n, x)
	VFNMADD231PS(t.at("low"), n, x)
	VMOVUPS(t.at("7"), y)
	for _, c := range []string{"6", "5", "4", "3", "2", "1", "1"} {
		VFMADD213PS(t.at(c), x, y)
	}
	VPSLLD(U8(23), shifted, shifted)
	VPADDD(shifted, y, x)
}

func softmax(w width) {
	t := constants(w, "constants")
	w.function("softmax", "s *float32, n int", "replaces n entries by their softmax.")
	s, n := pointer("s"), pointer("n")
	at, left := GP64(), GP64()
	again := func() {
		MOVQ(s, at)
		MOVQ(n, left)
	}
	top, total := w.vectors(), w.vectors()
	w.each(func(i, offset int) {
		VMOVUPS(Mem{Base: s, Disp: offset}, top[i])
		w.zero(total[i])
	})
	again()
	loop("top", left, func() {
		w.each(func(i, offset int) { VMAXPS(Mem{Base: at, Disp: offset}, top[i], top[i]) })
		advance(block, at)
	})
	again()
	loop("exp", left, func() {
		w.each(func(i, offset int) {
			x := w.vector()
			VMOVUPS(Mem{Base: at, Disp: offset}, x)
			VSUBPS(top[i], x, x)
			t.exp(w, x)
			VADDPS(x, total[i], total[i])
			VMOVUPS(x, Mem{Base: at, Disp: offset})
		})
		advance(block, at)
	})
	w.each(func(i, _ int) {
		one := w.vector()
		VMOVUPS(t.at("1"), one)
		VDIVPS(total[i], one, total[i])
	})
	again()
	loop("scale", left, func() {
		w.each(func(i, offset int) {
			x := w.vector()
			VMULPS(Mem{Base: at, Disp: offset}, total[i], x)
			VMOVUPS(x, Mem{Base: at, Disp: offset})
		})
		advance(block, at)
	})
	finish()
}

func softmaxBackward(w width) {
	w.function("softmaxBackward", "q, s, t, p *float32, n int", "writes a∘t, p∘a and a∘(p∘t - Σ p∘a∘t) to n entries of q, s = a and t.")
	q, s, t, p, n := pointer("q"), pointer("s"), pointer("t"), pointer("p"), pointer("n")
	mean := w.vectors()
	w.each(func(i, _ int) { w.zero(mean[i]) })
	q0, p0, left := GP64(), GP64(), GP64()
	MOVQ(q, q0)
	MOVQ(p, p0)
	MOVQ(n, left)
	loop("mean", left, func() {
		weight := w.vector()
		VBROADCASTSS(Mem{Base: p}, weight)
		w.each(func(i, offset int) {
			product := w.vector()
			VMOVUPS(Mem{Base: s, Disp: offset}, product)
			VMULPS(Mem{Base: t, Disp: offset}, product, product)
			VMOVUPS(product, Mem{Base: q, Disp: offset})
			VFMADD231PS(product, weight, mean[i])
		})
		advance(block, q, s, t)
		advance(4, p)
	})
	MOVQ(n, left)
	SHLQ(U8(6), left)
	SUBQ(left, s)
	SUBQ(left, t)
	loop("slope", n, func() {
		weight := w.vector()
		VBROADCASTSS(Mem{Base: p0}, weight)
		w.each(func(i, offset int) {
			a, slope := w.vector(), w.vector()
			VMOVUPS(Mem{Base: s, Disp: offset}, a)
			VMULPS(Mem{Base: q0, Disp: offset}, weight, slope)
			VFNMADD231PS(mean[i], a, slope)
			VMOVUPS(slope, Mem{Base: t, Disp: offset})
			VMULPS(a, weight, a)
			VMOVUPS(a, Mem{Base: s, Disp: offset})
		})
		advance(block, q0, s, t)
		advance(4, p0)
	})
	finish()
}
