package cuda

import (
	"math"

	"icar/nn"
)

// plainFolded is the loss of folded weights, from the definitions, in float64: what the
// kernels of sequences are held to, whose gradients are its differences.
type plainFolded struct {
	config nn.Config
	where  folded
	w      []float64
	p      []float64 // packed, of the only layer that has one
	pack   packing
	batch  nn.Batch[float32]
}

func (f plainFolded) loss() float64 {
	sum := 0.0
	for n := range f.batch.N {
		sum += f.sequence(n)
	}
	return sum / float64(f.batch.N*f.batch.T*f.config.Coords)
}

// sequence is the squared error of a sequence.
func (f plainFolded) sequence(n int) (sum float64) {
	c, t := f.config, f.batch.T
	x := make([][]float64, t)
	for i := range x {
		for d := range c.Embed {
			v := float64(f.batch.X[(n*t+i)*c.Width+d%c.Width])
			if c.Position == nn.AdditivePosition {
				v += f.w[f.where.pos+i*padded(c.Embed)+d]
			}
			x[i] = append(x[i], v)
		}
	}
	for l := range c.Depth {
		x = f.layer(l, x)
	}
	for i := range x {
		for o := range c.Coords {
			e := f.affine(f.where.out+o*padded(c.Embed+1), x[i]) -
				float64(f.batch.Y[(n*t+i)*c.Coords+o])
			sum += e * e
		}
	}
	return sum
}

// affine is w·x + b of a row [w b].
func (f plainFolded) affine(at int, x []float64) float64 {
	sum := f.w[at+len(x)]
	for d, v := range x {
		sum += f.w[at+d] * v
	}
	return sum
}

func (f plainFolded) layer(l int, x [][]float64) [][]float64 {
	c, at := f.config, f.where.layer(l)
	keys, out := make([][]float64, len(x)), make([][]float64, len(x))
	for j := range x {
		keys[j] = append(append(make([]float64, 0, at.e), x[j][:at.e-1]...), 1)
	}
	for i := range x {
		o := make([]float64, c.Embed)
		copy(o, f.w[at.o:])
		for h := range c.Heads {
			y := f.attend(at, h, i, keys)
			for d := range o {
				for e := range at.e {
					o[d] += f.w[at.u+(h*at.e+e)*padded(c.Embed)+d] * y[e]
				}
			}
		}
		if c.Norm {
			mean, square := 0.0, 0.0
			for _, v := range o {
				mean += v / float64(c.Embed)
			}
			for _, v := range o {
				square += (v - mean) * (v - mean) / float64(c.Embed)
			}
			for d, v := range o {
				o[d] = f.w[at.gamma+d]*(v-mean)/math.Sqrt(square+normEpsilon) + f.w[at.beta+d]
			}
		}
		for d := range o {
			if c.Residual {
				o[d] += x[i][d]
			}
		}
		out[i] = f.mlp(at, o)
	}
	return out
}

func (f plainFolded) mlp(at foldedLayer, x []float64) []float64 {
	c := f.config
	out := append([]float64(nil), x...)
	for m := range c.MLP * c.Embed {
		v := f.affine(at.up+m*padded(c.Embed+1), x)
		if c.Activation == nn.GELU {
			v *= (1 + math.Erf(v/math.Sqrt2)) / 2
		} else {
			v = max(v, 0)
		}
		for d := range out {
			out[d] += f.w[at.down+m*padded(c.Embed)+d] * v
		}
	}
	for d := range out {
		if c.MLP > 0 {
			out[d] += f.w[at.downBias+d]
		}
	}
	return out
}

// attend is y of a head and token i, of keys x̃.
func (f plainFolded) attend(at foldedLayer, h, i int, keys [][]float64) []float64 {
	z, scores, y := make([]float64, at.e), make([]float64, i+1), make([]float64, at.e)
	for n := range z {
		for m, v := range keys[i] {
			z[n] += f.w[at.m+(h*at.e+n)*padded(at.e)+m] * v
		}
	}
	top, total := math.Inf(-1), 0.0
	for j := range scores {
		scores[j] = inner(z, keys[j])
		top = max(top, scores[j])
	}
	soft := f.config.Attention == nn.SoftmaxAttention
	for j, a := range scores {
		if soft {
			scores[j] = math.Exp(a - top)
			total += scores[j]
		}
	}
	for j, a := range scores {
		if soft {
			a /= total
		}
		if f.config.Position == nn.ProductPosition {
			a *= f.p[f.pack.index(h, i, j)]
		}
		for e, v := range keys[j] {
			y[e] += a * v
		}
	}
	return y
}
