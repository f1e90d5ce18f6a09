package main

import (
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
)

// reflection is the law s_{t+1} = W s_t of reflections W = I - 2vvᵀ in the
// hyperplane of a unit vector v, uniform on the sphere, as s_1 is. W² = I: a
// sequence returns to where it was after two steps.
type reflection struct{ d int }

// Check returns an error that says what to change.
func (r reflection) Check() error {
	if r.d < 2 {
		return fmt.Errorf("d = %d: there is no hyperplane to reflect in; use d = 2 or more", r.d)
	}
	return nil
}

// Dim is the dimension of a state.
func (r reflection) Dim() int { return r.d }

// Draw fills states (n, T+1, d) and returns the hidden matrices (n).
func (r reflection) Draw(states []float64, n int, random *rand.Rand) []ar.Context {
	d := r.d
	contexts := make([]ar.Context, n)
	length := len(states) / n
	for i := range contexts {
		v := direction(random, make([]float64, d))
		sequence := states[i*length : (i+1)*length]
		direction(random, sequence[:d])
		for t := d; t < length; t += d {
			s, next := sequence[t-d:t], sequence[t:t+d]
			floats.AddScaledTo(next, s, -2*floats.Dot(v, s), v)
		}
		contexts[i].W = make([]float64, d*d)
		for j := range d {
			for k := range d {
				contexts[i].W[j*d+k] = -2 * v[j] * v[k]
			}
			contexts[i].W[j*d+j]++
		}
	}
	return contexts
}

// direction fills v with a point that is uniform on the unit sphere.
func direction(random *rand.Rand, v []float64) []float64 {
	for i := range v {
		v[i] = random.NormFloat64()
	}
	floats.Scale(1/floats.Norm(v, 2), v)
	return v
}
