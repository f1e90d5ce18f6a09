package cuda

// Shapes: T time, D embed, H heads, E folded input, F folded weights.

import (
	"fmt"
	"math"

	"icar/nn"
	"icar/nn/cuda/ptx"
)

// foldedKernels writes the kernels before and after those of sequences.
type foldedKernels struct {
	*plan
	layout  folded
	packing packing
	bands   []band
	parts   []part
}

// name is that of a kernel for the model and the batch.
func (o foldedKernels) name(what string, more ...any) string {
	name := fmt.Sprintf("%s_%d_%d_%d", what, o.p, o.layout.numbers, o.t)
	for _, v := range more {
		name += fmt.Sprintf("_%v", v)
	}
	return name
}

// product is whether there are positions of a product.
func (o foldedKernels) product() bool { return o.config.Position == nn.ProductPosition }

// projection is W or b of head h of a layer of a band: their places.
func (o foldedKernels) projection(b *blocks, d band, name string,
	layer, h ptx.U32) (w, bias ptx.U32) {
	embed := o.config.Embed
	return b.cell(ptx.Int(d.theta[name+".weight"]), layer, d.apart, h, embed*embed),
		b.cell(ptx.Int(d.theta[name+".bias"]), layer, d.apart, h, embed)
}

// side is W̃ of a head.
func (o foldedKernels) side(b *blocks, theta ptx.U64, d band, name string,
	layer, h ptx.U32) matrix {
	w, bias := o.projection(b, d, name, layer, h)
	return b.augmented(theta, w, bias, o.config.Embed, d.e)
}

// output is W_o of a layer.
func (o foldedKernels) output(b *blocks, theta ptx.U64, d band, layer ptx.U32) matrix {
	embed := o.config.Embed
	at := b.along(ptx.Int(d.theta["o.weight"]), layer, d.apart)
	return b.loaded(theta, at, embed, embed, embed, 1)
}

// folding is a fold at work.
type folding struct {
	*blocks
	foldedKernels
	count          int // of flags
	course, flags  ptx.U64
	step           ptx.U32
	theta, weights ptx.U64
	placed         placedArrays
}

// fold makes the folded weights from the parameters: a block has M or U of a head, a part
// of what is the same in both, or some positions of a head. If there are flags, whose
// verdict ends a step, it ends it, and does nothing if something was not finite. The
// parameters are the state, the flags, the parameters, the folded weights, and those of
// placedArrays.
func (o foldedKernels) fold(flags int) *ptx.Kernel {
	f := folding{blocks: beginBlocks(o.name("fold", flags)), foldedKernels: o, count: flags}
	f.course, f.flags, f.theta, f.weights = f.array(), f.array(), f.array(), f.array()
	if o.product() {
		f.placed = f.placedArrays()
	}
	steps := ptx.Int(0) // before a course
	if flags > 0 {
		f.step = f.LoadInt(f.course, 4*begun)
		steps = f.Add(f.step, next)
	}
	f.theta = f.ofStep(f.theta, o.p, f.course, steps)
	f.sideBySide(count(o.foldSections(nil)), foldsTogether)
	f.sections(o.foldSections(&f))
	return f.Kernel
}

// foldsTogether is the number of blocks of a multiprocessor, if there are many.
const foldsTogether = 4

// foldSections are what its blocks do, without their bodies if f is nil. Those that take
// longest are first.
func (o foldedKernels) foldSections(f *folding) []section {
	var list []section
	for _, d := range o.bands {
		if o.product() {
			splits := o.placeSplits()
			list = append(list, section{d.count * o.config.Heads * splits, func(block ptx.U32) {
				head, some := f.split(block, splits)
				layer, h := f.split(head, o.config.Heads)
				f.positions(d, layer, h, some)
			}})
		}
		list = append(list, section{d.count * o.config.Heads, func(block ptx.U32) {
			layer, h := f.split(block, o.config.Heads)
			f.scores(d, layer, h)
		}}, section{d.count * o.config.Heads, func(block ptx.U32) {
			layer, h := f.split(block, o.config.Heads)
			f.values(d, layer, h)
		}})
	}
	for _, t := range o.parts {
		list = append(list, section{t.count * t.tiles(), func(block ptx.U32) { f.part(t, block) }})
	}
	return list
}

// keep waits for all threads of the block and runs body if the step counts.
func (f *folding) keep(body func()) {
	if f.count == 0 {
		f.Barrier()
		body()
		return
	}
	fine := f.verdict(f.flags, f.count)
	f.tick(f.course, f.step, fine)
	f.If(fine, body)
}

// weight is the address of a folded weight of a layer of a band.
func (d band) weight(b *blocks, weights ptx.U64, at int, layer, i ptx.U32) ptx.U64 {
	return b.At(weights, b.cell(ptx.Int(at), layer, d.foldedApart, i, 1), 4)
}

// scores makes M of a head.
func (f *folding) scores(d band, layer, h ptx.U32) {
	q, k := f.side(f.blocks, f.theta, d, "q", layer, h), f.side(f.blocks, f.theta, d, "k", layer, h)
	f.keep(func() {
		f.each(d.e*d.e, func(i ptx.U32) {
			n, m := f.split(i, d.e)
			sum := f.dotWide(f.config.Embed, f.along(k.at, n, wideBytes), k.row,
				f.along(q.at, m, wideBytes), q.row)
			sum = f.TimesWide(sum, inverseRoot(f.config.Embed))
			row := f.Add(f.Mul(h, ptx.Int(d.e)), n)
			f.Store(d.weight(f.blocks, f.weights, d.m, layer, f.along(m, row, padded(d.e))), 0,
				f.Narrow(sum))
		})
	})
}

// values makes U of a head.
func (f *folding) values(d band, layer, h ptx.U32) {
	embed := f.config.Embed
	v, out := f.side(f.blocks, f.theta, d, "v", layer, h), f.output(f.blocks, f.theta, d, layer)
	f.keep(func() {
		f.each(d.e*embed, func(i ptx.U32) {
			e, r := f.split(i, embed)
			sum := f.dotWide(embed, f.along(out.at, r, out.row), wideBytes,
				f.along(v.at, e, wideBytes), v.row)
			row := f.Add(f.Mul(h, ptx.Int(d.e)), e)
			f.Store(d.weight(f.blocks, f.weights, d.u, layer, f.along(r, row, padded(embed))), 0,
				f.Narrow(sum))
		})
	})
}

// part copies one.
func (f *folding) part(t part, block ptx.U32) {
	n := t.number(f.blocks, block)
	v := f.Load(f.At(f.theta, n.theta, 4), 0)
	f.keep(func() { f.If(n.present, func() { f.Store(f.At(f.weights, n.at, 4), 0, v) }) })
}

// inverseRoot is 1/√d.
func inverseRoot(d int) ptx.F64 { return ptx.Double(1 / math.Sqrt(float64(d))) }
