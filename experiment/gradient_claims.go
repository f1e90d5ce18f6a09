package experiment

import (
	"fmt"
	"math"

	"icar/ar"
	"icar/theory"
)

func collectGradient(all []done[gradientConfig, gradientResult]) (Findings, error) {
	exact := Table{Name: "exact", Columns: []string{"model", "d", "tmax", "seed", "eta", "eta_of_theory", "cosine", "loss", "loss_standard_error", "loss_of_theory"}}
	networks := Table{Name: "networks", Columns: []string{"model", "family", "d", "seed", "mse", "rescaled", "spread", "one_step", "normalised_step", "best_dense", "cosine_one_step", "cosine_normalised"}}
	for _, t := range all {
		c, r := t.Config, t.Found
		eta := theory.GradientStep(c.D, c.Length)
		switch c.Label {
		case scalarLayer:
			// Σ_n (1 - nη) over n = 1 … N is N(1 - η(N+1)/2).
			exact.Rows = append(exact.Rows, []any{c.Label, c.D, c.Length, c.Seed, r.Eta, eta, r.Cosine, r.Loss, r.LossError, float64(c.D) * (1 - eta*float64(c.Length)/2)})
		case denseLayer1:
			optimum, err := theory.DenseOptimum(c.D, c.Length)
			if err != nil {
				return Findings{}, err
			}
			exact.Rows = append(exact.Rows, []any{c.Label, c.D, c.Length, c.Seed, "", "", r.Cosine, r.Loss, r.LossError, optimum.MeanLoss})
		default:
			networks.Rows = append(networks.Rows, []any{c.Label, string(c.Family), c.D, c.Seed, r.MSE, r.Rescaled, r.Spread, r.StepMSE, r.NormalMSE, r.DenseMSE, r.Cosine, r.CosineNorm})
		}
	}
	return Findings{Data: Data{Tables: []Table{exact, networks}}, Figures: []Figure{gradientFigure(all)}, Claims: gradientClaims(all)}, nil
}

func gradientClaims(all []done[gradientConfig, gradientResult]) []Claim {
	cosine, eta, margin := math.Inf(1), 0.0, math.Inf(1)
	for _, t := range all {
		c, r := t.Config, t.Found
		switch {
		case c.Label == scalarLayer:
			cosine = math.Min(cosine, r.Cosine)
			eta = math.Max(eta, math.Abs(r.Eta/theory.GradientStep(c.D, c.Length)-1))
		case c.Label == normedLayer && c.Family == ar.Haar:
			margin = math.Min(margin, r.CosineNorm-r.Cosine)
		case c.Label == bareLayer && c.Family == ar.Haar:
			margin = math.Min(margin, r.Cosine-r.CosineNorm)
		}
	}
	return []Claim{
		{ID: "cosine", Source: "paper, augmented tokens", Relation: AtLeast, Measured: Number(cosine), Predicted: 1, Tolerance: 1e-3,
			Statement: "trained block-scalar weights do one gradient step on unitary contexts: least cosine of the sensitivities",
			Reason:    "what the noise of the training sequences leaves in the weights that should vanish"},
		{ID: "eta", Source: "paper, augmented tokens", Relation: AtMost, Measured: Number(eta), Tolerance: 0.01,
			Statement: "its size is η = 3/(2Tmax + 3d - 4): largest relative difference",
			Reason:    "three standard errors of the η that is best on the training sequences"},
		{ID: "norm", Source: "ours", Relation: AtLeast, Measured: Number(margin),
			Statement: "on Haar contexts a layer without norm is more like one gradient step than like a normalised one, and with norm the other way round: least difference of the cosines of sensitivities",
			Reason:    "a difference of one sign"},
	}
}

func gradientFigure(all []done[gradientConfig, gradientResult]) Figure {
	bars := map[ar.Family]*Panel{}
	var panels []Panel
	for _, family := range []ar.Family{ar.Haar, ar.Rotation} {
		bars[family] = &Panel{Kind: Lines, Title: fmt.Sprintf("%s, error by position", family), X: Axis{Label: "position T"}, Y: Axis{Label: "MSE", Log: true}}
	}
	seen := map[string]bool{}
	for _, t := range all {
		c, r := t.Config, t.Found
		key := string(c.Family) + c.Label
		panel := bars[c.Family]
		if panel == nil || seen[key] { // one seed is enough to look at
			continue
		}
		seen[key] = true
		panel.Series = append(panel.Series, NewSeries(c.Label, Solid, positions(len(r.Errors)), r.Errors))
		if c.Label == normedLayer {
			panel.Series = append(panel.Series, NewSeries("one step", Dashed, positions(len(r.StepErrors)), r.StepErrors),
				NewSeries("normalised step", Dashed, positions(len(r.NormalErrors)), r.NormalErrors))
		}
	}
	for _, family := range []ar.Family{ar.Haar, ar.Rotation} {
		if len(bars[family].Series) > 0 {
			panels = append(panels, *bars[family])
		}
	}
	return Figure{Title: "One layer beside one gradient step", Columns: 2, Panels: panels,
		Caption: "Trained one-layer networks, and the steps of gradient descent that are best on their training sequences. Without norm a layer follows one step; with it, the normalised step, and does better still."}
}
