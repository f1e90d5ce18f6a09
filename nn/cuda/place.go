package cuda

// Shapes: T time, D embed, H heads; pos (T, D); p, dp (H, T, T); of places, P groups
// of 32, the position vectors (P, 1, D, 32), their queries and keys (P, 1, H·D, 32).

import (
	"fmt"

	"icar/nn/cuda/ptx"
)

// The position vectors of a product position are brought into the form of tensors whose
// sequences are the places and which have one token, so that products and sums are
// those of everything else. A lane of the following kernels is a place, a tile a
// head; there is one group after the other.

// place is p_hij = softmax over j ≤ i of q_i·k_j/√D, and its backward.
type place struct {
	heads, d int
	back     placing
}

type placing int

const (
	placeForward placing = iota
	placeQueries
	placeKeys
)

func (p place) name() string { return fmt.Sprintf("place_%d_%d_%d", p.back, p.heads, p.d) }

// at is the address of queries or keys of head h at place i, whose dimensions are a line
// apart.
func (p place) at(f frame, base ptx.U64, h, i ptx.U32) ptx.U64 {
	group := f.At(base, f.Shr(i, 5), p.heads*p.d*line)
	return f.At(f.At(group, h, p.d*line), f.And(i, ptx.Int(31)), 4)
}

// kernel has the parameters T, q, k, p, and back dp, the gradients' mean (H, T), dq and
// dk. The T of the frame is 1.
func (p place) kernel() *ptx.Kernel {
	f := begin(p.name())
	length := f.Number()
	q, k, ps := f.array(), f.array(), f.array()
	i := f.Add(f.Mul(f.group, ptx.Int(32)), f.lane)
	h := f.tile
	inside := f.Less(i, length)
	pair := func(base ptx.U64, i, j ptx.U32) ptx.U64 {
		return f.At(base, f.Add(f.Mul(f.Add(f.Mul(h, length), i), length), j), 4)
	}
	if p.back == placeForward {
		f.If(inside, func() {
			p.forward(f, h, i, q, k, func(j ptx.U32) ptx.U64 { return pair(ps, i, j) })
		})
		return f.Kernel
	}
	dps, means, dq, dk := f.array(), f.array(), f.array(), f.array()
	sums := zeros(f.Kernel, p.d)
	// gradient is that of the score of i and j.
	gradient := func(i, j ptx.U32, mean ptx.F32) ptx.F32 {
		return f.Times(f.Load(pair(ps, i, j), 0), f.Minus(f.Load(pair(dps, i, j), 0), mean))
	}
	if p.back == placeQueries {
		f.If(inside, func() {
			mean, end := f.Copy(zero), f.Add(i, next)
			f.For(ptx.Int(0), end, next, func(j ptx.U32) {
				f.FmaTo(mean, f.Load(pair(ps, i, j), 0), f.Load(pair(dps, i, j), 0))
			})
			f.Store(f.At(means, f.Add(f.Mul(h, length), i), 4), 0, mean)
			f.For(ptx.Int(0), end, next, func(j ptx.U32) {
				addTo(f.Kernel, sums, gradient(i, j, mean), f.loads(p.at(f, k, h, j), 0, p.d))
			})
		})
		p.finish(f, sums, p.at(f, dq, h, i))
		return f.Kernel
	}
	f.For(i, length, next, func(row ptx.U32) {
		mean := f.Load(f.At(means, f.Add(f.Mul(h, length), row), 4), 0)
		addTo(f.Kernel, sums, gradient(row, i, mean), f.loads(p.at(f, q, h, row), 0, p.d))
	})
	p.finish(f, sums, p.at(f, dk, h, i))
	return f.Kernel
}

// finish writes sums times 1/√D.
func (p place) finish(f frame, sums []ptx.F32, to ptx.U64) {
	for c := range sums {
		sums[c] = f.Times(sums[c], attentionScale(p.d))
	}
	f.stores(to, 0, sums)
}

// forward writes the softmax of place i to the addresses of to.
func (p place) forward(f frame, h, i ptx.U32, q, k ptx.U64, to func(j ptx.U32) ptx.U64) {
	end := f.Add(i, next)
	query := f.loads(p.at(f, q, h, i), 0, p.d)
	score := func(j ptx.U32) ptx.F32 {
		return f.Times(dot(f.Kernel, query, f.loads(p.at(f, k, h, j), 0, p.d)), attentionScale(p.d))
	}
	top := f.Copy(score(ptx.Int(0)))
	f.For(next, end, next, func(j ptx.U32) { f.CopyTo(top, f.Max(top, score(j))) })
	sum := f.Copy(zero)
	f.For(ptx.Int(0), end, next, func(j ptx.U32) {
		e := exponential(f.Kernel, f.Minus(score(j), top))
		f.PlusTo(sum, e)
		f.Store(to(j), 0, e)
	})
	f.For(ptx.Int(0), end, next, func(j ptx.U32) {
		f.Store(to(j), 0, f.Over(f.Load(to(j), 0), sum))
	})
}

// turn brings position vectors into the form of a tensor, or back: a tile is a
// dimension, a lane a place.
type turn struct {
	d    int
	back bool
}

func (t turn) name() string { return fmt.Sprintf("turn_%d_%t", t.d, t.back) }

// kernel has the parameters T, pos and the tensor.
func (t turn) kernel() *ptx.Kernel {
	f := begin(t.name())
	length := f.Number()
	pos, tensor := f.array(), f.array()
	i := f.Add(f.Mul(f.group, ptx.Int(32)), f.lane)
	inside := f.Less(i, length)
	row := f.At(pos, f.Add(f.Mul(i, ptx.Int(t.d)), f.tile), 4)
	column := f.At(f.At(f.At(tensor, f.group, t.d*line), f.tile, line), f.lane, 4)
	if t.back {
		f.If(inside, func() { f.Store(row, 0, f.Load(column, 0)) })
		return f.Kernel
	}
	v := f.Copy(zero)
	f.If(inside, func() { f.CopyTo(v, f.Load(row, 0)) })
	f.Store(column, 0, v)
	return f.Kernel
}
