package main

import (
	"fmt"
	"math"
	"strconv"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"icar/nn/kernel/constant"
)

// table is a block of every constant that exp and gelu need.
type table struct {
	mem    operand.Mem
	offset map[string]int
}

// constants writes the table of a width.
func constants(w width, name string) table {
	t := table{offset: map[string]int{}}
	t.mem = build.GLOBL(name+w.suffix, build.RODATA|build.NOPTR)
	type number struct {
		name  string
		value float32
	}
	numbers := []number{{"least", constant.ExpLeast}, {"log2e", math.Log2E},
		{"shift", constant.ExpShift}, {"high", constant.Ln2High}, {"low", constant.Ln2Low}}
	taylor, tail := constant.ExpTaylor(), constant.GELUTail()
	for k := 7; k > 0; k-- {
		numbers = append(numbers, number{strconv.Itoa(k), taylor[7-k]})
	}
	numbers = append(numbers, number{"minus half", -0.5}, number{"c", constant.GELUC},
		number{"density", constant.GELUDensity})
	for k := 8; k > 0; k-- {
		numbers = append(numbers, number{fmt.Sprint("q", k), tail[8-k]})
	}
	size := 0
	for _, c := range numbers {
		t.offset[c.name] = size
		for range w.bytes / 4 {
			build.DATA(size, operand.U32(math.Float32bits(c.value))) // avo writes F32(1) as the integer 1
			size += 4
		}
	}
	return t
}

func (t table) at(name string) operand.Mem { return t.mem.Offset(t.offset[name]) }

// exp replaces x by its exponential, see exp.go of package kernel.
func (t table) exp(w width, x reg.VecVirtual) {
	bound, shifted, n, y := w.vector(), w.vector(), w.vector(), w.vector()
	build.VMOVUPS(t.at("least"), bound)
	build.VMAXPS(x, bound, x) // NaN stays
	build.VMOVUPS(t.at("shift"), shifted)
	build.VFMADD231PS(t.at("log2e"), x, shifted)
	build.VSUBPS(t.at("shift"), shifted, n)
	build.VFNMADD231PS(t.at("high"), n, x)
	build.VFNMADD231PS(t.at("low"), n, x)
	build.VMOVUPS(t.at("7"), y)
	for _, c := range []string{"6", "5", "4", "3", "2", "1", "1"} {
		build.VFMADD213PS(t.at(c), x, y)
	}
	build.VPSLLD(operand.U8(23), shifted, shifted)
	build.VPADDD(shifted, y, x)
}

func softmax(w width, t table) {
	w.function("softmax", "s *float32, n int", "replaces n entries by their softmax.")
	s, n := pointer("s"), pointer("n")
	at, left := build.GP64(), build.GP64()
	again := func() {
		build.MOVQ(s, at)
		build.MOVQ(n, left)
	}
	top, total := w.vectors(), w.vectors()
	w.each(func(i, offset int) {
		build.VMOVUPS(operand.Mem{Base: s, Disp: offset}, top[i])
		w.zero(total[i])
	})
	again()
	loop("top", left, func() {
		w.each(func(i, offset int) { build.VMAXPS(operand.Mem{Base: at, Disp: offset}, top[i], top[i]) })
		advance(block, at)
	})
	again()
	loop("exp", left, func() {
		w.each(func(i, offset int) {
			x := w.vector()
			build.VMOVUPS(operand.Mem{Base: at, Disp: offset}, x)
			build.VSUBPS(top[i], x, x)
			t.exp(w, x)
			build.VADDPS(x, total[i], total[i])
			build.VMOVUPS(x, operand.Mem{Base: at, Disp: offset})
		})
		advance(block, at)
	})
	w.each(func(i, _ int) {
		one := w.vector()
		build.VMOVUPS(t.at("1"), one)
		build.VDIVPS(total[i], one, total[i])
	})
	again()
	loop("scale", left, func() {
		w.each(func(i, offset int) {
			x := w.vector()
			build.VMULPS(operand.Mem{Base: at, Disp: offset}, total[i], x)
			build.VMOVUPS(x, operand.Mem{Base: at, Disp: offset})
		})
		advance(block, at)
	})
	finish()
}

func softmaxBackward(w width) {
	w.function("softmaxBackward", "q, s, t, p *float32, n int",
		"writes a∘t, p∘a and a∘(p∘t - Σ p∘a∘t) to n entries of q, s = a and t.")
	q, s, t, p, n := pointer("q"), pointer("s"), pointer("t"), pointer("p"), pointer("n")
	mean := w.vectors()
	w.each(func(i, _ int) { w.zero(mean[i]) })
	q0, p0, left := build.GP64(), build.GP64(), build.GP64()
	build.MOVQ(q, q0)
	build.MOVQ(p, p0)
	build.MOVQ(n, left)
	loop("mean", left, func() {
		weight := w.vector()
		build.VBROADCASTSS(operand.Mem{Base: p}, weight)
		w.each(func(i, offset int) {
			product := w.vector()
			build.VMOVUPS(operand.Mem{Base: s, Disp: offset}, product)
			build.VMULPS(operand.Mem{Base: t, Disp: offset}, product, product)
			build.VMOVUPS(product, operand.Mem{Base: q, Disp: offset})
			build.VFMADD231PS(product, weight, mean[i])
		})
		advance(block, q, s, t)
		advance(4, p)
	})
	build.MOVQ(n, left)
	build.SHLQ(operand.U8(6), left)
	build.SUBQ(left, s)
	build.SUBQ(left, t)
	loop("slope", n, func() {
		weight := w.vector()
		build.VBROADCASTSS(operand.Mem{Base: p0}, weight)
		w.each(func(i, offset int) {
			a, slope := w.vector(), w.vector()
			build.VMOVUPS(operand.Mem{Base: s, Disp: offset}, a)
			build.VMULPS(operand.Mem{Base: q0, Disp: offset}, weight, slope)
			build.VFNMADD231PS(mean[i], a, slope)
			build.VMOVUPS(slope, operand.Mem{Base: t, Disp: offset})
			build.VMULPS(a, weight, a)
			build.VMOVUPS(a, operand.Mem{Base: s, Disp: offset})
		})
		advance(block, q0, s, t)
		advance(4, p0)
	})
	finish()
}
