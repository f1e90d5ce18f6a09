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
	x, root := standardise(f.Kernel, f.loads(in, 0, n.d))
	f.Store(rstd, 0, root)
	for i, v := range x {
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
	gammas := make([]ptx.F32, n.d)
	for i := range gammas {
		gammas[i] = f.Load(gamma, 4*i)
	}
	g := standardiseBack(f.Kernel, gammas, f.loads(dy, 0, n.d), f.loads(normal, 0, n.d))
	root := f.Load(rstd, 0)
	for i, v := range g {
		if n.add {
			v = f.Fma(root, v, f.Load(dx, i*line))
		} else {
			v = f.Times(root, v)
		}
		f.Store(dx, i*line, v)
	}
	return f.Kernel
}

// standardise returns x̂ and rstd, one over the standard deviation.
func standardise(k *ptx.Kernel, x []ptx.F32) (normal []ptx.F32, rstd ptx.F32) {
	d := ptx.Float(float32(len(x)))
	mean, variance := k.Copy(zero), k.Copy(zero)
	for _, v := range x {
		k.PlusTo(mean, v)
	}
	mean = k.Over(mean, d)
	for _, v := range x {
		v = k.Minus(v, mean)
		k.FmaTo(variance, v, v)
		normal = append(normal, v)
	}
	rstd = k.Over(one, k.Root(k.Plus(k.Over(variance, d), ptx.Float(normEpsilon))))
	for i, v := range normal {
		normal[i] = k.Times(v, rstd)
	}
	return normal, rstd
}

// standardiseBack is g - mean g - x̂ mean(g x̂), g = γ dy, which rstd is to be multiplied by.
func standardiseBack(k *ptx.Kernel, gamma, dy, normal []ptx.F32) []ptx.F32 {
	d := ptx.Float(float32(len(dy)))
	mean, along := k.Copy(zero), k.Copy(zero)
	g := make([]ptx.F32, len(dy))
	for i, v := range dy {
		g[i] = k.Times(gamma[i], v)
		k.PlusTo(mean, g[i])
		k.FmaTo(along, g[i], normal[i])
	}
	mean, along = k.Over(mean, d), k.Negative(k.Over(along, d))
	for i, v := range g {
		g[i] = k.Fma(normal[i], along, k.Minus(v, mean))
	}
	return g
}
