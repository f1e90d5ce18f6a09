package cuda

// Shapes: S slots, K steps, T time, D embed, L layers, H heads, P parameters, F folded weights.

import (
	"slices"

	"icar/nn"
)

// A step of folded heads is these launches, and what comes of the course of a run:
//
//	sequences  their kernels: slots of gradients, errors
//	reduce     slots added up; errors; the clock as it is
//	unfold     gradient of the parameters, and Adam's step from one place to the other
//	settle     the same of the position vectors of a product, of which all heads have a part
//	fold       the verdict: the clock goes on, folded weights of the new parameters; or nothing
//
// A gradient with a bound has to be whole before its first number is used: then unfold and
// settle make the gradient alone, clip scales it, and a launch more makes the step.

// foldedMemory is what those of sequences share with these.
type foldedMemory struct {
	layout  folded
	packing packing
	weights span   // (F), 0 in the padding
	sum     span   // (F), their gradient
	p, dp   []span // packed positions of every layer and their gradients
	losing  span   // the flag of errors and those of blocks
	clipped span   // as many flags of steps with a bound, of whose blocks there are fewer
	arrays  struct{ packed, plain, q, k, dp, parts span }
}

// allotFolded takes up that memory, and theta, m and v in two places: parameters of an even
// number of steps are at the beginning of these, of an odd one padded(P) numbers behind.
func (p *plan) allotFolded(layout folded, packing packing) foldedMemory {
	c := p.config
	m := foldedMemory{layout: layout, packing: packing, weights: p.zeros(layout.numbers),
		sum: p.zeros(layout.numbers)}
	p.theta, p.m, p.v = p.zeros(twice(p.p)), p.zeros(twice(p.p)), p.zeros(twice(p.p))
	if c.Position == nn.ProductPosition {
		heads, vectors, a := c.Depth*c.Heads, p.t*padded(c.Embed), &m.arrays
		a.packed, a.dp = p.zeros(c.Depth*packing.number()), p.zeros(c.Depth*packing.number())
		a.plain, a.parts = p.numbers(heads*p.t*p.t), p.numbers(2*heads*vectors)
		a.q, a.k = p.numbers(heads*vectors), p.numbers(heads*vectors)
		for l := range c.Depth {
			layer := func(s span) span {
				return span{s.at + 4*l*packing.number(), 4 * packing.number()}
			}
			m.p, m.dp = append(m.p, layer(a.packed)), append(m.dp, layer(a.dp))
		}
	}
	m.losing, m.clipped = p.numbers(1+m.flags(p)), p.zeros(1+m.flags(p))
	return m
}

// kernels are those of the plan.
func (m foldedMemory) kernels(p *plan) foldedKernels {
	return foldedKernels{p, m.layout, m.packing, p.foldedBands(m.layout), p.foldedParts(m.layout)}
}

// flags is the number of blocks that leave one.
func (m foldedMemory) flags(p *plan) int {
	k := m.kernels(p)
	n := count(k.unfoldSections(nil))
	if k.product() {
		n += count(k.settleSections(nil, ""))
	}
	return n
}

// foldedCalls is what stands around the kernels of sequences.
type foldedCalls struct {
	// begin makes folded weights and positions: before the first step of a course, and
	// before anything else that is done with parameters that the host has written.
	begin []call
	// gradient ends a step that only wants the gradient, and judges it: begin, sequences,
	// gradient.
	gradient []call
	// descend ends one of a course: begin, then sequences and descend as often as there are
	// steps.
	descend []call
	// clip does the same where the gradient has a bound.
	clip []call
	// loss ends what only wants the loss: begin, the forward, loss.
	loss []call
}

// foldedEnds plans what stands around the kernels of sequences. These leave the gradients of
// the folded weights and of positions in slots, which list names, to be added up in m.sum and
// m.dp, or write them there themselves; nothing may be left unwritten there, the padding
// neither, or it has to be zeros at first. And they leave so many errors. What comes of the
// sums before all of m.sum is there, summed calls, unless it is nil.
func (p *plan) foldedEnds(m foldedMemory, list []gathering, errors span,
	summed func(list *[]call)) foldedCalls {
	k, a := m.kernels(p), m.arrays
	placed := []argument{a.packed.argument, a.plain.argument, a.q.argument, a.k.argument}
	unplaced := []argument{a.plain.argument, a.q.argument, a.k.argument, a.dp.argument,
		a.parts.argument}
	if !k.product() {
		placed, unplaced = nil, nil
	}
	var calls foldedCalls
	fold := func(list *[]call, flags span, verdictOf int) {
		kernel := k.fold(verdictOf)
		args := append([]argument{p.course.argument, flags.argument, p.theta.argument,
			m.weights.argument}, placed...)
		p.add(list, kernel, [2]int{count(k.foldSections(nil)), 1}, foldThreads, args...)
	}
	reduction := reduce{list, errors.bytes / 4}
	var slots []argument
	for _, g := range list {
		slots = append(slots, g.from.argument, g.to.argument)
	}
	descent := func(flags span) []argument {
		return []argument{p.course.argument, p.rates.argument, p.theta.argument,
			p.gradient.argument, p.m.argument, p.v.argument, flags.argument}
	}
	back := func(list *[]call, flags span, steps bool) {
		p.add(list, reduction.kernel(), [2]int{reduction.blocks(), 1}, foldThreads,
			append([]argument{p.course.argument, errors.argument, p.losses.argument,
				flags.argument}, slots...)...)
		if summed != nil {
			summed(list)
		}
		blocks := count(k.unfoldSections(nil))
		p.add(list, k.unfold(steps), [2]int{blocks, 1}, foldThreads,
			slices.Concat(descent(flags.from(1)), []argument{m.sum.argument}, unplaced)...)
		if k.product() {
			p.add(list, k.settle(steps), [2]int{count(k.settleSections(nil, "")), 1}, foldThreads,
				append(descent(flags.from(1+blocks)), a.parts.argument)...)
		}
	}
	fold(&calls.begin, m.losing, 0)
	back(&calls.gradient, m.losing, false)
	p.foldedJudge(&calls.gradient, errors, p.p)
	back(&calls.descend, m.losing, true)
	fold(&calls.descend, m.losing, 1+m.flags(p))
	back(&calls.clip, m.clipped, false)
	p.clipped(&calls.clip)
	p.add(&calls.clip, k.wholeStep(), [2]int{blocksOf(p.p), 1}, foldThreads,
		descent(m.clipped.from(1))...)
	fold(&calls.clip, m.clipped, 1+m.flags(p))
	p.foldedJudge(&calls.loss, errors, 0)
	return calls
}

// foldedJudge calls what ends a step that is not of a course, see judge.
func (p *plan) foldedJudge(list *[]call, errors span, numbers int) {
	p.add(list, judge(), [2]int{1, 1}, judges, number(errors.bytes/4), number(numbers),
		p.course.argument, errors.argument, p.gradient.argument, p.losses.argument)
}
