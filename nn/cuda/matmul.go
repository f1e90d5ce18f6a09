package cuda

// Shapes: a product C = Σ_k A[k] ⊗ B[k] of matrices (K, M) and (K, N).

import "icar/nn/cuda/ptx"

// tiling is how a block of threads makes a tile of a product of matrices. A thread has
// rows·cols of its sums in registers. For every k it reads rows + cols numbers of
// shared memory, 16 bytes at a time, and makes rows·cols multiply-adds of them: 12 by
// 8 are 96 of these for 5 loads, so a scheduler that issues an instruction a cycle
// spends 19 of 20 on arithmetic.
//
// The threads of a warp are 4 down by 8 across. Each has its rows side by side, and its
// columns in pieces of 4 that are 32 apart:
//
//   - of A, the 8 threads of a quarter of a warp read the same 16 bytes, and the quarters
//     read from 4 places that are rows numbers apart;
//   - of B, a quarter of a warp reads 8 pieces side by side, which are all 32 banks once,
//     and all quarters read the same.
//
// So no access has a conflict of banks, and even if each quarter were served by itself, in
// a cycle each, 5 loads are 20 cycles of the memory that four schedulers share, 80 for
// the 96 cycles that they compute.
//
// Shared memory has room for two stages of depth k each. While the threads compute with
// the first half of one, what the other needs of B is on its way to their registers,
// and is written there afterwards; then it is A's turn. So half of the registers do, and
// one barrier a stage keeps order. The rest is latency, which the warps of other blocks
// of the multiprocessor hide.
type tiling struct {
	rows, cols   int // of a thread, multiples of 4
	down, across int // threads, multiples of 4 and of 8
}

// depth is the number of k of a stage.
const depth = 8

func (t tiling) height() int { return t.rows * t.down }

func (t tiling) width() int { return t.cols * t.across }

func (t tiling) threads() int { return t.down * t.across }

// source brings stages of an operand, one after the other. Load reads a stage and returns
// what writes it to shared memory, as (depth, height) or (depth, width); go on goes from
// the stage of a step to the next one. All threads load always, if need be something that
// is not used: a register that only some paths write to is taken on all of them.
type source struct {
	load func() (store func(to ptx.U32))
	goOn func(step ptx.U32)
}

// seat is a thread's place in a tile: its first row and its first column.
type seat struct{ row, col ptx.U32 }

// seat is that of the thread.
func (t tiling) seat(k *ptx.Kernel) seat {
	thread := k.Thread(ptx.X)
	lane, warp := k.And(thread, ptx.Int(31)), k.Shr(thread, 5)
	warps := ptx.Int(t.across / 8)
	down := k.Add(k.Mul(k.Div(warp, warps), ptx.Int(4)), k.Shr(lane, 3))
	across := k.Mul(k.Rem(warp, warps), ptx.Int(8*t.cols))
	return seat{row: k.Mul(down, ptx.Int(t.rows)),
		col: k.Add(across, k.Mul(k.And(lane, ptx.Int(7)), ptx.Int(4)))}
}

// column is the distance of a thread's column c from its first.
func (t tiling) column(c int) int { return c/4*32 + c%4 }

// multiply returns a thread's sums (rows, cols) over that many steps, one at least.
func (t tiling) multiply(k *ptx.Kernel, at seat, steps ptx.U32, a, b source) [][]ptx.F32 {
	return t.multiplyWhere(k, "", at, steps, a, b)
}

// multiplyWhere does so in warps for which useful holds; the others only bring operands.
func (t tiling) multiplyWhere(k *ptx.Kernel, useful ptx.Pred, at seat, steps ptx.U32,
	a, b source) [][]ptx.F32 {
	sums := make([][]ptx.F32, t.rows)
	for r := range sums {
		sums[r] = zeros(k, t.cols)
	}
	below, stage := 4*depth*t.height(), 4*depth*(t.height()+t.width())
	memory := k.Shared(2 * stage)
	rows, cols := k.Mul(at.row, ptx.Int(4)), k.Add(k.Mul(at.col, ptx.Int(4)), ptx.Int(below))
	a.load()(memory)
	b.load()(k.Add(memory, ptx.Int(below)))
	k.Barrier()
	both := k.Add(k.Add(memory, memory), ptx.Int(stage))
	k.For(ptx.Int(0), steps, next, func(step ptx.U32) {
		now := k.Add(memory, k.Mul(k.And(step, next), ptx.Int(stage)))
		other := k.Sub(both, now)
		compute := func(from int) {
			t.half(k, from, k.Add(now, rows), k.Add(now, cols), sums)
		}
		if useful != "" {
			whole := compute
			compute = func(from int) { k.If(useful, func() { whole(from) }) }
		}
		k.If(k.Less(k.Add(step, next), steps), func() {
			a.goOn(step)
			b.goOn(step)
		})
		store := b.load()
		compute(0)
		store(k.Add(other, ptx.Int(below)))
		store = a.load()
		compute(depth / 2)
		store(other)
		k.Barrier()
	})
	return sums
}

// half adds to sums what half a stage gives, whose operands begin at a and b for the thread.
func (t tiling) half(k *ptx.Kernel, from int, a, b ptx.U32, sums [][]ptx.F32) {
	for d := from; d < from+depth/2; d++ {
		var left, right []ptx.F32
		for r := 0; r < t.rows; r += 4 {
			v := k.LoadShared4(a, 4*(d*t.height()+r))
			left = append(left, v[:]...)
		}
		for c := 0; c < t.cols; c += 4 {
			v := k.LoadShared4(b, 4*(d*t.width()+t.column(c)))
			right = append(right, v[:]...)
		}
		for r, s := range left {
			addTo(k, sums[r], s, right)
		}
	}
}

// row are four columns of a thread's row of sums, from column c on.
func (t tiling) row(sums [][]ptx.F32, r, c int) [4]ptx.F32 { return [4]ptx.F32(sums[r][c : c+4]) }
