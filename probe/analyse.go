package probe

// Shapes: N sequences, T positions, d token dimension.

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
)

// Given is what a model is looked at with: sequences, and what is known of
// their law.
type Given struct {
	Test    ar.Batch[float64] // N sequences to measure on, with W where it is known
	Fitting ar.Batch[float64] // others of the same law, to fit estimators and readouts on
	Floor   []float64         // (T) error of the Bayes predictor; nil where it is not known
	Sigma   float64           // noise level of the law: above 0 the Kalman filter is an estimator
	Seed    uint64            // of bootstraps, and of the orders that contexts are permuted to
	// More yields further test sequences of the same shape, a piece at a time, nil
	// for none: errors and predictions are measured on them too, in the memory of one
	// piece, while all else is found out on Test.
	More iter.Seq2[ar.Batch[float64], error]
}

const (
	resamples     = 2000
	spectraShown  = 24 // sequences
	attentionOver = 64 // sequences
)

// analysis is an Analysis being made.
type analysis struct {
	Analysis
	Given
	model  Predictor
	fitted []estimator.Estimator
}

// Analyse finds out all that a model offers to be found out. The error is the
// model's, an estimator's, or the context's.
func Analyse(ctx context.Context, m Predictor, g Given) (Analysis, error) {
	a := analysis{Analysis: Analysis{Sequences: g.Test.N, Floor: g.Floor}, Given: g, model: m}
	maps, err := a.maps(ctx)
	if err != nil {
		return a.Analysis, err
	}
	if err := a.measure(maps); err != nil {
		return a.Analysis, err
	}
	step, err := a.align(ctx, maps)
	if err != nil {
		return a.Analysis, err
	}
	if err := a.near(ctx, maps.Predictions); err != nil {
		return a.Analysis, err
	}
	return a.Analysis, a.dissect(ctx, step)
}

// offered reports whether a method that returned err has what was asked for,
// and names it as missing if not; the error is any other.
func (a *analysis) offered(what string, err error) (bool, error) {
	if errors.Is(err, ErrNotOffered) {
		a.Missing = append(a.Missing, what)
		return false, nil
	}
	return err == nil, err
}

// maps returns the model's maps, or its predictions alone.
func (a *analysis) maps(ctx context.Context) (Maps, error) {
	maps, err := Maps{}, error(ErrNotOffered)
	if m, ok := a.model.(Mapper); ok {
		maps, err = m.Maps(ctx, a.Test)
	}
	ok, err := a.offered("in-context maps", err)
	if ok || err != nil {
		return maps, err
	}
	maps = Maps{N: a.Test.N, T: a.Test.T, D: a.Test.D}
	maps.Predictions, err = predict(ctx, a.model, a.Test)
	return maps, err
}

// checkCount returns an error unless there are as many predictions as sequences ask for.
func checkCount(predictions []float64, s ar.Batch[float64]) error {
	want := s.N * s.T * s.D
	if len(predictions) == want {
		return nil
	}
	return fmt.Errorf("the model made %d numbers of predictions, want %d: N = %d sequences of T "+
		"= %d positions of d = %d",
		len(predictions), want, s.N, s.T, s.D)
}

// measure sets what concerns the error and the map beside W.
func (a *analysis) measure(maps Maps) (err error) {
	test := a.Test
	targets := test.Targets()
	if a.MSE, err = a.mean(perSequence(maps.Predictions, targets, test.N), "mse"); err != nil {
		return err
	}
	a.PositionMSE = make(figure.Values, test.T)
	for i, y := range targets {
		e := maps.Predictions[i] - y
		a.PositionMSE[i/test.D%test.T] += e * e / float64(test.D*test.N)
	}
	if maps.Gamma == nil {
		return nil
	}
	a.Maps = newMapNote(maps)
	if maps.Total {
		a.Missing = append(a.Missing, "Γ beside W: a total derivative is not W, even of a model "+
			"that has found W")
		return nil
	}
	if len(test.Contexts) != test.N || test.Contexts[0].W == nil {
		a.Missing = append(a.Missing, "Γ beside W, which is not known")
		return nil
	}
	if a.Distance, err = maps.Distance(test); err != nil {
		return err
	}
	a.Spectra, err = maps.spectra(test)
	return err
}

// spectra are the eigenvalues of W and of the map at the last position, of the
// first sequences.
func (m Maps) spectra(test ar.Batch[float64]) (all []Spectra, err error) {
	for i := range min(spectraShown, m.Mapped()) {
		w, err := Spectrum(test.Contexts[i].W, test.D)
		if err != nil {
			return nil, err
		}
		gamma, err := Spectrum(m.At(i, test.T-1), test.D)
		if err != nil {
			return nil, fmt.Errorf("the map of sequence %d: %w", i, err)
		}
		all = append(all, Spectra{pairs(w), pairs(gamma)})
	}
	return all, nil
}

func pairs(values []complex128) [][2]float64 {
	p := make([][2]float64, len(values))
	for i, v := range values {
		p[i] = [2]float64{real(v), imag(v)}
	}
	return p
}

// mean returns a mean of a sample over sequences with its interval.
func (a *analysis) mean(sample []float64, name string) (Mean, error) {
	var finite []float64
	for _, v := range sample {
		if !math.IsNaN(v) {
			finite = append(finite, v)
		}
	}
	if len(finite) == 0 { // the maps of an estimator that predicts 0 have no direction
		return Mean{math.NaN(), math.NaN(), math.NaN()}, nil
	}
	interval, err := estimator.Bootstrap(finite, 0.95, resamples,
		ar.Rand(a.Seed, "probe bootstrap "+name, 0))
	return Mean{average(finite), interval.Low, interval.High}, err
}

// align compares the model with every estimator and returns the fitted
// gradient step.
func (a *analysis) align(ctx context.Context,
	maps Maps) (step estimator.GradientDescent, err error) {
	step, a.fitted, err = Estimators(ctx, a.Sigma, a.Fitting)
	if err != nil {
		return step, err
	}
	for _, e := range a.fitted {
		alignment, err := maps.Align(ctx, a.Test, e)
		if err != nil {
			return step, err
		}
		aligned := Aligned{Alignment: alignment, MeanError: average(alignment.Error),
			MeanDistance: average(alignment.PredictionDistance),
			MeanMap:      figure.Number(average(alignment.MapDistance))}
		if aligned.Mean, err = a.mean(alignment.PerSequence, e.Name()); err != nil {
			return step, err
		}
		a.Alignments = append(a.Alignments, aligned)
	}
	return step, nil
}

// near sets which estimator the predictions are nearest to, and takes in the further
// sequences.
func (a *analysis) near(ctx context.Context, predictions []float64) error {
	c, missing, err := newNearness(ctx, a.model, a.fitted, a.order, a.Test)
	if err != nil {
		return err
	}
	a.Missing = append(a.Missing, missing...)
	if err := c.add(ctx, a.Test, predictions); err != nil {
		return err
	}
	if a.More != nil {
		for piece, err := range a.More {
			if err == nil {
				err = c.add(ctx, piece, nil)
			}
			if err != nil {
				return err
			}
		}
		a.recount(c)
	}
	nearest := c.nearest()
	a.Nearest = &nearest
	return nil
}

// recount puts the means over all sequences in the place of those over Test. The
// interval of the error is Student's then, since a bootstrap would need all at once.
func (a *analysis) recount(c *nearness) {
	n := float64(c.seen)
	over := func(sums []float64) []float64 {
		means := append([]float64(nil), sums...)
		for i := range means {
			means[i] /= n
		}
		return means
	}
	a.Detailed, a.Sequences = a.Sequences, c.seen
	a.MSE, a.PositionMSE = c.mse.interval(0, 0.95), over(c.squares)
	for i := range a.Alignments {
		e := &a.Alignments[i]
		e.PredictionDistance, e.Error = over(c.apart[i]), over(c.errors[i])
		e.MeanError, e.MeanDistance = average(e.Error), average(e.PredictionDistance)
	}
}

// dissect sets what concerns the parts of the model.
func (a *analysis) dissect(ctx context.Context, step estimator.GradientDescent) error {
	for _, part := range []struct {
		what string
		find func() error
	}{
		{"layers beside algorithms", func() error {
			m, ok := a.model.(Layered)
			if !ok {
				return ErrNotOffered
			}
			r, err := a.resemble(ctx, m)
			if err == nil { // half a comparison is none
				a.Resemblance = r
			}
			return err
		}},
		{"heads", func() (err error) {
			m, ok := a.model.(Headed)
			if !ok {
				return ErrNotOffered
			}
			a.Heads, err = m.Heads()
			return err
		}},
		{"positional encodings", func() error {
			m, ok := a.model.(Encoded)
			if !ok {
				return ErrNotOffered
			}
			encodings, err := m.Encodings()
			a.Encodings = append([]Encoding{}, encodings...) // [] in JSON if there are none
			return err
		}},
		{"attention", func() (err error) {
			m, ok := a.model.(Attentive)
			if !ok {
				return ErrNotOffered
			}
			a.Attention, err = m.Attention(ctx, a.Test.Part(0, min(attentionOver, a.Test.N)))
			return err
		}},
		{"parts to take out", func() (err error) {
			m, ok := a.model.(Separable)
			if !ok {
				return ErrNotOffered
			}
			a.Ablations, err = ablate(ctx, a.model, m.Without(), a.Test)
			return err
		}},
	} {
		if _, err := a.offered(part.what, part.find()); err != nil {
			return err
		}
	}
	// Few shapes allow the construction: to lack it is no news.
	m, ok := a.model.(Constructible)
	if !ok {
		return nil
	}
	path, err := m.PathToStep(ctx, step.Eta[0], a.Test)
	if errors.Is(err, ErrNotOffered) {
		return nil
	}
	a.Path = &path
	return err
}

// resemble compares the layers with iterations.
func (a *analysis) resemble(ctx context.Context, m Layered) (Resemblance, error) {
	algorithms, err := iterations(ctx, a.Fitting)
	if err != nil {
		return Resemblance{}, err
	}
	order := func(n int) []int { return a.order(n, a.Test.T) }
	return Resemble(ctx, m, a.Fitting, a.Test, algorithms, order)
}

// order is one of t states for sequence n, as a control.
func (a *analysis) order(n, t int) []int {
	return ar.Rand(a.Seed, "probe order", uint64(n)).Perm(t)
}
