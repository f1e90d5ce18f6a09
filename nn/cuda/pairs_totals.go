package cuda

// Shapes: as in pairs_tensors.go; R numbers of a block's slot.

import (
	"fmt"

	"icar/nn/cuda/ptx"
)

// totals adds up slots, in order: those of dK, and those that blocks of ends have. There
// are many of the latter, of few numbers, so totalRows threads share the slots of a
// number: the first takes slots 0, 8, …, and what they have is added up in the end.
//
// Of dK a block has 32 pairs by 32 numbers, which it also writes turned.
type totals struct {
	pairs
	slots  int // of dK
	summed int // R
	split  int // of which are the gradient of folded weights: the others are dbase
}

const totalRows, totalThreads = 8, 256

func (t totals) name() string {
	return fmt.Sprintf("%s_%d_%d_%d", t.pairs.name("totals"), t.slots, t.summed, t.split)
}

// narrow is the number of blocks that add up the slots of ends.
func (t totals) narrow() int { return up(t.summed, 32) }

// wide is the number of the others, for so many tokens.
func (t totals) wide(length int) int { return up(t.numbers(), 32) * up(pairsOf(length), 32) }

// kernel has the parameters of begin, the number of the slots of ends, the slots of dK, dK,
// dK turned, the slots of ends, the gradient and dbase.
func (t totals) kernel() *ptx.Kernel {
	b := t.begin(t.name())
	rows := b.Number()
	from, to, turned, small := b.array(), b.array(), b.array(), b.array()
	gradient, base := b.array(), b.array()
	thread, at := b.Thread(ptx.X), b.Block(ptx.X)
	memory := b.Shared(4 * 32 * turnedRow)

	b.If(b.AtLeast(at, ptx.Int(t.narrow())), func() {
		t.tensor(b, b.Sub(at, ptx.Int(t.narrow())), memory, from, to, turned)
	})
	b.ExitUnless(b.Less(at, ptx.Int(t.narrow())))

	i := b.Add(b.Mul(at, ptx.Int(32)), b.And(thread, ptx.Int(31)))
	small = b.At(small, b.Min(i, ptx.Int(t.summed-1)), 4)
	sum := b.Copy(zero)
	const together = 8
	b.For(b.Shr(thread, 5), rows, ptx.Int(totalRows*together), func(row ptx.U32) {
		var some [together]ptx.F32
		for s := range some {
			row := b.Add(row, ptx.Int(totalRows*s))
			v := b.Load(b.At(small, b.Min(row, b.Sub(rows, next)), 4*t.summed), 0)
			some[s] = b.Choose(b.Less(row, rows), v, zero)
		}
		for _, v := range some {
			b.PlusTo(sum, v)
		}
	})
	b.StoreShared(b.Add(memory, b.Mul(thread, ptx.Int(4))), 0, sum)
	b.Barrier()
	b.ExitUnless(b.Both(b.Less(thread, ptx.Int(32)), b.Less(i, ptx.Int(t.summed))))
	mine := b.Add(memory, b.Mul(thread, ptx.Int(4)))
	all := b.LoadShared(mine, 0)
	for row := 1; row < totalRows; row++ {
		all = b.Plus(all, b.LoadShared(mine, 4*32*row))
	}
	b.If(b.Less(i, ptx.Int(t.split)), func() { b.Store(b.At(gradient, i, 4), 0, all) })
	b.If(b.AtLeast(i, ptx.Int(t.split)), func() {
		b.Store(b.At(base, b.Sub(i, ptx.Int(t.split)), 4), 0, all)
	})
	return b.Kernel
}

// turnedRow is a row of 32 numbers in shared memory, so that a column's are in different banks.
const turnedRow = 33

// tensor adds up slots of dK: a thread those of four numbers of a pair.
func (t totals) tensor(b block, tile, memory ptx.U32, from, to, turned ptx.U64) {
	count, thread := b.pairsOf(b.length), b.Thread(ptx.X)
	across := ptx.Int(up(t.numbers(), 32))
	row, quad := b.Shr(thread, 3), b.Shl(b.And(thread, ptx.Int(7)), 2)
	first, m := b.Shl(b.Rem(tile, across), 5), b.Shl(b.Div(tile, across), 5)
	pair, z := b.Add(m, row), b.Add(first, quad)
	inside := b.Both(b.Less(pair, count), b.Less(z, ptx.Int(t.numbers())))
	place := b.Mul(b.Min(pair, b.Sub(count, next)), ptx.Int(t.numbers()))
	place = b.Add(place, b.Min(z, ptx.Int(t.numbers()-4)))
	at, apart := b.At(from, place, 4), b.Product(count, ptx.Int(4*t.numbers()))
	var parts [][4]ptx.F32
	for s := range t.slots {
		if s > 0 {
			at = b.Move(at, apart)
		}
		parts = append(parts, b.Load4(at, 0))
	}
	sum := parts[0]
	for _, p := range parts[1:] {
		for l := range sum {
			sum[l] = b.Plus(sum[l], p[l])
		}
	}
	b.If(inside, func() { b.Store4(b.At(to, place, 4), 0, sum) })
	for l, v := range sum {
		mine := b.Add(b.Mul(b.Add(quad, ptx.Int(l)), ptx.Int(turnedRow)), row)
		b.StoreShared(b.Add(memory, b.Mul(mine, ptx.Int(4))), 0, v)
	}
	b.Barrier()
	z, pair = b.Add(first, row), b.Add(m, quad)
	b.If(b.Less(z, ptx.Int(t.numbers())), func() {
		mine := b.Add(b.Mul(row, ptx.Int(turnedRow)), quad)
		mine = b.Add(memory, b.Mul(mine, ptx.Int(4)))
		var four [4]ptx.F32
		for l := range four {
			four[l] = b.LoadShared(mine, 4*l)
		}
		line := b.At(b.tile(turned, b.Shr(pair, 7), ptx.Int(t.lined()), piece), z, 4*piece)
		b.Store4(b.At(line, b.And(pair, ptx.Int(piece-1)), 4), 0, four)
	})
}
