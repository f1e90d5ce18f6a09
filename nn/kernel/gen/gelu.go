package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gelu writes the loops of the GELU, see gelu.go of package kernel.
func gelu(w width, t table) {
	w.function("gelu", "y, x *float32, n int", "writes the GELU of n entries.")
	y, x, n := pointer("y"), pointer("x"), pointer("n")
	loop("entries", n, func() {
		w.each(func(_, offset int) {
			v := w.vector()
			build.VMOVUPS(operand.Mem{Base: x, Disp: offset}, v)
			p, _ := t.normal(w, v)
			build.VMULPS(v, p, p)
			build.VMOVUPS(p, operand.Mem{Base: y, Disp: offset})
		})
		advance(block, y, x)
	})
	finish()

	w.function("geluBackward", "dx, x *float32, n int", "multiplies n entries of dx by the "+
		"derivative of the GELU.")
	dx, x, n := pointer("dx"), pointer("x"), pointer("n")
	loop("entries", n, func() {
		w.each(func(_, offset int) {
			v := w.vector()
			build.VMOVUPS(operand.Mem{Base: x, Disp: offset}, v)
			p, e := t.normal(w, v)
			build.VMULPS(t.at("density"), v, v)
			build.VFMADD231PS(v, e, p)
			build.VMULPS(operand.Mem{Base: dx, Disp: offset}, p, p)
			build.VMOVUPS(p, operand.Mem{Base: dx, Disp: offset})
		})
		advance(block, dx, x)
	})
	finish()
}

// normal returns Φ(x) and e^{-x²/2}.
func (t table) normal(w width, x reg.VecVirtual) (p, e reg.VecVirtual) {
	a, zero, one := w.vector(), w.vector(), w.vector()
	p, e = w.vector(), w.vector()
	w.zero(zero)
	build.VSUBPS(x, zero, a)
	build.VMAXPS(x, a, a) // |x|, NaN stays
	build.VMULPS(t.at("minus half"), a, e)
	build.VMULPS(a, e, e)
	t.exp(w, e)

	build.VMULPS(t.at("c"), a, a) // c a
	build.VMOVUPS(t.at("1"), one)
	root := w.vector()
	build.VADDPS(one, a, root)
	build.VDIVPS(root, one, root) // t
	build.VMULPS(root, a, a)      // w
	build.VMOVUPS(t.at("q8"), p)
	for _, c := range []string{"q7", "q6", "q5", "q4", "q3", "q2", "q1", "2"} {
		build.VFMADD213PS(t.at(c), a, p)
	}
	build.VMULPS(root, p, p)
	build.VMULPS(e, p, p) // Φ(-|x|)
	build.VSUBPS(p, one, one)
	const less = 1
	if w.bytes == block {
		mask := build.K()
		build.VCMPPS(operand.U8(less), zero, x, mask)
		build.VBLENDMPS(p, one, mask, p)
	} else {
		build.VCMPPS(operand.U8(less), zero, x, zero)
		build.VBLENDVPS(zero, p, one, p)
	}
	return p, e
}
