package main

// elementwise writes the loops that treat every entry by itself, an entry in
// four registers.
func elementwise(p *program) {
	f := p.function("add", "writes a + b to n entries, those of b step bytes apart.",
		"dst,a,b *float32", "n,step int")
	dst, a, b, n, step := f.load("dst"), f.load("a"), f.load("b"), f.load("n"), f.load("step")
	f.loop("entries", n, func() {
		v, w := f.vecs(4), f.vecs(4)
		f.getOn(v, 4, a)
		f.getBy(w, 4, b, step)
		each(4, func(i vec) { f.add(v+i, v+i, w+i) })
		f.putOn(v, 4, dst)
	})
	f.op("RET")

	f = p.function("relu", "replaces n entries by max(x, 0).", "x *float32", "n int")
	replaceByZero(f, f.load("x"), f.load("n"), func(mask vec) {
		each(4, func(i vec) { f.unary("fcmlt", mask+i, mask+i) }) // false of NaN, which stays
	}, "x")

	f = p.function("reluBackward", "zeroes dx in n entries where y is 0.", "dx,y *float32", "n int")
	replaceByZero(f, f.load("y"), f.load("n"), func(mask vec) {
		each(4, func(i vec) { f.unary("fcmeq", mask+i, mask+i) })
	}, "dx")

	f = p.function("weigh", "multiplies n entries of s by the numbers p.", "s,p *float32", "n int")
	s, q, n := f.load("s"), f.load("p"), f.load("n")
	f.loop("entries", n, func() {
		v, weight := f.vecs(4), f.vec()
		f.spreadOn(weight, q)
		f.get(v, 4, s)
		each(4, func(i vec) { f.mul(v+i, v+i, weight) })
		f.putOn(v, 4, s)
	})
	f.op("RET")

	weighBackward(p)
}

// replaceByZero zeroes entries of the parameter written where a mask is set,
// which mask makes of those that are read.
func replaceByZero(f *function, read, n reg, mask func(v vec), written string) {
	at := f.load(written)
	zero := f.vec()
	f.zero(zero)
	f.loop("entries", n, func() {
		v, m := f.vecs(4), f.vecs(4)
		f.getOn(m, 4, read)
		mask(m)
		f.get(v, 4, at)
		each(4, func(i vec) { f.where(v+i, zero, m+i) })
		f.putOn(v, 4, at)
	})
	f.op("RET")
}

func weighBackward(p *program) {
	f := p.function("weighBackward", "writes s∘t, p∘s and p∘t to n entries of q, s and t.",
		"q,s,t,p *float32", "n int")
	q, s, t, at, n := f.load("q"), f.load("s"), f.load("t"), f.load("p"), f.load("n")
	f.loop("entries", n, func() {
		score, slope, product, weight := f.vecs(4), f.vecs(4), f.vecs(4), f.vec()
		f.spreadOn(weight, at)
		f.get(score, 4, s)
		f.get(slope, 4, t)
		each(4, func(i vec) { f.mul(product+i, score+i, slope+i) })
		f.putOn(product, 4, q)
		each(4, func(i vec) { f.mul(score+i, score+i, weight) })
		f.putOn(score, 4, s)
		each(4, func(i vec) { f.mul(slope+i, slope+i, weight) })
		f.putOn(slope, 4, t)
	})
	f.op("RET")
}

// busySums is the number of registers of sums of busy: more than the 4 cycles
// of a multiply-add times the four that a processor starts in a cycle.
const busySums = 24

// busy adds products to sums that stay in registers and does nothing else: the
// peak of the processor. The number that it multiplies is entry 12.
func busy(p *program) {
	f := p.function("busy", "adds a product to each of 24 registers of sums, rounds times.",
		"s *float32", "rounds int")
	s, rounds := f.load("s"), f.load("rounds")
	sums, a := f.vecs(busySums), f.vec()
	f.scope(func() {
		at := f.copy(s)
		for i := 0; i < busySums; i += 4 {
			f.getOn(sums+vec(i), 4, at)
		}
		f.op("ADD $%d, %v, %v", 12*block, s, at)
		f.get(a, 1, at)
	})
	f.loop("rounds", rounds, func() {
		each(busySums, func(i vec) { f.fma(sums+i, a, a) })
	})
	for i := 0; i < busySums; i += 4 {
		f.putOn(sums+vec(i), 4, s)
	}
	f.op("RET")
}

// sum adds the lanes of entries as a tree: lanes at distance 8, then
// neighbours. It takes four entries at a time, transposing as it adds.
func sum(p *program) {
	f := p.function("sum", "adds to n numbers the sums of the lanes of n entries.",
		"dst,src *float32", "n int")
	dst, src, n := f.load("dst"), f.load("src"), f.load("n")
	// entry leaves in v the four sums of lanes 0, 1, 8, 9; 2, 3, 10, 11; and so on.
	entry := func(v vec) {
		f.getOn(v, 4, src)
		f.add(v, v, v+2)
		f.add(v+1, v+1, v+3)
		f.word("faddp", v, v, v+1)
	}
	f.at("four")
	f.op("CMP $4, %v", n)
	f.jump("BLT", "rest")
	v, total := f.vecs(16), f.vec()
	for i := range 4 {
		entry(v + vec(4*i))
	}
	f.word("faddp", v, v, v+4)
	f.word("faddp", v+8, v+8, v+12)
	f.word("faddp", v, v, v+8)
	f.get(total, 1, dst)
	f.add(total, v, total)
	f.putOn(total, 1, dst)
	f.op("SUB $4, %v", n)
	f.jump("B", "four")

	f.at("rest")
	f.jump("CBZ "+n.String()+",", "done")
	f.loop("one", n, func() {
		entry(v)
		f.word("faddp", v, v, v)
		f.word("faddp", v, v, v)
		f.op("FMOVS (%v), F%d", dst, total)
		f.add(total, v, total)
		f.op("FMOVS.P F%d, %d(%v)", total, numbers, dst)
	})
	f.at("done")
	f.op("RET")
}
