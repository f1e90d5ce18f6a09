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
	for l := range c.Depth {
		if foldedInput(c, l) > mostFolded {
			return false
		}
	}
	deep := c.Depth > 1 || c.Position == nn.AdditivePosition
	simple := c.Heads == 1 && c.Attention == nn.LinearAttention &&
		c.Position != nn.ProductPosition
	if deep && !simple || c.Embed >= mostFolded {
		return false
	}
	s := sequencesFor(c, newFolded(c, t), 0, passTurn, 1, t)
	return s.sharedBytes() <= mostSharedBytes
}

// mostSharedBytes is what a block may have on every card that there are kernels for, but
// those of Turing.
const mostSharedBytes = 96 << 10

// sharedBytes is what a block asks for.
func (s sequences) sharedBytes() int {
	tensors := 1
	if s.scratch() {
		tensors = 3
	}
	return 4 * (tensors*sequencesOf*s.apart() + s.weightNumbers() + s.tiles()*s.sumNumbers())
}

// sequencesFor is the kernel of a layer.
func sequencesFor(c nn.Config, where folded, l int, pass pass, n, t int) sequences {
	return sequences{config: c, time: t, layer: l, pass: pass, where: where, batch: n,
		pack: packing{c.Heads, together(c.Heads, where.layer(l).e), t}}
}

// layerMemory is what a layer leaves.
type layerMemory struct {
	tokens, y span // x, and what the way back needs of the heads
	dx        span // gradient of x
	p, dp     span // packed, and slots of it
}

// foldedMemory is that of a plan of folded heads.
type foldedMemory struct {
	where  folded
	blocks int
	w      span // (F)
	slots  span // (B, F)
	layers []layerMemory
}

// allotSequences takes up the memory of the sequences' kernels.
func (p *plan) allotSequences() {
	c, f := p.config, &p.folded
	f.where = newFolded(c, p.t)
	f.blocks = (p.n + sequencesOf - 1) / sequencesOf
	f.w = p.numbers(f.where.numbers)
	f.slots = p.zeros(f.blocks * f.where.numbers)
	p.errors = p.numbers(f.blocks)
	for l := range c.Depth {
		s := sequencesFor(c, f.where, l, passTurn, p.n, p.t)
		rows := func(n int) span { return p.numbers(f.blocks * s.threads() * n) }
		m := layerMemory{tokens: f.w, y: f.w, dx: f.w, p: f.w, dp: f.w}
		if l > 0 {
			m.tokens, m.dx = rows(s.es()), rows(s.es())
		}
		if l+1 < c.Depth || s.groups() > 1 {
			m.y = rows(s.keptNumbers())
		}
		if s.product() {
			m.p, m.dp = p.numbers(s.pack.number()), p.numbers(f.blocks*s.pack.number())
		}
		f.layers = append(f.layers, m)
	}
}

// sequences calls the kernels between the folded weights and the slots of their gradient.
func (p *plan) sequences(list *[]call) {
	last := p.config.Depth - 1
	for l := range last {
		p.sequencesOf(list, l, passForward)
	}
	p.sequencesOf(list, last, passTurn)
	for l := last - 1; l >= 0; l-- {
		p.sequencesOf(list, l, passBackward)
	}
}

func (p *plan) sequencesOf(list *[]call, l int, pass pass) {
	f, m := p.folded, p.folded.layers[l]
	s := sequencesFor(p.config, f.where, l, pass, p.n, p.t)
	above := f.w
	switch pass {
	case passForward:
		above = f.layers[l+1].tokens
	case passBackward:
		above = f.layers[l+1].dx
	}
	args := append(p.resident(true), p.resident(false)...)
	for _, a := range []span{f.w, m.p, f.slots, m.dp, p.errors, m.tokens, m.y, above, m.dx} {
		args = append(args, a.argument)
	}
	p.add(list, s.kernel(), [2]int{f.blocks, 1}, s.threads(), args...)
}
