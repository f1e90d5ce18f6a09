package cuda

// Shapes: P parameters, K steps.

import (
	"icar/nn/cuda/ptx"
)

// A step of Adam may change nothing if anything is not finite, which is known when all of
// the gradient is. So that no launch has to wait for that alone, parameters and moments are
// there twice: a step reads those of the place that the clock's parity says and writes to
// the other, and unless the clock then goes on, nothing has changed. Blocks that make the
// gradient step at once and leave a flag each; those that fold the weights after that read
// all flags and come to the same verdict.

// twice is the numbers of P parameters, or of a moment, in both places.
func twice(numbers int) int { return 2 * padded(numbers) }

// ofStep is the place of an array of twice so many numbers after a number of steps.
func (b *blocks) ofStep(at ptx.U64, numbers int, course ptx.U64, steps ptx.U32) ptx.U64 {
	steps = b.Add(steps, b.LoadInt(course, 4*parity))
	return b.At(at, b.And(steps, next), 4*padded(numbers))
}

// descent is gradient descent as a part of a kernel.
type descent struct {
	*blocks
	steps    bool // or only the gradient is wanted
	theta    ptx.U64
	gradient ptx.U64
	from, to [3]ptx.U64 // parameters and moments
	rate     [rates]ptx.F32
	flag     ptx.F32 // 0 if all of the thread is finite
	flags    ptx.U64
}

// descent has the parameters the state, the rates (K, 3), the parameters, the gradient, both
// moments and the flags of the blocks.
func (b *blocks) descent(numbers int, steps bool) *descent {
	d := &descent{blocks: b, steps: steps, flag: b.Copy(zero)}
	course, table := b.array(), b.array()
	theta, gradient, m, v := b.array(), b.array(), b.array(), b.array()
	d.gradient, d.flags = gradient, b.array()
	step := b.LoadInt(course, 4*begun)
	for i, at := range [3]ptx.U64{theta, m, v} {
		d.from[i] = b.ofStep(at, numbers, course, step)
		d.to[i] = b.ofStep(at, numbers, course, b.Add(step, next))
	}
	d.theta = d.from[0]
	if steps {
		d.rate = b.loadRates(b.At(table, step, 4*rates))
	}
	return d
}

// entry is a parameter with its moments, before a step.
type entry struct {
	index   ptx.U32
	x, m, v ptx.F32
}

// entry reads one, long before it is needed if possible.
func (d *descent) entry(index ptx.U32) entry {
	e := entry{index: index}
	if d.steps {
		e.x, e.m, e.v = d.Load(d.At(d.from[0], index, 4), 0), d.Load(d.At(d.from[1], index, 4), 0),
			d.Load(d.At(d.from[2], index, 4), 0)
	}
	return e
}

// descend writes its gradient and makes the step.
func (d *descent) descend(e entry, g ptx.F32) {
	d.Store(d.At(d.gradient, e.index, 4), 0, g)
	if d.steps {
		d.step(e, g)
	}
}

// step makes that of an entry.
func (d *descent) step(e entry, g ptx.F32) {
	// A number times 0 is 0 unless it is not finite, and then it is none.
	d.FmaTo(d.flag, g, zero)
	x, m, v := adamStep(d.Kernel, g, e.x, e.m, e.v, d.rate)
	for i, value := range [3]ptx.F32{x, m, v} {
		d.Store(d.At(d.to[i], e.index, 4), 0, value)
	}
}

// finish leaves the block's flag.
func (d *descent) finish() {
	if !d.steps {
		return
	}
	sum := d.allWarps(d.flag)
	d.If(d.Equal(d.thread, ptx.Int(0)), func() {
		d.Store(d.At(d.flags, d.Block(ptx.X), 4), 0, sum)
	})
}

// wholeStep makes that of all parameters, with a gradient that is there. It has the parameters
// of descent.
func (o foldedKernels) wholeStep() *ptx.Kernel {
	b := beginBlocks(o.name("whole_step"))
	d := b.descent(o.p, true)
	b.sections([]section{{blocksOf(o.p), func(block ptx.U32) {
		i := b.along(b.thread, block, foldThreads)
		e := d.entry(b.Min(i, ptx.Int(o.p-1)))
		g := b.Load(b.At(d.gradient, e.index, 4), 0)
		b.If(b.Less(i, ptx.Int(o.p)), func() { d.step(e, g) })
		d.finish()
	}}})
	return b.Kernel
}

// verdict is whether everything is finite, by that many flags. It waits for all threads of
// the block.
func (b *blocks) verdict(flags ptx.U64, count int) ptx.Pred {
	sum := b.Copy(zero)
	for first := 0; first < count; first += foldThreads {
		i := b.Add(b.thread, ptx.Int(first))
		// The last again changes nothing: flags are 0 or no number.
		b.PlusTo(sum, b.Load(b.At(flags, b.Min(i, ptx.Int(count-1)), 4), 0))
	}
	sum = b.allWarps(sum)
	return b.FLess(b.Times(sum, sum), one) // false of what is no number
}

// tick ends a step, by one thread of all.
func (b *blocks) tick(course ptx.U64, step ptx.U32, fine ptx.Pred) {
	first := b.Both(b.Equal(b.thread, ptx.Int(0)), b.Equal(b.Block(ptx.X), ptx.Int(0)))
	b.If(first, func() {
		b.StoreInt(course, 4*clock, b.Pick(fine, b.Add(step, next), step))
		b.Store(course, 4*stopped, b.Choose(fine, zero, one))
	})
}
