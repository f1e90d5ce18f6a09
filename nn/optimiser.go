package nn

// An optimiser moves every parameter θ by its gradient g with learning rate η.
// All of them act on each entry by itself, so the order of entries is free.

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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
	AdamWName    = "adamw"
)

// Optimisers returns their names.
func Optimisers() []string { return []string{AdamName, AdamWName, MomentumName, SGDName} }

// NewOptimiser returns the optimiser of that name over parameters, in its
// initial state. AdamW has the usual decay, see [NewAdamW] for another.
func NewOptimiser[F Float](name string, parameters []Parameter[F]) (Optimiser[F], error) {
	if err := allowed("optimiser", name, Optimisers()...); err != nil {
		return nil, err
	}
	switch name {
	case SGDName:
		return &SGD[F]{parameters}, nil
	case MomentumName:
		return &Momentum[F]{parameters, zeros("momentum.v/", parameters)}, nil
	case AdamWName:
		return NewAdamW(parameters, UsualDecay), nil
	default:
		return newAdam(parameters), nil
	}
}

func newAdam[F Float](parameters []Parameter[F]) *Adam[F] {
	return &Adam[F]{parameters, zeros("adam.m/", parameters), zeros("adam.v/", parameters)}
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
	shared(o.parameters, func(i, from, to int) {
		axpy(o.parameters[i].Data[from:to], F(-rate), o.parameters[i].Grad[from:to])
	})
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
	shared(o.parameters, func(i, from, to int) {
		p, v := o.parameters[i], o.velocity[i].Data
		for j := from; j < to; j++ {
			v[j] = F(momentum*v[j]) + p.Grad[j]
			p.Data[j] -= F(F(rate) * v[j])
		}
	})
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
	shared(o.parameters, o.piece(t, rate))
}

// piece returns what makes step t of entries [from, to) of parameter i.
func (o *Adam[F]) piece(t int, rate float64) func(i, from, to int) {
	step := F(rate / (1 - math.Pow(adamBeta1, float64(t))))
	root := F(math.Sqrt(1 - math.Pow(adamBeta2, float64(t))))
	return func(i, from, to int) {
		p, m, v := o.parameters[i], o.m[i].Data, o.v[i].Data
		for j := from; j < to; j++ {
			g := p.Grad[j]
			m[j] += F((1 - adamBeta1) * (g - m[j]))
			v[j] = F(adamBeta2*v[j]) + F((1-adamBeta2)*g*g)
			p.Data[j] -= step * m[j] / (F(math.Sqrt(float64(v[j])))/root + adamEpsilon)
		}
	}
}

// piece is entries [from, to) of parameter i.
type piece struct{ i, from, to int }

// pieces cuts all parameters into pieces of at most size entries.
func pieces[F Float](parameters []Parameter[F], size int) (all []piece) {
	for i, p := range parameters {
		for from := 0; from < len(p.Data); from += size {
			all = append(all, piece{i, from, min(from+size, len(p.Data))})
		}
	}
	return all
}

// portions cuts all parameters for a step of an optimiser: into pieces of 25 µs or so of
// Adam, or not at all where that would be one.
func portions[F Float](parameters []Parameter[F]) []piece {
	const enough = 1 << 12 // entries
	count := 0
	for _, p := range parameters {
		count += len(p.Data)
	}
	if count < 2*enough {
		return pieces(parameters, count)
	}
	return pieces(parameters, enough)
}

// shared calls f on pieces that make up all parameters, side by side where there is
// enough to do for that. What f does to one entry must not depend on another.
func shared[F Float](parameters []Parameter[F], f func(i, from, to int)) {
	all := portions(parameters)
	var next atomic.Int64
	work := func() {
		for k := int(next.Add(1) - 1); k < len(all); k = int(next.Add(1) - 1) {
			f(all[k].i, all[k].from, all[k].to)
		}
	}
	var others sync.WaitGroup
	if len(all) > len(parameters) {
		for range min(runtime.GOMAXPROCS(0), len(all)) - 1 {
			others.Go(work)
		}
	}
	work()
	others.Wait()
}

// State implements Optimiser: adam.m/NAME of all parameters, then adam.v/NAME.
func (o *Adam[F]) State() []Tensor[F] { return slices.Concat(o.m, o.v) }

// UsualDecay is the weight decay λ that AdamW has in PyTorch unless told otherwise.
const UsualDecay = 0.01

// AdamW is Adam with decoupled weight decay λ: the weights shrink by a factor of
// their own, which the moments of the gradient do not see, before Adam's step.
//
//	θ ← (1 - η λ) θ, then Adam
//
// Every parameter decays, biases and norms too, as PyTorch's do unless they are put
// into groups. With the square of the weights in the loss instead, Adam would divide
// the decay by the size of the gradient, and those with large gradients would hardly
// decay at all.
//
// Reference: Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019,
// arXiv 1711.05101, algorithm 2, with the learning rate for its schedule η_t.
type AdamW[F Float] struct {
	adam  *Adam[F]
	decay float64
}

// NewAdamW returns AdamW with weight decay λ ≥ 0 over parameters, in its initial
// state. At λ = 0 it is Adam to the bit.
func NewAdamW[F Float](parameters []Parameter[F], decay float64) *AdamW[F] {
	return &AdamW[F]{newAdam(parameters), decay}
}

// Decay returns the weight decay λ.
func (o *AdamW[F]) Decay() float64 { return o.decay }

// Step implements Optimiser.
func (o *AdamW[F]) Step(t int, rate float64) {
	keep := F(1 - float64(rate*o.decay)) // not fused on any processor
	shared(o.adam.parameters, func(i, from, to int) {
		p := o.adam.parameters[i]
		for j := from; j < to; j++ {
			p.Data[j] *= keep
		}
	})
	o.adam.Step(t, rate)
}

// State implements Optimiser: it is Adam's.
func (o *AdamW[F]) State() []Tensor[F] { return o.adam.State() }

var (
	_ Optimiser[float32] = (*AdamW[float32])(nil)
	_ Optimiser[float32] = (*SGD[float32])(nil)
	_ Optimiser[float32] = (*Momentum[float32])(nil)
	_ Optimiser[float32] = (*Adam[float32])(nil)
)
