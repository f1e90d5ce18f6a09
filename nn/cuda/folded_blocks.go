package cuda

// Shapes: D embed, E folded input.

import (
	"icar/nn/cuda/ptx"
)

// What stands before and after the kernels of sequences is little work of many kinds, and
// a launch takes longer than the work: so one kernel does all that can be done side by
// side, and its blocks do different things.

// foldThreads is the number of threads of a block, at least the numbers of a head's W̃ or M.
const foldThreads = 256

// blocks is a kernel whose blocks do different things. Its first parameter is the distance
// of runs; the run is the block's z.
type blocks struct {
	frame
	thread, warp ptx.U32
	base         ptx.U32 // of shared memory
	used, most   int     // bytes of it
}

// section is what count of the blocks do, each with its place among them.
type section struct {
	count int
	body  func(block ptx.U32)
}

func beginBlocks(name string) *blocks {
	k := ptx.New(name)
	b := &blocks{frame: frame{Kernel: k, stride: k.Distance(), run: k.Block(ptx.Z)}}
	b.thread = k.Thread(ptx.X)
	b.warp, b.lane = k.Shr(b.thread, 5), k.And(b.thread, ptx.Int(31))
	b.base = k.Ask(0)
	k.Bounds(foldThreads, 1)
	return b
}

// crowded is whether so many blocks are several times what a large card has side by side.
func crowded(blocks int) bool { return blocks > 2*residentBlocks }

// sideBySide sees to it that a multiprocessor has so many blocks at the same time, if there
// is a crowd: they take fewer registers then, so more of them wait for memory together.
func (b *blocks) sideBySide(blocks, most int) {
	if crowded(blocks) {
		b.Bounds(foldThreads, most)
	}
}

// sections are done by the blocks of the grid in order. As a block does one of them, all
// have the same shared memory.
func (b *blocks) sections(list []section) {
	b.between(b.Block(ptx.X), list, 0)
	b.Ask(b.most)
}

// between has a block, whose place is first or later, do that of the list that is its own.
func (b *blocks) between(block ptx.U32, list []section, first int) {
	if len(list) == 1 {
		b.used = 0
		list[0].body(b.Sub(block, ptx.Int(first)))
		return
	}
	half := len(list) / 2
	middle := first + count(list[:half])
	b.If(b.Less(block, ptx.Int(middle)), func() { b.between(block, list[:half], first) })
	b.If(b.AtLeast(block, ptx.Int(middle)), func() { b.between(block, list[half:], middle) })
}

// count is the number of blocks of sections.
func count(list []section) int {
	n := 0
	for _, s := range list {
		n += s.count
	}
	return n
}

// blocksOf is the number of blocks with a thread for each of n numbers.
func blocksOf(n int) int { return (n + foldThreads - 1) / foldThreads }

// room is the address of that many bytes of shared memory.
func (b *blocks) room(bytes int) ptx.U32 {
	at := b.Add(b.base, ptx.Int(b.used))
	b.used += (bytes + 15) &^ 15
	b.most = max(b.most, b.used)
	return at
}

// fill has the threads store a value for each i below n. All of the loads that make the
// values are on their way before the first is stored.
func fill[V any](b *blocks, n int, value func(i ptx.U32) V, store func(i ptx.U32, v V)) {
	var list []V
	for first := 0; first < n; first += foldThreads {
		list = append(list, value(b.Min(b.Add(b.thread, ptx.Int(first)), ptx.Int(n-1))))
	}
	for r, v := range list {
		i := b.Add(b.thread, ptx.Int(r*foldThreads))
		if n >= (r+1)*foldThreads {
			store(i, v)
			continue
		}
		b.If(b.Less(i, ptx.Int(n)), func() { store(i, v) })
	}
}

// each runs body for i below n, which the threads share.
func (b *blocks) each(n int, body func(i ptx.U32)) {
	if n <= foldThreads {
		b.If(b.Less(b.thread, ptx.Int(n)), func() { body(b.thread) })
		return
	}
	b.For(b.thread, ptx.Int(n), ptx.Int(foldThreads), body)
}

// split is i as a row and a column of so many columns.
func (b *blocks) split(i ptx.U32, cols int) (row, col ptx.U32) {
	return b.Div(i, ptx.Int(cols)), b.Rem(i, ptx.Int(cols))
}

// along is at + n·step, in whole numbers.
func (b *blocks) along(at, n ptx.U32, step int) ptx.U32 {
	return b.Add(at, b.Mul(n, ptx.Int(step)))
}

// cell is at + row·rows + col·cols.
func (b *blocks) cell(at, row ptx.U32, rows int, col ptx.U32, cols int) ptx.U32 {
	return b.along(b.along(at, row, rows), col, cols)
}

// matrix is one of float64 in shared memory, whose rows are an odd number of them apart: so
// a row's and a column's lie in different banks.
type matrix struct {
	at  ptx.U32
	row int // bytes from a row to the next
}

const wideBytes = 8

// newMatrix makes room for one.
func (b *blocks) newMatrix(rows, cols int) matrix {
	row := wideBytes * (cols | 1)
	return matrix{b.room(rows * row), row}
}

// matrix makes one of those numbers. They are there after the next barrier.
func (b *blocks) matrix(rows, cols int, value func(row, col ptx.U32) ptx.F64) matrix {
	m := b.newMatrix(rows, cols)
	fill(b, rows*cols, func(i ptx.U32) ptx.F64 { return value(b.split(i, cols)) },
		func(i ptx.U32, v ptx.F64) {
			row, col := b.split(i, cols)
			b.StoreSharedWide(b.cell(m.at, row, m.row, col, wideBytes), 0, v)
		})
	return m
}

// loaded makes a matrix of float32 in global memory, whose rows and columns are so many
// numbers apart.
func (b *blocks) loaded(from ptx.U64, at ptx.U32, rows, row, cols, col int) matrix {
	return b.matrix(rows, cols, func(r, c ptx.U32) ptx.F64 {
		return b.Wide(b.Load(b.At(from, b.cell(at, r, row, c, col), 4), 0))
	})
}

// augmented makes W̃ (D, E) of a head whose W and b are those numbers of the parameters:
// columns E-1 apart add up.
func (b *blocks) augmented(theta ptx.U64, w, bias ptx.U32, d, e int) matrix {
	return b.matrix(d, e, func(o, i ptx.U32) ptx.F64 {
		last := b.Equal(i, ptx.Int(e-1))
		row, offset := b.cell(w, o, d, i, 1), b.Add(bias, o)
		sum := b.CopyWide(b.Wide(b.Load(b.At(theta, b.Pick(last, offset, row), 4), 0)))
		for c := e - 1; c < d; c += e - 1 {
			at := b.Pick(last, offset, b.Add(row, ptx.Int(c)))
			b.PlusWideTo(sum, b.Wide(b.Choose(last, zero, b.Load(b.At(theta, at, 4), 0))))
		}
		return sum
	})
}

// dotWide is Σ_i x_i y_i, in order, of so many float64 in shared memory which are so many
// bytes apart.
func (b *blocks) dotWide(terms int, x ptx.U32, apartX int, y ptx.U32, apartY int) ptx.F64 {
	sum := b.CopyWide(ptx.Double(0))
	for i := range terms {
		b.FmaWideTo(sum, b.LoadSharedWide(x, i*apartX), b.LoadSharedWide(y, i*apartY))
	}
	return sum
}

// allWarps is the sum of v over the threads of the block, in each of them. It waits for all
// of them.
func (b *blocks) allWarps(v ptx.F32) ptx.F32 {
	const count = foldThreads / 32
	at := b.room(4 * count)
	v = allLanes(b.Kernel, v)
	b.If(b.Equal(b.lane, ptx.Int(0)), func() {
		b.StoreShared(b.Add(at, b.Mul(b.warp, ptx.Int(4))), 0, v)
	})
	b.Barrier()
	sum := b.LoadShared(at, 0)
	for w := 1; w < count; w++ {
		sum = b.Plus(sum, b.LoadShared(at, 4*w))
	}
	return sum
}
