package estimator

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
)

// Kaczmarz projects W onto the solutions of one pair after the other,
//
//	W ← W + (s_{t+1} - W s_t) s_tᵀ/|s_t|²,
//
// from W = 0 through t = 1, …, T-1, K times over (Kaczmarz 1937; Strohmer and
// Vershynin 2009, doi:10.1007/s00041-008-9030-4). K = 1 forgets nothing and
// stores nothing, O(d²) a token: it is the online method, normalised least mean
// squares with step 1. More sweeps store the sequence, O(KTd²) a token.
type Kaczmarz struct{ K int }

var _ Estimator = Kaczmarz{}

// Name tells the sweeps.
func (e Kaczmarz) Name() string { return fmt.Sprintf("Kaczmarz, k = %d", e.K) }

// Start opens a sequence; see [Estimator].
func (e Kaczmarz) Start(s Sequence) (Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if e.K < 1 {
		return nil, fmt.Errorf("number of sweeps K = %d: use K = 1 or more", e.K)
	}
	size := s.D * s.D
	k := &kaczmarz{known: known{square(s.D, make([]float64, size))}, sweeps: e.K,
		first: make([]float64, size), error: make([]float64, s.D)}
	if e.K > 1 {
		k.tokens = make([]float64, 0, s.T*s.D)
	}
	return newPairs(s.D, k), nil
}

// smallest is the smallest normal number, whose inverse is finite.
const smallest = 0x1p-1022

type kaczmarz struct {
	known
	sweeps int
	first  []float64 // W after one sweep
	tokens []float64 // (t, D), x of each pair and y of the last, if K > 1
	error  []float64
}

func (k *kaczmarz) learn(x, y []float64) {
	copy(k.gamma.Data, k.first)
	k.project(x, y)
	copy(k.first, k.gamma.Data)
	if k.sweeps == 1 {
		return
	}
	if len(k.tokens) == 0 {
		k.tokens = append(k.tokens, x...)
	}
	k.tokens = append(k.tokens, y...)
	d := len(x)
	for range k.sweeps - 1 {
		for t := 0; t+d < len(k.tokens); t += d {
			k.project(k.tokens[t:t+d], k.tokens[t+d:t+2*d])
		}
	}
}

// project makes Wx = y with the least change of W.
func (k *kaczmarz) project(x, y []float64) {
	square := floats.Dot(x, x)
	if square < smallest {
		return
	}
	copy(k.error, y)
	blas64.Gemv(blas.NoTrans, -1, k.gamma, vector(x), 1, vector(k.error))
	blas64.Ger(1/square, vector(k.error), vector(x), k.gamma)
}
