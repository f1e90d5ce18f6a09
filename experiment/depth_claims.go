package experiment

import (
	"fmt"
	"math"
	"slices"
)

func collectDepth(all []done[networkConfig, depthResult]) (Findings, error) {
	return Findings{Data: Data{Tables: []Table{nearestTable(all), conditioningTable(all)}}, Figures: []Figure{depthFigure(all)}, Claims: depthClaims(all)}, nil
}

// nearestTable has the iterate of each algorithm that is nearest to each model.
// at_end says that k is the largest: more steps could be nearer still.
func nearestTable(all []done[networkConfig, depthResult]) Table {
	table := Table{Name: "nearest", Columns: []string{"layers", "seed", "mse", "low", "high", "floor", "algorithm", "k", "at_end", "apart", "algorithm_mse"}}
	for _, t := range all {
		for _, name := range depthAlgorithms {
			p, m := t.Found.nearest(name), t.Found.Model
			table.Rows = append(table.Rows, []any{t.Config.Depth, t.Config.Seed, m.MSE, m.Low, m.High, t.Found.Floor, name, p.K, p.K == iterations, p.Apart, p.MSE})
		}
	}
	return table
}

// conditioningTable has the error of every predictor by the conditioning of
// the context.
func conditioningTable(all []done[networkConfig, depthResult]) Table {
	table := Table{Name: "conditioning", Columns: []string{"layers", "seed", "predictor", "k", "quarter", "kappa", "mse"}}
	for _, t := range all {
		for _, p := range append([]depthPredictor{t.Found.Model}, t.Found.Iterate...) {
			for q, kappa := range t.Found.Kappa {
				table.Rows = append(table.Rows, []any{t.Config.Depth, t.Config.Seed, p.Name, p.K, q + 1, kappa, p.Kappa[q]})
			}
		}
	}
	return table
}

func depthClaims(all []done[networkConfig, depthResult]) []Claim {
	// Of two layers, which training finds for every seed: deeper models can be
	// left far from their best, and then predict like fewer (docs/results).
	const compared = 2
	shallow, deep := math.Inf(-1), math.Inf(1)
	margin, low := math.Inf(1), math.Inf(1)
	one, many := math.Inf(1), math.Inf(-1) // contrasts, of the seed where they are nearest
	for _, t := range all {
		r := t.Found
		k := float64(r.nearest(newtonAlgorithm).K)
		if t.Config.Depth == 1 {
			shallow, one = math.Max(shallow, k), math.Min(one, r.Contrast)
			margin, low = math.Min(margin, r.Margin), math.Min(low, r.MarginLow)
		}
		if t.Config.Depth == compared {
			deep, many = math.Min(deep, k), math.Max(many, r.Contrast)
		}
	}
	return []Claim{
		{ID: "iterations", Source: "after Fu et al. 2024", Relation: AtLeast, Measured: Number(deep - shallow), Predicted: 1,
			Statement: "more layers are like more iterations: steps of Newton-Schulz whose predictions are nearest to a model's, of two layers, least seed, less those of one layer, largest seed",
			Reason:    "a whole number"},
		{ID: "one-layer", Source: "ours", Relation: AtLeast, Measured: Number(margin), Tolerance: low - margin,
			Statement: fmt.Sprintf("one layer with norm is nearer to some number of Newton-Schulz steps than to any number of gradient steps up to %d: least relative margin of the distance between predictions", iterations),
			Reason:    "paired bootstrap over test sequences: the lower end of the 99.98 % interval is above 0. Nearer is not the same (docs/probing.md), and deeper models are about as near to both"},
		{ID: "conditioning", Source: "ours", Relation: AtMost, Measured: Number(many / one), Predicted: 1,
			Statement: "layers gain most where the context is well conditioned, as iterations do: error on the best conditioned quarter of the contexts over that on the others, of two layers, largest seed, over that of one layer, least seed",
			Reason:    "a ratio of one sign"},
	}
}

func depthFigure(all []done[networkConfig, depthResult]) Figure {
	errors := Panel{Kind: Lines, Title: "error by iterations", X: Axis{Label: "iterations k"}, Y: Axis{Label: "MSE", Log: true}}
	apart := Panel{Kind: Lines, Title: "steps of Newton-Schulz", X: Axis{Label: "iterations k"}, Y: Axis{Label: "apart from the model", Log: true}}
	kappa := Panel{Kind: Lines, Title: "error by conditioning", X: Axis{Label: "κ of the context", Log: true}, Y: Axis{Label: "MSE", Log: true}}
	first := all[0] // the deepest model
	for _, name := range depthAlgorithms {
		s := first.Found.curve(name, func(p depthPredictor) float64 { return p.MSE })
		s.Low = first.Found.curve(name, func(p depthPredictor) float64 { return p.Low }).Y
		s.High = first.Found.curve(name, func(p depthPredictor) float64 { return p.High }).Y
		errors.Series = append(errors.Series, s)
	}
	of := slices.DeleteFunc(slices.Clone(all), func(t done[networkConfig, depthResult]) bool { return t.Config.Seed != first.Config.Seed })
	for _, t := range of {
		m := t.Found.Model
		level := NewSeries(m.Name, Dashed, []float64{1, iterations}, []float64{m.MSE, m.MSE})
		errors.Series = append(errors.Series, level.Between([]float64{m.Low, m.Low}, []float64{m.High, m.High}))
		s := t.Found.curve(newtonAlgorithm, func(p depthPredictor) float64 { return p.Apart })
		s.Label = m.Name
		apart.Series = append(apart.Series, s)
		kappa.Series = append(kappa.Series, NewSeries(m.Name, Solid, t.Found.Kappa, m.Kappa))
	}
	errors.Series = append(errors.Series, NewSeries("Bayes floor", Dashed, []float64{1, iterations}, []float64{first.Found.Floor, first.Found.Floor}))
	for _, name := range depthAlgorithms[:2] {
		p := first.Found.nearest(name)
		kappa.Series = append(kappa.Series, NewSeries(fmt.Sprintf("%s, k = %d", name, p.K), Dashed, first.Found.Kappa, p.Kappa))
	}
	return Figure{Title: "Layers and iterations", Columns: 3, Panels: []Panel{errors, apart, kappa},
		Caption: "Errors of algorithms by iterations, with those of trained models as lines (bands: 95 % bootstrap over W); how far the predictions of Newton-Schulz are from those of each model; errors on the contexts of more than d tokens, where Bayes has none, by quarters of their condition number κ, with the iterates nearest to the deepest model."}
}

// curve draws a property of the iterates of an algorithm.
func (r depthResult) curve(name string, of func(depthPredictor) float64) Series {
	var x, y []float64
	for _, p := range r.Iterate {
		if p.Name == name {
			x, y = append(x, float64(p.K)), append(y, of(p))
		}
	}
	return NewSeries(name, Solid, x, y)
}
