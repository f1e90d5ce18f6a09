package experiment

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
	"icar/estimator"
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
	PerPosition []float64 `json:"per_position"` // (T)
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
func transfer(ctx context.Context, c networkConfig, m Means, laws []law) (transferResult, error) {
	model, err := m.probed(ctx, c.Config, c.Arithmetic)
	if err != nil {
		return transferResult{}, err
	}
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
		beside := []estimator.Estimator{estimator.CopyLast{}, step, normalised, estimator.LeastSquares{}}
		if l.process.Sigma > 0 {
			beside = append(beside, estimator.Kalman{Sigma: l.process.Sigma, Variance: 1 / float64(l.process.D)})
		}
		t, err := measureOn(ctx, model, l, c.Test, beside)
		if err != nil {
			return r, fmt.Errorf("%s: %w", l.name, err)
		}
		r.Tests = append(r.Tests, t)
	}
	return r, nil
}

// kalmanName is the name of the Kalman filter at any noise, in results.
const kalmanName = "Kalman"

func measureOn(ctx context.Context, model *probe.Model, l law, n int, beside []estimator.Estimator) (transferTest, error) {
	t := transferTest{Name: l.name}
	sampler, err := ar.NewSampler[float64](l.process, n, l.length, model.Config.Seed, "transfer/"+l.name)
	if err != nil {
		return t, err
	}
	s := sampler.Batch(0)
	squared, err := squaredErrors(ctx, model, s)
	if err != nil {
		return t, err
	}
	targets := s.Targets()
	energy := floats.Dot(targets, targets) / float64(len(targets))
	t.Model = overEnergy("model", estimator.Errors{N: s.N, T: s.T, Squared: squared}, energy)
	for _, e := range beside {
		errors, err := estimator.MSE(ctx, s, e)
		if err != nil {
			return t, err
		}
		name := e.Name()
		if _, ok := e.(estimator.Kalman); ok {
			name = kalmanName
		}
		t.Beside = append(t.Beside, overEnergy(name, errors, energy))
	}
	return t, nil
}

func overEnergy(name string, e estimator.Errors, energy float64) transferErrors {
	r := transferErrors{Name: name, PerSequence: e.PerSequence(), PerPosition: e.PerPosition()}
	for i := range r.PerSequence {
		r.PerSequence[i] /= energy
	}
	for i := range r.PerPosition {
		r.PerPosition[i] /= energy
	}
	return r
}

// transferTable has a row for each model, law and predictor.
func transferTable(all []done[networkConfig, transferResult]) Table {
	table := Table{Name: "errors", Columns: []string{"model", "seed", "law", "predictor", "relative_error"}}
	for _, t := range all {
		for _, test := range t.Found.Tests {
			for _, e := range append([]transferErrors{test.Model}, test.Beside...) {
				table.Rows = append(table.Rows, []any{t.Config.Label, t.Config.Seed, test.Name, e.Name, e.mean()})
			}
		}
	}
	return table
}

// depthTrials are models of some depths on a changed setting of augmented
// tokens; d is made even, as rotations need it.
func depthTrials(scale Scale, seed uint64, change func(*train.Config), depths ...int) []networkConfig {
	base := augmentedSetting(scale)
	seeds := 3
	if scale == Quick {
		base.Epochs, base.Test, seeds = 40, 512, 1
	}
	base.D += base.D % 2
	change(&base)
	var variants []networkVariant
	for _, depth := range depths {
		variants = append(variants, networkVariant{depthLabel(depth), func(c *train.Config) { c.Depth = depth }})
	}
	return modelTrials(base, seed, seeds, variants)
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
