package cuda

// Shapes: as in pairs_heads.go; I pairs (i, j), in tiles of 128; P (rows of packing, H8); Z8 is Z
// padded to whole stages; dK (I, Z), with zeros behind, and turned (I/128, Z8, 128); B turned
// (H/64, Z8, 64).

import "icar/nn/cuda/ptx"

// Of dK come the gradients of P and of B, by products of which neither needs the other: so
// they are one launch, whose first blocks make the one and the others the other. Both are
// cut along what is summed over, as there are not many tiles.

// turnedTiling is that of positions, whose rows are pairs and whose columns heads.
func turnedTiling() tiling { return tiling{rows: 8, cols: 8, down: 16, across: 8} }

// slopeSlots is the number of slots of both: so many that their blocks are as many as a large
// card runs side by side, or else enough that they make up for each other.
func (p pairs) slopeSlots(t int) int {
	positions, sums := p.slopeTiles(t)
	stages := min(p.lined(), up(pairsOf(t), depth)*depth) / depth
	return min(stages, max(fewestSlopes, residentBlocks/(positions+sums)))
}

const fewestSlopes = 4

// slopeTiles are the tiles of positions and of headSums.
func (p pairs) slopeTiles(t int) (positions, sums int) {
	h, k := headTiling(), turnedTiling()
	return up(pairsOf(t), k.height()) * up(p.heads, k.width()),
		up(p.numbers(), h.width()) * up(p.heads, h.height())
}

// lined is Z8.
func (p pairs) lined() int { return up(p.numbers(), depth) * depth }

// slopes makes the two. It has the parameters of begin, the number of slots of both, P, dK,
// dK turned, B turned, and the slots of dp and of dB. The blocks of positions are first.
func (p pairs) slopes() *ptx.Kernel {
	b := p.begin(p.name("slopes"))
	b.Bounds(headTiling().threads(), 3)
	slots := b.Number()
	positions, sums, turned, heads := b.array(), b.array(), b.array(), b.array()
	dPositions, dHeads := b.array(), b.array()
	count := b.pairsOf(b.length)
	tiles := b.Shr(b.Add(count, ptx.Int(piece-1)), 7)
	first := b.Mul(b.Mul(tiles, ptx.Int(up(p.heads, turnedTiling().width()))), slots)
	at := b.Block(ptx.X)
	b.If(b.Less(at, first), func() {
		p.positions(b, p.lot(b, at, up(p.heads, turnedTiling().width()), slots,
			ptx.Int(p.lined())), turned, heads, dPositions)
	})
	b.If(b.AtLeast(at, first), func() {
		p.headSums(b, p.lot(b, b.Sub(at, first), up(p.numbers(), headTiling().width()), slots,
			count), positions, sums, dHeads)
	})
	return b.Kernel
}

// lot is what a block makes: a tile of columns and one of rows, in a slot of its own, over
// some of the stages.
type lot struct{ column, row, slot, from, end ptx.U32 }

// lot is that of a block, of so many tiles of columns and so many k.
func (p pairs) lot(b block, at ptx.U32, columns int, slots, k ptx.U32) lot {
	stages := b.Shr(b.Add(k, ptx.Int(depth-1)), 3)
	rest := b.Div(at, ptx.Int(columns))
	slot := b.Rem(rest, slots)
	return lot{column: b.Rem(at, ptx.Int(columns)), row: b.Div(rest, slots), slot: slot,
		from: b.Div(b.Mul(slot, stages), slots),
		end:  b.Div(b.Mul(b.Add(slot, next), stages), slots)}
}

// positions is dp = ⟨dK_ij, B_h⟩, in slots of P.
func (p pairs) positions(b block, s lot, turned, heads, to ptx.U64) {
	t := turnedTiling()
	held, lined := p.held(), ptx.Int(p.lined())
	first, head := b.Mul(s.row, ptx.Int(t.height())), b.Mul(s.column, ptx.Int(t.width()))
	left := b.At(b.tile(turned, s.row, lined, t.height()), s.from, 4*depth*t.height())
	right := b.At(b.tile(heads, s.column, lined, t.width()), s.from, 4*depth*t.width())
	seat := t.seat(b.Kernel)
	product := t.multiply(b.Kernel, seat, b.Sub(s.end, s.from),
		t.slab(b.Kernel, left, t.height()), t.slab(b.Kernel, right, t.width()))

	tiles := b.Shr(b.Add(b.length, ptx.Int(3)), 2)
	rows := b.Shl(b.Mul(tiles, b.Add(tiles, next)), 3) // of packing
	for r := range t.rows {
		m := b.Add(b.Add(first, seat.row), ptx.Int(r))
		i, j := b.pair(m)
		b.If(b.Less(m, b.pairsOf(b.length)), func() {
			at := b.At(to, b.Add(b.Mul(s.slot, rows), b.packedRow(i, j)), 4*held)
			for c := 0; c < t.cols; c += 4 {
				h := b.Add(head, b.Add(seat.col, ptx.Int(t.column(c))))
				b.If(b.Less(h, ptx.Int(held)), func() {
					b.Store4(b.At(at, h, 4), 0, t.row(product, r, c))
				})
			}
		})
	}
}

// headSums is dB_h = Σ p_hij dK_ij, in slots (H, Z).
func (p pairs) headSums(b block, s lot, positions, sums, to ptx.U64) {
	t := headTiling()
	head, column := b.Mul(s.row, ptx.Int(t.height())), b.Mul(s.column, ptx.Int(t.width()))
	right := b.At(b.At(sums, b.Mul(s.from, ptx.Int(depth)), 4*p.numbers()), column, 4)
	seat := t.seat(b.Kernel)
	product := t.multiply(b.Kernel, seat, b.Sub(s.end, s.from),
		p.positionRows(b, t, positions, head, s.from, b.pairsOf(b.length)),
		t.pitched(b.Kernel, right, t.width(), p.numbers()))

	for r := range t.rows {
		h := b.Add(b.Add(head, seat.row), ptx.Int(r))
		b.If(b.Less(h, ptx.Int(p.heads)), func() {
			at := b.At(to, b.Add(b.Mul(s.slot, ptx.Int(p.heads)), h), 4*p.numbers())
			for c := 0; c < t.cols; c += 4 {
				z := b.Add(column, b.Add(seat.col, ptx.Int(t.column(c))))
				b.If(b.Less(z, ptx.Int(p.numbers())), func() {
					b.Store4(b.At(at, z, 4), 0, t.row(product, r, c))
				})
			}
		})
	}
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
