package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sums is the number of sums of busy: more than the 4 cycles of a multiply-add
// times the two that a processor starts in a cycle.
const sums = 12

// busy adds products to sums that stay in registers and does nothing else: the
// peak of the processor at this width.
func busy(w width) {
	w.function("busy", "s *float32, rounds int",
		"adds a product to each of 12 registers of sums, rounds times.")
	s, rounds := pointer("s"), pointer("rounds")
	var v [sums]reg.VecVirtual
	for i := range v {
		v[i] = w.vector()
		build.VMOVUPS(operand.Mem{Base: s, Disp: i * w.bytes}, v[i])
	}
	a := w.vector()
	build.VMOVUPS(operand.Mem{Base: s, Disp: sums * block}, a)
	loop("rounds", rounds, func() {
		for i := range v {
			build.VFMADD231PS(a, a, v[i])
		}
	})
	for i := range v {
		build.VMOVUPS(v[i], operand.Mem{Base: s, Disp: i * w.bytes})
	}
	finish()
}
