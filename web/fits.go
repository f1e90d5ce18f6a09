package web

import (
	"context"

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
)

// Names of the algorithms beside the model.
const (
	starLabel   = "one step, η*"
	linearLabel = "best linear layer"
	leastLabel  = "least squares"
)

// fitKey is what the model and the algorithms beside it depend on.
type fitKey struct {
	family ar.Family
	d      int
	norm   bool
}

// stepsKey is what the best size of k gradient steps depends on.
type stepsKey struct {
	family ar.Family
	d, k   int
}

// named is an in-context algorithm under its name on the page.
type named struct {
	label string
	estimator.Estimator
}

// assessed is an algorithm and its error at each position of sequences that it
// was not fitted on.
type assessed struct {
	named
	errors []float64 // (T)
}

// fitted are the model of the second part and the algorithms beside it, but for
// the steps whose number one chooses.
type fitted struct {
	model      *probe.Model
	star       assessed // one step of size η*
	linear     assessed // the best linear layer
	least      assessed
	eta        float64   // of the one step that is best on the training sequences
	modelError []float64 // (T)
	floor      []float64 // (T) what nothing can be below
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
func (s *Server) trained(ctx context.Context, key fitKey) (*probe.Model, error) {
	net, err := s.network(ctx, modelOf(key))
	if err != nil {
		return nil, err
	}
	return probe.New(modelOf(key), net)
}

// fitted returns the model and the algorithms in the order in which they are
// drawn. What is fitted ends in a bounded time and serves whoever asks next, so
// that a client cannot cancel it by leaving.
func (s *Server) fitted(ctx context.Context, key fitKey, k int) (fitted, []assessed, error) {
	ctx = context.WithoutCancel(ctx)
	f, err := s.fits.get(ctx, key, func(ctx context.Context) (fitted, error) {
		return s.fit(ctx, key)
	})
	if err != nil {
		return f, nil, err
	}
	many := stepsKey{key.family, key.d, k}
	steps, err := s.steps.get(ctx, many, func(ctx context.Context) (assessed, error) {
		return s.fitSteps(ctx, many)
	})
	return f, []assessed{f.star, steps, f.linear, f.least}, err
}

// fit trains the model and fits what is beside it whatever the number of steps.
func (s *Server) fit(ctx context.Context, key fitKey) (f fitted, err error) {
	if f.model, err = s.trained(ctx, key); err != nil {
		return f, err
	}
	if known, found := s.learnt.fit(key); found {
		known.model = f.model
		return known, nil
	}
	process := ar.New(key.family, key.d)
	batch, err := fitBatch(process, "web-train")
	if err != nil {
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
	f.eta = one.Eta[0]
	star := estimator.GradientDescent{K: 1, Eta: []float64{gradientStep(process,
		norm2(batch.States[:key.d]))}}
	for at, a := range map[*assessed]named{&f.star: {starLabel, star},
		&f.linear: {linearLabel, linear},
		&f.least:  {leastLabel, estimator.LeastSquares{}}} {
		if *at, err = assess(ctx, process, a); err != nil {
			return f, err
		}
	}
	if batch, err = fitBatch(process, "web-test"); err != nil {
		return f, err
	}
	predictions, err := f.model.Predict(ctx, batch)
	if err != nil {
		return f, err
	}
	f.modelError = estimator.ErrorsOf(predictions, batch).PerPosition()
	if f.floor, err = estimator.BayesFloor(process, fitLength); err == nil {
		s.learnt.keepFit(key, f)
	}
	return f, err
}

// fitSteps fits the size of k gradient steps.
func (s *Server) fitSteps(ctx context.Context, key stepsKey) (assessed, error) {
	if known, found := s.learnt.steps(key); found {
		return known, nil
	}
	process := ar.New(key.family, key.d)
	batch, err := fitBatch(process, "web-train")
	if err != nil {
		return assessed{}, err
	}
	many, err := estimator.FitDescent(ctx, batch, key.k)
	if err != nil {
		return assessed{}, err
	}
	a, err := assess(ctx, process, named{plural(key.k, "step"), many})
	if err == nil {
		s.learnt.keepSteps(key, a)
	}
	return a, err
}

// assess measures an algorithm on sequences that nothing was fitted on.
func assess(ctx context.Context, process ar.Process, a named) (assessed, error) {
	batch, err := fitBatch(process, "web-test")
	if err != nil {
		return assessed{}, err
	}
	e, err := estimator.MSE(ctx, batch, a.Estimator)
	if err != nil {
		return assessed{}, err
	}
	return assessed{a, e.PerPosition()}, nil
}

// fitBatch draws the sequences of a stream.
func fitBatch(process ar.Process, stream string) (ar.Batch[float64], error) {
	sampler, err := ar.NewSampler[float64](process, fitSequences, fitLength, 1, stream)
	if err != nil {
		return ar.Batch[float64]{}, err
	}
	return sampler.Batch(0), nil
}

// gradientStep is η* on the scale of real states: one step of that size is the
// minimum of one layer for unitary contexts, where |s_t|² = d.
func gradientStep(p ar.Process, norm2 float64) float64 {
	return theory.GradientStep(p.D, fitLength) * float64(p.D) / norm2
}
