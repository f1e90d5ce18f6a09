package ar

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
)

// Shapes: T context length, d token dimension. A sequence of n states is
// (n, d), row-major: s[t*D+i] is coordinate i of s_{t+1}.

// Scalar is the type of one coordinate of a state: complex128 in the
// eigenbasis of a diagonal family, float32 or float64 in the real form.
type Scalar interface {
	float32 | float64 | complex128
}

// Rollout returns the first n states of the process under the context c,
// (n, d) row-major. The noise comes from r, which may be nil if σ = 0.
//
// It is an error if p fails [Process.Check], if c is of another process, or
// if the family has no such form: float32 and float64 need [Family.Real],
// complex128 needs [Family.Diagonal].
func Rollout[S Scalar](p Process, c Context, n int, r *rand.Rand) ([]S, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if err := checkForm[S](p.Family); err != nil {
		return nil, err
	}
	switch {
	case p.Family.Diagonal() && len(c.Lambda) != p.D, p.Family.Real() && len(c.W) != p.D*p.D:
		return nil, fmt.Errorf("the context is not one of the %s family with d = %d: "+
			"draw it with the Context method of the same process", p.Family, p.D)
	case n < 1:
		return nil, fmt.Errorf("n = %d states: use n = 1 or more", n)
	case p.Sigma > 0 && r == nil:
		return nil, fmt.Errorf("noise level σ = %v without a generator: pass one, or use σ = 0",
			p.Sigma)
	}
	s := make([]S, n*p.D)
	rollout(p, c, s, r)
	return s, nil
}

// checkForm returns an error if the family has no states of type S.
func checkForm[S Scalar](f Family) error {
	var zero S
	if _, ok := any(zero).(complex128); !ok {
		if !f.Real() {
			return fmt.Errorf("the %s family has complex states and no real form, and package "+
				"nn takes real data: use the %s family", f, Rotation)
		}
	} else if !f.Diagonal() {
		return fmt.Errorf("the %s family has real states: "+
			"ask for float64 ones, or use the %s or %s family", f, Unitary, Rotation)
	}
	return nil
}

// rollouts fills s (N, n, d) with the first n states of N contexts. Noise comes
// from r, one sequence after the other.
func rollouts[S Scalar](p Process, contexts []Context, s []S, r *rand.Rand) {
	done := 0
	if p.Sigma == 0 {
		switch s := any(s).(type) {
		case []float64:
			done = quadRollouts(p, contexts, s)
		case []float32:
			done = quadRollouts(p, contexts, s)
		}
	}
	for i := done; i < len(contexts); i++ {
		size := len(s) / len(contexts)
		rollout(p, contexts[i], s[i*size:(i+1)*size], r)
	}
}

// rollout fills s (n, d) with the first n states.
func rollout[S Scalar](p Process, c Context, s []S, r *rand.Rand) {
	switch s := any(s).(type) {
	case []complex128:
		complexStates(p, c, s, r)
	case []float64:
		realStates(p, c, s, r)
	case []float32:
		realStates(p, c, s, r)
	}
}

// realStates runs s_{t+1} = W s_t + σ ε in float64 whatever F is, and rounds
// each state once. A recursion in float32 would not do: W rounded to float32
// is off the orthogonal group by some 2⁻²⁴ in a fixed direction, so |s_t|
// drifts like t·2⁻²⁴ instead of staying within one rounding of |s_1|; after
// 512 steps the drift exceeds 1e-5.
//
// It is the reference of [quadStates]. The conversion keeps compilers from
// fusing the product with the sum, so the bits are the same on every processor.
func realStates[F float32 | float64](p Process, c Context, s []F, r *rand.Rand) {
	state, next := p.realStart(), make([]float64, p.D)
	for {
		for i, x := range state {
			s[i] = F(x)
		}
		if s = s[p.D:]; len(s) == 0 {
			return
		}
		for i := range next {
			row, sum := c.W[i*p.D:(i+1)*p.D], 0.0
			for j, x := range state[:len(row)] {
				sum += float64(row[j] * x)
			}
			next[i] = sum
		}
		if p.Sigma > 0 {
			for i := range next {
				next[i] += float64(p.Sigma * r.NormFloat64())
			}
		}
		state, next = next, state
	}
}

// realStart returns s_1 in the real form: (√2, 0) per pair of a rotation,
// 1_d/√d for Haar and SO(d).
func (p Process) realStart() []float64 {
	s := make([]float64, p.D)
	for i := range s {
		if p.Family != Rotation {
			s[i] = 1 / math.Sqrt(float64(p.D))
		} else if i%2 == 0 {
			s[i] = math.Sqrt2
		}
	}
	return s
}

// complexStates runs s_{t+1,i} = λ_i s_{t,i} + σ ε_i from s_1 = 1_d.
func complexStates(p Process, c Context, s []complex128, r *rand.Rand) {
	for i := range p.D {
		s[i] = 1
	}
	for ; len(s) > p.D; s = s[p.D:] {
		next := s[p.D : 2*p.D]
		for i, lambda := range c.Lambda {
			next[i] = product(lambda, s[i])
		}
		if p.Sigma > 0 {
			p.addComplexNoise(next, r)
		}
	}
}

// product returns x·y with every product of theirs rounded before it is added,
// as on processors that do not fuse them.
func product(x, y complex128) complex128 {
	return complex(float64(real(x)*real(y))-float64(imag(x)*imag(y)),
		float64(real(x)*imag(y))+float64(imag(x)*real(y)))
}

// addComplexNoise adds σ ε to one state. It spends as many normal variates on
// a pair of a rotation as the real form does, in the same order, so both forms
// of a sequence are the same sequence.
func (p Process) addComplexNoise(s []complex128, r *rand.Rand) {
	sigma := complex(p.Sigma, 0)
	switch {
	case p.Family == Rotation:
		for i := 0; i < len(s); i += 2 {
			e := circular(r)
			s[i] += product(sigma, e)
			s[i+1] += product(sigma, cmplx.Conj(e))
		}
	case p.Noise == CircularNoise:
		for i := range s {
			s[i] += product(sigma, circular(r))
		}
	default:
		for i := range s {
			s[i] += product(sigma, complex(r.NormFloat64(), 0))
		}
	}
}

// circular draws (g + ig')/√2, g, g' ~ N(0, 1).
func circular(r *rand.Rand) complex128 {
	const scale = 1 / math.Sqrt2
	return complex(scale*r.NormFloat64(), scale*r.NormFloat64())
}
