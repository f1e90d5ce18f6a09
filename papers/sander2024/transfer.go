package sander2024

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
	"icar/estimator"
	"icar/experiment"
	"icar/figure"
	"icar/outcome"
	"icar/probe"
	"icar/train"
)

// N test sequences, T positions, d token dimension

// transferResult is a trained model on sequences of one law after the other,
// beside estimators on the same ones.
type transferResult struct {
	Tests []transferTest `json:"tests"`
}

// transferTest is the error on the sequences of a law.
type transferTest struct {
	Name   string           `json:"name"`
	Model  transferErrors   `json:"model"`
	Beside []transferErrors `json:"beside"`
}

// transferErrors are errors over the energy of the targets: 1 is what
// predicting 0 costs.
type transferErrors struct {
	Name        string    `json:"name"`
	PerSequence []float64 `json:"per_sequence"` // (N)
	PerPosition curve     `json:"per_position"`
	// PastTraining (N) is the mean over T > n of each sequence less that over
	// the last quarter up to n, the length trained on; empty where T ≤ n.
	PastTraining []float64 `json:"past_training,omitempty"`
}

func (e transferErrors) mean() float64 { return mean(e.PerSequence) }

// of returns the errors of an estimator by name.
func (t transferTest) of(name string) transferErrors {
	for _, e := range t.Beside {
		if e.Name == name {
			return e
		}
	}
	return transferErrors{Name: name, PerSequence: []float64{math.NaN()}}
}

// law is a process to test on, at a length.
type law struct {
	name    string
	process ar.Process
	length  int
}

// transfer trains a model of c and measures it on laws. Step sizes of
// estimators are fitted on the model's own training sequences; Kalman knows the
// noise of each law.
func transfer(ctx context.Context, c networkConfig, m experiment.Env,
	laws []law) (transferResult, error) {
	model, err := probed(ctx, m, c.Config)
	if err != nil {
		return transferResult{}, err
	}
	return measureTransfer(ctx, c, model, laws)
}

// measureTransfer measures a model on laws.
func measureTransfer(ctx context.Context, c networkConfig, model *probe.Model,
	laws []law) (transferResult, error) {
	fitting, err := train.Sequences(c.Config, train.TrainStream, min(c.Train, 1024))
	if err != nil {
		return transferResult{}, err
	}
	step, err := estimator.FitGradientStep(ctx, fitting)
	if err != nil {
		return transferResult{}, err
	}
	normalised, err := estimator.FitNormalisedStep(ctx, fitting)
	if err != nil {
		return transferResult{}, err
	}
	var r transferResult
	for _, l := range laws {
		beside := []named{{copyLast, estimator.CopyLast{}}, {step.Name(), step},
			{normalised.Name(), normalised}, {leastSquaresName, estimator.LeastSquares{}}}
		if σ, d := l.process.Sigma, float64(l.process.D); σ > 0 {
			beside = append(beside, named{ridgeName, estimator.Ridge{Lambda: σ * σ * d}},
				named{kalmanName, estimator.Kalman{Sigma: σ, Variance: 1 / d}})
		}
		t, err := measureOn(ctx, model, l, c.Test, beside)
		if err != nil {
			return r, fmt.Errorf("%s: %w", l.name, err)
		}
		r.Tests = append(r.Tests, t)
	}
	return r, nil
}

// named is an estimator under the name that results have it by.
type named struct {
	name string
	estimator.Estimator
}

// Names of estimators in results. Ridge regression knows the noise too: with
// λ = σ²d it is the Kalman filter with the prior variance 1/d.
const (
	leastSquaresName = "least squares"
	ridgeName        = "ridge, λ = σ²d"
	kalmanName       = "Kalman"
)

func measureOn(ctx context.Context, model *probe.Model, l law, n int,
	beside []named) (transferTest, error) {
	t := transferTest{Name: l.name}
	sampler, err := ar.NewSampler[float64](l.process, n, l.length, model.Config.Seed,
		"transfer/"+l.name)
	if err != nil {
		return t, err
	}
	s := sampler.Batch(0)
	predictions, err := model.Predict(ctx, s)
	if err != nil {
		return t, err
	}
	targets := s.Targets()
	energy := floats.Dot(targets, targets) / float64(len(targets))
	over := func(name string, e estimator.Errors) (r transferErrors, err error) {
		floats.Scale(1/energy, e.Squared)
		r = transferErrors{Name: name, PerSequence: e.PerSequence()}
		if trained := model.Config.Length; s.T > trained {
			for n := range e.N {
				row := e.Squared[n*e.T:][:e.T]
				r.PastTraining = append(r.PastTraining,
					mean(row[trained:])-mean(row[trained-max(1, trained/4):trained]))
			}
		}
		r.PerPosition, err = newCurve(e, model.Config.Seed)
		return r, err
	}
	if t.Model, err = over("model", estimator.ErrorsOf(predictions, s)); err != nil {
		return t, err
	}
	for _, e := range beside {
		squared, err := estimator.MSE(ctx, s, e)
		if err != nil {
			return t, err
		}
		relative, err := over(e.name, squared)
		if err != nil {
			return t, err
		}
		t.Beside = append(t.Beside, relative)
	}
	return t, nil
}

// transferTable has a row for each model, law and predictor.
func transferTable(all []experiment.Done[networkConfig, transferResult]) figure.Table {
	table := figure.Table{Name: "errors", Columns: []string{"model", "seed", "law", "predictor",
		"relative_error"}}
	for _, t := range all {
		for _, test := range t.Found.Tests {
			for _, e := range append([]transferErrors{test.Model}, test.Beside...) {
				table.Rows = append(table.Rows,
					[]any{t.Config.Label, t.Config.Seed, test.Name, e.Name, e.mean()})
			}
		}
	}
	return table
}

// transferTables are the errors of each model, and their means over seeds with
// 95 % intervals, where there are two seeds or more.
func transferTables(all []experiment.Done[networkConfig, transferResult]) ([]figure.Table, error) {
	type key struct{ model, law, predictor string }
	var order []key
	values := map[key]bySeed{}
	for _, t := range all {
		for _, test := range t.Found.Tests {
			for _, e := range append([]transferErrors{test.Model}, test.Beside...) {
				k := key{t.Config.Label, test.Name, e.Name}
				if values[k] == nil {
					order, values[k] = append(order, k), bySeed{}
				}
				values[k][t.Config.Seed] = e.mean()
			}
		}
	}
	summary := figure.Table{Name: "summary",
		Columns: []string{"model", "law", "predictor", "seeds", "relative_error", "low", "high"}}
	for _, k := range order {
		m, interval, err := seedMean(values[k], 0.95)
		if errors.Is(err, errFewSeeds) {
			continue
		}
		if err != nil {
			return nil, err
		}
		summary.Rows = append(summary.Rows, []any{k.model, k.law, k.predictor, len(values[k]), m,
			interval.Low, interval.High})
	}
	return []figure.Table{transferTable(all), summary}, nil
}

// lawTrials are depthTrials with enough training seeds for intervals over them:
// quick ones at quick scale.
func lawTrials(scale outcome.Scale, seed uint64, quick int, change func(*train.Config),
	depths ...int) []networkConfig {
	seeds := 5
	if scale == outcome.Quick {
		seeds = quick
	}
	return depthTrials(scale, seed, seeds, func(c *train.Config) {
		if scale == outcome.Quick {
			c.Train, c.Epochs, c.Test = 2048, 20, 256
		}
		change(c)
	}, depths...)
}

// depthTrials are models of some depths on a changed setting of augmented
// tokens; d is made even, as rotations need it.
func depthTrials(scale outcome.Scale, seed uint64, seeds int, change func(*train.Config),
	depths ...int) []networkConfig {
	base := augmentedSetting(scale)
	base.D += base.D % 2
	change(&base)
	var variants []networkVariant
	for _, depth := range depths {
		variants = append(variants, networkVariant{depthLabel(depth),
			func(c *train.Config) { c.Depth = depth }})
	}
	return modelTrials(scale, base, seed, seeds, variants)
}

// test returns the errors on a law by name.
func (r transferResult) test(name string) (transferTest, error) {
	for _, t := range r.Tests {
		if t.Name == name {
			return t, nil
		}
	}
	return transferTest{}, fmt.Errorf("nothing was measured on the law %q", name)
}
