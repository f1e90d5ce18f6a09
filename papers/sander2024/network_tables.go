package sander2024

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"icar/estimator"
	"icar/figure"
)

// networkTables are the tables of an experiment and the arrays of its curves.
func networkTables(networks []network, key []string,
	keys func(networkConfig) []any) (figure.Data, error) {
	test := figure.Table{Name: "test_mse", Columns: append(slices.Clone(key), "seed", "test_mse")}
	positions := figure.Table{Name: "per_position",
		Columns: append(slices.Clone(key), "seed", "position", "mse", "gap", "gap_standard_error")}
	lines := figure.Table{Name: "baselines", Columns: []string{"name", "mse"}}
	for _, n := range networks {
		test.Rows = append(test.Rows, append(keys(n.Config), n.Config.Seed, n.Found.mse()))
		for t, e := range n.Found.PerPosition {
			positions.Rows = append(positions.Rows,
				append(keys(n.Config), n.Config.Seed, t+1, e, n.Found.Gap[t], n.Found.GapError[t]))
		}
	}
	for _, b := range baselinesOf(networks) {
		lines.Rows = append(lines.Rows, []any{b.Name, b.mse()})
	}
	summary := figure.Table{Name: "summary", Columns: []string{"model", "seeds", "test_mse", "low",
		"high"}}
	for _, label := range labelsOf(networks) {
		s, err := spreadOf(networks, label)
		if err != nil {
			return figure.Data{}, err
		}
		summary.Rows = append(summary.Rows, []any{label, s.seeds, s.mean, s.Low, s.High})
	}
	return figure.Data{Tables: []figure.Table{test, summary, positions, lines}}, nil
}

// spread is the test error of a kind of model over its seeds.
type spread struct {
	seeds int
	mean  float64
	estimator.Interval
}

// intervalCaption says what the intervals of a figure are.
const intervalCaption = "Bars are 95 % intervals by Student's t over training runs, whose test " +
	"sequences are averaged; there is none for a single run."

// spreadOf is the mean error of the models of a label with its 95 % interval:
// of Student over the seeds, each of which draws data, weights and test
// sequences of its own. Of one seed there is no interval.
func spreadOf(networks []network, label string) (spread, error) {
	errors := errorsBySeed(networks, label).values()
	s := spread{len(errors), mean(errors), estimator.Interval{Low: math.NaN(), High: math.NaN()}}
	var err error
	if s.seeds > 1 {
		s.Interval, err = estimator.StudentInterval(errors, 0.95)
	}
	return s, err
}

// spreadPoints draw the errors of kinds of models at x.
func spreadPoints(networks []network, name string, x []float64,
	labels []string) (figure.Series, error) {
	var y, low, high []float64
	for _, label := range labels {
		s, err := spreadOf(networks, label)
		if err != nil {
			return figure.Series{}, err
		}
		y, low, high = append(y, s.mean), append(low, s.Low), append(high, s.High)
	}
	return figure.NewSeries(name, figure.Points, x, y).Between(low, high), nil
}

// baselinesOf are the baselines of all seeds, each with the sequences of all of them and
// the mean over seeds at each position: those of one seed alone would stand beside models
// that are averaged over others' sequences.
func baselinesOf(networks []network) []baseline {
	seeds := map[uint64]bool{}
	var all []baseline
	for _, n := range networks {
		if seeds[n.Config.Seed] {
			continue
		}
		seeds[n.Config.Seed] = true
		for i, b := range n.baselines {
			if i == len(all) {
				all = append(all, baseline{Name: b.Name,
					PerPosition: make([]float64, len(b.PerPosition))})
			}
			all[i].PerSequence = append(all[i].PerSequence, b.PerSequence...)
			floats.Add(all[i].PerPosition, b.PerPosition)
		}
	}
	for _, b := range all {
		floats.Scale(1/float64(len(seeds)), b.PerPosition)
	}
	return all
}

// horizontal are dashed lines at the baselines' errors.
func horizontal(networks []network, low, high float64) []figure.Series {
	var lines []figure.Series
	for _, b := range baselinesOf(networks) {
		if b.Name == positionStepHere { // of claims only: it has seen the answers
			continue
		}
		lines = append(lines, figure.NewSeries(b.Name, figure.Dashed, []float64{low, high},
			[]float64{b.mse(), b.mse()}))
	}
	return lines
}

// curvePanels show errors by position, means over seeds with their intervals, and
// the training losses of the first seed.
func curvePanels(networks []network) ([]figure.Panel, error) {
	positionPanel := figure.Panel{Kind: figure.Lines, Title: "test error by position",
		X: figure.Axis{Label: "position T"}, Y: figure.Axis{Label: "MSE", Log: true}}
	training := figure.Panel{Kind: figure.Lines,
		Title: fmt.Sprintf("training, seed %d", networks[0].Config.Seed),
		X:     figure.Axis{Label: "step", Log: true}, Y: figure.Axis{Label: "loss", Log: true}}
	baselines := network{baselines: baselinesOf(networks)}
	for _, label := range labelsOf(networks) {
		s, err := positionSeries(networks, label)
		if err != nil {
			return nil, err
		}
		positionPanel.Series = append(positionPanel.Series, s)
	}
	for _, n := range networks {
		if n.Config.Seed != networks[0].Config.Seed {
			continue
		}
		steps := make([]float64, len(n.Found.Losses))
		for i := range steps {
			steps[i] = float64(1 + i*n.Found.LossEvery)
		}
		training.Series = append(training.Series,
			figure.NewSeries(n.Config.Label, figure.Solid, steps, n.Found.Losses))
	}
	for _, name := range []string{gradientStep, positionStep, leastSquares} {
		b := baselines.baseline(name)
		curve := figure.NewSeries(b.Name, figure.Dashed, figure.Positions(len(b.PerPosition)),
			b.PerPosition)
		for t, e := range b.PerPosition {
			if e < 1e-9 {
				curve.Y[t] = math.NaN() // rounding: it would stretch the axis to 1e-31
			}
		}
		positionPanel.Series = append(positionPanel.Series, curve)
	}
	return []figure.Panel{positionPanel, training}, nil
}

// labelsOf are the kinds of models, in the order in which they come.
func labelsOf(networks []network) []string {
	var labels []string
	for _, n := range networks {
		if !slices.Contains(labels, n.Config.Label) {
			labels = append(labels, n.Config.Label)
		}
	}
	return labels
}

// positionSeries is the error by position of the models of a label, the mean over
// seeds with its 95 % interval.
func positionSeries(networks []network, label string) (figure.Series, error) {
	var runs [][]float64 // (seeds, T)
	for _, n := range networks {
		if n.Config.Label == label {
			runs = append(runs, n.Found.PerPosition)
		}
	}
	t := len(runs[0])
	y, low, high := make([]float64, t), make([]float64, t), make([]float64, t)
	for i := range t {
		errors := make([]float64, len(runs))
		for s, run := range runs {
			errors[s] = run[i]
		}
		y[i] = mean(errors)
		if len(runs) == 1 {
			continue
		}
		interval, err := estimator.StudentInterval(errors, 0.95)
		if err != nil {
			return figure.Series{}, err
		}
		low[i], high[i] = interval.Low, interval.High
	}
	s := figure.NewSeries(label, figure.Solid, figure.Positions(t), y)
	if len(runs) > 1 {
		s = s.Between(low, high)
	}
	return s, nil
}
