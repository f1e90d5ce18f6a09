package cuda

// Shapes: N batch, in tiles of 128; T time; J pairs (j, f), f monomials; R rows (i; d,e), in
// strips; F (N/128, J, 128), and turned (J/128, N, 128); K (R/8 strips, J, 8 strips); G, which
// are the rows g_i[d] x̃_i[e], (R/8 strips, N, 8 strips).

import (
	"fmt"

	"icar/nn/cuda/ptx"
)

// stripTiles is the number of tiles of 8 strips.
func (p pairs) stripTiles(t int) int { return up(t*p.strips(), 8) }

// stripTiles is that in a kernel.
func (b block) stripTiles() ptx.U32 {
	return b.Div(b.Add(b.Mul(b.length, ptx.Int(b.strips())), ptx.Int(7)), ptx.Int(8))
}

func (p pairs) name(what string) string { return fmt.Sprintf("pair_%s_%d_%d", what, p.e, p.d) }

// A unit of outputs is a stage of 8 (j, f) of a tile of strips by 128 sequences: the last
// token of a tile of strips sees so many keys, and their (j, f) are so many stages.

// stages is the number of those of a tile of strips.
func (p pairs) stages(tile, t int) int {
	last := min((8*tile+7)/p.strips(), t-1)
	return up((last+1)*p.monomials, depth)
}

// outputDealing deals the units of outputs, for N padded to n.
func (p pairs) outputDealing(n, t int) dealing {
	total := 0
	for tile := range p.stripTiles(t) {
		total += p.stages(tile, t)
	}
	return newDealing(total*n/piece, p.stages(p.stripTiles(t)-1, t))
}

// outputs is o without base and bias, in slots (T, outs, N). It has the parameters of
// begin, what dealt needs, the padded N, K, F and the slots.
func (p pairs) outputs() *ptx.Kernel {
	b := p.begin(p.name("outputs"))
	t := p.mainTiling()
	b.Bounds(t.threads(), 3)
	s := b.dealt()
	n := b.Number()
	tensors, monomials := b.array(), b.array()
	tiles := b.stripTiles()
	places, seat := b.places(), t.seat(b.Kernel)
	stages := func(tile ptx.U32) ptx.U32 {
		strip := b.Add(b.Shl(tile, 3), ptx.Int(7))
		keys := b.Min(b.Add(b.Div(strip, ptx.Int(p.strips())), next), b.length)
		return b.Shr(b.Add(b.Mul(keys, ptx.Int(p.monomials)), ptx.Int(depth-1)), 3)
	}
	s.each(b, b.Shr(n, 7), tiles, stages, func(at spot) ptx.U32 {
		column, tile, stage := at.column, at.row, at.unit
		mine := s.stretch(b, at.at, stage, stages(tile))
		left := b.At(b.tile(tensors, tile, places, t.height()), stage, 4*depth*t.height())
		right := b.tile(monomials, column, places, t.width())
		aside := b.aside(column, tile, mine)
		sums := t.multiply(b.Kernel, seat, mine.used, t.slab(b.Kernel, left, t.height()),
			t.slab(b.Kernel, b.At(right, stage, 4*depth*t.width()), t.width()))

		column, tile, mine = aside()
		right = b.tile(monomials, column, places, t.width())
		strip := b.Add(b.Shl(tile, 3), b.Div(seat.row, ptx.Int(p.strip())))
		i, rest := b.Div(strip, ptx.Int(p.strips())), b.Rem(strip, ptx.Int(p.strips()))
		slots := b.array()
		b.If(b.Less(i, b.length), func() {
			row := b.Add(b.Mul(i, ptx.Int(p.outs())), b.Mul(rest, ptx.Int(p.dims())))
			col := b.Add(b.Mul(column, ptx.Int(t.width())), seat.col)
			row64, slot64 := b.Product(n, ptx.Int(4)), b.Mul(b.length, ptx.Int(p.outs()))
			x := b.At(b.At(right, b.Mul(i, ptx.Int(p.monomials)), 4*t.width()), seat.col, 4)
			outs := p.contract(b, t, sums, x)
			mine.slots(b, func(slot ptx.U32, fill bool) {
				to := b.Stride(slots, b.Add(b.Mul(slot, slot64), row), row64)
				p.store(b, t, outs, b.At(to, col, 4), row64, fill)
			})
		})
		return mine.used
	})
	return b.Kernel
}

// contract returns Σ_e x̃_i[e] sums[(d,e)] for every d of a strip; f_i is at x.
func (p pairs) contract(b block, t tiling, sums [][]ptx.F32, x ptx.U64) [][]ptx.F32 {
	o := make([][]ptx.F32, p.dims())
	for c := 0; c < t.cols; c += 4 {
		for d := range o {
			o[d] = append(o[d], sums[d*p.e+p.e-1][c:c+4]...)
		}
		for e := range p.e - 1 {
			v := b.Load4(x, 4*(p.monomial(e, p.e-1)*t.width()+t.column(c)))
			for d := range o {
				for l := range v {
					o[d][c+l] = b.Fma(v[l], sums[d*p.e+e][c+l], o[d][c+l])
				}
			}
		}
	}
	return o
}

// store writes rows that are apart, or fills them with zeros.
func (p pairs) store(b block, t tiling, rows [][]ptx.F32, to, apart ptx.U64, fill bool) {
	for d := range rows {
		if d > 0 {
			to = b.Move(to, apart)
		}
		for c := 0; c < t.cols; c += 4 {
			v := t.row(rows, d, c)
			if fill {
				v = [4]ptx.F32{zero, zero, zero, zero}
			}
			b.Store4(to, 4*t.column(c), v)
		}
	}
}
