package cuda

// Shapes: as in matmul.go.

import "icar/nn/cuda/ptx"

// Matrices lie in memory by tiles, as far as kernels are free to choose: (tiles, K, M) of
// M numbers as wide as a tile is high. Then a stage is one piece of memory, which
// the threads bring 16 bytes each at a time, in the order in which it lies.

// slab is a source of such a piece that is width numbers wide, of which base is the
// beginning, the same for all threads.
func (t tiling) slab(k *ptx.Kernel, base ptx.U64, width int) source {
	return t.pitched(k, base, width, width)
}

// pitched is a source of width columns of a matrix by rows that are pitch numbers long.
// The width is a divisor of 4 times the number of threads, or, if the matrix is no wider,
// any multiple of 4.
func (t tiling) pitched(k *ptx.Kernel, base ptx.U64, width, pitch int) source {
	thread := k.Thread(ptx.X)
	count, threads := depth*width/4, t.threads()
	place := k.Mul(thread, ptx.Int(16))
	from, every := k.CopyAddress(k.At(base, thread, 16)), 16*threads
	if pitch != width {
		quads := ptx.Int(width / 4)
		at := k.At(base, k.Div(thread, quads), 4*pitch)
		from, every = k.CopyAddress(k.At(at, k.Rem(thread, quads), 16)), 16*threads/width*pitch
	}
	rest := k.Less(thread, ptx.Int(count%threads))
	return source{load: func() func(ptx.U32) {
		var v [][4]ptx.F32
		for i := range count / threads {
			v = append(v, k.Load4(from, i*every))
		}
		if count%threads > 0 {
			last := [4]ptx.F32(zeros(k, 4))
			k.If(rest, func() {
				for l, x := range k.Load4(from, len(v)*every) {
					k.CopyTo(last[l], x)
				}
			})
			v = append(v, last)
		}
		return func(to ptx.U32) {
			to = k.Add(to, place)
			for i := range count / threads {
				k.StoreShared4(to, 16*threads*i, v[i])
			}
			if count%threads > 0 {
				k.If(rest, func() { k.StoreShared4(to, 16*threads*(len(v)-1), v[len(v)-1]) })
			}
		}
	}, goOn: func(ptx.U32) { k.MoveTo(from, ptx.Long(4*depth*pitch)) }}
}

// piece is the width of tiles that matrices lie in, and the number of sequences of a block.
const piece = 128
