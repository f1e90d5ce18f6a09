package main

import (
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
	"icar/setting"
)

// reflection is the law s_{t+1} = W s_t of reflections W = I - 2vvᵀ in the
// hyperplane of a unit vector v, uniform on the sphere, as s_1 is. W² = I: a
// sequence returns to where it was after two steps.
type reflection struct{ D int }

// Check returns an error that says what to change.
func (r reflection) Check() error {
	if r.D < 2 {
		return fmt.Errorf("d = %d: there is no hyperplane to reflect in; use d = 2 or more", r.D)
	}
	return nil
}

// Dim is the dimension of a state.
func (r reflection) Dim() int { return r.D }

// Settings are keys of configuration files, and flags of icar train.
func (r *reflection) Settings() []setting.Key {
	return []setting.Key{setting.New("d", "dimension of a state", &r.D)}
}

// Draw fills states (N, n, d) and returns the hidden matrices (N).
func (r reflection) Draw(states []float64, n int, random *rand.Rand) []ar.Context {
	d := r.D
	v := make([]float64, d)
	contexts := make([]ar.Context, len(states)/(n*d))
	for i := range contexts {
		sequence := states[i*n*d : (i+1)*n*d]
		direction(random, v)
		direction(random, sequence[:d])
		for t := d; t < n*d; t += d {
			s, next := sequence[t-d:t], sequence[t:t+d]
			floats.AddScaledTo(next, s, -2*floats.Dot(v, s), v)
		}
		W := make([]float64, d*d)
		for j := range d {
			floats.AddScaled(W[j*d:(j+1)*d], -2*v[j], v)
			W[j*d+j]++
		}
		contexts[i].W = W
	}
	return contexts
}

// direction fills v with a point that is uniform on the unit sphere.
func direction(random *rand.Rand, v []float64) {
	for i := range v {
		v[i] = random.NormFloat64()
	}
	floats.Scale(1/floats.Norm(v, 2), v)
}
