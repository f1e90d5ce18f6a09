package nn

// Shapes: L layers, D embed, H heads, c width, T length; weights are (out, in).

import (
	"fmt"
	"math"
	"math/rand/v2"

	"icar/ar"
)

// Float is a real number type that a Transformer computes in.
type Float interface{ float32 | float64 }

// Tensor is a named array, row-major.
type Tensor[F Float] struct {
	Name  string
	Shape []int
	Data  []F
}

// Parameter is a trained tensor with the gradient of the loss with respect to
// it, of the same shape.
type Parameter[F Float] struct {
	Tensor[F]
	Grad []F
}

// Tensors returns the values of parameters, sharing their memory.
func Tensors[F Float](parameters []Parameter[F]) []Tensor[F] {
	tensors := make([]Tensor[F], len(parameters))
	for i, p := range parameters {
		tensors[i] = p.Tensor
	}
	return tensors
}

// NewParameters returns the parameters of the Transformer of a valid c in
// PyTorch's order and under its names: pos (length, D), then
// layers.0.q.weight (H·D, D), layers.0.q.bias (H·D) and so on to out.weight
// (c, D) and out.bias (c). Values are drawn as PyTorch's layers draw theirs,
// tensor i from ar.Rand(seed, "init", i), so both float types start at the same
// point up to rounding. Gradients are 0. The values of all of them lie in one
// array, in order, and so do the gradients.
func NewParameters[F Float](c Config, seed uint64) []Parameter[F] {
	specs := c.parameters()
	size := 0
	for _, s := range specs {
		size += s.size()
	}
	data, grad := make([]F, size), make([]F, size)
	parameters := make([]Parameter[F], len(specs))
	for i, s := range specs {
		n := s.size()
		parameters[i] = Parameter[F]{Tensor[F]{s.name, s.shape, data[:n:n]}, grad[:n:n]}
		data, grad = data[n:], grad[n:]
		r := ar.Rand(seed, "init", uint64(i))
		for j := range parameters[i].Data {
			parameters[i].Data[j] = F(s.draw(r))
		}
	}
	return parameters
}

// parameter is a tensor of a Transformer before it exists.
type parameter struct {
	name  string
	shape []int
	draw  func(*rand.Rand) float64 // an initial value
}

func (p parameter) size() int {
	n := 1
	for _, s := range p.shape {
		n *= s
	}
	return n
}

// parameters lists what a Transformer of shape c learns. The order is that of
// PyTorch's named_parameters, and transformer.go takes them up in it.
func (c Config) parameters() []parameter {
	var list []parameter
	d := c.Embed
	if c.Position != NoPosition {
		list = append(list, parameter{"pos", []int{c.Length, d}, (*rand.Rand).NormFloat64})
	}
	linear := func(name string, out, in int) {
		draw := uniform(in)
		list = append(list,
			parameter{name + ".weight", []int{out, in}, draw},
			parameter{name + ".bias", []int{out}, draw})
	}
	for l := range c.Depth {
		prefix := fmt.Sprintf("layers.%d.", l)
		linear(prefix+"q", c.Heads*d, d)
		linear(prefix+"k", c.Heads*d, d)
		linear(prefix+"v", c.Heads*d, d)
		linear(prefix+"o", d, d)
		if c.Norm {
			list = append(list,
				parameter{prefix + "norm.weight", []int{d}, func(*rand.Rand) float64 { return 1 }},
				parameter{prefix + "norm.bias", []int{d}, func(*rand.Rand) float64 { return 0 }})
		}
		if c.MLP > 0 {
			linear(prefix+"up", c.MLP*d, d)
			linear(prefix+"down", d, c.MLP*d)
		}
	}
	linear("out", c.Width, d)
	return list
}

// uniform draws from U(-1/√in, 1/√in), which is what PyTorch's
// kaiming_uniform with a = √5 amounts to and what it uses for the bias too:
// the bound is √3·gain/√in with gain = √(2/(1 + a²)) = 1/√3.
//
// Reference: He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015,
// DOI 10.1109/ICCV.2015.123.
func uniform(in int) func(*rand.Rand) float64 {
	bound := 1 / math.Sqrt(float64(in))
	return func(r *rand.Rand) float64 { return bound * (2*r.Float64() - 1) }
}
