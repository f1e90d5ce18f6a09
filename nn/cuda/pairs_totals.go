package cuda

// Shapes: as in pairs_tensors.go; R numbers of a block's slot.

import (
	"fmt"

	"icar/nn/cuda/ptx"
)

// totals adds up slots, in order: those of dK, and those that blocks of ends have. There
// are many of the latter, of few numbers, so totalRows threads share the slots of a
// number: the first takes slots 0, 8, …, and what they have is added up in the end.
type totals struct {
	slots   int // of dK
	numbers int // R
	split   int // of which are the gradient of folded weights: the others are dbase
}

const totalRows, totalThreads = 8, 256

func (t totals) name() string {
	return fmt.Sprintf("pair_totals_%d_%d_%d", t.slots, t.numbers, t.split)
}

// narrow is the number of blocks that add up the slots of ends.
func (t totals) narrow() int { return up(t.numbers, 32) }

// kernel has the parameters the distance of runs, the numbers of dK, of its quads of numbers
// and of the slots of ends, the slots of dK, dK, the slots of ends, the gradient and
// dbase.
func (t totals) kernel() *ptx.Kernel {
	k := ptx.New(t.name())
	b := block{Kernel: k, stride: k.Distance(), run: k.Block(ptx.Z)}
	quads, rows := b.Number(), b.Number()
	from, to, small := b.array(), b.array(), b.array()
	gradient, base := b.array(), b.array()
	thread, at := b.Thread(ptx.X), b.Block(ptx.X)
	memory := b.Shared(4 * totalThreads)

	wide := b.AtLeast(at, ptx.Int(t.narrow()))
	b.If(wide, func() {
		i := b.Add(b.Mul(b.Sub(at, ptx.Int(t.narrow())), ptx.Int(totalThreads)), thread)
		b.If(b.Less(i, quads), func() {
			at, apart := b.At(from, i, 16), b.Product(quads, ptx.Int(16))
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
			b.Store4(b.At(to, i, 16), 0, sum)
		})
	})
	b.ExitUnless(b.Less(at, ptx.Int(t.narrow())))

	i := b.Add(b.Mul(at, ptx.Int(32)), b.And(thread, ptx.Int(31)))
	small = b.At(small, b.Min(i, ptx.Int(t.numbers-1)), 4)
	sum := b.Copy(zero)
	const together = 8
	b.For(b.Shr(thread, 5), rows, ptx.Int(totalRows*together), func(row ptx.U32) {
		var some [together]ptx.F32
		for s := range some {
			row := b.Add(row, ptx.Int(totalRows*s))
			v := b.Load(b.At(small, b.Min(row, b.Sub(rows, next)), 4*t.numbers), 0)
			some[s] = b.Choose(b.Less(row, rows), v, zero)
		}
		for _, v := range some {
			b.PlusTo(sum, v)
		}
	})
	b.StoreShared(b.Add(memory, b.Mul(thread, ptx.Int(4))), 0, sum)
	b.Barrier()
	b.ExitUnless(b.Both(b.Less(thread, ptx.Int(32)), b.Less(i, ptx.Int(t.numbers))))
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
