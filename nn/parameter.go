package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

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

// newParameters returns the parameters of those specs. Values of tensor i are
// drawn from ar.Rand(seed, "init", i), so both float types start at the same
// point up to rounding. Gradients are 0. The values of all of them lie in one
// array, in order, and so do the gradients, in gradient.
func newParameters[F Float](specs []Spec, seed uint64) (parameters []Parameter[F], gradient []F) {
	size := 0
	for _, s := range specs {
		size += int(s.size())
	}
	data, gradient := make([]F, size), make([]F, size)
	grad := gradient
	parameters = make([]Parameter[F], len(specs))
	for i, s := range specs {
		n := int(s.size())
		parameters[i] = Parameter[F]{Tensor[F]{s.Name, s.Shape, data[:n:n]}, grad[:n:n]}
		data, grad = data[n:], grad[n:]
		r := ar.Rand(seed, "init", uint64(i))
		for j := range parameters[i].Data {
			parameters[i].Data[j] = F(s.Draw(r))
		}
	}
	return parameters, gradient
}

// Spec is a tensor before it exists.
type Spec struct {
	Name  string
	Shape []int
	Draw  func(*rand.Rand) float64 // an initial value
}

// size returns the number of entries, in floating point since it is asked of
// configurations whose number overflows an int.
func (s Spec) size() float64 {
	n := 1.0
	for _, k := range s.Shape {
		n *= float64(k)
	}
	return n
}

// LinearSpecs lists the weight (out, in) and the bias (out) of a linear map, both
// drawn from U(-1/√in, 1/√in). That is what PyTorch's kaiming_uniform with a = √5
// amounts to and what it uses for the bias too: the bound is √3·gain/√in with
// gain = √(2/(1 + a²)) = 1/√3.
//
// Reference: He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015,
// DOI 10.1109/ICCV.2015.123.
func LinearSpecs(name string, out, in int) []Spec {
	bound := 1 / math.Sqrt(float64(in))
	draw := func(r *rand.Rand) float64 { return bound * (2*r.Float64() - 1) }
	return []Spec{{name + ".weight", []int{out, in}, draw}, {name + ".bias", []int{out}, draw}}
}

// specs lists what a Transformer of shape c learns, mixer being the specs of its
// mixer. The order is that of PyTorch's named_parameters.
func (c Config) specs(mixer []Spec) []Spec {
	var list []Spec
	if c.Position != NoPosition {
		list = append(list, Spec{"pos", []int{c.Length, c.Embed}, (*rand.Rand).NormFloat64})
	}
	for l := range c.Depth {
		for _, s := range c.layer(mixer) {
			s.Name = fmt.Sprintf("layers.%d.%s", l, s.Name)
			list = append(list, s)
		}
	}
	if c.FinalNorm {
		list = append(list, normSpecs("final_norm", c.Embed)...)
	}
	return append(list, LinearSpecs("out", c.Width, c.Embed)...)
}

// layer lists what a layer learns.
func (c Config) layer(mixer []Spec) []Spec {
	list, d := slices.Clone(mixer), c.Embed
	if c.Norm {
		list = append(list, normSpecs("norm", d)...)
	}
	if c.MLPNorm {
		list = append(list, normSpecs("mlp_norm", d)...)
	}
	if c.MLP > 0 {
		list = append(list, LinearSpecs("up", c.MLP*d, d)...)
		list = append(list, LinearSpecs("down", d, c.MLP*d)...)
	}
	return list
}

// normSpecs lists the gain γ and the bias β of a layer norm of d numbers.
func normSpecs(name string, d int) []Spec {
	constant := func(v float64) func(*rand.Rand) float64 {
		return func(*rand.Rand) float64 { return v }
	}
	return []Spec{
		{name + ".weight", []int{d}, constant(1)}, {name + ".bias", []int{d}, constant(0)},
	}
}
