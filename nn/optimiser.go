package nn

// An optimiser moves every parameter θ by its gradient g with learning rate η.
// All of them act on each entry by itself, so the order of entries is free.

import (
	"math"
	"slices"
)

// Optimiser is a rule of descent with its state.
type Optimiser[F Float] interface {
	// Step makes step t = 1, 2, … with learning rate η = rate. The count is
	// the caller's, who keeps it in a checkpoint anyway.
	Step(t int, rate float64)
	// State returns what the rule remembers between steps, in the order of
	// the parameters and named after them; writing to the tensors' data
	// restores a state.
	State() []Tensor[F]
}

// The optimisers by the names NewOptimiser knows.
const (
	SGDName      = "sgd"
	MomentumName = "momentum"
	AdamName     = "adam"
)

// NewOptimiser returns the optimiser of that name over parameters, in its
// initial state.
func NewOptimiser[F Float](name string, parameters []Parameter[F]) (Optimiser[F], error) {
	if err := allowed("optimiser", name, SGDName, MomentumName, AdamName); err != nil {
		return nil, err
	}
	switch name {
	case SGDName:
		return &SGD[F]{parameters}, nil
	case MomentumName:
		return &Momentum[F]{parameters, zeros("momentum.v/", parameters)}, nil
	default:
		return &Adam[F]{parameters, zeros("adam.m/", parameters), zeros("adam.v/", parameters)}, nil
	}
}

// zeros returns a zero tensor for every parameter, its name under prefix.
func zeros[F Float](prefix string, parameters []Parameter[F]) []Tensor[F] {
	tensors := make([]Tensor[F], len(parameters))
	for i, p := range parameters {
		tensors[i] = Tensor[F]{prefix + p.Name, p.Shape, make([]F, len(p.Data))}
	}
	return tensors
}

// SGD is gradient descent: θ ← θ - η g. It has no state.
type SGD[F Float] struct {
	parameters []Parameter[F]
}

// Step implements Optimiser.
func (o *SGD[F]) Step(_ int, rate float64) {
	for _, p := range o.parameters {
		axpy(p.Data, F(-rate), p.Grad)
	}
}

// State implements Optimiser: there is none.
func (o *SGD[F]) State() []Tensor[F] { return nil }

// momentum is Polyak's factor, the usual 0.9.
const momentum = 0.9

// Momentum is the heavy ball with factor 0.9 in PyTorch's convention, where
// the learning rate multiplies the velocity and not the gradient in it:
//
//	v ← 0.9 v + g, θ ← θ - η v, v = 0 at first
//
// Reference: Polyak, "Some methods of speeding up the convergence of iteration
// methods", 1964, DOI 10.1016/0041-5553(64)90137-5.
type Momentum[F Float] struct {
	parameters []Parameter[F]
	velocity   []Tensor[F]
}

// Step implements Optimiser.
func (o *Momentum[F]) Step(_ int, rate float64) {
	for i, p := range o.parameters {
		v := o.velocity[i].Data
		for j, g := range p.Grad {
			v[j] = F(momentum*v[j]) + g
			p.Data[j] -= F(F(rate) * v[j])
		}
	}
}

// State implements Optimiser: the velocities momentum.v/NAME.
func (o *Momentum[F]) State() []Tensor[F] { return o.velocity }

// Adam's decay rates and ε, PyTorch's defaults.
const (
	adamBeta1   = 0.9
	adamBeta2   = 0.999
	adamEpsilon = 1e-8
)

// Adam scales every entry by running moments of its gradient, β₁ = 0.9,
// β₂ = 0.999, ε = 1e-8:
//
//	m ← m + (1 - β₁)(g - m), v ← β₂ v + (1 - β₂) g²
//	θ ← θ - η/(1 - β₁ᵗ) · m/(√v/√(1 - β₂ᵗ) + ε)
//
// in this order of operations, which is PyTorch's.
//
// Reference: Kingma, Ba, "Adam: a method for stochastic optimization", ICLR
// 2015, arXiv 1412.6980.
type Adam[F Float] struct {
	parameters []Parameter[F]
	m, v       []Tensor[F]
}

// Step implements Optimiser.
func (o *Adam[F]) Step(t int, rate float64) {
	step := F(rate / (1 - math.Pow(adamBeta1, float64(t))))
	root := F(math.Sqrt(1 - math.Pow(adamBeta2, float64(t))))
	for i, p := range o.parameters {
		m, v := o.m[i].Data, o.v[i].Data
		for j, g := range p.Grad {
			m[j] += F((1 - adamBeta1) * (g - m[j]))
			v[j] = F(adamBeta2*v[j]) + F((1-adamBeta2)*g*g)
			p.Data[j] -= step * m[j] / (F(math.Sqrt(float64(v[j])))/root + adamEpsilon)
		}
	}
}

// State implements Optimiser: adam.m/NAME of all parameters, then adam.v/NAME.
func (o *Adam[F]) State() []Tensor[F] { return slices.Concat(o.m, o.v) }

var (
	_ Optimiser[float32] = (*SGD[float32])(nil)
	_ Optimiser[float32] = (*Momentum[float32])(nil)
	_ Optimiser[float32] = (*Adam[float32])(nil)
)
