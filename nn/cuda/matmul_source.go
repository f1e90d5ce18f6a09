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

// along is a source of count rows of a matrix whose k lie side by side: thread r brings
// row r, which begins at from, and turns it. Neighbours write to neighbouring banks. Threads
// behind the last row have one that is there, too.
func (t tiling) along(k *ptx.Kernel, from ptx.U64, count int, leaps leap) source {
	at := k.CopyAddress(from)
	return t.turned(k, count, func() func() []ptx.F32 {
		v := stageOfRow(k, at)
		return func() []ptx.F32 { return v }
	}, func(step ptx.U32) { leaps.move(k, step, at) })
}

// stageOfRow reads a stage of a row.
func stageOfRow(k *ptx.Kernel, at ptx.U64) (v []ptx.F32) {
	for d := 0; d < depth; d += 4 {
		four := k.Load4(at, 4*d)
		v = append(v, four[:]...)
	}
	return v
}

// turned is a source of count rows, no more than there are threads. What load returns
// gives depth numbers of the thread's row when they are needed.
func (t tiling) turned(k *ptx.Kernel, count int, load func() func() []ptx.F32,
	goOn func(step ptx.U32)) source {
	thread := k.Thread(ptx.X)
	place := k.Mul(thread, ptx.Int(4))
	return source{load: func() func(ptx.U32) {
		row := load()
		return func(to ptx.U32) {
			to = k.Add(to, place)
			write := func() {
				for d, v := range row() {
					k.StoreShared(to, 4*d*count, v)
				}
			}
			if count == t.threads() {
				write()
				return
			}
			k.If(k.Less(thread, ptx.Int(count)), write)
		}
	}, goOn: goOn}
}

// leap is how the rows of a matrix go on that lies in pieces of 128 k: from the end of one
// it is so many bytes to the beginning of the next, "" if they are one. The first step
// reads the stage from of its piece.
type leap struct {
	bytes ptx.U64
	from  ptx.U32
}

// pieces of k lie side by side.
const piece = 128

// move brings an address behind what a step has read.
func (l leap) move(k *ptx.Kernel, step ptx.U32, at ptx.U64) {
	k.MoveTo(at, ptx.Long(4*depth))
	if l.bytes == "" {
		return
	}
	const last = piece/depth - 1
	stage := k.And(k.Add(step, l.from), ptx.Int(last))
	k.If(k.Equal(stage, ptx.Int(last)), func() { k.MoveTo(at, l.bytes) })
}
