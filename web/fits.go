package web

import (
	"context"
	"sync"

	"icar/ar"
	"icar/estimator"
	"icar/theory"
)

// Sizes of the fits of the second part: small enough to be made while one
// waits, large enough that a step size is right to a few percent.
const (
	fitSequences = 128
	fitLength    = 30
	fitRounds    = 4
	maxCached    = 64 // answers kept
)

// cache keeps answers that take longer than a picture may. Equal keys are
// computed once; when it is full it starts anew.
type cache[K comparable, V any] struct {
	mu      sync.Mutex
	entries map[K]*entry[V]
}

type entry[V any] struct {
	once  sync.Once
	value V
	err   error
}

func (c *cache[K, V]) get(key K, compute func() (V, error)) (V, error) {
	c.mu.Lock()
	if c.entries == nil || len(c.entries) >= maxCached && c.entries[key] == nil {
		c.entries = map[K]*entry[V]{}
	}
	e := c.entries[key]
	if e == nil {
		e = new(entry[V])
		c.entries[key] = e
	}
	c.mu.Unlock()
	e.once.Do(func() { e.value, e.err = compute() })
	return e.value, e.err
}

// fitKey is what the fitted algorithms depend on.
type fitKey struct {
	family ar.Family
	d, k   int
}

// named is an in-context algorithm under its name on the page.
type named struct {
	label string
	estimator.Estimator
}

// fitted are the algorithms of the second part and their errors at each
// position of sequences that none of them was fitted on.
type fitted struct {
	process    ar.Process
	algorithms []named
	errors     [][]float64 // (algorithm, T)
	floor      []float64   // (T) what nothing can be below
}

// fit fits the algorithms. It ends in a bounded time and serves whoever asks
// next, so that the client that asked first cannot cancel it.
func fit(key fitKey) (fitted, error) {
	ctx := context.Background()
	f := fitted{process: ar.New(key.family, key.d)}
	train, err := ar.NewSampler[float64](f.process, fitSequences, fitLength, 1, "web-train")
	if err != nil {
		return f, err
	}
	batch := train.Batch(0)
	model, err := estimator.FitLinearAttention(ctx, batch, fitRounds, 1e-3)
	if err != nil {
		return f, err
	}
	one, err := estimator.FitGradientStep(ctx, batch)
	if err != nil {
		return f, err
	}
	many, err := estimator.FitDescent(ctx, batch, key.k)
	if err != nil {
		return f, err
	}
	f.algorithms = []named{{"model", model}, {"one step", one}, {many.Name(), many}, {"least squares", estimator.LeastSquares{}}}
	f.algorithms[2].label = plural(key.k, "step")
	test, err := ar.NewSampler[float64](f.process, fitSequences, fitLength, 1, "web-test")
	if err != nil {
		return f, err
	}
	batch = test.Batch(0)
	for _, a := range f.algorithms {
		e, err := estimator.MSE(ctx, batch, a.Estimator)
		if err != nil {
			return f, err
		}
		f.errors = append(f.errors, e.PerPosition())
	}
	f.floor, err = estimator.BayesFloor(f.process, fitLength)
	return f, err
}

// gradientStep is η* on the scale of real states: one step of that size is the
// minimum of one layer for unitary contexts, where |s_t|² = d.
func gradientStep(p ar.Process, norm2 float64) float64 {
	return theory.GradientStep(p.D, fitLength) * float64(p.D) / norm2
}
