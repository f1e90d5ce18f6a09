package cuda

// Shapes: C coords, c width, D embed, M hidden units.

import (
	"icar/nn/cuda/ptx"
)

// token is what a lane has of its token behind the heads.
type token struct {
	normal []ptx.F32 // (D) x̂ of the layer norm
	root   ptx.F32   // one over its standard deviation
	middle []ptx.F32 // (D) before the MLP
	out    []ptx.F32 // (D) of the layer
}

// above runs a layer from the output of its heads on: layer norm, skip connection, MLP.
func (b *stage) above(o, skip []ptx.F32) (t token) {
	middle := o
	if b.config.Norm {
		t.normal, t.root = b.standardise(o)
		gamma, beta := b.rowOf(b.here.gamma), b.rowOf(b.here.beta)
		middle = make([]ptx.F32, len(o))
		for d, v := range t.normal {
			middle[d] = b.Fma(gamma[d], v, beta[d])
		}
	}
	t.middle = middle
	if b.config.Residual {
		t.middle = make([]ptx.F32, len(o))
		for d, v := range middle {
			t.middle[d] = b.Plus(v, skip[d])
		}
	}
	t.out = t.middle
	if b.config.MLP > 0 && b.pass != passBackward { // where nobody asks for it
		t.out = b.mlp(t.middle)
	}
	return t
}

// standardise returns x̂ and one over the standard deviation, as norm does.
func (b *stage) standardise(x []ptx.F32) (normal []ptx.F32, root ptx.F32) {
	d := ptx.Float(float32(len(x)))
	mean, variance := b.Copy(zero), b.Copy(zero)
	for _, v := range x {
		b.PlusTo(mean, v)
	}
	mean = b.Over(mean, d)
	for _, v := range x {
		v = b.Minus(v, mean)
		b.FmaTo(variance, v, v)
		normal = append(normal, v)
	}
	root = b.Over(one, b.Root(b.Plus(b.Over(variance, d), ptx.Float(normEpsilon))))
	for i, v := range normal {
		normal[i] = b.Times(v, root)
	}
	return normal, root
}

// gradientOfOutput is that of the layer's output: what the layer above left, or of the
// last layer what readout and loss give, whose sums it begins.
func (b *stage) gradientOfOutput(t token) []ptx.F32 {
	d := b.config.Embed
	if !b.last() {
		return b.read(b.memory.next, d)
	}
	coords := b.config.Coords
	errors, loss := zeros(b.Kernel, coords), b.Copy(zero)
	weights := func(c int) []ptx.F32 { // read twice: they would take up registers
		return b.sharedRow(b.weights, 4*(b.size+c*b.d1s()), d+1)
	}
	b.If(b.live, func() {
		at := b.At(b.memory.targets, b.row, 4*coords)
		for c := range errors {
			e := b.Minus(b.with(weights(c), t.out), b.Load(at, 4*c))
			b.FmaTo(loss, e, e)
			b.CopyTo(errors[c], e)
		}
	})
	dOut := zeros(b.Kernel, d)
	for c, e := range errors {
		errors[c] = b.Times(b.scale, e)
		addTo(b.Kernel, dOut, errors[c], weights(c)[:d])
	}
	b.collectLoss(loss)
	b.collect(coords*b.d1s(), b.size, func(i int) ptx.F32 {
		switch c, d := i/b.d1s(), i%b.d1s(); {
		case d < len(t.out):
			return b.Times(errors[c], t.out[d])
		case d == len(t.out):
			return errors[c]
		}
		return zero
	})
	return dOut
}

// below goes back from the gradient of the layer's output to that of its skip connection
// and that of the output of its heads.
func (b *stage) below(t token, dOut []ptx.F32) (dSkip, g []ptx.F32) {
	d := b.config.Embed
	dMiddle := dOut
	if b.config.MLP > 0 {
		dMiddle = b.mlpBack(t, dOut)
		b.collectRow(dOut, b.here.downBias)
	}
	g = dMiddle
	if b.config.Norm {
		b.collectRow(dMiddle, b.here.beta)
		b.collect(d, b.here.gamma, func(i int) ptx.F32 { return b.Times(dMiddle[i], t.normal[i]) })
		g = b.standardiseBack(t, dMiddle)
	}
	b.collectRow(g, b.here.o)
	return dMiddle, g
}

// standardiseBack is the gradient of what a layer norm is of, as normBack has it.
func (b *stage) standardiseBack(t token, dy []ptx.F32) []ptx.F32 {
	d := ptx.Float(float32(len(dy)))
	mean, along := b.Copy(zero), b.Copy(zero)
	g := make([]ptx.F32, len(dy))
	for i, gamma := range b.rowOf(b.here.gamma) {
		g[i] = b.Times(gamma, dy[i])
		b.PlusTo(mean, g[i])
		b.FmaTo(along, g[i], t.normal[i])
	}
	mean, along = b.Over(mean, d), b.Negative(b.Over(along, d))
	for i, v := range g {
		v = b.Fma(t.normal[i], along, b.Minus(v, mean))
		g[i] = b.Times(t.root, v)
	}
	return g
}
