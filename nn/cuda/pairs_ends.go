package cuda

// Shapes: as in pairs_products.go; c width, C coords; R numbers that are summed over tokens:
// the gradients of what stands behind the heads in the folded weights, and dbase.

import (
	"fmt"

	"icar/nn"
	"icar/nn/cuda/ptx"
)

// pairEnds is what is behind the heads of a model of one layer, from o to the loss, and back:
// the bias, a layer norm, a skip connection, the readout and the squared error. A thread
// has a token of a sequence, a block one of 128 sequences.
type pairEnds struct {
	pairs
	width, coords  int
	norm, residual bool
	layer          foldedLayer
	out, end       int // places in the folded weights, and their end
}

func newPairEnds(c nn.Config, t int) pairEnds {
	f := newFolded(c, t)
	return pairEnds{pairs: newPairs(c), width: c.Width, coords: c.Coords, norm: c.Norm,
		residual: c.Residual, layer: f.layer(0), out: f.out, end: f.numbers}
}

// summed is R.
func (p pairEnds) summed() int { return p.end - p.layer.o + p.rows() }

func (p pairEnds) kernelName() string {
	return fmt.Sprintf("%s_%d_%d_%t_%t_%d", p.name("ends"), p.width, p.coords, p.norm, p.residual,
		p.heads)
}

// between is what a thread knows of its token.
type between struct {
	x             []ptx.F32 // x̃, (E)
	normal, y, dy []ptx.F32 // (D); the first only of a norm
	rstd          ptx.F32
	dout          []ptx.F32 // (c)
	g             []ptx.F32 // (D) gradient of o
	square        ptx.F32   // error
}

// kernel has the parameters of begin and of resident, twice 1/(N·T·C), the padded N, the
// number of slots of o, these, F, base in parts, the folded weights from o on, G; the slots
// (R) of blocks, and their errors. A block is token and tile of sequences.
func (p pairEnds) kernel() *ptx.Kernel {
	b := p.begin(p.kernelName())
	f := b.frame(b.Block(ptx.X), b.Block(ptx.Y))
	in := f.resident(p.coords, targets)
	scale, n, count := b.Real(), b.Number(), b.Number()
	parts, monomials, bases, weights := b.array(), b.array(), b.array(), b.array()
	rows, slots, errors := b.array(), b.array(), b.array()

	base := p.base(b, bases)
	var v between
	x := b.tile(monomials, b.Block(ptx.Y), b.places(), piece)
	x = b.At(b.At(x, b.Mul(f.tile, ptx.Int(p.monomials)), 4*piece), b.Thread(ptx.X), 4)
	for e := range p.e - 1 {
		v.x = append(v.x, b.Load(x, 4*piece*p.monomial(e, p.e-1)))
	}
	v.x = append(v.x, one)
	o := p.sumParts(b, f, v.x, base, weights, parts, n, count)
	p.forward(b, &v, o, weights)
	p.loss(b, in, scale, &v, p.readout(b, v, weights))
	p.backward(b, &v, weights)

	p.writeRows(b, v, n, rows)
	p.sum(b, f, v, slots, errors)
	return b.Kernel
}

// base returns where the sum of its parts stands in shared memory.
func (p pairEnds) base(b block, parts ptx.U64) ptx.U32 {
	memory, row := b.Shared(4*p.rows()), b.Thread(ptx.X)
	b.If(b.Less(row, ptx.Int(p.rows())), func() {
		at, sum := b.At(parts, row, 4), b.Copy(zero)
		for part := range up(p.heads, headsTogether) {
			b.PlusTo(sum, b.Load(at, 4*part*p.rows()))
		}
		b.StoreShared(b.Add(memory, b.Mul(row, ptx.Int(4))), 0, sum)
	})
	b.Barrier()
	return memory
}

// sumParts returns o (D).
func (p pairEnds) sumParts(b block, f frame, x []ptx.F32, base ptx.U32, weights, parts ptx.U64,
	n, count ptx.U32) []ptx.F32 {
	apart := b.Product(n, ptx.Int(4))
	sequence := b.Add(b.Mul(b.Block(ptx.Y), ptx.Int(piece)), b.Thread(ptx.X))
	row := b.Mul(f.tile, ptx.Int(p.outs()))
	at := b.CopyAddress(b.At(b.Stride(parts, row, apart), sequence, 4))
	slotApart := b.Stride(ptx.Long(0), b.Mul(b.length, ptx.Int(p.outs())), apart)
	o := zeros(b.Kernel, p.d)
	b.For(ptx.Int(0), count, next, func(ptx.U32) {
		from := at
		for d := range o {
			if d > 0 {
				from = b.Move(from, apart)
			}
			b.PlusTo(o[d], b.Load(from, 0))
		}
		b.MoveTo(at, slotApart)
	})
	for d, bias := range p.vector(b, weights, 0, p.d) {
		sum := b.Plus(o[d], bias)
		for e, v := range x {
			sum = b.Fma(b.LoadShared(base, 4*p.row(d, e)), v, sum)
		}
		o[d] = sum
	}
	return o
}

// vector reads n folded weights at a multiple of 4 behind o.
func (p pairEnds) vector(b block, weights ptx.U64, from, n int) (v []ptx.F32) {
	for i := 0; i < n; i += 4 {
		four := b.Load4(weights, 4*(from+i))
		v = append(v, four[:]...)
	}
	return v[:n]
}

// forward sets what comes of o up to the readout.
func (p pairEnds) forward(b block, v *between, o []ptx.F32, weights ptx.U64) {
	v.y = o
	if p.norm {
		v.normal, v.rstd = standardise(b.Kernel, o)
		gamma := p.vector(b, weights, p.layer.gamma-p.layer.o, p.d)
		beta := p.vector(b, weights, p.layer.beta-p.layer.o, p.d)
		v.y = nil
		for i, s := range v.normal {
			v.y = append(v.y, b.Fma(gamma[i], s, beta[i]))
		}
	}
	if p.residual {
		for i, s := range v.y {
			v.y[i] = b.Plus(s, v.x[i%p.width])
		}
	}
}

// readoutRow returns row c of [W b].
func (p pairEnds) readoutRow(b block, weights ptx.U64, c int) []ptx.F32 {
	return p.vector(b, weights, p.out-p.layer.o+c*padded(p.d+1), p.d+1)
}

func (p pairEnds) readout(b block, v between, weights ptx.U64) (predicted []ptx.F32) {
	for c := range p.width {
		w := p.readoutRow(b, weights, c)
		sum := b.Copy(w[p.d])
		for d, y := range v.y {
			b.FmaTo(sum, w[d], y)
		}
		predicted = append(predicted, sum)
	}
	return predicted
}

// loss sets the squared error and its gradient: the operations are those of squares.
func (p pairEnds) loss(b block, in data, scale ptx.F32, v *between, predicted []ptx.F32) {
	v.square, v.dout = b.Copy(zero), zeros(b.Kernel, p.width)
	b.If(in.inside, func() {
		at := in.token()
		for c := range p.coords {
			e := b.Minus(predicted[c], b.Load(at, 4*c))
			b.FmaTo(v.square, e, e)
			b.CopyTo(v.dout[c], b.Times(scale, e))
		}
	})
}

// backward sets the gradients of y and of o: the operations are those of normBack.
func (p pairEnds) backward(b block, v *between, weights ptx.U64) {
	v.dy = zeros(b.Kernel, p.d)
	for c := range p.coords {
		addTo(b.Kernel, v.dy, v.dout[c], p.readoutRow(b, weights, c)[:p.d])
	}
	v.g = v.dy
	if !p.norm {
		return
	}
	gamma := p.vector(b, weights, p.layer.gamma-p.layer.o, p.d)
	v.g = standardiseBack(b.Kernel, gamma, v.dy, v.normal)
	for i, g := range v.g {
		v.g[i] = b.Times(v.rstd, g)
	}
}

// terms returns what is summed over tokens, in the order of a slot: gradients as the
// weights lie from o on, dbase, and the error behind them.
func (p pairEnds) terms(b block, v between) []func() ptx.F32 {
	terms := make([]func() ptx.F32, p.summed()+1)
	nothing := func() ptx.F32 { return zero }
	for i := range terms {
		terms[i] = nothing
	}
	value := func(x ptx.F32) func() ptx.F32 { return func() ptx.F32 { return x } }
	times := func(x, y ptx.F32) func() ptx.F32 { return func() ptx.F32 { return b.Times(x, y) } }
	behind := p.end - p.layer.o
	for d := range p.d {
		terms[d] = value(v.g[d])
		if p.norm {
			terms[p.layer.gamma-p.layer.o+d] = times(v.dy[d], v.normal[d])
			terms[p.layer.beta-p.layer.o+d] = value(v.dy[d])
		}
		for e := range p.e - 1 {
			terms[behind+p.row(d, e)] = times(v.g[d], v.x[e])
		}
		terms[behind+p.row(d, p.e-1)] = value(v.g[d])
	}
	for c := range p.coords {
		row := p.out - p.layer.o + c*padded(p.d+1)
		for d := range p.d {
			terms[row+d] = times(v.dout[c], v.y[d])
		}
		terms[row+p.d] = value(v.dout[c])
	}
	terms[p.summed()] = value(v.square)
	return terms
}

// sum adds the terms of the block's tokens and writes them to its slot.
func (p pairEnds) sum(b block, f frame, v between, slots, errors ptx.U64) {
	const warps = piece / 32
	terms := p.terms(b, v)
	row := 32 * up(len(terms), 32)
	memory, thread := b.Shared(4*warps*row), b.Thread(ptx.X)
	mine := b.Add(b.Mul(b.Shr(thread, 5), ptx.Int(4*row)), b.Mul(f.lane, ptx.Int(4)))
	mine = b.Add(memory, mine)
	for first := 0; first < row; first += 32 {
		some := make([]ptx.F32, 32)
		for i := range some {
			some[i] = zero
			if first+i < len(terms) {
				some[i] = terms[first+i]()
			}
		}
		b.StoreShared(mine, 4*first, transposedSum(b.Kernel, f.lane, some))
	}
	b.Barrier()
	slot := b.Add(b.Mul(b.Block(ptx.Y), b.Blocks(ptx.X)), b.Block(ptx.X))
	slots = b.At(slots, slot, 4*p.summed())
	b.For(thread, ptx.Int(len(terms)), ptx.Int(piece), func(i ptx.U32) {
		at := b.Add(memory, b.Mul(i, ptx.Int(4)))
		sum := b.LoadShared(at, 0)
		for w := 1; w < warps; w++ {
			sum = b.Plus(sum, b.LoadShared(at, 4*w*row))
		}
		term := b.Less(i, ptx.Int(p.summed()))
		b.If(term, func() { b.Store(b.At(slots, i, 4), 0, sum) })
		b.If(b.AtLeast(i, ptx.Int(p.summed())), func() { b.Store(b.At(errors, slot, 4), 0, sum) })
	})
}
