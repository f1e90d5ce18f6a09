package experiment

import (
	"math"
	"slices"

	"icar/ar"
	"icar/estimator"
)

// networkTables are the tables of an experiment and the arrays of its curves.
func networkTables(networks []network, key []string, keys func(networkConfig) []any) (Data, error) {
	test := Table{Name: "test_mse", Columns: append(slices.Clone(key), "seed", "test_mse")}
	positions := Table{Name: "per_position", Columns: append(slices.Clone(key), "seed", "position", "mse", "gap", "gap_standard_error")}
	lines := Table{Name: "baselines", Columns: []string{"name", "mse"}}
	for _, n := range networks {
		test.Rows = append(test.Rows, append(keys(n.Config), n.Config.Seed, n.Found.mse()))
		for t, e := range n.Found.PerPosition {
			positions.Rows = append(positions.Rows, append(keys(n.Config), n.Config.Seed, t+1, e, n.Found.Gap[t], n.Found.GapError[t]))
		}
	}
	for _, b := range networks[0].baselines {
		lines.Rows = append(lines.Rows, []any{b.Name, b.mse()})
	}
	summary := Table{Name: "summary", Columns: []string{"model", "seeds", "test_mse", "low", "high"}}
	var known []string
	for _, n := range networks {
		if slices.Contains(known, n.Config.Label) {
			continue
		}
		known = append(known, n.Config.Label)
		s, err := spreadOf(networks, n.Config.Label)
		if err != nil {
			return Data{}, err
		}
		summary.Rows = append(summary.Rows, []any{n.Config.Label, s.seeds, s.mean, s.Low, s.High})
	}
	return Data{Tables: []Table{test, summary, positions, lines}}, nil
}

// spread is the test error of a kind of model over its seeds.
type spread struct {
	seeds int
	mean  float64
	estimator.Interval
}

// intervalCaption says what the intervals of a figure are.
const intervalCaption = "Bars are 95 % intervals: over seeds where there are several, else over test sequences."

// spreadOf is the mean error of the models of a label with its 95 % interval:
// of Student over the seeds, each of which draws data, weights and test
// sequences of its own, or where there is one seed by bootstrap over the test
// sequences.
func spreadOf(networks []network, label string) (spread, error) {
	var errors, sequences []float64
	for _, n := range networks {
		if n.Config.Label == label {
			errors, sequences = append(errors, n.Found.mse()), append(sequences, n.Found.PerSequence...)
		}
	}
	s := spread{seeds: len(errors), mean: mean(errors)}
	var err error
	if s.seeds > 1 {
		s.Interval, err = estimator.StudentInterval(errors, 0.95)
	} else {
		s.Interval, err = estimator.Bootstrap(sequences, 0.95, 1000, ar.Rand(1, "bootstrap/"+label, 0))
	}
	return s, err
}

// spreadPoints draw the errors of kinds of models at x.
func spreadPoints(networks []network, name string, x []float64, labels []string) (Series, error) {
	var y, low, high []float64
	for _, label := range labels {
		s, err := spreadOf(networks, label)
		if err != nil {
			return Series{}, err
		}
		y, low, high = append(y, s.mean), append(low, s.Low), append(high, s.High)
	}
	return NewSeries(name, Points, x, y).Between(low, high), nil
}

// horizontal are dashed lines at the baselines' errors.
func horizontal(baselines []baseline, low, high float64) []Series {
	var lines []Series
	for _, b := range baselines {
		lines = append(lines, NewSeries(b.Name, Dashed, []float64{low, high}, []float64{b.mse(), b.mse()}))
	}
	return lines
}

// curvePanels show errors by position and training losses of the first seed.
func curvePanels(networks []network) []Panel {
	positionPanel := Panel{Kind: Lines, Title: "test error by position", X: Axis{Label: "position T"}, Y: Axis{Label: "MSE", Log: true}}
	training := Panel{Kind: Lines, Title: "training", X: Axis{Label: "step", Log: true}, Y: Axis{Label: "loss", Log: true}}
	first := networks[0]
	for _, n := range networks {
		if n.Config.Seed != first.Config.Seed {
			continue
		}
		positionPanel.Series = append(positionPanel.Series, NewSeries(n.Config.Label, Solid, positions(len(n.Found.PerPosition)), n.Found.PerPosition))
		steps := make([]float64, len(n.Found.Losses))
		for i := range steps {
			steps[i] = float64(1 + i*n.Found.LossEvery)
		}
		training.Series = append(training.Series, NewSeries(n.Config.Label, Solid, steps, n.Found.Losses))
	}
	for _, name := range []string{gradientStep, positionStep, leastSquares} {
		b := first.baseline(name)
		curve := NewSeries(b.Name, Dashed, positions(len(b.PerPosition)), b.PerPosition)
		for t, e := range b.PerPosition {
			if e < 1e-9 {
				curve.Y[t] = Number(math.NaN()) // rounding: it would stretch the axis to 1e-31
			}
		}
		positionPanel.Series = append(positionPanel.Series, curve)
	}
	return []Panel{positionPanel, training}
}
