package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// norm is the layer norm of one row of n coordinates; scale is 1/n.
func norm(w width) {
	w.function("norm", "y, normal, rstd, x, gamma, beta *float32, n int, scale, epsilon, one float32", "writes the layer norm of a row.")
	y, normal, rstd, x := pointer("y"), pointer("normal"), pointer("rstd"), pointer("x")
	gamma, beta, n := pointer("gamma"), pointer("beta"), pointer("n")
	at, left := GP64(), GP64()
	again := func() {
		MOVQ(x, at)
		MOVQ(n, left)
	}
	mean, variance, scale := w.vectors(), w.vectors(), w.vector()
	w.each(func(i, _ int) {
		w.zero(mean[i])
		w.zero(variance[i])
	})
	again()
	loop("mean", left, func() {
		w.each(func(i, offset int) { VADDPS(Mem{Base: at, Disp: offset}, mean[i], mean[i]) })
		advance(block, at)
	})
	broadcast(w, "scale", scale)
	w.each(func(i, _ int) { VMULPS(scale, mean[i], mean[i]) })
	again()
	loop("variance", left, func() {
		w.each(func(i, offset int) {
			e := w.vector()
			VMOVUPS(Mem{Base: at, Disp: offset}, e)
			VSUBPS(mean[i], e, e)
			VFMADD231PS(e, e, variance[i])
		})
		advance(block, at)
	})
	epsilon, one := w.vector(), w.vector()
	broadcast(w, "epsilon", epsilon)
	broadcast(w, "one", one)
	w.each(func(i, offset int) {
		VFMADD213PS(epsilon, scale, variance[i])
		VSQRTPS(variance[i], variance[i])
		VDIVPS(variance[i], one, variance[i])
		VMOVUPS(variance[i], Mem{Base: rstd, Disp: offset})
	})
	loop("scale", n, func() {
		g, b := w.vector(), w.vector()
		VBROADCASTSS(Mem{Base: gamma}, g)
		VBROADCASTSS(Mem{Base: beta}, b)
		w.each(func(i, offset int) {
			v, r := w.vector(), w.vector()
			VMOVUPS(Mem{Base: x, Disp: offset}, v)
			VSUBPS(mean[i], v, v)
			VMULPS(variance[i], v, v)
			VMOVUPS(v, Mem{Base: normal, Disp: offset})
			VMOVAPS(b, r)
			VFMADD231PS(g, v, r)
			VMOVUPS(r, Mem{Base: y, Disp: offset})
		})
		advance(block, x, y, normal)
		advance(4, gamma, beta)
	})
	finish()
}

// normBackward is the backward of one row.
func normBackward(w width) {
	w.function("normBackward", "dy, normal, rstd, gamma, dgamma, dbeta *float32, n int, scale float32", "turns the gradient of a row after the layer norm into that before it.")
	dy, normal, rstd := pointer("dy"), pointer("normal"), pointer("rstd")
	gamma, dgamma, dbeta, n := pointer("gamma"), pointer("dgamma"), pointer("dbeta"), pointer("n")
	left := GP64()
	mean, along, scale := w.vectors(), w.vectors(), w.vector()
	w.each(func(i, _ int) {
		w.zero(mean[i])
		w.zero(along[i])
	})
	MOVQ(n, left)
	loop("mean", left, func() {
		g := w.vector()
		VBROADCASTSS(Mem{Base: gamma}, g)
		w.each(func(i, offset int) {
			v, u, d := w.vector(), w.vector(), w.vector()
			VMOVUPS(Mem{Base: dy, Disp: offset}, v)
			VMOVUPS(Mem{Base: normal, Disp: offset}, u)
			VMOVUPS(Mem{Base: dgamma, Disp: offset}, d)
			VFMADD231PS(u, v, d)
			VMOVUPS(d, Mem{Base: dgamma, Disp: offset})
			d = w.vector()
			VADDPS(Mem{Base: dbeta, Disp: offset}, v, d)
			VMOVUPS(d, Mem{Base: dbeta, Disp: offset})
			VMULPS(g, v, v)
			VMOVUPS(v, Mem{Base: dy, Disp: offset})
			VADDPS(v, mean[i], mean[i])
			VFMADD231PS(u, v, along[i])
		})
		advance(block, dy, normal, dgamma, dbeta)
		advance(4, gamma)
	})
	broadcast(w, "scale", scale)
	w.each(func(i, _ int) {
		VMULPS(scale, mean[i], mean[i])
		VMULPS(scale, along[i], along[i])
	})
	MOVQ(n, left)
	SHLQ(U8(6), left)
	SUBQ(left, dy)
	SUBQ(left, normal)
	loop("slope", n, func() {
		w.each(func(i, offset int) {
			v, u := w.vector(), w.vector()
			VMOVUPS(Mem{Base: dy, Disp: offset}, v)
			VMOVUPS(Mem{Base: normal, Disp: offset}, u)
			VSUBPS(mean[i], v, v)
			VFNMADD231PS(u, along[i], v)
			VMULPS(Mem{Base: rstd, Disp: offset}, v, v)
			VMOVUPS(v, Mem{Base: dy, Disp: offset})
		})
		advance(block, dy, normal)
	})
	finish()
}
