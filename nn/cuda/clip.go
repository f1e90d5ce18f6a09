package cuda

// Shapes: P parameters.

import (
	"encoding/binary"
	"math"

	"icar/nn/cuda/ptx"
)

// clip scales a gradient that is longer than a bound down to it, as [nn.Clip] does: one
// block a run. Threads sum squares in float64, which are exact there, each of every 1024th
// number; the sums are added up in an order of their own. It has the parameters the
// distance of runs, P, the bound as a float64 and the gradient.
func clip() *ptx.Kernel {
	k := ptx.New("clip")
	f := frame{Kernel: k, stride: k.Distance(), run: k.Block(ptx.Z)}
	count := k.Number()
	bounds, gradient := f.array(), f.array()
	t := k.Thread(ptx.X)
	sums := k.Shared(8 * judges)
	square := k.CopyWide(ptx.Double(0))
	k.For(t, count, ptx.Int(judges), func(i ptx.U32) {
		g := k.Wide(k.Load(k.At(gradient, i, 4), 0))
		k.FmaWideTo(square, g, g)
	})
	at := func(i ptx.U32) ptx.U32 { return k.Add(sums, k.Mul(i, ptx.Int(8))) }
	k.StoreSharedWide(at(t), 0, square)
	k.Barrier()
	k.If(k.Less(t, ptx.Int(32)), func() {
		total := k.CopyWide(ptx.Double(0))
		for i := range judges / 32 {
			k.PlusWideTo(total, k.LoadSharedWide(at(k.Add(t, ptx.Int(32*i))), 0))
		}
		k.StoreSharedWide(at(t), 0, total)
	})
	k.Barrier()
	total := k.CopyWide(ptx.Double(0))
	for i := range 32 {
		k.PlusWideTo(total, k.LoadSharedWide(sums, 8*i))
	}
	norm, bound := k.RootWide(total), k.LoadWide(bounds, 0)
	k.ExitUnless(k.LessWide(bound, norm))
	k.ExitUnless(k.LessWide(norm, k.CopyWide(ptx.Double(math.Inf(1)))))
	scale := k.Narrow(k.OverWide(bound, norm))
	k.For(t, count, ptx.Int(judges), func(i ptx.U32) {
		place := k.At(gradient, i, 4)
		k.Store(place, 0, k.Times(k.Load(place, 0), scale))
	})
	return k
}

// clipped calls it.
func (p *plan) clipped(list *[]call) {
	p.add(list, clip(), [2]int{1, 1}, judges, number(p.p), p.bound.argument,
		p.gradient.argument)
}

// encodeBound is the largest norm of a run's gradient, 0 for any, as it stands in memory.
func encodeBound(bound float64) []byte {
	if bound == 0 {
		bound = math.Inf(1)
	}
	return binary.LittleEndian.AppendUint64(nil, math.Float64bits(bound))
}
