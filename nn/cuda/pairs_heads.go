package cuda

// Shapes: H heads, padded to H8; E folded input, D embed; J pairs (j, f), f monomials; Z
// numbers (f; d,e) of a K_ij, the rows of a strip each; m (H, E, E), u (H, E, D) as folded
// lays them out; B (Z/128, H8, 128); base in parts (H/16, rows).

import "icar/nn/cuda/ptx"

// headsTogether is the number of heads of a part of base.
const headsTogether = 16

// headThreads is that of a block of heads: a row each, of 120 at most.
const headThreads = 128

// place returns d and e of a row and whether it is one.
func (b block) place(row ptx.U32) (d, e ptx.U32, valid ptx.Pred) {
	in := b.Rem(row, ptx.Int(b.strip()))
	d = b.Add(b.Mul(b.Div(row, ptx.Int(b.strip())), ptx.Int(b.dims())), b.Div(in, ptx.Int(b.e)))
	valid = b.Both(b.Less(in, ptx.Int(b.dims()*b.e)), b.Less(d, ptx.Int(b.d)))
	return d, b.Rem(in, ptx.Int(b.e)), valid
}

// spread writes B of every head, also turned, and base. It has the parameters m, u, B, B
// turned and base. The first H blocks have a head each, the others a part of base.
func (p pairs) spread(b block, head ptx.U32) {
	m, u, to, turned, base := b.array(), b.array(), b.array(), b.array(), b.array()
	row, width := b.Thread(ptx.X), turnedTiling().width()
	d, e, valid := b.place(row)
	b.ExitUnless(b.Both(valid, b.Less(row, ptx.Int(p.rows()))))
	m, u = b.At(m, e, 4), b.At(u, d, 4)
	rowM, rowU := 4*padded(p.e), 4*padded(p.d)
	b.If(b.Less(head, ptx.Int(p.heads)), func() {
		m, u := b.At(m, head, p.e*rowM), b.At(u, head, p.e*rowU)
		var ms, us []ptx.F32
		for c := range p.e {
			ms, us = append(ms, b.Load(m, c*rowM)), append(us, b.Load(u, c*rowU))
		}
		for c := range p.e - 1 {
			for o := c; o < p.e; o++ {
				v := b.Times(us[c], ms[o])
				if o > c {
					v = b.Fma(us[o], ms[c], v)
				}
				z := b.Add(row, ptx.Int(p.monomial(c, o)*p.rows()))
				at := b.Add(b.Mul(b.Shr(z, 7), ptx.Int(p.held())), head)
				b.Store(b.At(b.At(to, at, 4*piece), b.And(z, ptx.Int(piece-1)), 4), 0, v)
				at = b.Add(b.Mul(b.Div(head, ptx.Int(width)), ptx.Int(p.lined())), z)
				b.Store(b.At(b.At(turned, at, 4*width), b.Rem(head, ptx.Int(width)), 4), 0, v)
			}
		}
	})
	b.ExitUnless(b.AtLeast(head, ptx.Int(p.heads)))
	part := b.Sub(head, ptx.Int(p.heads))
	sum, first := b.Copy(zero), b.Mul(part, ptx.Int(headsTogether))
	for h := range headsTogether {
		head := b.Add(first, ptx.Int(h))
		inside := b.Less(head, ptx.Int(p.heads))
		head = b.Min(head, ptx.Int(p.heads-1))
		last := b.Load(b.At(m, head, p.e*rowM), (p.e-1)*rowM)
		mine := b.Load(b.At(u, head, p.e*rowU), (p.e-1)*rowU)
		b.FmaTo(sum, b.Choose(inside, mine, zero), last)
	}
	b.Store(b.At(b.At(base, part, 4*p.rows()), row, 4), 0, sum)
}

// unfold writes dM and dU, at m and u of the gradient. It has the parameters of begin, m, u,
// dB (H, Z), dbase (rows), dm and du. A block has a head.
func (p pairs) unfold() *ptx.Kernel {
	b := p.begin(p.name("unfold"))
	m, u, db, base, dm, du := b.array(), b.array(), b.array(), b.array(), b.array(), b.array()
	head, thread := b.Block(ptx.X), b.Thread(ptx.X)
	rowM, rowU := 4*padded(p.e), 4*padded(p.d)
	part := func(a ptx.U64, row int) ptx.U64 { return b.At(a, head, p.e*row) }
	m, u, dm, du = part(m, rowM), part(u, rowU), part(dm, rowM), part(du, rowU)

	// dB, with dbase as its last monomial.
	memory := b.Shared(4 * (p.numbers() + p.rows()))
	db = b.At(db, head, 4*p.numbers())
	b.For(thread, ptx.Int(p.numbers()/4), ptx.Int(headThreads), func(z ptx.U32) {
		b.StoreShared4(b.Add(memory, b.Mul(z, ptx.Int(16))), 0, b.Load4(b.At(db, z, 16), 0))
	})
	b.For(thread, ptx.Int(p.rows()), ptx.Int(headThreads), func(row ptx.U32) {
		b.StoreShared(b.Add(memory, b.Mul(row, ptx.Int(4))), 4*p.numbers(),
			b.Load(b.At(base, row, 4), 0))
	})
	b.Barrier()

	// at is where the monomial of n and o is, whichever is the smaller.
	at := func(n ptx.U32, o int) ptx.U32 {
		low := b.Min(n, ptx.Int(o))
		high := b.Sub(b.Add(n, ptx.Int(o)), low)
		k := b.Add(b.Sub(b.Mul(low, ptx.Int(p.e)), b.pairsOf(low)), high)
		return b.Add(memory, b.Mul(k, ptx.Int(4*p.rows())))
	}
	b.For(thread, ptx.Int(p.e*p.e), ptx.Int(headThreads), func(i ptx.U32) {
		n, e := b.Div(i, ptx.Int(p.e)), b.Rem(i, ptx.Int(p.e))
		sum := b.Copy(zero)
		for o := range p.e {
			from := b.Add(at(n, o), b.Mul(e, ptx.Int(4)))
			for d := range p.d {
				b.FmaTo(sum, b.LoadShared(from, 4*p.row(d, 0)), b.Load(u, o*rowU+4*d))
			}
		}
		b.Store(b.At(b.At(dm, n, rowM), e, 4), 0, sum)
	})
	b.For(thread, ptx.Int(p.e*p.d), ptx.Int(headThreads), func(i ptx.U32) {
		n, d := b.Div(i, ptx.Int(p.d)), b.Rem(i, ptx.Int(p.d))
		strip := b.Mul(b.Div(d, ptx.Int(p.dims())), ptx.Int(p.strip()))
		row := b.Add(strip, b.Mul(b.Rem(d, ptx.Int(p.dims())), ptx.Int(p.e)))
		sum := b.Copy(zero)
		for o := range p.e {
			from := b.Add(at(n, o), b.Mul(row, ptx.Int(4)))
			for e := range p.e {
				b.FmaTo(sum, b.LoadShared(from, 4*e), b.Load(m, o*rowM+4*e))
			}
		}
		b.Store(b.At(b.At(du, n, rowU), d, 4), 0, sum)
	})
	return b.Kernel
}
