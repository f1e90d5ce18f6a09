package cuda

// Shapes: S slots, K steps.

import (
	"fmt"

	"icar/nn/cuda/ptx"
)

// The kernels of sequences leave their gradients in slots (S, numbers), which are added up
// here, in a fixed order: of a tile of 64 numbers, 16 threads have 4 numbers each, and 16
// such rows of threads have slots r, r + 16, … So most loads of a thread are on their way
// at the same time, and there are many blocks even of few numbers. Of fewer slots there are
// fewer rows, and a tile is wider.

const (
	slotRows, fewestRows = 16, 4
	inFlight             = 8 // loads of a thread before it waits
)

// tileOf returns the rows of threads for so many slots, and the numbers of a tile. That is as
// many as a block has threads at most. What is added in which order is the same for any rows
// that are no fewer than slots.
func tileOf(slots int) (rows, numbers int) {
	rows = slotRows
	for rows/2 >= max(slots, fewestRows) {
		rows /= 2
	}
	return rows, 4 * foldThreads / rows
}

// gathering is slots that are to be added up.
type gathering struct {
	from, to span
	numbers  int // of a slot, a multiple of 4
	slots    int
}

// tiles is the number of tiles, of which a block does one.
func (g gathering) tiles() int {
	_, numbers := tileOf(g.slots)
	return up(g.numbers, numbers)
}

// gather calls body with the numbers of a tile and their sums over slots, by one thread
// each.
func (b *blocks) gather(from ptx.U64, numbers, slots int, tile ptx.U32,
	body func(number ptx.U32, sum ptx.F32)) {
	tileRows, tileNumbers := tileOf(slots)
	across := tileNumbers / 4
	row, col := b.split(b.thread, across)
	column := b.Add(b.Mul(tile, ptx.Int(across)), col)
	at := b.At(b.At(from, column, 16), row, 4*numbers)
	sums := zeros(b.Kernel, 4)
	b.If(b.Less(column, ptx.Int(numbers/4)), func() {
		some := inFlight * tileRows
		b.For(ptx.Int(0), ptx.Int(slots/some), next, func(i ptx.U32) {
			b.gatherSome(sums, b.At(at, i, 4*numbers*some), row, numbers, some, tileRows)
		})
		if slots%some > 0 {
			rest := b.Move(at, ptx.Long(4*numbers*(slots-slots%some)))
			b.gatherSome(sums, rest, row, numbers, slots%some, tileRows)
		}
	})
	parts := b.room(4 * tileRows * tileNumbers)
	b.StoreShared4(b.Add(parts, b.Mul(b.thread, ptx.Int(16))), 0, [4]ptx.F32(sums))
	b.Barrier()
	number := b.Add(b.Mul(tile, ptx.Int(tileNumbers)), b.thread)
	valid := b.Both(b.Less(b.thread, ptx.Int(tileNumbers)), b.Less(number, ptx.Int(numbers)))
	b.If(valid, func() {
		mine := b.Add(parts, b.Mul(b.thread, ptx.Int(4)))
		sum := b.LoadShared(mine, 0)
		for r := 1; r < min(tileRows, slots); r++ {
			sum = b.Plus(sum, b.LoadShared(mine, 4*tileNumbers*r))
		}
		body(number, sum)
	})
}

// gatherSome adds some slots to sums, whose loads are all under way before it waits.
func (b *blocks) gatherSome(sums []ptx.F32, at ptx.U64, row ptx.U32,
	numbers, slots, tileRows int) {
	var loads [][4]ptx.F32
	for s := 0; s < slots; s += tileRows {
		offset := 4 * numbers * s
		if s+tileRows <= slots {
			loads = append(loads, b.Load4(at, offset))
			continue
		}
		last := zeros(b.Kernel, 4)
		b.If(b.Less(row, ptx.Int(slots-s)), func() {
			for i, v := range b.Load4(at, offset) {
				b.CopyTo(last[i], v)
			}
		})
		loads = append(loads, [4]ptx.F32(last))
	}
	for _, v := range loads {
		for i := range sums {
			b.PlusTo(sums[i], v[i])
		}
	}
}

// reduce adds up slots and errors.
type reduce struct {
	list   []gathering
	errors int
}

func (r reduce) name() string {
	name := fmt.Sprintf("reduce_%d", r.errors)
	for _, g := range r.list {
		name += fmt.Sprintf("_%d_%d", g.slots, g.numbers)
	}
	return name
}

// blocks is the number of blocks.
func (r reduce) blocks() int {
	n := 1
	for _, g := range r.list {
		n += g.tiles()
	}
	return n
}

// kernel has the parameters the state, the errors, the losses (K, 32) in float64, which get
// the sums of a 32nd of the errors, the flag of the errors, then from and to of each
// gathering.
func (r reduce) kernel() *ptx.Kernel {
	b := beginBlocks(r.name())
	course, errors, losses, flag := b.array(), b.array(), b.array(), b.array()
	list := []section{{1, func(ptx.U32) { r.lose(b, course, errors, losses, flag) }}}
	for _, g := range r.list {
		from, to := b.array(), b.array()
		list = append(list, section{g.tiles(), func(tile ptx.U32) {
			b.gather(from, g.numbers, g.slots, tile, func(number ptx.U32, sum ptx.F32) {
				b.Store(b.At(to, number, 4), 0, sum)
			})
		}})
	}
	b.sections(list)
	return b.Kernel
}

// lose adds up the errors, and keeps the state as it is at the end of the step: who ends it
// reads that and writes the other.
func (r reduce) lose(b *blocks, course, errors, losses, flag ptx.U64) {
	step, before := b.LoadInt(course, 4*clock), b.Load(course, 4*stopped)
	sum := b.CopyWide(ptx.Double(0))
	for first := 0; first < r.errors; first += inFlight * foldThreads {
		var loads []ptx.F32
		for i := first; i < min(r.errors, first+inFlight*foldThreads); i += foldThreads {
			v := b.Copy(zero)
			b.If(b.Less(b.thread, ptx.Int(r.errors-i)), func() {
				b.CopyTo(v, b.Load(b.At(errors, b.thread, 4), 4*i))
			})
			loads = append(loads, v)
		}
		for _, v := range loads {
			b.PlusWideTo(sum, b.Wide(v))
		}
	}
	sums := b.room(wideBytes * foldThreads)
	mine := b.Add(sums, b.Mul(b.thread, ptx.Int(wideBytes)))
	b.StoreSharedWide(mine, 0, sum)
	b.Barrier()
	b.If(b.Less(b.thread, ptx.Int(32)), func() {
		total := b.CopyWide(ptx.Double(0))
		for w := range foldThreads / 32 {
			b.PlusWideTo(total, b.LoadSharedWide(mine, 32*wideBytes*w))
		}
		b.StoreWide(b.At(losses, b.Add(b.Mul(step, ptx.Int(32)), b.thread), 8), 0, total)
		// A number times 0 is 0 unless it is not finite, and then it is none.
		bad := allLanes(b.Kernel, b.Times(b.Narrow(total), zero))
		b.If(b.Equal(b.thread, ptx.Int(0)), func() {
			b.Store(flag, 0, b.Plus(bad, before))
			b.StoreInt(course, 4*begun, step)
		})
	})
}
