package web

import (
	"context"
	"sync"

	"icar/ar"
	"icar/estimator"
	"icar/probe"
	"icar/theory"
	"icar/train"
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
	norm   bool
}

// named is an in-context algorithm under its name on the page.
type named struct {
	label string
	estimator.Estimator
}

// fitted are the model and the algorithms of the second part and their errors
// at each position of sequences that none of them was fitted on.
type fitted struct {
	model      *probe.Model
	process    ar.Process
	algorithms []named
	eta        float64     // of the one step that is best on the training sequences
	modelError []float64   // (T)
	errors     [][]float64 // (algorithm, T)
	floor      []float64   // (T) what nothing can be below
}

// modelOf is the setting of the model: one layer of linear attention on
// augmented tokens without skip connection, trained for a fifth of a second.
func modelOf(key fitKey) train.Config {
	c := train.DefaultConfig()
	c.Process, c.Length, c.Norm, c.Residual = ar.New(key.family, key.d), fitLength, key.norm, false
	c.Train, c.Batch, c.Test, c.Epochs, c.EvalEvery, c.CheckpointEvery = 2048, 64, 16, 16, 0, 0
	c.LearningRate, c.Schedule = 1e-2, train.Cosine
	return c
}

// trained trains the model.
func trained(ctx context.Context, key fitKey) (*probe.Model, error) {
	net, _, err := train.Train(ctx, modelOf(key), train.Options{})
	if err != nil {
		return nil, err
	}
	return probe.New(modelOf(key), net)
}

// fit fits the algorithms. It ends in a bounded time and serves whoever asks
// next, so that the client that asked first cannot cancel it.
func fit(key fitKey) (fitted, error) {
	ctx := context.Background()
	f := fitted{process: ar.New(key.family, key.d)}
	sampler, err := ar.NewSampler[float64](f.process, fitSequences, fitLength, 1, "web-train")
	if err != nil {
		return f, err
	}
	batch := sampler.Batch(0)
	if f.model, err = trained(ctx, key); err != nil {
		return f, err
	}
	linear, err := estimator.FitLinearAttention(ctx, batch, fitRounds, 1e-3)
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
	f.eta = one.Eta[0]
	star := estimator.GradientDescent{K: 1, Eta: []float64{gradientStep(f.process, norm2(batch.States[:key.d]))}}
	f.algorithms = []named{{"one step, η*", star}, {plural(key.k, "step"), many}, {"best linear layer", linear}, {"least squares", estimator.LeastSquares{}}}
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
	predictions, err := f.model.Predict(ctx, batch)
	if err != nil {
		return f, err
	}
	f.modelError = estimator.ErrorsOf(predictions, batch).PerPosition()
	f.floor, err = estimator.BayesFloor(f.process, fitLength)
	return f, err
}

// gradientStep is η* on the scale of real states: one step of that size is the
// minimum of one layer for unitary contexts, where |s_t|² = d.
func gradientStep(p ar.Process, norm2 float64) float64 {
	return theory.GradientStep(p.D, fitLength) * float64(p.D) / norm2
}
