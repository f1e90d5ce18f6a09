package cuda

// Shapes: as in pairs_heads.go; I pairs (i, j); P (rows of packing, H8), and turned (I/64,
// H8, 64); K as in pairs_products.go.

import "icar/nn/cuda/ptx"

// headTiling is that of the products whose rows are pairs or heads, and whose columns are Z.
func headTiling() tiling { return tiling{rows: 8, cols: 8, down: 8, across: 16} }

// tensors is K_ij = Σ_h p_hij B_h. It has the parameters of begin, P turned, B and K. A block is a
// tile of Z and one of pairs.
func (p pairs) tensors() *ptx.Kernel {
	b := p.begin(p.name("tensors"))
	t := headTiling()
	b.Bounds(t.threads(), 3)
	positions, heads, to := b.array(), b.array(), b.array()
	held := p.held()
	column, first := b.Block(ptx.X), b.Mul(b.Block(ptx.Y), ptx.Int(t.height()))
	count := b.pairsOf(b.length)
	left := b.tile(positions, b.Block(ptx.Y), ptx.Int(held), t.height())
	right := b.tile(heads, column, ptx.Int(held), piece)
	seat := t.seat(b.Kernel)
	sums := t.multiply(b.Kernel, seat, ptx.Int(up(held, depth)), t.slab(b.Kernel, left,
		t.height()), t.slab(b.Kernel, right, piece))

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
