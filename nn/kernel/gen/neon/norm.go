package main

// norm is the layer norm of one row of n coordinates; scale is 1/n.
func norm(p *program) {
	f := p.function("norm", "writes the layer norm of a row.",
		"y,normal,rstd,x,gamma,beta *float32", "n int",
		"scale,epsilon,one float32")
	y, normal, rstd, x := f.load("y"), f.load("normal"), f.load("rstd"), f.load("x")
	gamma, beta, n := f.load("gamma"), f.load("beta"), f.load("n")
	mean, variance := f.vecs(4), f.vecs(4)
	each(4, func(i vec) {
		f.zero(mean + i)
		f.zero(variance + i)
	})
	scale := f.broadcast("scale")
	f.scope(func() {
		at, left := f.copy(x), f.copy(n)
		f.loop("mean", left, func() {
			v := f.vecs(4)
			f.getOn(v, 4, at)
			each(4, func(i vec) { f.add(mean+i, mean+i, v+i) })
		})
	})
	each(4, func(i vec) { f.mul(mean+i, mean+i, scale) })
	f.scope(func() {
		at, left := f.copy(x), f.copy(n)
		f.loop("variance", left, func() {
			v := f.vecs(4)
			f.getOn(v, 4, at)
			each(4, func(i vec) {
				f.sub(v+i, v+i, mean+i)
				f.fma(variance+i, v+i, v+i)
			})
		})
	})
	epsilon, one, root := f.broadcast("epsilon"), f.broadcast("one"), f.vecs(4)
	each(4, func(i vec) {
		f.move(root+i, epsilon)
		f.fma(root+i, scale, variance+i)
		f.unary("fsqrt", root+i, root+i)
		f.word("fdiv", root+i, one, root+i)
	})
	f.put(root, 4, rstd)
	f.loop("scale", n, func() {
		g, b, v, r := f.vec(), f.vec(), f.vecs(4), f.vecs(4)
		f.spreadOn(g, gamma)
		f.spreadOn(b, beta)
		f.getOn(v, 4, x)
		each(4, func(i vec) {
			f.sub(v+i, v+i, mean+i)
			f.mul(v+i, v+i, root+i)
			f.move(r+i, b)
			f.fma(r+i, g, v+i)
		})
		f.putOn(v, 4, normal)
		f.putOn(r, 4, y)
	})
	f.op("RET")
}

// normBackward is the backward of one row.
func normBackward(p *program) {
	f := p.function("normBackward",
		"turns the gradient of a row after the layer norm into that before it.",
		"dy,normal,rstd,gamma,dgamma,dbeta *float32", "n int", "scale float32")
	dy, normal, rstd := f.load("dy"), f.load("normal"), f.load("rstd")
	gamma, dgamma, dbeta, n := f.load("gamma"), f.load("dgamma"), f.load("dbeta"), f.load("n")
	mean, along, scale := f.vecs(4), f.vecs(4), f.broadcast("scale")
	each(4, func(i vec) {
		f.zero(mean + i)
		f.zero(along + i)
	})
	f.scope(func() {
		at, u, left := f.copy(dy), f.copy(normal), f.copy(n)
		f.loop("mean", left, func() { normSums(f, at, u, gamma, dgamma, dbeta, mean, along) })
	})
	each(4, func(i vec) {
		f.mul(mean+i, mean+i, scale)
		f.mul(along+i, along+i, scale)
	})
	r := f.vecs(4)
	f.get(r, 4, rstd)
	f.loop("slope", n, func() {
		v, u := f.vecs(4), f.vecs(4)
		f.get(v, 4, dy)
		f.getOn(u, 4, normal)
		each(4, func(i vec) {
			f.sub(v+i, v+i, mean+i)
			f.fms(v+i, u+i, along+i)
			f.mul(v+i, v+i, r+i)
		})
		f.putOn(v, 4, dy)
	})
	f.op("RET")
}

// normSums adds a coordinate to the gradients of γ and β and, times γ, to the
// two means.
func normSums(f *function, dy, normal, gamma, dgamma, dbeta reg, mean, along vec) {
	g, v, u, d := f.vec(), f.vecs(4), f.vecs(4), f.vecs(4)
	f.spreadOn(g, gamma)
	f.get(v, 4, dy)
	f.getOn(u, 4, normal)
	f.get(d, 4, dgamma)
	each(4, func(i vec) { f.fma(d+i, u+i, v+i) })
	f.putOn(d, 4, dgamma)
	f.get(d, 4, dbeta)
	each(4, func(i vec) { f.add(d+i, v+i, d+i) })
	f.putOn(d, 4, dbeta)
	each(4, func(i vec) {
		f.mul(v+i, v+i, g)
		f.add(mean+i, mean+i, v+i)
		f.fma(along+i, u+i, v+i)
	})
	f.putOn(v, 4, dy)
}
