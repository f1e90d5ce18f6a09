package cuda

// Shapes: as in pairs_products.go.

import "icar/nn/cuda/ptx"

// What is computed of a token by the thread of its sequence is written as it is, sequences
// side by side, where they are the columns of a product, and turned where they are what
// it sums over: then threads that write side by side have to know other sequences' numbers,
// and find them in shared memory.

// frame is the place of a warp that has 32 sequences of token i, in a tile of 128.
func (b block) frame(i, tile ptx.U32) frame {
	thread := b.Thread(ptx.X)
	group := b.Add(b.Mul(tile, ptx.Int(piece/32)), b.Shr(thread, 5))
	return frame{Kernel: b.Kernel, stride: b.stride, run: b.run, group: group, tile: i,
		lane: b.And(thread, ptx.Int(31)), length: b.length}
}

// writeMonomials writes F of a token and a tile of sequences, of which N are in all, and F
// turned; sequences beyond N are zeros. It has the parameters of resident, F and F turned.
func (p pairs) writeMonomials(b block, token, tile, n ptx.U32) {
	f := b.frame(token, tile)
	in := f.resident(p.e-1, tokens)
	to, turned := b.array(), b.array()
	first, thread := b.Mul(f.tile, ptx.Int(p.monomials)), b.Thread(ptx.X)
	to = b.At(b.At(b.tile(to, tile, b.places(), piece), first, 4*piece), thread, 4)
	x := zeros(b.Kernel, p.e)
	b.If(in.inside, func() {
		at := in.token()
		for c := range p.e - 1 {
			b.CopyTo(x[c], b.Load(at, 4*c))
		}
		b.CopyTo(x[p.e-1], one)
	})
	row := 4 * (p.monomials | 1) // so that a column's numbers are in different banks
	memory := b.Shared(piece * row)
	mine := b.Add(memory, b.Mul(thread, ptx.Int(row)))
	for c, v := range x[:p.e-1] {
		for d, w := range x[c:] {
			m, v := p.monomial(c, c+d), b.Times(v, w)
			b.Store(to, 4*piece*m, v)
			b.StoreShared(mine, 4*m, v)
		}
	}
	b.Barrier()
	sequence := b.Mul(tile, ptx.Int(piece))
	for k := range p.monomials {
		at := b.Add(thread, ptx.Int(k*piece))
		s, m := b.Div(at, ptx.Int(p.monomials)), b.Rem(at, ptx.Int(p.monomials))
		from := b.Add(b.Add(memory, b.Mul(s, ptx.Int(row))), b.Mul(m, ptx.Int(4)))
		place := b.Add(first, m)
		line := b.At(b.tile(turned, b.Shr(place, 7), n, piece), b.Add(sequence, s), 4*piece)
		b.Store(b.At(line, b.And(place, ptx.Int(piece-1)), 4), 0, b.LoadShared(from, 0))
	}
}

// writeRows writes G of the block's token and sequences, of which N are in all. A thread has
// four numbers of a token, of some of its sequences. What is between strips is of no account,
// but it is there.
func (p pairEnds) writeRows(b block, v between, n ptx.U32, to ptx.U64) {
	row := 4 * ((p.outs() + p.e) | 1)
	memory, thread := b.Shared(piece*row), b.Thread(ptx.X)
	mine := b.Add(memory, b.Mul(thread, ptx.Int(row)))
	for d := range p.outs() {
		g := zero
		if d < p.d {
			g = v.g[d]
		}
		b.StoreShared(mine, 4*d, g)
	}
	for e, x := range v.x {
		b.StoreShared(mine, 4*(p.outs()+e), x)
	}
	b.Barrier()
	quads := p.rows() / 4
	together := piece / quads // sequences
	first, at := b.Div(thread, ptx.Int(quads)), b.Mul(b.Rem(thread, ptx.Int(quads)), ptx.Int(4))
	strip, in := b.Div(at, ptx.Int(p.strip())), b.Rem(at, ptx.Int(p.strip()))
	memory = b.Add(memory, b.Mul(first, ptx.Int(row)))
	var gs, xs [4]ptx.U32
	for l := range gs {
		place := b.Add(in, ptx.Int(l))
		d := b.Min(b.Div(place, ptx.Int(p.e)), ptx.Int(p.dims()-1))
		d = b.Add(b.Mul(strip, ptx.Int(p.dims())), d)
		gs[l] = b.Add(memory, b.Mul(d, ptx.Int(4)))
		e := b.Add(b.Rem(place, ptx.Int(p.e)), ptx.Int(p.outs()))
		xs[l] = b.Add(memory, b.Mul(e, ptx.Int(4)))
	}
	strip = b.Add(b.Mul(b.Block(ptx.X), ptx.Int(p.strips())), strip)
	to = b.tile(to, b.Shr(strip, 3), n, 8*p.strip())
	to = b.At(to, b.Add(b.Mul(b.Block(ptx.Y), ptx.Int(piece)), first), 4*8*p.strip())
	in = b.Add(b.Mul(b.And(strip, ptx.Int(7)), ptx.Int(p.strip())), in)
	to = b.At(to, in, 4)
	write := func(k int) {
		var four [4]ptx.F32
		for l := range four {
			g, x := b.LoadShared(gs[l], k*row), b.LoadShared(xs[l], k*row)
			four[l] = b.Times(g, x)
		}
		b.Store4(to, k*4*8*p.strip(), four)
	}
	b.If(b.Less(first, ptx.Int(together)), func() {
		for k := 0; k+together <= piece; k += together {
			write(k)
		}
	})
	if rest := piece % together; rest > 0 {
		b.If(b.Less(first, ptx.Int(rest)), func() { write(piece - rest) })
	}
}
