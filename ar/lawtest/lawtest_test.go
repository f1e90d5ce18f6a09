package lawtest_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"icar/ar"
	"icar/ar/lawtest"
)

func TestProcess(t *testing.T) {
	wrong := ar.New(ar.Haar, 3)
	wrong.Rho = 2
	for _, family := range []ar.Family{ar.Rotation, ar.Haar, ar.Special} {
		p := ar.New(family, 4)
		for _, sigma := range []float64{0, 0.1} {
			p.Sigma = sigma
			if err := lawtest.Check(p, wrong, ar.New(ar.Rotation, 3), ar.Process{}); err != nil {
				t.Errorf("%+v: %v", p, err)
			}
		}
	}
}

// law is a law whose parts can be broken one at a time.
type law struct {
	check error
	dim   int
	draw  func(states []float64, n int, r *rand.Rand) []ar.Context
}

func (l law) Check() error { return l.check }
func (l law) Dim() int     { return l.dim }
func (l law) Draw(states []float64, n int, r *rand.Rand) []ar.Context {
	return l.draw(states, n, r)
}

// tent draws orbits of the tent map, which is not linear and has no matrices.
func tent(states []float64, n int, r *rand.Rand) []ar.Context {
	for i := range states {
		if i%n == 0 {
			states[i] = r.Float64()
		} else {
			states[i] = 1.9 * min(states[i-1], 1-states[i-1])
		}
	}
	return nil
}

// growth draws s_{t+1} = W s_t with a scalar W.
func growth(states []float64, n int, r *rand.Rand) []ar.Context {
	var contexts []ar.Context
	for ; len(states) > 0; states = states[n:] {
		w := r.Float64()
		states[0] = 1
		for t := 1; t < n; t++ {
			states[t] = w * states[t-1]
		}
		contexts = append(contexts, ar.Context{W: []float64{w}})
	}
	return contexts
}

func TestLawsOfOnesOwn(t *testing.T) {
	for name, l := range map[string]law{"tent": {nil, 1, tent}, "growth": {nil, 1, growth}} {
		if err := lawtest.Check(l, law{check: errors.New("slope: use 1.9")}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every way to break the contract is found, by the check that is about it.
func TestBrokenLawsAreRefused(t *testing.T) {
	var calls atomic.Int64
	for want, l := range map[string]law{
		"its Check does not pass": {errors.New("no law"), 1, tent},
		"its dimension is 0":      {nil, 0, tent},
		"was never written": {nil, 1, func(states []float64, n int, r *rand.Rand) []ar.Context {
			return tent(states[:len(states)-1], n, r)
		}},
		"coordinate 0 of state 5 of sequence 15 is +Inf": {nil, 1,
			func(states []float64, n int, r *rand.Rand) []ar.Context {
				tent(states, n, r)
				states[len(states)-1] = math.Inf(1)
				return nil
			}},
		"16 sequences have 1 contexts": {nil, 1,
			func(states []float64, n int, r *rand.Rand) []ar.Context {
				return growth(states, n, r)[:1]
			}},
		"the hidden matrix of sequence 0 has 0 entries": {nil, 1,
			func(states []float64, n int, r *rand.Rand) []ar.Context {
				growth(states, n, r)
				return make([]ar.Context, len(states)/n)
			}},
		"are not those of their sequences": {nil, 1,
			func(states []float64, n int, r *rand.Rand) []ar.Context {
				contexts := growth(states, n, r)
				return append(contexts[1:], contexts[0])
			}},
		"two generators draw the same": {nil, 1,
			func(states []float64, n int, _ *rand.Rand) []ar.Context {
				return tent(states, n, ar.Rand(1, "tent", 0))
			}},
		"other sequences the second time": {nil, 1,
			func(states []float64, n int, r *rand.Rand) []ar.Context {
				return tent(states, n, ar.Rand(r.Uint64(), "tent", uint64(calls.Add(1))))
			}},
		"1 sequences are not the first of 16": {nil, 1,
			func(states []float64, n int, r *rand.Rand) []ar.Context {
				for i := range len(states) / n {
					states[i*n] = r.Float64() // all first states before the rest
				}
				for i := range states {
					if i%n > 0 {
						states[i] = states[i-1] + r.NormFloat64()
					}
				}
				return nil
			}},
	} {
		if err := lawtest.Check(l); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := lawtest.Check(law{nil, 1, tent}, law{nil, 1, tent}); err == nil {
		t.Error("a wrong law may pass its Check")
	}
}

// A law that remembers how large the block before was draws the same whenever it
// is asked alone, and is found by the order of blocks.
func TestBlocksInAnotherOrder(t *testing.T) {
	var before atomic.Int64
	l := law{nil, 1, func(states []float64, n int, r *rand.Rand) []ar.Context {
		tent(states, n, r)
		if last := before.Swap(int64(len(states) / n)); last == 13 && len(states) == 16*n {
			states[0] /= 2
		}
		return nil
	}}
	if err := lawtest.Check(l); err == nil ||
		!strings.Contains(err.Error(), "order in which its blocks") {
		t.Errorf("got %v", err)
	}
}
