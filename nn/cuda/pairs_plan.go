package cuda

// Shapes: as in pairs_products.go and pairs_tensors.go.

import (
	"slices"

	"icar/nn"
)

// pairTensors is where the tensors of pairs lie, and what they are summed in.
type pairTensors struct {
	pairEnds
	n, t  int // N padded, T
	slots pairSlots

	monomials, turned          span // F, twice
	heads, turnedHeads, base   span // B, twice, base in parts
	tensors, parts, rows, ends span // K, o in parts, G, R in slots
	gradients, total, dbase    span // dK in slots, dK, dbase
	turnedTotal                span // dK
	turnedPositions            span // P
	dHeads, dHeadSums          span // dB in slots, and their sum
	dPositions                 span // of P, in slots
	errors                     span // of every block of ends, summed over its tokens
	weights, positions, deltas span // of others: folded weights, P, the folded gradient
}

// pairSlots is how many slots there are.
type pairSlots struct{ outputs, gradients, slopes, ends int }

// newPairSlots cuts the products.
func (p pairs) newPairSlots(n, t int) pairSlots {
	return pairSlots{outputs: p.outputDealing(n, t).slots,
		gradients: p.gradientDealing(n, t).slots, slopes: p.slopeSlots(t), ends: t * n / piece}
}

// newPairTensors takes up memory. The spans of others are the folded weights and their
// gradient, as newFolded lays them out, and P, as packing of pairs does.
func (p *plan) newPairTensors(weights, deltas, positions span) pairTensors {
	e := newPairEnds(p.config, p.t)
	n := up(p.n, piece) * piece
	s := e.newPairSlots(n, p.t)
	columns, height := turnedTiling().width(), headTiling().height()
	places, outs, pairs := e.places(p.t), p.t*e.outs(), pairsOf(p.t)
	return pairTensors{pairEnds: e, n: n, t: p.t, slots: s,
		monomials:       p.zeros(n * places),
		turned:          p.zeros(n * e.pieces(p.t) * piece),
		heads:           p.zeros(up(e.numbers(), piece) * piece * e.held()),
		turnedHeads:     p.zeros(up(e.heads, columns) * columns * e.lined()),
		base:            p.zeros(up(e.heads, headsTogether) * e.rows()),
		tensors:         p.zeros(e.stripTiles(p.t) * places * e.mainTiling().height()),
		parts:           p.numbers(s.outputs * outs * n),
		rows:            p.zeros(e.stripTiles(p.t) * n * e.mainTiling().height()),
		ends:            p.numbers(s.ends * e.summed()),
		gradients:       p.numbers(s.gradients * pairs * e.numbers()),
		total:           p.zeros((pairs+depth)*e.numbers() + piece),
		dbase:           p.numbers(e.rows()),
		turnedPositions: p.numbers(up(pairs, height) * height * e.held()),
		turnedTotal:     p.zeros(up(pairs, piece) * piece * e.lined()),
		dHeads:          p.numbers(s.slopes * e.heads * e.numbers()),
		dHeadSums:       p.numbers(e.heads * e.numbers()),
		dPositions:      p.zeros(s.slopes * e.packing(p.t).number()),
		errors:          p.numbers(s.ends),
		weights:         weights, deltas: deltas, positions: positions}
}

// planPairs plans the steps of a model whose heads are pairs.
func (p *plan) planPairs() {
	where, pack := newFolded(p.config, p.t), newPairs(p.config).packing(p.t)
	ends := p.allotFolded(where, pack)
	x := p.newPairTensors(ends.weights, ends.sum, ends.p[0])
	calls := p.foldedEnds(ends, x.gatherings(ends.dp[0]), x.errors,
		func(list *[]call) { p.pairsUnfold(list, x) })
	p.pairsForward(&p.forward, x)
	p.pairsBackward(&p.forward, x)
	p.begin, p.backward, p.step = calls.begin, calls.gradient, calls.descend
	p.clippedStep, p.loss = calls.clip, calls.loss
}

// pairsForward calls what makes the errors of folded weights and P, and with them the
// gradient of o.
func (p *plan) pairsForward(list *[]call, x pairTensors) {
	e, l := x.pairEnds, x.layer
	m, u := x.weights.from(l.m).argument, x.weights.from(l.u).argument
	t, across := number(x.t), x.n/piece
	p.add(list, e.prepare(), [2]int{e.prepareBlocks(x.n, x.t), 1}, headThreads,
		slices.Concat([]argument{t, number(x.n)}, p.resident(), []argument{
			x.monomials.argument, x.turned.argument, m, u, x.heads.argument,
			x.turnedHeads.argument, x.base.argument, x.positions.argument,
			x.turnedPositions.argument})...)
	k := headTiling()
	p.add(list, e.pairs.tensors(), [2]int{up(e.numbers(), k.width()),
		up(pairsOf(x.t), k.height())}, k.threads(), t, x.turnedPositions.argument, x.heads.argument,
		x.tensors.argument)
	e.callOutputs(p, list, x.n, x.t, x.tensors, x.monomials, x.parts)
	scale := float32(2 / float64(p.n*p.t*e.coords))
	args := append(append([]argument{t}, p.resident()...), real(scale), number(x.n),
		number(x.slots.outputs))
	for _, s := range []span{x.parts, x.monomials, x.base, x.weights.from(l.o), x.rows, x.ends,
		x.errors} {
		args = append(args, s.argument)
	}
	p.add(list, e.kernel(), [2]int{x.t, across}, piece, args...)
}

// gatherings are the slots that are left by pairsBackward, of which those of P belong to dp.
func (x pairTensors) gatherings(dp span) []gathering {
	return []gathering{{x.dPositions, dp, x.packing(x.t).number(), x.slots.slopes},
		{x.dHeads, x.dHeadSums, x.pairs.heads * x.numbers(), x.slots.slopes}}
}

// pairsUnfold calls what makes of their sums the gradients of heads.
func (p *plan) pairsUnfold(list *[]call, x pairTensors) {
	e, l := x.pairEnds, x.layer
	p.add(list, e.unfold(), [2]int{e.pairs.heads, 1}, headThreads, number(x.t),
		x.weights.from(l.m).argument, x.weights.from(l.u).argument, x.dHeadSums.argument,
		x.dbase.argument, x.deltas.from(l.m).argument, x.deltas.from(l.u).argument)
}

// pairsBackward calls what makes the gradients of folded weights, those of P and of B in slots.
func (p *plan) pairsBackward(list *[]call, x pairTensors) {
	e, l, s := x.pairEnds, x.layer, x.slots
	t := number(x.t)
	e.callGradients(p, list, x.n, x.t, x.rows, x.turned, x.gradients)

	sum := totals{pairs: e.pairs, slots: s.gradients, summed: e.summed(), split: e.end - l.o}
	p.add(list, sum.kernel(), [2]int{sum.narrow() + sum.wide(x.t), 1}, totalThreads,
		t, number(s.ends), x.gradients.argument, x.total.argument, x.turnedTotal.argument,
		x.ends.argument, x.deltas.from(l.o).argument, x.dbase.argument)

	positions, sums := e.slopeTiles(x.t)
	p.add(list, e.slopes(), [2]int{(positions + sums) * s.slopes, 1}, headTiling().threads(),
		t, number(s.slopes), x.positions.argument, x.total.argument, x.turnedTotal.argument,
		x.turnedHeads.argument, x.dPositions.argument, x.dHeads.argument)
}

// mostKeysOfPairs is the largest T of pairs: the gradients of the positions of a head lie in
// shared memory, which has no room for more anyway, see newPlan.
const mostKeysOfPairs = 160

// fewestHeads is the number of heads from which on the tensors of pairs are less work than
// the heads.
const fewestHeads = 40

// paired returns whether the first layer takes tensors of pairs.
func paired(c nn.Config, t int) bool {
	mixer := c.Mixer == "" || c.Mixer == nn.FullHeads{}.Name()
	return mixer && c.Mixing == nil && c.Depth == 1 && c.Attention == nn.LinearAttention &&
		c.Position == nn.ProductPosition && !c.PreNorm && !c.MLPNorm && !c.FinalNorm &&
		c.MLP == 0 && c.Heads >= fewestHeads && c.Embed <= 15 && c.Width <= 7 && c.Width >= 1 &&
		t <= mostKeysOfPairs
}

// callOutputs calls outputs for n sequences, padded, of length t.
func (p pairs) callOutputs(to *plan, list *[]call, n, t int, tensors, monomials, slots span) {
	s := p.outputDealing(n, t)
	to.add(list, p.outputs(), [2]int{s.blocks(), 1}, p.mainTiling().threads(),
		slices.Concat([]argument{number(t)}, s.arguments(), []argument{number(n),
			tensors.argument, monomials.argument, slots.argument})...)
}

// callGradients calls gradients in the same way.
func (p pairs) callGradients(to *plan, list *[]call, n, t int, rows, turned, slots span) {
	s := p.gradientDealing(n, t)
	to.add(list, p.gradients(), [2]int{s.blocks(), 1}, p.mainTiling().threads(),
		slices.Concat([]argument{number(t)}, s.arguments(), []argument{number(n), rows.argument,
			turned.argument, slots.argument})...)
}
