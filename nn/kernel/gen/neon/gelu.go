package main

import "icar/nn/kernel/constant"

// density is what gelu needs in registers besides the series, see gelu.go of
// package kernel: zero, -1/2, c, 1/√(2π) and the coefficients of the polynomial
// from the highest on.
type density struct {
	series
	zero, minusHalf, c, peak vec
	polynomial               []vec
}

func (f *function) density() density {
	d := density{series: f.series(), zero: f.vec()}
	f.zero(d.zero)
	d.minusHalf, d.c = f.number(-0.5), f.number(constant.GELUC)
	d.peak = f.number(constant.GELUDensity)
	tail := constant.GELUTail()
	for _, q := range tail[:8] {
		d.polynomial = append(d.polynomial, f.number(float64(q)))
	}
	d.polynomial = append(d.polynomial, d.taylor[5]) // 1/2!
	return d
}

// gelu writes the loops of the GELU, a register at a time: the constants take
// most of them.
func gelu(p *program) {
	f := p.function("gelu", "writes the GELU of n entries.", "y,x *float32", "n int")
	y, x, n := f.load("y"), f.load("x"), f.load("n")
	f.quarters(n, func(constants density) {
		v := f.vec()
		f.getOn(v, 1, x)
		p, _ := f.normal(constants, v)
		f.mul(p, p, v)
		f.putOn(p, 1, y)
	})

	f = p.function("geluBackward", "multiplies n entries of dx by the derivative of the GELU.",
		"dx,x *float32", "n int")
	dx, x, n := f.load("dx"), f.load("x"), f.load("n")
	f.quarters(n, func(constants density) {
		v := f.vec()
		f.getOn(v, 1, x)
		p, e := f.normal(constants, v)
		f.mul(v, v, constants.peak)
		f.fma(p, e, v)
		f.get(v, 1, dx)
		f.mul(p, p, v)
		f.putOn(p, 1, dx)
	})
}

// quarters runs body on every register of n entries, and returns to Go.
func (f *function) quarters(n reg, body func(constants density)) {
	constants := f.density()
	f.op("LSL $2, %v", n)
	f.loop("quarters", n, func() { body(constants) })
	f.op("RET")
}

// normal returns Φ(x) and e^{-x²/2}.
func (f *function) normal(d density, x vec) (p, e vec) {
	e, a := f.vec(), f.vec()
	f.scope(func() {
		minus := f.vec()
		f.sub(minus, d.zero, x)
		f.word("fcmgt", e, minus, x)
		f.move(a, x)
		f.where(a, minus, e) // |x|, NaN stays
	})
	f.mul(e, a, d.minusHalf)
	f.mul(e, e, a)
	f.exp(d.series, e, 1)

	one := d.taylor[6]
	root, p, next := f.vec(), f.vec(), f.vec()
	f.mul(a, a, d.c)
	f.add(root, one, a)
	f.word("fdiv", root, one, root) // t = 1/(1 + c|x|)
	f.mul(a, root, a)               // w = c|x| t
	f.move(p, d.polynomial[0])
	for _, q := range d.polynomial[1:] {
		f.move(next, q)
		f.fma(next, p, a)
		p, next = next, p
	}
	f.mul(p, p, root)
	f.mul(p, p, e) // Φ(-|x|)
	f.sub(next, one, p)
	f.unary("fcmlt", a, x)
	f.where(next, p, a)
	return next, e
}
