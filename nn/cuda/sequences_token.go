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
		t.normal, t.root = standardise(b.Kernel, o)
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
		g = standardiseBack(b.Kernel, b.rowOf(b.here.gamma), dMiddle, t.normal)
		for i, v := range g {
			g[i] = b.Times(t.root, v)
		}
	}
	b.collectRow(g, b.here.o)
	return dMiddle, g
}
