package cuda

// Shapes: as in pairs_heads.go; I pairs (i, j); P (rows of packing, H8); K as in
// pairs_products.go; dK (I, Z), with zeros behind.

import "icar/nn/cuda/ptx"

// headTiling is that of the products with p; of positions, whose columns are heads, it is
// turnedTiling.
func headTiling() tiling { return tiling{rows: 8, cols: 8, down: 8, across: 16} }

func turnedTiling() tiling { return tiling{rows: 8, cols: 8, down: 16, across: 8} }

// tensors is K_ij = Σ_h p_hij B_h. It has the parameters of begin, P, B and K. A block is a
// tile of Z and one of pairs.
func (p pairs) tensors() *ptx.Kernel {
	b := p.begin(p.name("tensors"))
	t := headTiling()
	b.Bounds(t.threads(), 3)
	positions, heads, to := b.array(), b.array(), b.array()
	held := p.held()
	column, first := b.Block(ptx.X), b.Mul(b.Block(ptx.Y), ptx.Int(t.height()))
	count := b.pairsOf(b.length)
	i, j := b.pair(b.Min(b.Add(first, b.Thread(ptx.X)), b.Sub(count, next)))
	left := b.At(positions, b.packedRow(i, j), 4*held)
	right := b.tile(heads, column, ptx.Int(held), piece)
	seat := t.seat(b.Kernel)
	sums := t.multiply(b.Kernel, seat, ptx.Int(up(held, depth)), t.along(b.Kernel, left,
		t.height(), leap{}), t.slab(b.Kernel, right, piece))

	var at, place []ptx.U32 // of 4 columns: strip, and the number of a K_ij's strip
	var inside []ptx.Pred
	for c := 0; c < t.cols; c += 4 {
		z := b.Add(b.Mul(column, ptx.Int(piece)), b.Add(seat.col, ptx.Int(t.column(c))))
		inside = append(inside, b.Less(z, ptx.Int(p.numbers())))
		row := b.Rem(z, ptx.Int(p.rows()))
		at = append(at, b.Div(row, ptx.Int(p.strip())))
		f := b.Mul(b.Div(z, ptx.Int(p.rows())), ptx.Int(8*p.strip()))
		place = append(place, b.Add(f, b.Rem(row, ptx.Int(p.strip()))))
	}
	places := b.places()
	for r := range t.rows {
		m := b.Add(b.Add(first, seat.row), ptx.Int(r))
		i, j := b.pair(m)
		b.If(b.Less(m, count), func() {
			for c := range at {
				b.If(inside[c], func() {
					strip := b.Add(b.Mul(i, ptx.Int(p.strips())), at[c])
					to := b.tile(to, b.Shr(strip, 3), places, 8*p.strip())
					to = b.At(to, b.Mul(j, ptx.Int(p.monomials)), 4*8*p.strip())
					local := b.Mul(b.And(strip, ptx.Int(7)), ptx.Int(p.strip()))
					b.Store4(b.At(to, b.Add(local, place[c]), 4), 0, t.row(sums, r, 4*c))
				})
			}
		})
	}
	return b.Kernel
}

// positions is dp = ⟨dK_ij, B_h⟩ in slots of P. It has the parameters of begin, dK, B and
// the slots. A block is a tile of heads, one of pairs, and a slot, which is of every so
// many pieces of Z; the last two share the grid's second direction.
func (p pairs) positions() *ptx.Kernel {
	b := p.begin(p.name("positions"))
	t := turnedTiling()
	b.Bounds(t.threads(), 3)
	slots := b.Number()
	sums, heads, to := b.array(), b.array(), b.array()
	held, pieces := p.held(), up(p.numbers(), piece)
	tile, slot := b.Div(b.Block(ptx.Y), slots), b.Rem(b.Block(ptx.Y), slots)
	from := b.Div(b.Mul(slot, ptx.Int(pieces)), slots)
	end := b.Div(b.Mul(b.Add(slot, next), ptx.Int(pieces)), slots)
	first := b.Mul(tile, ptx.Int(t.height()))
	head := b.Mul(b.Block(ptx.X), ptx.Int(t.width()))
	count, thread := b.pairsOf(b.length), b.Thread(ptx.X)

	mine := b.Min(b.Add(first, thread), b.Sub(count, next))
	left := b.At(b.At(sums, mine, 4*p.numbers()), from, 4*piece)
	right := b.At(b.tile(heads, from, ptx.Int(held), piece),
		b.Min(b.Add(head, thread), ptx.Int(held-1)), 4*piece)
	seat := t.seat(b.Kernel)
	product := t.multiply(b.Kernel, seat, b.Mul(b.Sub(end, from), ptx.Int(piece/depth)),
		t.along(b.Kernel, left, t.height(), leap{}),
		t.along(b.Kernel, right, t.width(), b.leap(ptx.Int(held), ptx.Int(0))))

	tiles := b.Shr(b.Add(b.length, ptx.Int(3)), 2)
	rows := b.Shl(b.Mul(tiles, b.Add(tiles, next)), 3) // of packing
	for r := range t.rows {
		m := b.Add(b.Add(first, seat.row), ptx.Int(r))
		i, j := b.pair(m)
		b.If(b.Less(m, count), func() {
			at := b.At(to, b.Add(b.Mul(slot, rows), b.packedRow(i, j)), 4*held)
			for c := 0; c < t.cols; c += 4 {
				h := b.Add(head, b.Add(seat.col, ptx.Int(t.column(c))))
				b.If(b.Less(h, ptx.Int(held)), func() {
					b.Store4(b.At(at, h, 4), 0, t.row(product, r, c))
				})
			}
		})
	}
	return b.Kernel
}

// headSums is dB_h = Σ p_hij dK_ij in slots (H, Z). It has the parameters of begin, P, dK
// and the slots. A block is a tile of Z and one of heads, and a slot, which is of every so
// many stages of pairs.
func (p pairs) headSums() *ptx.Kernel {
	b := p.begin(p.name("head_sums"))
	t := headTiling()
	b.Bounds(t.threads(), 3)
	slots := b.Number()
	positions, sums, to := b.array(), b.array(), b.array()
	tile, slot := b.Div(b.Block(ptx.Y), slots), b.Rem(b.Block(ptx.Y), slots)
	head, column := b.Mul(tile, ptx.Int(t.height())), b.Mul(b.Block(ptx.X), ptx.Int(t.width()))
	count := b.pairsOf(b.length)
	stages := b.Shr(b.Add(count, ptx.Int(depth-1)), 3)
	from := b.Div(b.Mul(slot, stages), slots)
	end := b.Div(b.Mul(b.Add(slot, next), stages), slots)

	right := b.At(b.At(sums, b.Mul(from, ptx.Int(depth)), 4*p.numbers()), column, 4)
	seat := t.seat(b.Kernel)
	product := t.multiply(b.Kernel, seat, b.Sub(end, from),
		p.positionRows(b, t, positions, head, from, count),
		t.pitched(b.Kernel, right, t.width(), p.numbers()))

	for r := range t.rows {
		h := b.Add(b.Add(head, seat.row), ptx.Int(r))
		b.If(b.Less(h, ptx.Int(p.heads)), func() {
			at := b.At(to, b.Add(b.Mul(slot, ptx.Int(p.heads)), h), 4*p.numbers())
			for c := 0; c < t.cols; c += 4 {
				z := b.Add(column, b.Add(seat.col, ptx.Int(t.column(c))))
				b.If(b.Less(z, ptx.Int(p.numbers())), func() {
					b.Store4(b.At(at, z, 4), 0, t.row(product, r, c))
				})
			}
		})
	}
	return b.Kernel
}

// positionRows is the source of p of the heads of a tile, by pairs from a stage on: 16 threads
// have a pair. Where there is no pair stands another, for whose dK is zeros.
func (p pairs) positionRows(b block, t tiling, positions ptx.U64, head, stage,
	count ptx.U32) source {
	thread, held := b.Thread(ptx.X), p.held()
	quads := t.height() / 4
	row := b.Div(thread, ptx.Int(quads))
	h := b.Add(head, b.Mul(b.Rem(thread, ptx.Int(quads)), ptx.Int(4)))
	positions = b.At(positions, b.Min(h, ptx.Int(held-4)), 4)
	place := b.Mul(thread, ptx.Int(16))
	m := b.Add(b.Mul(stage, ptx.Int(depth)), row)
	return source{load: func() func(ptx.U32) {
		i, j := b.pair(b.Min(m, b.Sub(count, next)))
		v := b.Load4(b.At(positions, b.packedRow(i, j), 4*held), 0)
		return func(to ptx.U32) { b.StoreShared4(b.Add(to, place), 0, v) }
	}, goOn: func(ptx.U32) { b.AddTo(m, ptx.Int(depth)) }}
}
