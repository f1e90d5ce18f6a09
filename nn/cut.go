package nn

// Shapes: T time, H heads. The cost of something is its multiply-adds of entries, or as
// many as would take its time.

import "icar/nn/kernel"

// A batch is cut into blocks of 16 sequences first. Where there are more processors than
// blocks, the loops within a block are cut too, over tokens, heads and rows of weights.
// Every number is still computed by one processor, in the same order of operations: a
// cut is along what is written, never along what is added up.

// grain is the least cost of a part: 8192 multiply-adds of an entry are some 5 µs, five
// times what it takes to hand a part over (see handOver in plan.go).
const grain = 1 << 13

// Costs of one entry, in multiply-adds.
const (
	costNorm   = 8
	costExp    = 16 // a softmax, a GELU
	costAdd    = 2
	costGather = 16 // 16 numbers from 16 sequences, one at a time
	costLoss   = 2  // of one lane
)

// cuts returns how many parts n pieces that cost so much each are to be cut into: one if
// that is too little, or nobody has time to help.
func (w *lanes) cuts(n, cost int) int {
	parts := min(n, n*cost/grain)
	if parts < 2 || !w.member.helped() {
		return 1
	}
	return parts
}

// share does f on parts of [0, n).
func (w *lanes) share(n, parts int, f func(from, to int)) {
	w.member.share(parts, func(_ *member, part int) { f(part*n/parts, (part+1)*n/parts) })
}

// strip does f on [0, n), in parts if others help.
func (w *lanes) strip(n, cost int, f func(from, to int)) {
	if parts := w.cuts(n, cost); parts > 1 {
		w.share(n, parts, f)
	} else {
		f(0, n)
	}
}

// each does f for 0 to n-1, in that order or, if others help, each with what it takes to
// do it elsewhere: scratch of its own, and the loops as they are.
func (w *lanes) each(n, cost int, f func(w *lanes, i int)) {
	parts := w.cuts(n, cost)
	if parts == 1 {
		for i := range n {
			f(w, i)
		}
		return
	}
	w.member.share(parts, func(m *member, part int) {
		aside := w.beside(m)
		for i := part * n / parts; i < (part+1)*n/parts; i++ {
			f(aside, i)
		}
	})
}

// beside returns w as m takes part in it: what w has computed is the same, scratch and
// loops are m's own.
func (w *lanes) beside(m *member) *lanes {
	if m.aside == nil || m.aside.length != w.length {
		m.aside = &lanes{scratch: newScratch(w.config, w.length, w.segment)}
	}
	room := m.aside.scratch
	*m.aside = *w
	m.aside.scratch, m.aside.Kernel, m.aside.member = room, w.alone, nil
	return m.aside
}

// cutting is the loops of a lanes, which are cut where others help.
type cutting struct {
	kernel.Kernel // that does not cut
	w             *lanes
}

// strips returns how a product is cut, along the longer side of c: how many pieces
// there are, of whole tiles, their size and what each costs.
func strips(c, a kernel.Matrix) (rows bool, pieces, size, cost int) {
	const tileRows, tileCols = 4, 6
	if c.Rows >= c.Cols {
		return true, (c.Rows + tileRows - 1) / tileRows, tileRows, tileRows * c.Cols * a.Cols
	}
	return false, (c.Cols + tileCols - 1) / tileCols, tileCols, tileCols * c.Rows * a.Cols
}

// whole says whether a product is left whole: it is small, or nobody has time to help. Most
// are small, and what is asked of each of them takes its time.
func (k *cutting) whole(c, a *kernel.Matrix) bool {
	return c.Rows*c.Cols*a.Cols < 2*grain || !k.w.member.helped()
}

// Mul implements kernel.Kernel.
func (k *cutting) Mul(c, a, b kernel.Matrix, add bool) {
	if k.whole(&c, &a) {
		k.Kernel.Mul(c, a, b, add)
		return
	}
	k.product(c, a, b, add, kernel.Lanes, kernel.Kernel.Mul)
}

// MulShared implements kernel.Kernel.
func (k *cutting) MulShared(c, a, b kernel.Matrix, add bool) {
	if k.whole(&c, &a) {
		k.Kernel.MulShared(c, a, b, add)
		return
	}
	k.product(c, a, b, add, 1, kernel.Kernel.MulShared)
}

// product does a product in strips; entries of a are unit numbers.
func (k *cutting) product(c, a, b kernel.Matrix, add bool, unit int,
	do func(k kernel.Kernel, c, a, b kernel.Matrix, add bool)) {
	rows, pieces, size, cost := strips(c, a)
	parts := k.w.cuts(pieces, cost)
	if parts == 1 {
		do(k.Kernel, c, a, b, add)
		return
	}
	k.w.share(pieces, parts, func(from, to int) {
		from, to = from*size, to*size
		if rows {
			to = min(to, c.Rows)
			part := a
			part.Data, part.Rows = a.Data[from*a.Row*unit:], to-from
			do(k.Kernel, c.Slice(from, 0, to-from, c.Cols), part, b, add)
		} else {
			to = min(to, c.Cols)
			do(k.Kernel, c.Slice(0, from, c.Rows, to-from), a, b.Slice(0, from, b.Rows, to-from), add)
		}
	})
}

// rowwise is what a loop over rows takes: matrices, of which it may have less than four,
// and what is the same for all rows.
type rowwise struct {
	m           [4]kernel.Matrix
	gamma, beta []float32
	epsilon     float32
}

// rows does a loop whose entries cost so much each, in parts if others help. What it does
// is no closure: that would be an allocation at every call, also of a loop left whole.
func (k *cutting) rows(cost int, do func(k kernel.Kernel, l rowwise), l rowwise) {
	n := l.m[0].Rows
	parts := k.w.cuts(n, cost*l.m[0].Cols)
	if parts == 1 {
		do(k.Kernel, l)
		return
	}
	whole := l
	k.w.share(n, parts, func(from, to int) {
		part := whole
		for i, m := range whole.m {
			part.m[i] = m.SliceRows(from, to-from)
		}
		do(k.Kernel, part)
	})
}

// Norm implements kernel.Kernel.
func (k *cutting) Norm(y, normal, rstd, x kernel.Matrix, gamma, beta []float32, epsilon float32) {
	k.rows(costNorm, func(k kernel.Kernel, l rowwise) {
		k.Norm(l.m[1], l.m[2], l.m[3], l.m[0], l.gamma, l.beta, l.epsilon)
	}, rowwise{[4]kernel.Matrix{x, y, normal, rstd}, gamma, beta, epsilon})
}

// Add implements kernel.Kernel.
func (k *cutting) Add(dst, a, b kernel.Matrix) {
	k.rows(costAdd, func(k kernel.Kernel, l rowwise) { k.Add(l.m[0], l.m[1], l.m[2]) },
		rowwise{m: [4]kernel.Matrix{dst, a, b}})
}

// Relu implements kernel.Kernel.
func (k *cutting) Relu(x kernel.Matrix) {
	k.rows(costAdd, func(k kernel.Kernel, l rowwise) { k.Relu(l.m[0]) },
		rowwise{m: [4]kernel.Matrix{x}})
}

// ReluBackward implements kernel.Kernel.
func (k *cutting) ReluBackward(dx, y kernel.Matrix) {
	k.rows(costAdd, func(k kernel.Kernel, l rowwise) { k.ReluBackward(l.m[0], l.m[1]) },
		rowwise{m: [4]kernel.Matrix{dx, y}})
}

// GELU implements kernel.Kernel.
func (k *cutting) GELU(y, x kernel.Matrix) {
	k.rows(costExp, func(k kernel.Kernel, l rowwise) { k.GELU(l.m[0], l.m[1]) },
		rowwise{m: [4]kernel.Matrix{y, x}})
}

// GELUBackward implements kernel.Kernel.
func (k *cutting) GELUBackward(dx, x kernel.Matrix) {
	k.rows(costExp, func(k kernel.Kernel, l rowwise) { k.GELUBackward(l.m[0], l.m[1]) },
		rowwise{m: [4]kernel.Matrix{dx, x}})
}
