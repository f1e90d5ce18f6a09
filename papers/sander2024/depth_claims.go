package sander2024

import (
	"fmt"
	"math"
	"slices"

	"icar/experiment"
	"icar/figure"
	"icar/outcome"
)

func collectDepth(all []experiment.Done[networkConfig, depthResult]) (experiment.Findings, error) {
	claims, err := depthClaims(all)
	return experiment.Findings{Data: figure.Data{Tables: []figure.Table{nearestTable(all),
		conditioningTable(all)}},
		Figures: []figure.Figure{depthFigure(all)}, Claims: claims}, err
}

// nearestTable has the iterate of each algorithm that is nearest to each model.
// at_end says that k is the largest: more steps could be nearer still.
func nearestTable(all []experiment.Done[networkConfig, depthResult]) figure.Table {
	table := figure.Table{Name: "nearest", Columns: []string{"layers", "seed", "mse", "floor",
		"algorithm",
		"k", "steps", "at_end", "apart", "algorithm_mse"}}
	for _, t := range all {
		for _, name := range depthAlgorithms {
			p, m := t.Found.nearest(name), t.Found.Model
			table.Rows = append(table.Rows, []any{t.Config.Depth, t.Config.Seed, m.MSE,
				t.Found.Floor, name, p.K, t.Found.steps(name), p.K == last, p.Apart, p.MSE})
		}
	}
	return table
}

// conditioningTable has the error of every predictor by the conditioning of
// the context.
func conditioningTable(all []experiment.Done[networkConfig, depthResult]) figure.Table {
	table := figure.Table{Name: "conditioning",
		Columns: []string{"layers", "seed", "predictor", "k", "quarter", "kappa", "mse"}}
	for _, t := range all {
		for _, p := range append([]depthPredictor{t.Found.Model}, t.Found.Iterate...) {
			for q, kappa := range t.Found.Kappa {
				table.Rows = append(table.Rows,
					[]any{t.Config.Depth, t.Config.Seed, p.Name, p.K, q + 1, kappa, p.Kappa[q]})
			}
		}
	}
	return table
}

// depthClaims are of one and two layers, the depths of both scales.
func depthClaims(all []experiment.Done[networkConfig, depthResult]) ([]outcome.Claim, error) {
	of := func(layers int, quantity func(depthResult) float64) bySeed {
		x := bySeed{}
		for _, t := range all {
			if t.Config.Depth == layers {
				x[t.Config.Seed] = quantity(t.Found)
			}
		}
		return x
	}
	steps := func(r depthResult) float64 { return r.steps(newtonAlgorithm) }
	iterations, err := ratioClaim(outcome.Claim{ID: "iterations", Source: "after Fu et al. 2024",
		Relation: outcome.AtLeast, Predicted: 1,
		Statement: "more layers are like more iterations: steps of Newton-Schulz nearest to two " +
			"layers over those nearest to one, both between whole numbers"},
		logRatio(of(2, steps), of(1, steps)))
	if err != nil {
		return nil, err
	}
	nearer, err := seedClaim(outcome.Claim{ID: "one-layer", Source: "ours",
		Relation: outcome.AtLeast,
		Statement: fmt.Sprintf(
			"one layer with norm is nearer to some number of Newton-Schulz steps than to any "+
				"number of gradient steps up to %d: relative margin of the distances", last)},
		of(1, func(r depthResult) float64 { return r.Margin }))
	if err != nil {
		return nil, err
	}
	rival := bySeed{}
	one := map[uint64][]float64{}
	for _, t := range all {
		if t.Config.Depth == 1 {
			one[t.Config.Seed] = t.Found.Within
		}
	}
	for _, t := range all {
		if before, ok := one[t.Config.Seed]; ok && t.Config.Depth == 2 {
			rival[t.Config.Seed] = rivalGain(before, t.Found.Within)
		}
	}
	conditioning, err := seedClaim(outcome.Claim{ID: "conditioning", Source: "ours",
		Relation:  outcome.AtMost,
		Predicted: 1,
		Statement: "a second layer gains most where the context is well conditioned: what it gains " +
			"on the other quarter where that is most, over what it gains on the best conditioned, " +
			"in logarithms of the error"},
		rival)
	return slices.Concat(iterations, nearer, conditioning), err
}

// rivalGain is what a second layer gains, log(before/after), on the quarter where it
// gains most but for the best conditioned, over what it gains on that. In shares a run
// whose second layer does twice as much as others' is like them. It is NaN if nothing is
// gained on the best conditioned quarter.
func rivalGain(before, after []float64) float64 {
	gain := make([]float64, quarters)
	for q := range gain {
		gain[q] = math.Log(before[q] / after[q])
	}
	if gain[0] <= 0 {
		return math.NaN()
	}
	return slices.Max(gain[1:]) / gain[0]
}

func depthFigure(all []experiment.Done[networkConfig, depthResult]) figure.Figure {
	errors := figure.Panel{Kind: figure.Lines, Title: "error by iterations",
		X: figure.Axis{Label: "iterations k"},
		Y: figure.Axis{Label: "MSE", Log: true}}
	apart := figure.Panel{Kind: figure.Lines, Title: "steps of Newton-Schulz",
		X: figure.Axis{Label: "iterations k"},
		Y: figure.Axis{Label: "apart from the model", Log: true}}
	kappa := figure.Panel{Kind: figure.Lines, Title: "error by conditioning",
		X: figure.Axis{Label: "κ of the context", Log: true},
		Y: figure.Axis{Label: "MSE", Log: true}}
	first := all[0] // the deepest model
	for _, name := range depthAlgorithms {
		errors.Series = append(errors.Series,
			first.Found.curve(name, func(p depthPredictor) float64 { return p.MSE }))
	}
	of := slices.DeleteFunc(slices.Clone(all),
		func(t experiment.Done[networkConfig, depthResult]) bool {
			return t.Config.Seed != first.Config.Seed
		})
	for _, t := range of {
		m := t.Found.Model
		errors.Series = append(errors.Series,
			figure.NewSeries(m.Name, figure.Dashed, []float64{1, last}, []float64{m.MSE, m.MSE}))
		s := t.Found.curve(newtonAlgorithm, func(p depthPredictor) float64 { return p.Apart })
		s.Label = m.Name
		apart.Series = append(apart.Series, s)
		kappa.Series = append(kappa.Series, figure.NewSeries(m.Name, figure.Solid, t.Found.Kappa,
			m.Kappa))
	}
	errors.Series = append(errors.Series, figure.NewSeries("Bayes floor", figure.Dashed,
		[]float64{1, last},
		[]float64{first.Found.Floor, first.Found.Floor}))
	for _, name := range depthAlgorithms[:2] {
		p := first.Found.nearest(name)
		kappa.Series = append(kappa.Series,
			figure.NewSeries(fmt.Sprintf("%s, k = %d", name, p.K), figure.Dashed, first.Found.Kappa,
				p.Kappa))
	}
	return figure.Figure{Title: "Layers and iterations", Columns: 3,
		Panels: []figure.Panel{errors, apart, kappa},
		Caption: "Errors of algorithms by iterations, with those of trained models as lines of " +
			"one seed; nearest.csv has all seeds; how far the predictions of Newton-Schulz are " +
			"from those of each model; errors on the contexts of more than d tokens, where Bayes " +
			"has none, by quarters of their condition number κ, with the iterates nearest to the " +
			"deepest model."}
}

// curve draws a property of the iterates of an algorithm.
func (r depthResult) curve(name string, of func(depthPredictor) float64) figure.Series {
	var x, y []float64
	for _, p := range r.Iterate {
		if p.Name == name {
			x, y = append(x, float64(p.K)), append(y, of(p))
		}
	}
	return figure.NewSeries(name, figure.Solid, x, y)
}
