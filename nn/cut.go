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

// Mul implements kernel.Kernel.
func (k *cutting) Mul(c, a, b kernel.Matrix, add bool) {
	if c.Rows*c.Cols*a.Cols < 2*grain || !k.w.member.helped() {
		k.Kernel.Mul(c, a, b, add)
		return
	}
	k.product(c, a, b, kernel.Lanes, func(c, a, b kernel.Matrix) { k.Kernel.Mul(c, a, b, add) })
}

// MulShared implements kernel.Kernel.
func (k *cutting) MulShared(c, a, b kernel.Matrix, add bool) {
	if c.Rows*c.Cols*a.Cols < 2*grain || !k.w.member.helped() {
		k.Kernel.MulShared(c, a, b, add)
		return
	}
	k.product(c, a, b, 1, func(c, a, b kernel.Matrix) { k.Kernel.MulShared(c, a, b, add) })
}

// product does a product in strips; entries of a are unit numbers.
func (k *cutting) product(c, a, b kernel.Matrix, unit int, do func(c, a, b kernel.Matrix)) {
	rows, pieces, size, cost := strips(c, a)
	parts := k.w.cuts(pieces, cost)
	if parts == 1 {
		do(c, a, b)
		return
	}
	k.w.share(pieces, parts, func(from, to int) {
		from, to = from*size, to*size
		if rows {
			to = min(to, c.Rows)
			part := a
			part.Data, part.Rows = a.Data[from*a.Row*unit:], to-from
			do(c.Slice(from, 0, to-from, c.Cols), part, b)
		} else {
			to = min(to, c.Cols)
			do(c.Slice(0, from, c.Rows, to-from), a, b.Slice(0, from, b.Rows, to-from))
		}
	})
}

// Sum implements kernel.Kernel.
func (k *cutting) Sum(dst, src []float32) {
	if parts := k.w.cuts(len(dst), costAdd); parts > 1 {
		k.w.share(len(dst), parts, func(from, to int) {
			k.Kernel.Sum(dst[from:to], src[from*kernel.Lanes:])
		})
		return
	}
	k.Kernel.Sum(dst, src)
}

// Norm implements kernel.Kernel.
func (k *cutting) Norm(y, normal, rstd, x kernel.Matrix, gamma, beta []float32, epsilon float32) {
	if parts := k.w.cuts(x.Rows, costNorm*x.Cols); parts > 1 {
		k.w.share(x.Rows, parts, func(i, to int) {
			n := to - i
			k.Kernel.Norm(y.SliceRows(i, n), normal.SliceRows(i, n), rstd.SliceRows(i, n),
				x.SliceRows(i, n), gamma, beta, epsilon)
		})
		return
	}
	k.Kernel.Norm(y, normal, rstd, x, gamma, beta, epsilon)
}

// Add implements kernel.Kernel.
func (k *cutting) Add(dst, a, b kernel.Matrix) {
	if parts := k.w.cuts(dst.Rows, costAdd*dst.Cols); parts > 1 {
		k.w.share(dst.Rows, parts, func(i, to int) {
			k.Kernel.Add(dst.SliceRows(i, to-i), a.SliceRows(i, to-i), b.SliceRows(i, to-i))
		})
		return
	}
	k.Kernel.Add(dst, a, b)
}

// Relu implements kernel.Kernel.
func (k *cutting) Relu(x kernel.Matrix) {
	if parts := k.w.cuts(x.Rows, costAdd*x.Cols); parts > 1 {
		k.w.share(x.Rows, parts, func(i, to int) { k.Kernel.Relu(x.SliceRows(i, to-i)) })
		return
	}
	k.Kernel.Relu(x)
}

// ReluBackward implements kernel.Kernel.
func (k *cutting) ReluBackward(dx, y kernel.Matrix) {
	if parts := k.w.cuts(dx.Rows, costAdd*dx.Cols); parts > 1 {
		k.w.share(dx.Rows, parts, func(i, to int) {
			k.Kernel.ReluBackward(dx.SliceRows(i, to-i), y.SliceRows(i, to-i))
		})
		return
	}
	k.Kernel.ReluBackward(dx, y)
}

// GELU implements kernel.Kernel.
func (k *cutting) GELU(y, x kernel.Matrix) {
	if parts := k.w.cuts(x.Rows, costExp*x.Cols); parts > 1 {
		k.w.share(x.Rows, parts, func(i, to int) {
			k.Kernel.GELU(y.SliceRows(i, to-i), x.SliceRows(i, to-i))
		})
		return
	}
	k.Kernel.GELU(y, x)
}

// GELUBackward implements kernel.Kernel.
func (k *cutting) GELUBackward(dx, x kernel.Matrix) {
	if parts := k.w.cuts(dx.Rows, costExp*dx.Cols); parts > 1 {
		k.w.share(dx.Rows, parts, func(i, to int) {
			k.Kernel.GELUBackward(dx.SliceRows(i, to-i), x.SliceRows(i, to-i))
		})
		return
	}
	k.Kernel.GELUBackward(dx, x)
}
