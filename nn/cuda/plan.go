package cuda

// Shapes: R runs, S slots, N batch, G groups of 32 sequences, T time, P parameters.

import (
	"slices"

	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/cuda/ptx"
)

// plan is where the tensors of a run lie and which kernels compute them, for a model
// and a shape of batches. It depends on nothing else, so neither do the bits.
type plan struct {
	config     nn.Config
	parameters map[string]int // places among the P
	p          int            // P
	n, t       int            // of a batch
	steps      int            // that rates and losses have room for
	groups     int
	busy       int // warps, see busyWarps
	slots      int // of parts, the last for what comes by the position vectors
	bytes      int // of a run
	cleared    []span
	kernels    []*ptx.Kernel // in the order of their first call

	theta, gradient, m, v, parts, course, rates, losses span
	order                                               span   // (K, N) sequences of the steps
	source                                              span   // of the set
	bound                                               span   // of the gradient's norm
	x                                                   []span // (L+1) inputs of layers and readout
	layers                                              []layerTensors
	zParts                                              span // of the parts of heads, (parts·D)
	final                                               normTensors
	output, errors                                      span
	back                                                backTensors
	place                                               placeTensors

	folds bool // heads are folded: then there are no predictions

	begin          []call // before the first step, and before a gradient
	forward        []call
	loss, backward []call // after the forward
	clip           []call // after the backward, of gradients with a bound
	descend        []call // after the backward
	step           []call // after the forward, in place of all that, if heads are folded
	clippedStep    []call // in place of step, of gradients with a bound
}

// span is a piece of a run's memory, in bytes.
type span struct{ at, bytes int }

// call is a launch that waits for the place of the runs.
type call struct {
	kernel  string
	grid    [2]int
	threads int
	shared  int // bytes of shared memory that it asks for
	args    []argument
}

// argument is a parameter of a kernel, given where the runs are.
type argument func(b binding) device.Arg

// binding is where the runs are.
type binding struct {
	runs     int
	base     device.Pointer // of their memory
	runBytes int
}

func (s span) argument(b binding) device.Arg { return device.Address(b.base, s.at) }

// from is the span from a number on.
func (s span) from(number int) span { return span{s.at + 4*number, s.bytes - 4*number} }

func number(v int) argument { return func(binding) device.Arg { return device.Number(v) } }

func real(v float32) argument { return func(binding) device.Arg { return device.Real(v) } }

func distance(v int) device.Arg { return device.Arg{Bits: uint64(v), Size: 8} }

// numbers takes up memory for n numbers of 4 bytes.
func (p *plan) numbers(n int) span {
	const alignment = 256
	s := span{p.bytes, 4 * n}
	p.bytes += (4*n + alignment - 1) &^ (alignment - 1)
	return s
}

// zeros takes up memory that is 0 at first.
func (p *plan) zeros(n int) span {
	s := p.numbers(n)
	p.cleared = append(p.cleared, s)
	return s
}

// tensor takes up memory for (G, T, features, 32).
func (p *plan) tensor(features int) span { return p.numbers(p.groups * p.t * features * 32) }

// add puts a call at the end of list. Kernels of one name are one.
func (p *plan) add(list *[]call, k *ptx.Kernel, grid [2]int, threads int, args ...argument) {
	known := func(o *ptx.Kernel) bool { return o.Name() == k.Name() }
	if !slices.ContainsFunc(p.kernels, known) {
		p.kernels = append(p.kernels, k)
	}
	args = append([]argument{func(b binding) device.Arg { return distance(b.runBytes) }}, args...)
	*list = append(*list, call{kernel: k.Name(), grid: grid, threads: threads,
		shared: k.Asked(), args: args})
}

// warped calls a kernel whose warps take tiles of every group, see frame.
func (p *plan) warped(list *[]call, k *ptx.Kernel, tiles, groups, length int, args ...argument) {
	w := min(warps, tiles)
	p.add(list, k, [2]int{(tiles + w - 1) / w, groups}, 32*w,
		append([]argument{number(tiles), number(length)}, args...)...)
}

// summed calls a kernel that sums over rows, see partial.
func (p *plan) summed(list *[]call, k *ptx.Kernel, tiles, items, slots int, args ...argument) {
	p.add(list, k, [2]int{tiles, slots}, 32*warps,
		append([]argument{number(items), number(p.p)}, args...)...)
}

// swept calls a kernel over n numbers, see sweep.
func (p *plan) swept(list *[]call, k *ptx.Kernel, n int, args ...argument) {
	p.add(list, k, [2]int{(n + threads - 1) / threads, 1}, threads,
		append([]argument{number(n)}, args...)...)
}

// work returns the launches of calls.
func (p *plan) work(kernels map[string]device.Kernel, b binding, lists ...[]call) []device.Launch {
	var work []device.Launch
	for _, c := range slices.Concat(lists...) {
		l := device.Launch{Kernel: kernels[c.kernel], Grid: [3]int{c.grid[0], c.grid[1], b.runs},
			Block: [3]int{c.threads, 1, 1}, Shared: c.shared}
		for _, a := range c.args {
			l.Args = append(l.Args, a(b))
		}
		work = append(work, l)
	}
	return work
}

// ofStep are the calls of a step.
func (p *plan) ofStep(clip bool) [][]call {
	switch {
	case p.folds && clip:
		return [][]call{p.forward, p.clippedStep}
	case p.folds:
		return [][]call{p.forward, p.step}
	case clip:
		return [][]call{p.forward, p.backward, p.clip, p.descend}
	}
	return [][]call{p.forward, p.backward, p.descend}
}

// ofCourse are the calls of a course: what is before its steps, and those of a step.
func (p *plan) ofCourse(clip bool) [][]call { return append(p.ofStep(clip), p.begin) }

// kernelsOf are the kernels of lists of calls.
func (p *plan) kernelsOf(lists ...[]call) (some []*ptx.Kernel) {
	for _, k := range p.kernels {
		of := func(c call) bool { return c.kernel == k.Name() }
		if slices.ContainsFunc(lists, func(l []call) bool { return slices.ContainsFunc(l, of) }) {
			some = append(some, k)
		}
	}
	return some
}

// sides is 1 if parameters have two places, which steps take in turns, else 0.
func (p *plan) sides() int {
	if p.folds {
		return 1
	}
	return 0
}

// most is the largest number of slots, and with it of blocks that share the rows of a
// gradient; the parts of them all take at most partNumbers, as far as there are two.
const (
	mostSlots   = 128
	partNumbers = 1 << 19
)

// newPlan plans for a model and batches of n sequences of length t; rates and losses
// of that many steps are kept. If it may, it folds the heads of models for which there are
// such kernels, unless one of these asks for more shared memory than there is: that grows with
// the length of the sequences.
func newPlan(model *nn.Transformer[float32], n, t, steps, busy int, fold bool) *plan {
	if c := model.Config(); fold && (paired(c, t) || foldable(c, t)) {
		p := emptyPlan(model, n, t, steps, busy)
		if p.folds = true; paired(c, t) {
			p.planPairs()
		} else {
			p.planSequences()
		}
		if p.shared() <= SharedPerBlock {
			return p
		}
	}
	p := emptyPlan(model, n, t, steps, busy)
	p.theta, p.m, p.v = p.numbers(p.p), p.zeros(p.p), p.zeros(p.p)
	p.parts = p.zeros((p.slots + 1) * p.p)
	p.allot()
	p.plan()
	return p
}

// SharedPerBlock is the shared memory, in bytes, that a block of threads has to be able to
// have: 96 KiB, which all cards since Volta have but those of Turing.
const SharedPerBlock = 96 << 10

// shared is the most that a kernel of the plan asks for.
func (p *plan) shared() (most int) {
	for _, k := range p.kernels {
		most = max(most, k.Asked())
	}
	return most
}

// emptyPlan has what all plans have.
func emptyPlan(model *nn.Transformer[float32], n, t, steps, busy int) *plan {
	c := model.Config()
	p := &plan{config: c, parameters: map[string]int{}, n: n, t: t, steps: steps,
		groups: (n + 31) / 32, busy: busy}
	for _, tensor := range model.Parameters() {
		p.parameters[tensor.Name] = p.p
		p.p += len(tensor.Data)
	}
	rows := p.groups * t
	p.slots = min(max(1, rows/warps), mostSlots, max(2, partNumbers/p.p))
	p.gradient, p.losses = p.numbers(p.p), p.numbers(2*32*steps)
	p.allotBearings(n, steps)
	return p
}

// parameter is the place of one in theta.
func (p *plan) parameter(name string) span { return p.theta.from(p.parameters[name]) }

// part is its place in a slot of parts.
func (p *plan) part(name string, slot int) span {
	return p.parts.from(slot*p.p + p.parameters[name])
}
