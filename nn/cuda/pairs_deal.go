package cuda

// Shapes: U units of work in all, u of a block.

import "icar/nn/cuda/ptx"

// The tiles of the two large products are of very different length, and not so many that
// chance would make it up: were a block to have a tile, or a fixed part of one, a third
// of the time the card would wait for the last of them. So the stages of all tiles, one
// tile after the other, are cut into pieces of u, and each block has a piece, which
// may be the end of a tile, some whole ones and the beginning of another. There
// are as many blocks as a large card runs at the same time, so all end together.
//
// What a tile's pieces come to is written to slots, in order; the last piece fills the
// slots that are left with zeros, so that who adds them up need not know.

// dealing is how the units are dealt.
type dealing struct{ total, units, slots int }

// residentBlocks is the number of blocks to deal to: three for each of 132 multiprocessors.
const residentBlocks = 396

// mostSlotsOfTile is the largest number of pieces that a tile may be cut into.
const mostSlotsOfTile = 4

// newDealing deals total units, of which a tile has at most most. Pieces of u cut that into at
// most ⌊(most - 2)/u⌋ + 2, which is 4 at most if u > (most - 2)/3.
func newDealing(total, most int) dealing {
	units := max(up(total, residentBlocks), (most-2)/(mostSlotsOfTile-1)+1)
	return dealing{total, units, (most-2)/units + 2}
}

func (s dealing) blocks() int { return up(s.total, s.units) }

// arguments are those of [block.dealt].
func (s dealing) arguments() []argument {
	return []argument{number(s.total), number(s.units), number(s.slots)}
}

// dealt is one in a kernel.
type dealt struct{ total, units, slots ptx.U32 }

// dealt has the parameters U, u and the number of slots.
func (b block) dealt() dealt { return dealt{b.Number(), b.Number(), b.Number()} }

// spot is a unit of the work: of a row of tiles, or of one, in a column.
type spot struct{ at, column, row, unit ptx.U32 }

// each runs body from the first unit of the block on; it returns how many it has taken, of
// one tile. A column is rows of so many units.
func (s dealt) each(b block, columns, rows ptx.U32, size func(row ptx.U32) ptx.U32,
	body func(at spot) (used ptx.U32)) {
	first := b.Mul(b.Block(ptx.X), s.units)
	step := b.Add(ptx.Int(0), ptx.Int(0))
	b.For(first, b.Min(b.Add(first, s.units), s.total), step, func(at ptx.U32) {
		perColumn := b.Div(s.total, columns)
		row, unit := b.walk(rows, b.Rem(at, perColumn), size)
		b.SetTo(step, body(spot{at, b.Div(at, perColumn), row, unit}))
	})
}

// aside keeps two numbers of the block and its stretch in shared memory while all registers
// are sums: thread 0 writes them before a barrier of the caller, and what aside returns
// reads them.
func (b block) aside(x, y ptx.U32, mine stretch) func() (x, y ptx.U32, mine stretch) {
	numbers := [...]ptx.U32{x, y, mine.used, mine.slot, mine.last}
	memory := b.Shared(4 * len(numbers))
	b.Barrier() // what was aside before has been read
	b.If(b.Equal(b.Thread(ptx.X), ptx.Int(0)), func() {
		for i, v := range numbers {
			b.StoreShared(memory, 4*i, b.OfBits(v))
		}
	})
	return func() (ptx.U32, ptx.U32, stretch) {
		for i := range numbers {
			numbers[i] = b.Bits(b.LoadShared(memory, 4*i))
		}
		return numbers[0], numbers[1], stretch{used: numbers[2], slot: numbers[3],
			count: mine.count, last: numbers[4]}
	}
}

// walk returns the row that has unit at of a column, and which unit of the row it is. It
// looks at some rows at a time, as one waits for the sum of those before.
func (b block) walk(rows, at ptx.U32, size func(row ptx.U32) ptx.U32) (row, unit ptx.U32) {
	row, unit = b.Add(ptx.Int(0), ptx.Int(0)), b.Add(at, ptx.Int(0))
	end := b.Add(ptx.Int(0), ptx.Int(0))
	const together = 4
	b.For(ptx.Int(0), rows, ptx.Int(together), func(first ptx.U32) {
		for i := range together {
			r := b.Add(first, ptx.Int(i))
			here := b.AtLeast(at, end)
			b.SetTo(row, b.Pick(here, r, row))
			b.SetTo(unit, b.Pick(here, b.Sub(at, end), unit))
			b.AddTo(end, size(r))
		}
	})
	return row, unit
}

// stretch is what a block has of a tile.
type stretch struct {
	used, slot, count ptx.U32
	last              ptx.U32 // 1 at the tile's end
}

// stretch is that from unit at on, which is one of so many of its tile.
func (s dealt) stretch(b block, at, unit, units ptx.U32) stretch {
	block := b.Block(ptx.X)
	end := b.Min(b.Mul(b.Add(block, next), s.units), s.total)
	rest := b.Sub(units, unit)
	return stretch{used: b.Min(rest, b.Sub(end, at)),
		slot:  b.Sub(block, b.Div(b.Sub(at, unit), s.units)),
		count: s.slots, last: b.Pick(b.AtLeast(b.Sub(end, at), rest), next, ptx.Int(0))}
}

// slots runs body for the slot, and to fill those behind if there is nothing for them.
func (s stretch) slots(b block, body func(slot ptx.U32, fill bool)) {
	body(s.slot, false)
	b.If(b.Equal(s.last, next), func() {
		b.For(b.Add(s.slot, next), s.count, next, func(slot ptx.U32) { body(slot, true) })
	})
}
