package cuda

// Shapes: N batch, G groups of 32 sequences, T time, c width, C coords, D embed; tokens
// (B, N, T, c) and targets (B, N, T, C) of B batches as they come from the host; x
// (G, T, D, 32), output (G, T, c, 32).

import (
	"fmt"

	"icar/nn/cuda/ptx"
)

// data is where the batches are. Runs may share them, so their distance is its own.
type data struct {
	at     ptx.U64 // what the host wrote, at the batch of the step
	row    ptx.U32 // sequence and token of the lane
	inside ptx.Pred
	n      ptx.U32
}

// resident has the parameters the distance of runs' data, N, the number B of batches,
// the clock, which counts steps, and the data.
func (f frame) resident(width int) data {
	apart, n, batches := f.Distance(), f.Number(), f.Number()
	clock, base := f.array(), f.Pointer()
	batch := f.Rem(f.LoadInt(clock, 0), batches)
	at := f.Stride(base, f.run, apart)
	at = f.Stride(at, batch, f.Product(f.Mul(n, f.length), ptx.Int(4*width)))
	sequence := f.Add(f.Mul(f.group, ptx.Int(32)), f.lane)
	return data{at: at, row: f.Add(f.Mul(sequence, f.length), f.tile),
		inside: f.Less(sequence, n), n: n}
}

// embed repeats a token D/c times, and adds its position vector. A tile is a token.
// Sequences beyond N are zeros.
type embed struct {
	width, d int
	additive bool
}

func (e embed) name() string { return fmt.Sprintf("embed_%d_%d_%t", e.width, e.d, e.additive) }

// kernel has the parameters of resident, then x and the position vectors.
func (e embed) kernel() *ptx.Kernel {
	f := begin(e.name())
	in := f.resident(e.width)
	x := f.row(e.d)
	token := zeros(f.Kernel, e.width)
	f.If(in.inside, func() {
		at := f.At(in.at, in.row, 4*e.width)
		for i := range token {
			f.CopyTo(token[i], f.Load(at, 4*i))
		}
	})
	var pos ptx.U64
	if e.additive {
		pos = f.At(f.array(), f.tile, 4*e.d)
	}
	for i := range e.d {
		v := token[i%e.width]
		if e.additive {
			v = f.Plus(v, f.Load(pos, 4*i))
		}
		f.Store(x, i*line, v)
	}
	return f.Kernel
}

// positionSums is the gradient of additive position vectors, Σ_n dx. A tile is a token
// and a dimension.
type positionSums struct{ d int }

func (p positionSums) name() string { return fmt.Sprintf("position_sums_%d", p.d) }

// kernel has the parameters the number of groups, dx and parts at the vectors.
func (p positionSums) kernel() *ptx.Kernel {
	f := begin(p.name())
	groups := f.Number()
	base, parts := f.array(), f.array()
	sum := f.Copy(zero)
	f.For(ptx.Int(0), groups, next, func(group ptx.U32) {
		f.PlusTo(sum, f.Load(f.At(f.of(base, p.d, group), f.tile, line), 0))
	})
	all := allLanes(f.Kernel, sum)
	f.If(f.Equal(f.lane, ptx.Int(0)), func() { f.Store(f.At(parts, f.tile, 4), 0, all) })
	return f.Kernel
}

// squares is the squared error of predictions, and its gradient. A tile is a token.
type squares struct{ width, coords int }

func (s squares) name() string { return fmt.Sprintf("squares_%d_%d", s.width, s.coords) }

// kernel has the parameters of resident, then twice 1/(N·T·C), the output, its
// gradient and the error (G, T, 1, 32), summed over coordinates.
func (s squares) kernel() *ptx.Kernel {
	f := begin(s.name())
	in := f.resident(s.coords)
	scale := f.Real()
	output, gradient, errors := f.row(s.width), f.row(s.width), f.row(1)
	sum, g := f.Copy(zero), zeros(f.Kernel, s.width)
	f.If(in.inside, func() {
		at := f.At(in.at, in.row, 4*s.coords)
		for c := range s.coords {
			e := f.Minus(f.Load(output, c*line), f.Load(at, 4*c))
			f.FmaTo(sum, e, e)
			f.CopyTo(g[c], f.Times(scale, e))
		}
	})
	f.Store(errors, 0, sum)
	f.stores(gradient, 0, g)
	return f.Kernel
}
