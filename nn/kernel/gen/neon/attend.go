package main

import "fmt"

// attend is causal linear attention with weights, y_i = Σ_{j≤i} p_ij (z_i·x_j) x_j,
// for rows of E entries, the last of x 1.
func attend(p *program, e int) {
	f := p.function(fmt.Sprintf("attend%d", e), "is attend for E of its name; stride is in bytes.",
		"y,z,x,p *float32", "rows,stride int")
	rows, stride := f.load("rows"), f.load("stride")
	f.halves(func(offset reg) {
		y, z, x, p := f.shifted("y", offset), f.shifted("z", offset), f.shifted("x", offset), f.load("p")
		i := f.reg()
		f.op("MOVD $0, %v", i)
		f.at("row")
		query, sums := f.vecs(2*e), f.vecs(2*e)
		for k := range e {
			f.pair(query+vec(2*k), z, k)
		}
		each(2*e, func(k vec) { f.zero(sums + k) })
		atX, atP, j := f.copy(x), f.copy(p), f.copy(i)
		f.op("ADD $1, %v", j)
		f.loop("column", j, func() { attendColumn(f, e, query, sums, atX, atP) })
		for k := range e {
			f.storePair(sums+vec(2*k), y, k)
		}
		f.op("ADD $%d, %v", e*block, y)
		f.op("ADD $%d, %v", e*block, z)
		f.op("ADD %v, %v", stride, p)
		f.op("ADD $1, %v", i)
		f.op("CMP %v, %v", rows, i)
		f.jump("BNE", "row")
	})
	f.op("RET")
}

// attendColumn adds what a token at x does to the sums of a query. Entries of
// the token are loaded once for the score and the sums as far as there are
// registers, the others twice.
func attendColumn(f *function, e int, query, sums vec, x, p reg) {
	score, weight := f.vecs(2), f.vec()
	kept := min(e-1, (32-f.vectors)/2)
	if kept < e-1 {
		kept--
	}
	values, passing := f.vecs(2*kept), vec(0)
	if kept < e-1 {
		passing = f.vecs(2)
	}
	value := func(k int, again bool) vec {
		if k < kept {
			if !again {
				f.pair(values+vec(2*k), x, k)
			}
			return values + vec(2*k)
		}
		f.pair(passing, x, k)
		return passing
	}
	each(2, func(h vec) { f.move(score+h, query+vec(2*(e-1))+h) })
	for k := range e - 1 {
		v := value(k, false)
		each(2, func(h vec) { f.fma(score+h, v+h, query+vec(2*k)+h) })
	}
	f.spreadOn(weight, p)
	each(2, func(h vec) { f.mul(score+h, score+h, weight) })
	for k := range e - 1 {
		v := value(k, true)
		each(2, func(h vec) { f.fma(sums+vec(2*k)+h, v+h, score+h) })
	}
	each(2, func(h vec) { f.add(sums+vec(2*(e-1))+h, sums+vec(2*(e-1))+h, score+h) })
	f.op("ADD $%d, %v", e*block, x)
}

// attendBackward is the start of the backward of one row: with s_j = z·x_j and
// t_j = v·x_j it writes q_j = s_j t_j and d_j = p_j t_j.
func attendBackward(p *program, e int) {
	f := p.function(fmt.Sprintf("attendBackward%d", e), "is attendBackward for E of its name.",
		"q,d,z,v,x,p *float32", "n int")
	f.halves(func(offset reg) {
		q, d := f.shifted("q", offset), f.shifted("d", offset)
		z, v, x := f.shifted("z", offset), f.shifted("v", offset), f.shifted("x", offset)
		p, n := f.load("p"), f.load("n")
		step := f.reg()
		f.op("MOVD $%d, %v", block, step)
		query, slope := f.vecs(2*e), f.vecs(2*e)
		for k := range e {
			f.pair(query+vec(2*k), z, k)
			f.pair(slope+vec(2*k), v, k)
		}
		f.loop("column", n, func() {
			s, t, value, weight := f.vecs(2), f.vecs(2), f.vecs(2), f.vec()
			last := vec(2 * (e - 1))
			each(2, func(h vec) {
				f.move(s+h, query+last+h)
				f.move(t+h, slope+last+h)
			})
			for k := range e - 1 {
				f.pair(value, x, k)
				each(2, func(h vec) {
					f.fma(s+h, value+h, query+vec(2*k)+h)
					f.fma(t+h, value+h, slope+vec(2*k)+h)
				})
			}
			each(2, func(h vec) { f.mul(s+h, s+h, t+h) })
			f.putBy(s, 2, q, step)
			f.spreadOn(weight, p)
			each(2, func(h vec) { f.mul(t+h, t+h, weight) })
			f.putBy(t, 2, d, step)
			f.op("ADD $%d, %v", e*block, x)
		})
	})
	f.op("RET")
}
