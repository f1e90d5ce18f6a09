package cuda

// Shapes: as in pairs_products.go.

import "icar/nn/cuda/ptx"

// A unit of gradients is a stage of 8 sequences of a tile of strips by 128 (j, f), as far as
// strips see keys of it. Where the diagonal goes through a tile, warps that have only
// pairs with j > i do nothing, so these tiles are taken for 5/8 of the others.
const (
	cheaper = 5
	full    = 8
)

// crossed returns how many tiles of (j, f) a tile of strips has, and how many of them are
// used by all warps: the last half of such a tile is seen by its first 4 strips.
func (p pairs) crossed(tile, t int) (all, whole int) {
	last := func(strip int) int { return (min(strip/p.strips(), t-1) + 1) * p.monomials }
	return up(last(8*tile+7), piece), (last(8*tile+3) + piece/2 - 1) / piece
}

// gradientDealing deals the units of gradients, for N padded to n.
func (p pairs) gradientDealing(n, t int) dealing {
	total, stages := 0, n/depth
	for tile := range p.stripTiles(t) {
		all, whole := p.crossed(tile, t)
		total += whole*stages + (all-whole)*(stages/full*cheaper)
	}
	return newDealing(total, stages)
}

// gradients is dK = Σ_n (g ⊗ x̃_i) ⊗ f_j in slots (pairs, S, rows). It has the parameters of
// begin, what dealt needs, the padded N, G, F turned and the slots. Here n is what is summed
// over, so that a stage of both operands has what it is not summed over side by side, as
// outputs has it: a warp that reads its rows along n instead has 32 lines of memory to wait
// for at each load.
func (p pairs) gradients() *ptx.Kernel {
	b := p.begin(p.name("gradients"))
	t := p.mainTiling()
	b.Bounds(t.threads(), 3)
	s := b.dealt()
	n := b.Number()
	tiles := b.stripTiles()
	stages := b.Shr(n, 3)
	cheap := b.Mul(b.Shr(stages, 3), ptx.Int(cheaper))
	last := b.Sub(b.length, next)
	seen := func(strip ptx.U32) ptx.U32 {
		i := b.Min(b.Div(strip, ptx.Int(p.strips())), last)
		return b.Mul(b.Add(i, next), ptx.Int(p.monomials))
	}
	crossed := func(tile ptx.U32) (all, whole ptx.U32) {
		strip := b.Shl(tile, 3)
		all = b.Shr(b.Add(seen(b.Add(strip, ptx.Int(7))), ptx.Int(piece-1)), 7)
		return all, b.Shr(b.Add(seen(b.Add(strip, ptx.Int(3))), ptx.Int(piece/2-1)), 7)
	}
	size := func(tile ptx.U32) ptx.U32 {
		all, whole := crossed(tile)
		return b.Add(b.Mul(whole, stages), b.Mul(b.Sub(all, whole), cheap))
	}
	s.each(b, next, tiles, size, func(at spot) ptx.U32 {
		row, rest := at.row, at.unit
		_, whole := crossed(row)
		wholes := b.Mul(whole, stages)
		isWhole := b.Less(rest, wholes)
		length := b.Pick(isWhole, stages, cheap)
		rest = b.Sub(rest, b.Pick(isWhole, ptx.Int(0), wholes))
		column := b.Add(b.Div(rest, length), b.Pick(isWhole, ptx.Int(0), whole))
		unit := b.Rem(rest, length)
		mine := s.stretch(b, at.at, unit, length)
		stageOf := func(unit ptx.U32) ptx.U32 {
			return b.Pick(isWhole, unit, b.Div(b.Mul(unit, ptx.Int(full)), ptx.Int(cheaper)))
		}
		from, end := stageOf(unit), stageOf(b.Add(unit, mine.used))

		rows, turned, seat := b.array(), b.array(), t.seat(b.Kernel)
		strip, place := b.Shl(row, 3), b.Mul(column, ptx.Int(t.width()))
		left := b.At(b.tile(rows, row, n, t.height()), from, 4*depth*t.height())
		right := b.At(b.tile(turned, column, n, t.width()), from, 4*depth*t.width())
		aside := b.aside(strip, place, mine)
		useful := p.useful(b, t, seat, strip, place)
		sums := t.multiplyWhere(b.Kernel, useful, seat, b.Sub(end, from),
			t.slab(b.Kernel, left, t.height()), t.slab(b.Kernel, right, t.width()))
		strip, place, mine = aside()
		p.keep(b, t, seat, strip, place, sums, b.array(), mine)
		return mine.used
	})
	return b.Kernel
}

// useful is whether the warp has a pair with j ≤ i.
func (p pairs) useful(b block, t tiling, at seat, strip, place ptx.U32) ptx.Pred {
	last := b.Add(b.And(b.Div(at.row, ptx.Int(p.strip())), ptx.Int(4)), ptx.Int(3))
	i := b.Div(b.Add(strip, last), ptx.Int(p.strips()))
	first := b.And(at.col, ptx.Int(-8*t.cols))
	return b.AtLeast(i, b.Div(b.Add(place, first), ptx.Int(p.monomials)))
}

// keep writes sums to their slot, where j ≤ i.
func (p pairs) keep(b block, t tiling, at seat, strip, place ptx.U32, sums [][]ptx.F32,
	slots ptx.U64, mine stretch) {
	strip = b.Add(strip, b.Div(at.row, ptx.Int(p.strip())))
	i, rest := b.Div(strip, ptx.Int(p.strips())), b.Rem(strip, ptx.Int(p.strips()))
	b.If(b.Less(i, b.length), func() {
		mine.slots(b, func(slot ptx.U32, fill bool) {
			rows := b.Add(b.Mul(slot, b.pairsOf(b.length)), b.pairsOf(i))
			to := b.At(b.At(slots, rows, 4*p.numbers()), b.Mul(rest, ptx.Int(p.strip())), 4)
			for c := range t.cols {
				column := b.Add(place, b.Add(at.col, ptx.Int(t.column(c))))
				b.If(b.AtLeast(i, b.Div(column, ptx.Int(p.monomials))), func() {
					to := b.At(to, column, 4*p.rows())
					for r := 0; r < t.rows; r += 4 {
						v := [4]ptx.F32{zero, zero, zero, zero}
						if !fill {
							v = [4]ptx.F32{sums[r][c], sums[r+1][c], sums[r+2][c], sums[r+3][c]}
						}
						b.Store4(to, 4*r, v)
					}
				})
			}
		})
	})
}
