package cuda

// Shapes: as in sequences.go.

import "icar/nn/cuda/ptx"

// sumRows sums Σ p qᵀ over all tokens of the block, of rows p and q of two tensors in shared
// memory, and writes it to the slot as (rows, cols) at a place.
//
// A warp takes its tile of four tokens in all sequences. Half of its lanes have every
// other token, and each lane 4 by 4 of the sums, so that 16 products come of two loads.
// The warps' sums are added up by way of the first tensor: behind a barrier its rows
// are not needed any more.
func (b *stage) sumRows(p, q ptx.U32, rows, cols int, place ptx.U32) {
	quarter := b.And(b.lane, ptx.Int(15))
	down, across := b.Mul(b.Shr(quarter, 2), ptx.Int(4)), b.Mul(b.And(quarter, ptx.Int(3)),
		ptx.Int(4))
	token := b.Add(b.Mul(b.k, ptx.Int(4)), b.Shr(b.lane, 4))
	first := b.Mul(token, ptx.Int(b.pitch()))
	// Lanes beyond the last rows or columns do those again, and leave nothing.
	at := func(tensor, from ptx.U32, most int) ptx.U32 {
		from = b.Min(from, ptx.Int(padded(most)-4))
		return b.Add(tensor, b.Mul(b.Add(first, from), ptx.Int(4)))
	}
	ps, qs := at(p, down, rows), at(q, across, cols)
	sums := zeros(b.Kernel, 16)
	b.For(ptx.Int(0), ptx.Int(sequencesOf), next, func(ptx.U32) {
		for half := range 2 {
			l := b.LoadShared4(ps, 4*2*half*b.pitch())
			r := b.LoadShared4(qs, 4*2*half*b.pitch())
			for i, sum := range sums {
				b.FmaTo(sum, l[i/4], r[i%4])
			}
		}
		b.AddTo(ps, ptx.Int(4*b.apart()))
		b.AddTo(qs, ptx.Int(4*b.apart()))
	})
	for i, v := range sums {
		sums[i] = b.Plus(v, b.Butterfly(v, 16))
	}
	b.Barrier()
	size := padded(rows) * cols
	inside := b.Both(b.Less(down, ptx.Int(rows)), b.Less(across, ptx.Int(cols)))
	b.If(b.Both(inside, b.Less(b.lane, ptx.Int(16))), func() {
		row := b.Add(b.Mul(b.warp, ptx.Int(size)), b.Add(b.Mul(down, ptx.Int(cols)), across))
		to := b.Add(p, b.Mul(row, ptx.Int(4)))
		for i := range 4 {
			b.StoreShared4(to, 4*i*cols, [4]ptx.F32(sums[4*i:]))
		}
	})
	b.Barrier()
	b.addRows(p, ptx.Int(rows*cols), size, func(i ptx.U32) ptx.U64 {
		return b.At(b.memory.slot, b.Add(place, i), 4)
	})
	b.Barrier()
}
