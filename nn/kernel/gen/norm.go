package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

// norm is the layer norm of one row of n coordinates; scale is 1/n.
func norm(w width) {
	w.function("norm", "y, normal, rstd, x, gamma, beta *float32, n int, scale, epsilon, one float32",
		"writes the layer norm of a row.")
	y, normal, rstd, x := pointer("y"), pointer("normal"), pointer("rstd"), pointer("x")
	gamma, beta, n := pointer("gamma"), pointer("beta"), pointer("n")
	at, left := build.GP64(), build.GP64()
	again := func() {
		build.MOVQ(x, at)
		build.MOVQ(n, left)
	}
	mean, variance, scale := w.vectors(), w.vectors(), w.vector()
	w.each(func(i, _ int) {
		w.zero(mean[i])
		w.zero(variance[i])
	})
	again()
	loop("mean", left, func() {
		w.each(func(i, offset int) {
			build.VADDPS(operand.Mem{Base: at, Disp: offset}, mean[i], mean[i])
		})
		advance(block, at)
	})
	broadcast(w, "scale", scale)
	w.each(func(i, _ int) { build.VMULPS(scale, mean[i], mean[i]) })
	again()
	loop("variance", left, func() {
		w.each(func(i, offset int) {
			e := w.vector()
			build.VMOVUPS(operand.Mem{Base: at, Disp: offset}, e)
			build.VSUBPS(mean[i], e, e)
			build.VFMADD231PS(e, e, variance[i])
		})
		advance(block, at)
	})
	epsilon, one := w.vector(), w.vector()
	broadcast(w, "epsilon", epsilon)
	broadcast(w, "one", one)
	w.each(func(i, offset int) {
		build.VFMADD213PS(epsilon, scale, variance[i])
		build.VSQRTPS(variance[i], variance[i])
		build.VDIVPS(variance[i], one, variance[i])
		build.VMOVUPS(variance[i], operand.Mem{Base: rstd, Disp: offset})
	})
	loop("scale", n, func() {
		g, b := w.vector(), w.vector()
		build.VBROADCASTSS(operand.Mem{Base: gamma}, g)
		build.VBROADCASTSS(operand.Mem{Base: beta}, b)
		w.each(func(i, offset int) {
			v, r := w.vector(), w.vector()
			build.VMOVUPS(operand.Mem{Base: x, Disp: offset}, v)
			build.VSUBPS(mean[i], v, v)
			build.VMULPS(variance[i], v, v)
			build.VMOVUPS(v, operand.Mem{Base: normal, Disp: offset})
			build.VMOVAPS(b, r)
			build.VFMADD231PS(g, v, r)
			build.VMOVUPS(r, operand.Mem{Base: y, Disp: offset})
		})
		advance(block, x, y, normal)
		advance(4, gamma, beta)
	})
	finish()
}

// normBackward is the backward of one row.
func normBackward(w width) {
	w.function("normBackward",
		"dy, normal, rstd, gamma, dgamma, dbeta *float32, n int, scale float32",
		"turns the gradient of a row after the layer norm into that before it.")
	dy, normal, rstd := pointer("dy"), pointer("normal"), pointer("rstd")
	gamma, dgamma, dbeta, n := pointer("gamma"), pointer("dgamma"), pointer("dbeta"), pointer("n")
	left := build.GP64()
	mean, along, scale := w.vectors(), w.vectors(), w.vector()
	w.each(func(i, _ int) {
		w.zero(mean[i])
		w.zero(along[i])
	})
	build.MOVQ(n, left)
	loop("mean", left, func() {
		g := w.vector()
		build.VBROADCASTSS(operand.Mem{Base: gamma}, g)
		w.each(func(i, offset int) {
			v, u, d := w.vector(), w.vector(), w.vector()
			build.VMOVUPS(operand.Mem{Base: dy, Disp: offset}, v)
			build.VMOVUPS(operand.Mem{Base: normal, Disp: offset}, u)
			build.VMOVUPS(operand.Mem{Base: dgamma, Disp: offset}, d)
			build.VFMADD231PS(u, v, d)
			build.VMOVUPS(d, operand.Mem{Base: dgamma, Disp: offset})
			d = w.vector()
			build.VADDPS(operand.Mem{Base: dbeta, Disp: offset}, v, d)
			build.VMOVUPS(d, operand.Mem{Base: dbeta, Disp: offset})
			build.VMULPS(g, v, v)
			build.VMOVUPS(v, operand.Mem{Base: dy, Disp: offset})
			build.VADDPS(v, mean[i], mean[i])
			build.VFMADD231PS(u, v, along[i])
		})
		advance(block, dy, normal, dgamma, dbeta)
		advance(4, gamma)
	})
	broadcast(w, "scale", scale)
	w.each(func(i, _ int) {
		build.VMULPS(scale, mean[i], mean[i])
		build.VMULPS(scale, along[i], along[i])
	})
	build.MOVQ(n, left)
	build.SHLQ(operand.U8(6), left)
	build.SUBQ(left, dy)
	build.SUBQ(left, normal)
	loop("slope", n, func() {
		w.each(func(i, offset int) {
			v, u := w.vector(), w.vector()
			build.VMOVUPS(operand.Mem{Base: dy, Disp: offset}, v)
			build.VMOVUPS(operand.Mem{Base: normal, Disp: offset}, u)
			build.VSUBPS(mean[i], v, v)
			build.VFNMADD231PS(u, along[i], v)
			build.VMULPS(operand.Mem{Base: rstd, Disp: offset}, v, v)
			build.VMOVUPS(v, operand.Mem{Base: dy, Disp: offset})
		})
		advance(block, dy, normal)
	})
	finish()
}
