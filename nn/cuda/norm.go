package cuda

// Shapes: G groups of 32 sequences, T time, D embed; x, y, x̂ (G, T, D, 32), rstd
// (G, T, 1, 32), γ and β behind it (D).

import (
	"fmt"

	"icar/nn/cuda/ptx"
)

// norm is y = γ x̂ + β, x̂ = (x - mean x)/√(var x + ε), at every token, which is a
// tile; with add, a tensor is added to y: a skip connection.
type norm struct {
	d   int
	add bool
}

const normEpsilon = 1e-5

func (n norm) name() string { return fmt.Sprintf("norm_%d_%t", n.d, n.add) }

// kernel has the parameters γ, x, x̂, rstd, y and the tensor to add.
func (n norm) kernel() *ptx.Kernel {
	f := begin(n.name())
	gamma := f.array()
	in, normal, rstd, out := f.row(n.d), f.row(n.d), f.row(1), f.row(n.d)
	var added ptx.U64
	if n.add {
		added = f.row(n.d)
	}
	x, d := f.loads(in, 0, n.d), ptx.Float(float32(n.d))
	mean, variance := f.Copy(zero), f.Copy(zero)
	for _, v := range x {
		f.PlusTo(mean, v)
	}
	mean = f.Over(mean, d)
	for i, v := range x {
		x[i] = f.Minus(v, mean)
		f.FmaTo(variance, x[i], x[i])
	}
	root := f.Over(one, f.Root(f.Plus(f.Over(variance, d), ptx.Float(normEpsilon))))
	f.Store(rstd, 0, root)
	for i, v := range x {
		v = f.Times(v, root)
		f.Store(normal, i*line, v)
		y := f.Fma(f.Load(gamma, 4*i), v, f.Load(gamma, 4*(n.d+i)))
		if n.add {
			y = f.Plus(y, f.Load(added, i*line))
		}
		f.Store(out, i*line, y)
	}
	return f.Kernel
}

// normBack is dx = rstd (g - mean g - x̂ mean(g x̂)), g = γ dy, added to what is
// there or not.
type normBack struct {
	d   int
	add bool
}

func (n normBack) name() string { return fmt.Sprintf("norm_back_%d_%t", n.d, n.add) }

// kernel has the parameters γ, dy, x̂, rstd and dx.
func (n normBack) kernel() *ptx.Kernel {
	f := begin(n.name())
	gamma := f.array()
	dy, normal, rstd, dx := f.row(n.d), f.row(n.d), f.row(1), f.row(n.d)
	g, d := f.loads(dy, 0, n.d), ptx.Float(float32(n.d))
	mean, along := f.Copy(zero), f.Copy(zero)
	for i, v := range g {
		g[i] = f.Times(f.Load(gamma, 4*i), v)
		f.PlusTo(mean, g[i])
		f.FmaTo(along, g[i], f.Load(normal, i*line))
	}
	mean = f.Over(mean, d)
	along = f.Negative(f.Over(along, d))
	root := f.Load(rstd, 0)
	for i, v := range g {
		v = f.Fma(f.Load(normal, i*line), along, f.Minus(v, mean))
		if n.add {
			v = f.Fma(root, v, f.Load(dx, i*line))
		} else {
			v = f.Times(root, v)
		}
		f.Store(dx, i*line, v)
	}
	return f.Kernel
}
