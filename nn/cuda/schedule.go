package cuda

// Shapes: as in tensors.go.

import (
	"fmt"

	"icar/nn"
)

// plan writes down the calls of a step, layer by layer as in layer.go of package nn.
func (p *plan) plan() {
	c := p.config
	if c.Position == nn.ProductPosition {
		p.placeForward()
	}
	p.embed()
	for l := range c.Depth {
		p.layerForward(l)
	}
	last := p.x[c.Depth]
	if c.FinalNorm {
		p.normForward("final_norm", last, p.final, nil)
		last = p.final.y
	}
	out := product{in: c.Embed, out: c.Width, start: fromBias}
	p.product(&p.forward, out, "out", last, p.output)

	p.squares(&p.backward)
	p.squares(&p.loss)
	p.gradientOf("out", c.Embed, c.Width, last, p.back.output)
	readout := product{in: c.Embed, out: c.Width, back: true}
	if c.FinalNorm {
		p.product(&p.backward, readout, "out", p.back.output, p.back.n)
		p.normBackward("final_norm", p.back.n, p.final, p.back.x, false)
	} else {
		p.product(&p.backward, readout, "out", p.back.output, p.back.x)
	}
	for l := c.Depth - 1; l >= 0; l-- {
		p.layerBackward(l)
	}
	p.positionBackward()
	p.swept(&p.backward, addSlots(), p.p, number(p.slots+1), p.parts.argument, p.gradient.argument)
	p.judge(&p.backward, p.p)
	p.judge(&p.loss, 0)
	p.clipped(&p.clip)
	p.swept(&p.descend, adam(), p.p, p.course.argument, p.rates.argument, p.theta.argument,
		p.gradient.argument, p.m.argument, p.v.argument)
}

// judge calls what ends a step and looks at so many numbers of the gradient.
func (p *plan) judge(list *[]call, numbers int) {
	p.add(list, judge(), [2]int{1, 1}, judges, number(p.groups*p.t*32), number(numbers),
		p.course.argument, p.errors.argument, p.gradient.argument, p.losses.argument)
}

// layerName is that of a layer's parameter.
func layerName(l int, s string) string { return fmt.Sprintf("layers.%d.%s", l, s) }

// product calls one at every token.
func (p *plan) product(list *[]call, k product, name string, x, y span, others ...span) {
	args := []argument{p.parameter(name + ".weight").argument, x.argument, y.argument}
	for _, o := range others {
		args = append(args, o.argument)
	}
	p.warped(list, k.kernel(), k.tiles(p.t), p.groups, p.t, args...)
}

// gradientOf sums that of a linear map.
func (p *plan) gradientOf(name string, in, out int, x, dy span) {
	o := outer{in, out}
	p.summed(&p.backward, o.kernel(), o.tiles(), p.groups*p.t, p.slots, x.argument, dy.argument,
		p.part(name+".weight", 0).argument)
}

// normForward calls a layer norm, which adds a skip connection if there is one.
func (p *plan) normForward(name string, x span, to normTensors, skip []span) {
	args := []argument{p.parameter(name + ".weight").argument, x.argument, to.normal.argument,
		to.rstd.argument, to.y.argument}
	for _, s := range skip {
		args = append(args, s.argument)
	}
	k := norm{d: p.config.Embed, add: len(skip) > 0}
	p.warped(&p.forward, k.kernel(), p.t, p.groups, p.t, args...)
}

// normBackward sums the gradients of one and writes dx, or adds to it.
func (p *plan) normBackward(name string, dy span, of normTensors, dx span, add bool) {
	d := p.config.Embed
	s := normSums{d}
	p.summed(&p.backward, s.kernel(), s.tiles(), p.groups*p.t, p.slots, of.normal.argument,
		dy.argument, p.part(name+".weight", 0).argument)
	p.warped(&p.backward, normBack{d, add}.kernel(), p.t, p.groups, p.t,
		p.parameter(name+".weight").argument, dy.argument, of.normal.argument, of.rstd.argument,
		dx.argument)
}

// curveOf is the activation of c.
func curveOf(c nn.Config) curve {
	if c.Activation == nn.GELU {
		return gelu
	}
	return relu
}

// layerForward calls what makes x[l+1] of x[l].
func (p *plan) layerForward(l int) {
	c, a, t, x := p.config, p.attention(), p.layers[l], p.x[l]
	d, in := c.Embed, x
	if c.PreNorm {
		p.normForward(layerName(l, "norm"), x, t.norm, nil)
		in = t.norm.y
	}
	project := product{in: d, out: a.features(), start: fromBias}
	for i, to := range []span{t.q, t.k, t.v} {
		p.product(&p.forward, project, layerName(l, string("qkv"[i])), in, to)
	}
	z, inParts := t.z, a.parts > 1 && !a.split
	if inParts {
		z = p.zParts
	}
	args := []argument{t.q.argument, t.k.argument, t.v.argument, z.argument, t.stats.argument}
	if a.product {
		args = append(args, t.p.argument)
	}
	p.warped(&p.forward, a.kernel(), a.parts*a.tiles(p.t), p.groups, p.t, args...)
	if inParts {
		p.warped(&p.forward, addParts{a.width, a.parts}.kernel(), p.t, p.groups, p.t, z.argument,
			t.z.argument)
	}

	output := product{in: d, out: d, start: fromBias}
	var skip []span
	if c.Residual {
		skip = []span{x}
	}
	if c.Norm && !c.PreNorm {
		p.product(&p.forward, output, layerName(l, "o"), t.z, t.o)
		p.normForward(layerName(l, "norm"), t.o, t.norm, skip)
	} else {
		output.add = c.Residual
		p.product(&p.forward, output, layerName(l, "o"), t.z, t.o, skip...)
	}
	if c.MLP == 0 {
		return
	}
	u := t.r
	if c.MLPNorm {
		p.normForward(layerName(l, "mlp_norm"), t.r, t.inner, nil)
		u = t.inner.y
	}
	up := product{in: d, out: c.MLP * d, start: fromBias, phi: curveOf(c)}
	if up.phi == gelu {
		p.product(&p.forward, up, layerName(l, "up"), u, t.hidden, t.pre)
	} else {
		p.product(&p.forward, up, layerName(l, "up"), u, t.hidden)
	}
	down := product{in: c.MLP * d, out: d, start: fromBias, add: true}
	p.product(&p.forward, down, layerName(l, "down"), t.hidden, p.x[l+1], t.r)
}

// layerBackward turns back.x from the gradient with respect to x[l+1] into that with
// respect to x[l].
func (p *plan) layerBackward(l int) {
	c, t, b := p.config, p.layers[l], p.back
	d := c.Embed
	if c.MLP > 0 {
		p.mlpBackward(l)
	}
	do := b.x
	if c.Norm && !c.PreNorm {
		p.normBackward(layerName(l, "norm"), b.x, t.norm, b.n, false)
		do = b.n
	}
	p.gradientOf(layerName(l, "o"), d, d, t.z, do)
	p.product(&p.backward, product{in: d, out: d, back: true}, layerName(l, "o"), do, b.z)
	p.attentionBackward(l)

	in, dx, old := p.x[l], b.x, c.Residual
	if c.PreNorm {
		in, dx, old = t.norm.y, b.n, false
	}
	features := p.attention().features()
	for i, g := range []span{b.q, b.k, b.v} {
		back := product{in: d, out: features, back: true}
		if old || i > 0 {
			back.start = fromOld
		}
		p.gradientOf(layerName(l, string("qkv"[i])), d, features, in, g)
		p.product(&p.backward, back, layerName(l, string("qkv"[i])), g, dx)
	}
	if c.PreNorm {
		p.normBackward(layerName(l, "norm"), b.n, t.norm, b.x, c.Residual)
	}
}

// mlpBackward turns back.x from the gradient after the MLP into that before it.
func (p *plan) mlpBackward(l int) {
	c, t, b := p.config, p.layers[l], p.back
	d, hidden, pre, u := c.Embed, c.MLP*c.Embed, t.hidden, t.r
	if c.Activation == nn.GELU {
		pre = t.pre
	}
	if c.MLPNorm {
		u = t.inner.y
	}
	p.gradientOf(layerName(l, "down"), hidden, d, t.hidden, b.x)
	down := product{in: hidden, out: d, back: true, phi: curveOf(c)}
	p.product(&p.backward, down, layerName(l, "down"), b.x, b.hidden, pre)
	p.gradientOf(layerName(l, "up"), d, hidden, u, b.hidden)
	up := product{in: d, out: hidden, back: true, start: fromOld}
	if c.MLPNorm {
		up.start = fromZero
		p.product(&p.backward, up, layerName(l, "up"), b.hidden, b.n)
		p.normBackward(layerName(l, "mlp_norm"), b.n, t.inner, b.x, true)
	} else {
		p.product(&p.backward, up, layerName(l, "up"), b.hidden, b.x)
	}
}

// mostShared is the largest width of heads whose keys and values have their gradients
// in one kernel: both with k and v are four times as many registers.
const mostShared = 40

// attentionBackward makes the gradients of q, k and v from that of z.
func (p *plan) attentionBackward(l int) {
	a, t, b := p.attention(), p.layers[l], p.back
	args := []argument{number(p.groups), number(b.dpSlots), t.q.argument, t.k.argument,
		t.v.argument, b.z.argument, b.q.argument, t.stats.argument}
	if a.product {
		args = append(args, t.p.argument, b.dp.argument)
	}
	p.warped(&p.backward, a.queryKernel(), a.heads*a.tiles(p.t), b.dpSlots, p.t, args...)
	args = []argument{t.q.argument, t.k.argument, t.v.argument, b.z.argument, b.k.argument,
		b.v.argument, t.stats.argument}
	if a.product {
		args = append(args, t.p.argument)
	}
	both := [][2]bool{{true, true}}
	if a.width > mostShared {
		both = [][2]bool{{true, false}, {false, true}}
	}
	for _, which := range both {
		a.keys, a.values = which[0], which[1]
		p.warped(&p.backward, a.keyKernel(), a.heads*a.tiles(p.t), p.groups, p.t, args...)
	}
	if a.product {
		p.placeBackward(l)
	}
}

// resident are the arguments of a kernel that reads the sequences of the step.
func (p *plan) resident() []argument {
	return []argument{number(p.n), p.course.argument, p.order.argument, p.source.argument}
}

// embed calls what makes x[0] of the batch.
func (p *plan) embed() {
	c := p.config
	e := embed{c.Width, c.Embed, c.Position == nn.AdditivePosition}
	args := append(p.resident(), p.x[0].argument)
	if e.additive {
		args = append(args, p.parameter("pos").argument)
	}
	p.warped(&p.forward, e.kernel(), p.t, p.groups, p.t, args...)
}

// squares calls what makes the errors and the gradient of the output.
func (p *plan) squares(list *[]call) {
	c := p.config
	scale := float32(2 / float64(p.n*p.t*c.Coords))
	args := append(p.resident(), real(scale), p.output.argument, p.back.output.argument,
		p.errors.argument)
	p.warped(list, squares{c.Width, c.Coords}.kernel(), p.t, p.groups, p.t, args...)
}
