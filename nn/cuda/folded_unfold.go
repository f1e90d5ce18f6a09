package cuda

// Shapes: T time, D embed, H heads, E folded input, F folded weights, P parameters.

import (
	"icar/nn/cuda/ptx"
)

// unfolding takes the gradient of the folded weights back to the parameters:
//
//	dW̃_q = W̃_k dM/√D, dW̃_k = W̃_q dMᵀ/√D, dW̃_v = W_oᵀ dU, dW_o = Σ_h dU W̃_vᵀ
//
// Coordinates that were one have the same gradient. A block has dW̃_q, dW̃_k or dW̃_v of a
// head, some of a row of dW_o, or a part of what is the same in both; with positions of a product,
// those of queries and keys have what comes by these too. Where it steps, a block makes the
// step of Adam with what it has.
type unfolding struct {
	*descent
	foldedKernels
	sum    ptx.U64 // the gradient of the folded weights
	placed unplacedArrays
}

// unfoldsTogether is the number of blocks of a multiprocessor, if there are many.
const unfoldsTogether = 3

// unfoldSections are what the blocks do, without their bodies if f is nil.
func (o foldedKernels) unfoldSections(f *unfolding) []section {
	heads := o.config.Heads
	var list []section
	for _, d := range o.bands {
		for _, s := range []side{querySide, keySide} {
			list = append(list, section{d.count * heads, func(block ptx.U32) {
				layer, h := f.split(block, heads)
				f.scores(d, s, layer, h)
			}})
		}
		list = append(list, section{d.count * heads, func(block ptx.U32) {
			layer, h := f.split(block, heads)
			f.values(d, layer, h)
		}}, section{d.count * o.outputBlocks(), func(block ptx.U32) {
			layer, some := f.split(block, o.outputBlocks())
			f.output(d, layer, some)
		}})
	}
	for _, t := range o.parts {
		list = append(list, section{t.count * t.tiles(), func(block ptx.U32) { f.part(t, block) }})
	}
	return list
}

// unfold has the parameters of descent, the gradient of the folded weights, and those of
// unplacedArrays.
func (o foldedKernels) unfold(steps bool) *ptx.Kernel {
	b := beginBlocks(o.name("unfold", steps))
	f := &unfolding{descent: b.descent(o.p, steps), foldedKernels: o, sum: b.array()}
	if o.product() {
		f.placed = b.unplacedArrays()
	}
	b.sideBySide(count(o.unfoldSections(nil)), unfoldsTogether)
	b.sections(o.unfoldSections(f))
	return b.Kernel
}

// side is queries or keys.
type side int

const (
	querySide side = iota
	keySide
)

// names are those of the projection and of the other one.
func (s side) names() (own, other string) {
	if s == querySide {
		return "q", "k"
	}
	return "k", "q"
}

// entries reads those of a head's W and b, a thread one of each row and column of [W b].
func (f *unfolding) entries(d band, name string, layer, h ptx.U32) (o, i ptx.U32, e entry) {
	embed := f.config.Embed
	w, bias := f.projection(f.blocks, d, name, layer, h)
	o, i = f.split(f.Min(f.thread, ptx.Int(embed*(embed+1)-1)), embed+1)
	index := f.Pick(f.Equal(i, ptx.Int(embed)), f.Add(bias, o), f.cell(w, o, embed, i, 1))
	return o, i, f.entry(index)
}

// spread is the number of dW̃ (D, E) that is the gradient of row o, column i of [W b].
func (f *unfolding) spread(back matrix, e int, o, i ptx.U32) ptx.F64 {
	col := f.Pick(f.Equal(i, ptx.Int(f.config.Embed)), ptx.Int(e-1), f.Rem(i, ptx.Int(e-1)))
	return f.LoadSharedWide(f.cell(back.at, o, back.row, col, wideBytes), 0)
}

// scores makes the gradient of a head's queries or keys.
func (f *unfolding) scores(d band, s side, layer, h ptx.U32) {
	embed := f.config.Embed
	own, other := s.names()
	o, i, e := f.entries(d, own, layer, h)
	w := f.foldedKernels.side(f.blocks, f.theta, d, other, layer, h)
	dm := f.folded(d, d.m, layer, h, d.e)
	back := f.newMatrix(embed, d.e)
	var p unplaced
	if f.product() {
		p = f.unplace(d, s, layer, h)
	}
	f.Barrier()
	f.each(embed*d.e, func(n ptx.U32) {
		r, c := f.split(n, d.e)
		row, at, apart := f.along(w.at, r, w.row), f.along(dm.at, c, wideBytes), dm.row
		if s == keySide {
			at, apart = f.along(dm.at, c, dm.row), wideBytes
		}
		sum := f.TimesWide(f.dotWide(d.e, row, wideBytes, at, apart), inverseRoot(embed))
		f.StoreSharedWide(f.cell(back.at, r, back.row, c, wideBytes), 0, sum)
	})
	if f.product() {
		p.vectors(f)
	}
	f.Barrier()
	f.If(f.Less(f.thread, ptx.Int(embed*(embed+1))), func() {
		g := f.spread(back, d.e, o, i)
		if f.product() {
			f.PlusWideTo(g, f.Wide(p.weight(f, o, i)))
		}
		f.descend(e, f.Narrow(g))
	})
	if f.product() {
		p.position(f)
	}
	f.finish()
}

// folded puts a head's rows of the gradient of M or U, of so many columns, into shared memory.
func (f *unfolding) folded(d band, at int, layer, h ptx.U32, cols int) matrix {
	first := f.cell(ptx.Int(at), layer, d.foldedApart, h, d.e*padded(cols))
	return f.loaded(f.sum, first, d.e, padded(cols), cols, 1)
}

// values makes the gradient of a head's values.
func (f *unfolding) values(d band, layer, h ptx.U32) {
	embed := f.config.Embed
	o, i, e := f.entries(d, "v", layer, h)
	out := f.foldedKernels.output(f.blocks, f.theta, d, layer)
	du := f.folded(d, d.u, layer, h, embed)
	back := f.newMatrix(embed, d.e)
	f.Barrier()
	f.each(embed*d.e, func(n ptx.U32) {
		r, c := f.split(n, d.e)
		f.StoreSharedWide(f.cell(back.at, r, back.row, c, wideBytes), 0,
			f.dotWide(embed, f.along(out.at, r, wideBytes), out.row, f.along(du.at, c, du.row),
				wideBytes))
	})
	f.Barrier()
	f.If(f.Less(f.thread, ptx.Int(embed*(embed+1))), func() {
		f.descend(e, f.Narrow(f.spread(back, d.e, o, i)))
	})
	f.finish()
}

// outputColumns is the number of columns of W_o of a block: few where many threads are to
// share the heads of each.
func (o foldedKernels) outputColumns() int {
	columns := 16
	for columns > 1 && foldThreads/columns < o.config.Heads {
		columns /= 2
	}
	return columns
}

// outputBlocks is the number of blocks of a layer's W_o.
func (o foldedKernels) outputBlocks() int {
	d, columns := o.config.Embed, o.outputColumns()
	return d * ((d + columns - 1) / columns)
}

// output makes the gradient of some columns of a row of W_o. A thread has a column and some
// heads.
func (f *unfolding) output(d band, layer, block ptx.U32) {
	embed, heads, columns := f.config.Embed, f.config.Heads, f.outputColumns()
	row, some := f.split(block, f.outputBlocks()/embed)
	first, lane := f.split(f.thread, columns)
	col := f.along(lane, some, columns)
	mine := f.Both(f.Less(f.thread, ptx.Int(columns)), f.Less(col, ptx.Int(embed)))
	col = f.Min(col, ptx.Int(embed-1))
	e := f.entry(f.Add(f.cell(ptx.Int(d.theta["o.weight"]), layer, d.apart, row, embed), col))
	sum := f.CopyWide(ptx.Double(0))
	f.For(first, ptx.Int(heads), ptx.Int(foldThreads/columns), func(h ptx.U32) {
		f.outputHead(d, layer, h, row, col, sum)
	})
	total := f.columnSums(sum, columns)
	f.If(mine, func() { f.descend(e, f.Narrow(total)) })
	f.finish()
}

// outputHead adds that of a head to sum.
func (f *unfolding) outputHead(d band, layer, h, row, col ptx.U32, sum ptx.F64) {
	embed := f.config.Embed
	w, bias := f.projection(f.blocks, d, "v", layer, h)
	var v []ptx.F32
	for i := range embed {
		v = append(v, f.Load(f.At(f.theta, f.along(w, col, embed), 4), 4*i))
	}
	v = append(v, f.Load(f.At(f.theta, f.Add(bias, col), 4), 0))
	du := f.At(f.sum, f.Add(f.cell(ptx.Int(d.u), layer, d.foldedApart, h,
		d.e*padded(embed)), row), 4)
	for i := range d.e {
		first, columns := embed, embed+1 // the bias
		if i < d.e-1 {
			first, columns = i, embed
		}
		side := f.CopyWide(f.Wide(v[first]))
		for c := first + d.e - 1; c < columns; c += d.e - 1 {
			f.PlusWideTo(side, f.Wide(v[c]))
		}
		f.FmaWideTo(sum, f.Wide(f.Load(du, 4*padded(embed)*i)), side)
	}
}

// columnSums is the sum of v over the threads of a column, that many apart, in the first
// of them: of every 16th first, then of these. It waits for all threads of the block.
func (f *unfolding) columnSums(v ptx.F64, columns int) ptx.F64 {
	const side = 16
	sums := f.room(wideBytes * foldThreads)
	mine := f.along(sums, f.thread, wideBytes)
	parts := foldThreads / columns
	f.StoreSharedWide(mine, 0, v)
	f.Barrier()
	total := f.CopyWide(ptx.Double(0))
	f.If(f.Less(f.thread, ptx.Int(side*columns)), func() {
		for p := 0; p < parts; p += side {
			f.PlusWideTo(total, f.LoadSharedWide(mine, columns*wideBytes*p))
		}
		f.StoreSharedWide(mine, 0, total)
	})
	f.Barrier()
	all := f.LoadSharedWide(mine, 0)
	f.If(f.Less(f.thread, ptx.Int(columns)), func() {
		for p := 1; p < min(side, parts); p++ {
			f.PlusWideTo(all, f.LoadSharedWide(mine, columns*wideBytes*p))
		}
	})
	return all
}

// part makes the step of one.
func (f *unfolding) part(t part, block ptx.U32) {
	n := t.number(f.blocks, block)
	e, g := f.entry(n.theta), f.Load(f.At(f.sum, n.at, 4), 0)
	f.If(n.any, func() { f.descend(e, f.Choose(n.present, g, zero)) })
	f.finish()
}
