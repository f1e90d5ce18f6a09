package cuda

// Shapes: W warps, F folded weights; slots (B, F).

import (
	"icar/nn/cuda/ptx"
)

// A block sums over its tokens in two stages: a warp over its lanes, by exchanges in
// which each lane ends with the sums of other numbers, and the warps by shared memory, in
// which each has a row. What comes out is written to the block's slot.

// ending is numbers that each warp has left in its row, and where they belong: in the
// gradient of the layer's weights, those of the readout behind it.
type ending struct{ at, numbers, place int }

// endNumbers is the room of a row for numbers that are added up at the end of the kernel:
// those of the readout with the loss, and four vectors.
func (s sequences) endNumbers() int { return s.config.Coords*s.d1s() + 4 + 4*s.ds() }

// sumNumbers is a row: besides that, what is added up at once, of a group of heads. Where
// there are scratch tensors that has its place in these.
func (s sequences) sumNumbers() int {
	if s.ht() == 1 {
		return s.endNumbers()
	}
	return s.endNumbers() + s.ht()*s.e()*max(s.es(), s.ds())
}

// rowOfWarp is the row of the warp's sums for the end, and warpSums that for sums at once.
func (b *stage) rowOfWarp() ptx.U32 {
	return b.Add(b.sums, b.Mul(b.warp, ptx.Int(4*b.sumNumbers())))
}

func (b *stage) warpSums() ptx.U32 { return b.Add(b.rowOfWarp(), ptx.Int(4*b.endNumbers())) }

// collect sums n numbers of the lanes' tokens for the end. They are asked for when they are
// needed, so that they do not take up registers before.
func (b *stage) collect(n, place int, number func(i int) ptx.F32) {
	at := 0
	for _, e := range b.ends {
		at += padded(e.numbers)
	}
	b.ends = append(b.ends, ending{at, n, place})
	b.sumWarp(n, b.Add(b.rowOfWarp(), ptx.Int(4*at)), number)
}

// collectRow sums a vector for the end.
func (b *stage) collectRow(v []ptx.F32, place int) {
	b.collect(len(v), place, func(i int) ptx.F32 { return v[i] })
}

// lossPlace stands for that of the errors, which are no weight's.
const lossPlace = -1

func (b *stage) collectLoss(loss ptx.F32) { b.collectRow([]ptx.F32{loss}, lossPlace) }

// sumWarp sums n numbers over all lanes and writes them to shared memory.
func (b *stage) sumWarp(n int, to ptx.U32, number func(i int) ptx.F32) {
	mine := b.Add(to, b.Mul(b.lane, ptx.Int(4)))
	for first := 0; first < n; first += 32 {
		v := make([]ptx.F32, 32)
		for i := range v {
			v[i] = zero
			if first+i < n {
				v[i] = number(first + i)
			}
		}
		sum := transposedSum(b.Kernel, b.lane, v)
		store := func() { b.StoreShared(mine, 4*first, sum) }
		if left := n - first; left < 32 {
			b.If(b.Less(b.lane, ptx.Int(left)), store)
		} else {
			store()
		}
	}
}

// finishSums adds up the rows for the end, which are there since the barriers of sums of heads.
func (b *stage) finishSums() {
	for _, e := range b.ends {
		from := b.Add(b.sums, ptx.Int(4*e.at))
		if e.place == lossPlace {
			b.addRows(from, ptx.Int(e.numbers), b.sumNumbers(), func(ptx.U32) ptx.U64 {
				return b.memory.errors
			})
			continue
		}
		slot, place := b.memory.slot, e.place
		if place == b.size { // the readout
			slot, place = b.memory.slotEnd, b.out
		}
		b.addRows(from, ptx.Int(e.numbers), b.sumNumbers(), func(i ptx.U32) ptx.U64 {
			return b.Move(b.At(slot, i, 4), ptx.Long(4*place))
		})
	}
}

// addRows adds up n numbers of all warps, whose rows are apart numbers from each other, in
// order, and writes number i to its address.
func (b *stage) addRows(from, n ptx.U32, apart int, to func(i ptx.U32) ptx.U64) {
	b.For(b.thread, n, ptx.Int(b.threads()), func(i ptx.U32) {
		at := b.Add(from, b.Mul(i, ptx.Int(4)))
		sum := b.LoadShared(at, 0)
		for w := 1; w < b.tiles(); w++ {
			sum = b.Plus(sum, b.LoadShared(at, 4*w*apart))
		}
		b.Store(to(i), 0, sum)
	})
}

// sumOutput sums dU (E, D) = Σ y gᵀ of the heads of a group.
func (b *stage) sumOutput(group ptx.U32, y, g [][]ptx.F32) {
	if b.ht() > 1 {
		b.sumProducts(group, y, g, b.ds(), b.here.u)
		return
	}
	// Nobody reads the scratch tensors still: sums of rows end with a barrier.
	b.storeRow(b.own(b.z), 0, y[0])
	b.storeRow(b.own(b.v), 0, g[0])
	b.Barrier()
	b.sumRows(b.z, b.v, b.e(), b.ds(), b.headPlace(group, b.ds(), b.here.u))
}

// sumQueries sums dM (E, E) = Σ dz x̃ᵀ.
func (b *stage) sumQueries(group ptx.U32, dz [][]ptx.F32) {
	if b.ht() > 1 {
		own := b.Add(b.keysOf(), b.Mul(b.i, ptx.Int(4*b.pitch())))
		x := make([][]ptx.F32, b.ht())
		for r := range x {
			x[r] = append(b.sharedRow(own, 4*r*b.apart(), b.e()-1), one)
		}
		b.sumProducts(group, dz, x, b.es(), b.here.m)
		return
	}
	b.Barrier()
	b.storeRow(b.own(b.z), 0, dz[0])
	b.Barrier()
	b.sumRows(b.z, b.x, b.e(), b.es(), b.headPlace(group, b.es(), b.here.m))
}

// headPlace is where the numbers of the only head of a group lie.
func (b *stage) headPlace(group ptx.U32, cols, place int) ptx.U32 {
	return b.Add(b.Mul(group, ptx.Int(b.e()*cols)), ptx.Int(place))
}

// sumProducts sums Σ p qᵀ over tokens and sequences, for every head (E, cols), as many rows
// at a time as give every lane something.
func (b *stage) sumProducts(group ptx.U32, p, q [][]ptx.F32, cols, place int) {
	b.Barrier() // the rows may be read still
	lanes := 32 / b.ht()
	rows := max(1, lanes/cols)
	to := b.Add(b.warpSums(), b.Mul(b.head, ptx.Int(4*b.e()*cols)))
	for e := 0; e < b.e(); e += rows {
		n := min(rows, b.e()-e) * cols
		v := make([]ptx.F32, (n+lanes-1)/lanes*lanes)
		for i := range v {
			v[i] = zero
			if row, c := e+i/cols, i%cols; i < n && c < len(q[0]) {
				v[i] = b.Times(p[0][row], q[0][c])
				for r := 1; r < len(p); r++ {
					v[i] = b.Fma(p[r][row], q[r][c], v[i])
				}
			}
		}
		v = b.spread(v)
		first := b.Mul(b.Div(b.lane, ptx.Int(b.ht())), ptx.Int(len(v)))
		at := b.Add(to, b.Mul(first, ptx.Int(4)))
		for i, sum := range v {
			store := func() { b.StoreShared(at, 4*(e*cols+i), sum) }
			if n == lanes*len(v) {
				store()
			} else {
				b.If(b.Less(b.Add(first, ptx.Int(i)), ptx.Int(n)), store)
			}
		}
	}
	b.Barrier()
	size := b.ht() * b.e() * cols
	from := b.Add(b.sums, ptx.Int(4*b.endNumbers()))
	base, n := b.Mul(group, ptx.Int(size)), ptx.Int(size)
	if b.config.Heads%b.ht() != 0 { // of the last group only those that there are
		n = b.Min(n, b.Sub(ptx.Int(b.config.Heads*b.e()*cols), base))
	}
	b.addRows(from, n, b.sumNumbers(), func(i ptx.U32) ptx.U64 {
		return b.At(b.memory.slot, b.Add(b.Add(base, i), ptx.Int(place)), 4)
	})
}

// spread sums over the lanes of a head: lane l/HT ends with as many sums, in order.
func (b *stage) spread(v []ptx.F32) []ptx.F32 {
	for mask := 16; mask >= b.ht(); mask /= 2 {
		half := len(v) / 2
		low := b.Equal(b.And(b.lane, ptx.Int(mask)), ptx.Int(0))
		for i := range half {
			keep, give := b.Choose(low, v[i], v[i+half]), b.Choose(low, v[i+half], v[i])
			v[i] = b.Plus(keep, b.Butterfly(give, mask))
		}
		v = v[:half]
	}
	return v
}
