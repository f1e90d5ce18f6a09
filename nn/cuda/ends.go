package cuda

// Shapes: N batch, G groups of 32 sequences, T time, c width, C coords, D embed, K steps;
// tokens (S, T, c) and targets (S, T, C) of a set of S sequences as they come from the
// host; x (G, T, D, 32), output (G, T, c, 32).

import (
	"fmt"

	"icar/nn/cuda/ptx"
)

// source is where the set of a run is, by places in memory, of 8 bytes each.
const (
	tokens  = iota // the address of the tokens
	targets        // that of the targets
	sources
)

// data is where the lane's sequence is. Runs may share a set, and every step takes other
// sequences of it, so a run says where its set is and has a table of the steps' sequences.
type data struct {
	f      frame
	width  int
	set    ptx.U64 // the first sequence
	number ptx.U64 // where in the table that of the lane stands
	inside ptx.Pred
}

// resident has the parameters N, the clock, which counts steps, the table (K, N) of numbers
// of sequences, and the source.
func (f frame) resident(width, which int) data {
	n := f.Number()
	clock, table, from := f.array(), f.array(), f.array()
	lane := f.Add(f.Mul(f.group, ptx.Int(32)), f.lane)
	place := f.Add(f.Mul(f.LoadInt(clock, 0), n), lane)
	return data{f: f, width: width, set: f.LoadAddress(from, 8*which),
		number: f.At(table, place, 4), inside: f.Less(lane, n)}
}

// token is where the numbers of the lane's token are; only lanes inside have one.
func (d data) token() ptx.U64 {
	f := d.f
	size := f.Product(f.length, ptx.Int(4*d.width))
	return f.At(f.Stride(d.set, f.LoadInt(d.number, 0), size), f.tile, 4*d.width)
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
	in := f.resident(e.width, tokens)
	x := f.row(e.d)
	token := zeros(f.Kernel, e.width)
	f.If(in.inside, func() {
		at := in.token()
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
	in := f.resident(s.coords, targets)
	scale := f.Real()
	output, gradient, errors := f.row(s.width), f.row(s.width), f.row(1)
	sum, g := f.Copy(zero), zeros(f.Kernel, s.width)
	f.If(in.inside, func() {
		at := in.token()
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
