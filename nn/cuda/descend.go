package cuda

// Shapes: P parameters, S slots, G groups of 32 sequences, T time, K steps.

import (
	"icar/nn/cuda/ptx"
)

// threads of a block that works number by number.
const threads = 128

// sweep is a kernel over numbers, one a thread. Its first parameters are the distance
// of runs and the number of them; the run is the block's z.
func sweep(name string) (f frame, i, count ptx.U32) {
	k := ptx.New(name)
	f = frame{Kernel: k, stride: k.Distance(), run: k.Block(ptx.Z)}
	count = k.Number()
	i = k.Add(k.Mul(k.Block(ptx.X), ptx.Int(threads)), k.Thread(ptx.X))
	f.ExitUnless(f.Less(i, count))
	return f, i, count
}

// addSlots adds up slots, in order: the parameters are S, parts (S, P) and the sum (P).
func addSlots() *ptx.Kernel {
	f, i, count := sweep("add_slots")
	slots := f.Number()
	parts, total := f.array(), f.array()
	sum := f.Copy(f.Load(f.At(parts, i, 4), 0))
	f.For(next, slots, next, func(s ptx.U32) {
		f.PlusTo(sum, f.Load(f.At(parts, f.Add(f.Mul(s, count), i), 4), 0))
	})
	f.Store(f.At(total, i, 4), 0, sum)
	return f.Kernel
}

// judges is the number of threads of a judge.
const judges = 1024

// state is what a run keeps of its course, by places in memory, of 4 bytes each.
const (
	clock   = iota // steps made
	stopped        // whether something was not finite, as a float32
	begun          // steps made when the one at work began, see folded_descend.go
	parity         // whether an even number of steps leaves parameters in the second place
	states
)

// judge ends a step: one block a run adds up the errors, and finds out whether they and
// the gradient are finite. If so, and so far, the clock goes on by a step, else the run
// is stopped. It has the parameters the distance of runs, the numbers of errors and of
// P, the state, the errors, the gradient and the losses (K, 32) in float64, sums of a
// 32nd of the errors.
func judge() *ptx.Kernel {
	k := ptx.New("judge")
	f := frame{Kernel: k, stride: k.Distance(), run: k.Block(ptx.Z)}
	errors, params := k.Number(), k.Number()
	course, from, gradient, losses := f.array(), f.array(), f.array(), f.array()
	t := k.Thread(ptx.X)
	step, before := k.LoadInt(course, 4*clock), k.Load(course, 4*stopped)
	sums, flags := k.Shared(4*judges), k.Shared(4*judges)
	sum := k.CopyWide(ptx.Double(0))
	k.For(t, errors, ptx.Int(judges), func(i ptx.U32) {
		k.PlusWideTo(sum, k.Wide(k.Load(k.At(from, i, 4), 0)))
	})
	// A number times 0 is 0 unless it is not finite, and then it is none.
	flag := k.Copy(k.Times(k.Narrow(sum), zero))
	k.For(t, params, ptx.Int(judges), func(i ptx.U32) {
		k.FmaTo(flag, k.Load(k.At(gradient, i, 4), 0), zero)
	})
	mine := k.Mul(t, ptx.Int(4))
	k.StoreShared(k.Add(sums, mine), 0, k.Narrow(sum))
	k.StoreShared(k.Add(flags, mine), 0, flag)
	k.Barrier()
	k.ExitUnless(k.Less(t, ptx.Int(32)))
	total := k.CopyWide(ptx.Double(0))
	bad := k.Copy(before)
	for i := range judges / 32 {
		at := k.Mul(k.Add(t, ptx.Int(32*i)), ptx.Int(4))
		k.PlusWideTo(total, k.Wide(k.LoadShared(k.Add(sums, at), 0)))
		k.PlusTo(bad, k.LoadShared(k.Add(flags, at), 0))
	}
	k.StoreWide(k.At(losses, k.Add(k.Mul(step, ptx.Int(32)), t), 8), 0, total)
	bad = allLanes(k, bad)
	k.If(k.Equal(t, ptx.Int(0)), func() {
		fine := k.FLess(k.Times(bad, bad), one) // false of what is no number
		k.StoreInt(course, 4*clock, k.Pick(fine, k.Add(step, next), step))
		k.Store(course, 4*stopped, k.Choose(fine, zero, one))
	})
	return k
}

// rates are the numbers of a step of Adam, which the host computes.
const (
	rateStep = iota // η/(1 - β₁ᵗ)
	rateRoot        // √(1 - β₂ᵗ)
	rateKeep        // 1 - η λ
	rates
)

// adam makes a step, in the order of operations of nn.Adam and nn.AdamW. It has the
// parameters of sweep, the state, the rates (K, 3), and parameters, gradient, m and v.
func adam() *ptx.Kernel {
	f, i, _ := sweep("adam")
	course, table := f.array(), f.array()
	theta, gradient, ms, vs := f.At(f.array(), i, 4), f.At(f.array(), i, 4),
		f.At(f.array(), i, 4), f.At(f.array(), i, 4)
	f.ExitUnless(f.FLess(f.Load(course, 4*stopped), one))
	step := f.At(table, f.Sub(f.LoadInt(course, 4*clock), next), 4*rates)
	x, m, v := adamStep(f.Kernel, f.Load(gradient, 0), f.Load(theta, 0), f.Load(ms, 0),
		f.Load(vs, 0), f.loadRates(step))
	f.Store(ms, 0, m)
	f.Store(vs, 0, v)
	f.Store(theta, 0, x)
	return f.Kernel
}

// loadRates reads those of a step.
func (f frame) loadRates(at ptx.U64) (r [rates]ptx.F32) {
	for i := range r {
		r[i] = f.Load(at, 4*i)
	}
	return r
}

// adamStep is a step of a parameter x with gradient g and moments m and v.
func adamStep(k *ptx.Kernel, g, x, m, v ptx.F32, rate [rates]ptx.F32) (ptx.F32, ptx.F32, ptx.F32) {
	x = k.Times(x, rate[rateKeep])
	m = k.Plus(m, k.Times(ptx.Float(1-beta1), k.Minus(g, m)))
	v = k.Plus(k.Times(ptx.Float(beta2), v), k.Times(k.Times(ptx.Float(1-beta2), g), g))
	root := k.Plus(k.Over(k.Root(v), rate[rateRoot]), ptx.Float(epsilon))
	return k.Minus(x, k.Over(k.Times(rate[rateStep], m), root)), m, v
}

// Adam's constants, those of package nn.
const (
	beta1   = 0.9
	beta2   = 0.999
	epsilon = 1e-8
)
