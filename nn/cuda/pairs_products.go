package cuda

// Shapes: N batch, in tiles of 128; T time; J pairs (j, f), f monomials; R rows (i; d,e), in
// strips; F (N/128, J, 128); K (R/8 strips, J, 8 strips); g (N/128, T·outs, 128).

import (
	"fmt"

	"icar/nn/cuda/ptx"
)

// K and f are multiplied for 8 strips by 128 sequences a block, over a chunk of the keys j
// that the strips see: were a block to run over all, those of the last tokens would be
// at work when the others have long ended. The chunks are added up by who reads them.

// chunk is the number of keys of a chunk: a chunk is whole stages.
func (p pairs) chunk() int {
	n := 10
	for n*p.monomials%depth != 0 {
		n++
	}
	return n
}

// stripTiles is the number of tiles of strips.
func (p pairs) stripTiles(t int) int { return up(t*p.strips(), 8) }

func (p pairs) name(what string) string { return fmt.Sprintf("pair_%s_%d_%d", what, p.e, p.d) }

// outputs is o without base and bias, in parts (chunks, T, outs, N) of which a token i has
// ⌊i/chunk⌋ + 1. It has the parameters of begin, the padded N, K, F and the parts. A
// block's place is the tile of strips, the last first, of sequences, and the chunk.
func (p pairs) outputs() *ptx.Kernel {
	b := p.begin(p.name("outputs"))
	t := p.mainTiling()
	b.Bounds(t.threads(), 3)
	n := b.Number()
	tensors, monomials, parts := b.array(), b.array(), b.array()
	columns := b.Shr(n, 7)
	last := b.Div(b.Add(b.Mul(b.length, ptx.Int(p.strips())), ptx.Int(7)), ptx.Int(8))
	tile := b.Sub(b.Sub(last, next), b.Div(b.Block(ptx.X), columns))
	column, chunk := b.Rem(b.Block(ptx.X), columns), b.Block(ptx.Y)

	// Keys from the chunk's first one to the last that a strip of the tile sees.
	strip := b.Shl(tile, 3)
	end := b.Add(b.Div(b.Add(strip, ptx.Int(7)), ptx.Int(p.strips())), next)
	end = b.Min(end, b.length)
	first := b.Mul(chunk, ptx.Int(p.chunk()))
	b.ExitUnless(b.Less(first, end))
	keys := b.Min(b.Sub(end, first), ptx.Int(p.chunk()))
	steps := b.Shr(b.Add(b.Mul(keys, ptx.Int(p.monomials)), ptx.Int(depth-1)), 3)

	places, from := b.places(), b.Mul(first, ptx.Int(p.monomials))
	left := b.At(b.tile(tensors, tile, places, t.height()), from, 4*t.height())
	right := b.tile(monomials, column, places, t.width())
	seat := t.seat(b.Kernel)
	sums := t.multiply(b.Kernel, seat, steps, t.slab(b.Kernel, left, t.height()),
		t.slab(b.Kernel, b.At(right, from, 4*t.width()), t.width()))

	strip = b.Add(strip, b.Div(seat.row, ptx.Int(p.strip())))
	i, part := b.Div(strip, ptx.Int(p.strips())), b.Rem(strip, ptx.Int(p.strips()))
	b.If(b.Less(i, b.length), func() {
		row := b.Mul(b.Add(b.Mul(chunk, b.length), i), ptx.Int(p.outs()))
		row = b.Add(row, b.Mul(part, ptx.Int(p.dims())))
		at := b.Add(b.Mul(row, n), b.Add(b.Mul(column, ptx.Int(t.width())), seat.col))
		x := b.At(b.At(right, b.Mul(i, ptx.Int(p.monomials)), 4*t.width()), seat.col, 4)
		p.contract(b, t, sums, x, b.At(parts, at, 4), b.Product(n, ptx.Int(4)))
	})
	return b.Kernel
}

// contract writes Σ_e x̃_i[e] sums[(d,e)] for every d of a strip, whose rows are apart; f_i
// is at x.
func (p pairs) contract(b block, t tiling, sums [][]ptx.F32, x, to, apart ptx.U64) {
	for c := 0; c < t.cols; c += 4 {
		var o [][4]ptx.F32
		for d := range p.dims() {
			o = append(o, t.row(sums, d*p.e+p.e-1, c))
		}
		for e := range p.e - 1 {
			v := b.Load4(x, 4*(p.monomial(e, p.e-1)*t.width()+t.column(c)))
			for d := range o {
				for l := range v {
					o[d][l] = b.Fma(v[l], sums[d*p.e+e][c+l], o[d][l])
				}
			}
		}
		at := to
		for d := range o {
			if d > 0 {
				at = b.Move(at, apart)
			}
			b.Store4(at, 4*t.column(c), o[d])
		}
	}
}

// gradients is dK = Σ_n (g ⊗ x̃_i) ⊗ f_j in slots (pairs, S, rows). It has the parameters of
// begin, the padded N, g, F and the slots. A block's place is the tile of (j, f), of
// strips, and the slot, which is of every so many tiles of sequences.
func (p pairs) gradients() *ptx.Kernel {
	b := p.begin(p.name("gradients"))
	t := p.mainTiling()
	b.Bounds(t.threads(), 3)
	n := b.Number()
	g, monomials, slots := b.array(), b.array(), b.array()
	seqs := b.Shr(n, 7)
	across := b.Div(b.Add(b.Mul(b.length, ptx.Int(p.monomials)), ptx.Int(t.width()-1)),
		ptx.Int(t.width()))
	strip := b.Shl(b.Div(b.Block(ptx.X), across), 3)
	place := b.Mul(b.Rem(b.Block(ptx.X), across), ptx.Int(t.width()))
	last := b.Div(b.Add(strip, ptx.Int(7)), ptx.Int(p.strips()))
	b.ExitUnless(b.AtLeast(last, b.Div(place, ptx.Int(p.monomials))))

	slot := b.Block(ptx.Y)
	from := b.Div(b.Mul(slot, seqs), b.Blocks(ptx.Y))
	end := b.Div(b.Mul(b.Add(slot, next), seqs), b.Blocks(ptx.Y))
	places := b.places()
	monomials = b.tile(monomials, from, places, piece)
	outs := b.Mul(b.length, ptx.Int(p.outs()))
	g = b.tile(g, from, outs, piece)
	seat := t.seat(b.Kernel)
	mine := b.Min(b.Add(place, b.Thread(ptx.X)), b.Sub(places, next))
	sums := t.multiply(b.Kernel, seat, b.Mul(b.Sub(end, from), ptx.Int(piece/depth)),
		p.tokens(b, t, strip, g, monomials, outs, places),
		t.along(b.Kernel, b.At(monomials, mine, 4*piece), t.width(), b.leap(places)))

	strip = b.Add(strip, b.Div(seat.row, ptx.Int(p.strip())))
	i, part := b.Div(strip, ptx.Int(p.strips())), b.Rem(strip, ptx.Int(p.strips()))
	b.ExitUnless(b.Less(i, b.length))
	rows := b.Add(b.Mul(slot, b.pairsOf(b.length)), b.pairsOf(i))
	at := b.At(b.At(slots, rows, 4*p.numbers()), b.Mul(part, ptx.Int(p.strip())), 4)
	for c := range t.cols {
		column := b.Add(place, b.Add(seat.col, ptx.Int(t.column(c))))
		b.If(b.AtLeast(i, b.Div(column, ptx.Int(p.monomials))), func() {
			to := b.At(at, column, 4*p.rows())
			for r := 0; r < t.rows; r += 4 {
				b.Store4(to, 4*r, [4]ptx.F32{sums[r][c], sums[r+1][c], sums[r+2][c], sums[r+3][c]})
			}
		})
	}
	return b.Kernel
}

// leap is that of a matrix of so many rows that lies by tiles of 128 k.
func (b block) leap(rows ptx.U32) leap {
	return leap{b.Move(b.Product(rows, ptx.Int(4*piece)), ptx.Long(-4*piece))}
}

// tokens is the source of the rows g_i[d] x̃_i[e] of 8 strips from one on. A thread has a row.
func (p pairs) tokens(b block, t tiling, strip ptx.U32, g, monomials ptx.U64,
	outs, places ptx.U32) source {
	thread := b.Min(b.Thread(ptx.X), ptx.Int(t.height()-1))
	all := b.Mul(b.length, ptx.Int(p.strips()))
	strip = b.Min(b.Add(strip, b.Div(thread, ptx.Int(p.strip()))), b.Sub(all, next))
	i, row := b.Div(strip, ptx.Int(p.strips())), b.Rem(thread, ptx.Int(p.strip()))
	d := b.Min(b.Div(row, ptx.Int(p.e)), ptx.Int(p.dims()-1))
	out := b.Add(b.Mul(strip, ptx.Int(p.dims())), d)
	// x̃[e] is the monomial (e, E-1), which is the last of its e; x̃[E-1] is 1.
	e := b.Min(b.Rem(row, ptx.Int(p.e)), ptx.Int(p.e-1))
	constant := b.Equal(e, ptx.Int(p.e-1))
	e = b.Min(e, ptx.Int(p.e-2))
	// (e+1)E - (e+1)e/2 - 1
	m := b.Sub(b.Mul(b.Add(e, next), ptx.Int(p.e)), b.Add(b.pairsOf(e), next))
	gs := b.CopyAddress(b.At(g, out, 4*piece))
	xs := b.CopyAddress(b.At(monomials, b.Add(b.Mul(i, ptx.Int(p.monomials)), m), 4*piece))
	leapG, leapX := b.leap(outs), b.leap(places)
	return t.turned(b.Kernel, t.height(), func(step ptx.U32) func() []ptx.F32 {
		var v, x []ptx.F32
		for c := 0; c < depth; c += 4 {
			four, more := b.Load4(gs, 4*c), b.Load4(xs, 4*c)
			v, x = append(v, four[:]...), append(x, more[:]...)
		}
		leapG.move(b.Kernel, step, gs)
		leapX.move(b.Kernel, step, xs)
		return func() []ptx.F32 {
			for l := range v {
				v[l] = b.Times(v[l], b.Choose(constant, one, x[l]))
			}
			return v
		}
	})
}
