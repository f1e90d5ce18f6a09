package cuda

// Shapes: as in pairs_tensors.go and pairs_products.go; P turned (I/64, H8, 64).

import "icar/nn/cuda/ptx"

// prepare makes the operands of tensors and of the large products: its first blocks have F of
// a token and a tile of sequences each, others B of a head or a part of base, and the last
// ones P turned. It has the parameters of begin and the padded N, then those of
// writeMonomials, of spread and of turnPositions.
func (p pairs) prepare() *ptx.Kernel {
	b := p.begin(p.name("prepare"))
	n, at := b.Number(), b.Block(ptx.X)
	first := b.Mul(b.length, b.Shr(n, 7))
	b.If(b.Less(at, first), func() {
		p.writeMonomials(b, b.Rem(at, b.length), b.Div(at, b.length), n)
	})
	b.ExitUnless(b.AtLeast(at, first))
	at = b.Sub(at, first)
	of := ptx.Int(p.spreadBlocks())
	b.If(b.Less(at, of), func() { p.spread(b, at) })
	b.ExitUnless(b.AtLeast(at, of))
	p.turnPositions(b, b.Sub(at, of))
	return b.Kernel
}

// prepareBlocks is the number of blocks for N, padded, and T.
func (p pairs) prepareBlocks(n, t int) int {
	return t*n/piece + p.spreadBlocks() + up(pairsOf(t), headTiling().height())*p.headTiles()
}

// spreadBlocks is that of spread.
func (p pairs) spreadBlocks() int { return p.heads + up(p.heads, headsTogether) }

// headTiles is the number of tiles of 32 heads that turnPositions has.
func (p pairs) headTiles() int { return up(p.held(), 32) }

// turnPositions writes a tile of 64 pairs by 32 heads of P turned. It has the parameters P and P
// turned. Behind the last pair stands that one again.
func (p pairs) turnPositions(b block, tile ptx.U32) {
	from, to := b.array(), b.array()
	height, held := headTiling().height(), p.held()
	row := 4 * (height + 1) // so that a column's numbers are in different banks
	memory, thread := b.Shared(32*row), b.Thread(ptx.X)
	pairs, head := b.Div(tile, ptx.Int(p.headTiles())), b.Rem(tile, ptx.Int(p.headTiles()))
	head = b.Mul(head, ptx.Int(32))
	last := b.Sub(b.pairsOf(b.length), next)
	for first := 0; first < height; first += headThreads / 8 {
		m := b.Add(b.Shr(thread, 3), ptx.Int(first))
		i, j := b.pair(b.Min(b.Add(b.Mul(pairs, ptx.Int(height)), m), last))
		quad := b.Shl(b.And(thread, ptx.Int(7)), 2)
		h := b.Min(b.Add(head, quad), ptx.Int(held-4))
		mine := b.Add(b.Mul(quad, ptx.Int(row)), b.Mul(m, ptx.Int(4)))
		for l, v := range b.Load4(b.At(b.At(from, b.packedRow(i, j), 4*held), h, 4), 0) {
			b.StoreShared(b.Add(memory, mine), row*l, v)
		}
	}
	b.Barrier()
	quads := height / 4
	for first := 0; first < 32; first += headThreads / quads {
		h := b.Add(b.Div(thread, ptx.Int(quads)), ptx.Int(first))
		m := b.Mul(b.Rem(thread, ptx.Int(quads)), ptx.Int(4))
		mine := b.Add(memory, b.Add(b.Mul(h, ptx.Int(row)), b.Mul(m, ptx.Int(4))))
		var four [4]ptx.F32
		for l := range four {
			four[l] = b.LoadShared(mine, 4*l)
		}
		h = b.Add(head, h)
		b.If(b.Less(h, ptx.Int(held)), func() {
			line := b.At(b.tile(to, pairs, ptx.Int(held), height), h, 4*height)
			b.Store4(b.At(line, m, 4), 0, four)
		})
	}
}
