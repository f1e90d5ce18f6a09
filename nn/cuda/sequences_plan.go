package cuda

// Shapes: as in sequences.go.

import (
	"icar/nn"
)

// foldable returns whether the gradient of a model of c on sequences of length t is that
// of folded heads.
func foldable(c nn.Config, t int) bool {
	if c.Mixing != nil || split(c) || c.PreNorm || c.MLPNorm || c.FinalNorm || t > mostLength {
		return false
	}
	deep := c.Depth > 1 || c.Position == nn.AdditivePosition
	simple := c.Heads == 1 && c.Attention == nn.LinearAttention &&
		c.Position != nn.ProductPosition
	return (!deep || simple) && c.Embed < mostFolded
}

// layerMemory is what a layer leaves.
type layerMemory struct {
	tokens, y span // x, and what the way back needs of the heads
	dx        span // gradient of x
	p, dp     span // packed, and slots of it
}

// sequenceMemory is that of the kernels of sequences.
type sequenceMemory struct {
	where  folded
	blocks int
	w      span // (F)
	slots  span // (B, F)
	errors span // (B)
	layers []layerMemory
	unused span // in place of what a layer has not
}

// planSequences plans the steps of a model whose heads are folded.
func (p *plan) planSequences() {
	where := newFolded(p.config, p.t)
	first := sequencesFor(p.config, where, 0, passTurn, p.t)
	ends := p.allotFolded(where, first.pack)
	m := p.allotSequences(where, ends.weights, ends.p)
	list := []gathering{{m.slots, ends.sum, where.numbers, m.blocks}}
	for l := range ends.dp {
		list = append(list, gathering{m.layers[l].dp, ends.dp[l], first.pack.number(), m.blocks})
	}
	calls := p.foldedEnds(ends, list, m.errors, nil)
	p.sequences(&p.forward, m)
	p.begin, p.backward, p.step = calls.begin, calls.gradient, calls.descend
	p.clippedStep, p.loss = calls.clip, calls.loss
}

// allotSequences takes up the memory of the kernels of sequences.
func (p *plan) allotSequences(where folded, w span, positions []span) sequenceMemory {
	c := p.config
	m := sequenceMemory{where: where, blocks: (p.n + sequencesOf - 1) / sequencesOf, w: w,
		unused: w}
	m.slots, m.errors = p.zeros(m.blocks*where.numbers), p.numbers(m.blocks)
	for l := range c.Depth {
		s := sequencesFor(c, where, l, passTurn, p.t)
		rows := func(n int) span { return p.numbers(m.blocks * s.threads() * n) }
		y := layerMemory{tokens: m.unused, y: m.unused, dx: m.unused, p: m.unused, dp: m.unused}
		if l > 0 {
			y.tokens, y.dx = rows(s.es()), rows(s.es())
		}
		if l+1 < c.Depth || s.groups() > 1 {
			y.y = rows(s.keptNumbers())
		}
		if s.product() {
			y.p, y.dp = positions[l], p.numbers(m.blocks*s.pack.number())
		}
		m.layers = append(m.layers, y)
	}
	return m
}

// sequences calls the kernels between the folded weights and the slots of their gradient.
func (p *plan) sequences(list *[]call, m sequenceMemory) {
	last := p.config.Depth - 1
	for l := range last {
		p.sequencesOf(list, m, l, passForward)
	}
	p.sequencesOf(list, m, last, passTurn)
	for l := last - 1; l >= 0; l-- {
		p.sequencesOf(list, m, l, passBackward)
	}
}

func (p *plan) sequencesOf(list *[]call, m sequenceMemory, l int, pass pass) {
	y, above := m.layers[l], m.unused
	switch pass {
	case passForward:
		above = m.layers[l+1].tokens
	case passBackward:
		above = m.layers[l+1].dx
	}
	scale := float32(2 / float64(p.n*p.t*p.config.Coords))
	args := append(p.resident(), number(m.where.numbers), real(scale))
	here, behind := m.where.layer(l).m, m.where.behind(p.config)
	for _, a := range []span{m.w.from(here), m.w.from(behind), y.p, m.slots.from(here),
		m.slots.from(behind), y.dp, m.errors, y.tokens, y.y, above, y.dx} {
		args = append(args, a.argument)
	}
	s := sequencesFor(p.config, m.where, l, pass, p.t)
	p.add(list, s.kernel(), [2]int{m.blocks, 1}, s.threads(), args...)
}
