package cuda

// Shapes: as in place.go.

import "icar/nn"

// placeForward makes the p of every layer from the position vectors.
func (p *plan) placeForward() {
	c, q := p.config, p.place
	d, features := c.Embed, c.Heads*c.Embed
	p.warped(&p.forward, turn{d: d}.kernel(), d, q.groups, 1, number(p.t),
		p.parameter("pos").argument, q.pos.argument)
	project := product{in: d, out: features, start: fromBias}
	for l := range c.Depth {
		for i, to := range []span{q.q[l], q.k[l]} {
			name := layerName(l, string("qk"[i])) + ".weight"
			p.warped(&p.forward, project.kernel(), project.tiles(1), q.groups, 1,
				p.parameter(name).argument, q.pos.argument, to.argument)
		}
		k := place{heads: c.Heads, d: d}
		p.warped(&p.forward, k.kernel(), c.Heads, q.groups, 1, number(p.t), q.q[l].argument,
			q.k[l].argument, p.layers[l].p.argument)
	}
}

// placeBackward adds to the gradients of the position vectors and of queries and keys
// what the p of layer l gives, the latter in the last slot.
func (p *plan) placeBackward(l int) {
	c, q, b := p.config, p.place, p.back
	d, features, pairs := c.Embed, c.Heads*c.Embed, c.Heads*p.t*p.t
	p.swept(&p.backward, addSlots(), pairs, number(b.dpSlots), b.dp.argument, b.dpSum.argument)
	for _, which := range []placing{placeQueries, placeKeys} {
		k := place{c.Heads, d, which}
		p.warped(&p.backward, k.kernel(), c.Heads, q.groups, 1, number(p.t), q.q[l].argument,
			q.k[l].argument, p.layers[l].p.argument, b.dpSum.argument, q.mean.argument,
			q.dq.argument, q.dk.argument)
	}
	o := outer{d, features}
	for i, g := range []span{q.dq, q.dk} {
		name := layerName(l, string("qk"[i]))
		p.summed(&p.backward, o.kernel(), o.tiles(), q.groups, 1, q.pos.argument, g.argument,
			p.part(name+".weight", p.slots).argument)
		back := product{in: d, out: features, back: true, start: fromOld}
		if l == c.Depth-1 && i == 0 {
			back.start = fromZero
		}
		p.warped(&p.backward, back.kernel(), back.tiles(1), q.groups, 1,
			p.parameter(name+".weight").argument, g.argument, q.dpos.argument)
	}
}

// positionBackward writes the gradient of the position vectors.
func (p *plan) positionBackward() {
	d := p.config.Embed
	switch p.config.Position {
	case nn.AdditivePosition:
		p.warped(&p.backward, positionSums{d}.kernel(), p.t*d, 1, p.t, number(p.groups),
			p.back.x.argument, p.part("pos", 0).argument)
	case nn.ProductPosition:
		p.warped(&p.backward, turn{d, true}.kernel(), d, p.place.groups, 1, number(p.t),
			p.part("pos", p.slots).argument, p.place.dpos.argument)
	}
}
