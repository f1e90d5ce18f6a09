package sander2024

import (
	"fmt"
	"math"
	"slices"

	"icar/ar"
	"icar/experiment"
	"icar/figure"
	"icar/outcome"
	"icar/theory"
)

func collectAugmented(
	all []experiment.Done[augmentedConfig, augmentedResult]) (experiment.Findings, error) {
	trained := figure.Table{Name: "gradient_step",
		Columns: []string{"tmax", "predicted", "eta", "largest_other_product",
			"sampled_eta", "standard_error", "largest_other_sampled_product"}}
	optima := figure.Table{Name: "optima", Columns: []string{"model", "family", "d", "heads",
		"tmax",
		"best_mean_loss", "optimum", "scalar_optimum", "share_of_starts"}}
	var found experiment.Findings
	for _, t := range all {
		c, r := t.Config, t.Found
		if c.Model == branchModel {
			found.Claims = append(found.Claims, thresholdClaims(c, r)...)
			continue
		}
		if c.trained() {
			trained.Rows = append(trained.Rows,
				[]any{c.Tmax, theory.GradientStep(c.D, c.Tmax), r.Eta, farthest(r.Others, 0),
					r.Sampled, r.StandardError, farthest(r.SampledOthers, 0)})
			found.Claims = append(found.Claims, stepClaims(c, r)...)
			continue
		}
		optimum, err := c.optimum()
		if err != nil {
			return experiment.Findings{}, err
		}
		best, reached := slices.Min(r.Losses), 0.0
		for _, l := range r.Losses {
			if l <= optimum*(1+descentError) {
				reached += 1 / float64(len(r.Losses))
			}
		}
		optima.Rows = append(optima.Rows,
			[]any{c.Model, c.Family, c.D, c.Heads, c.Tmax, best, optimum, c.scalarLoss(), reached})
		found.Claims = append(found.Claims, optimumClaims(c, r, best, optimum)...)
	}
	found.Data.Tables = []figure.Table{trained, optima}
	picture, err := augmentedFigure(all)
	found.Figures = []figure.Figure{picture}
	return found, err
}

// scalarLoss is the mean loss of one gradient step with the best η, the
// optimum of one block-scalar head on unitary contexts.
func (c augmentedConfig) scalarLoss() float64 {
	return float64(c.D) * (1 - float64(c.Tmax)*theory.GradientStep(c.D, c.Tmax)/2)
}

// optimum is the exact least mean loss of the trial's weights.
func (c augmentedConfig) optimum() (float64, error) {
	switch {
	case c.Model == headsModel:
		o, err := theory.AugmentedHeadsOptimum(c.D, c.Heads, c.Tmax)
		return o.MeanLoss, err
	case c.Model == denseModel:
		o, err := theory.DenseOptimum(c.D, c.Tmax)
		return o.MeanLoss, err
	case c.Family == ar.Rotation:
		o, err := theory.RotationOptimum(c.D, c.Tmax)
		return o.MeanLoss, err
	default:
		return c.scalarLoss(), nil
	}
}

const (
	// descentError is how far from an optimum L-BFGS may stop, relative: it does
	// where 50 iterations gain less than 1e-13, and a gauge makes valleys flat.
	descentError = 1e-9
	// scalarError is the same of block-scalar weights, six numbers, over the loss
	// d of the zero prediction.
	scalarError = 1e-12
)

// stepClaims say that a block-scalar layer learns to do one gradient step. An
// excess ε d of the mean loss over its optimum is d Tmax η*/2 (η/η* - 1)², plus
// a form in the other products that is at least (N ε d is the total excess, see
// theory.BlockScalarPopulation) d(d-1)/4 times the square of each, N = Tmax-1.
func stepClaims(c augmentedConfig, r augmentedResult) []outcome.Claim {
	star := theory.GradientStep(c.D, c.Tmax)
	at := fmt.Sprintf("Tmax=%d", c.Tmax)
	d, n := float64(c.D), c.contexts()
	claims := []outcome.Claim{
		{ID: "step/" + at, Source: "paper, augmented tokens", Relation: outcome.Equals,
			Measured: figure.Number(r.Eta / star), Predicted: 1,
			Tolerance: math.Sqrt(2 * scalarError / (float64(c.Tmax) * star)),
			Statement: fmt.Sprintf(
				"Tmax = %d: the layer learns one gradient step of size η* = 3/(2Tmax + 3d - 4) = "+
					"%.6f: η/η* where descent on the exact loss ends", c.Tmax, star),
			Reason: "descent ends within 1e-12 of the loss of the zero prediction above the " +
				"optimum, which bounds η"},
		{ID: "samples/" + at, Source: "paper, augmented tokens", Relation: outcome.Equals,
			Measured: figure.Number(r.Sampled / star), Predicted: 1,
			Tolerance: 4.5 * r.StandardError / star,
			Statement: fmt.Sprintf("Tmax = %d: training on drawn sequences learns one gradient "+
				"step of size η* too: η/η*",
				c.Tmax),
			Reason: "4.5 standard errors of the best η on the sequences seen"},
	}
	if c.D > 1 { // one coordinate has products that no loss tells apart
		claims = append(claims, outcome.Claim{ID: "other-products/" + at,
			Source:    "paper, augmented tokens",
			Relation:  outcome.AtMost,
			Measured:  figure.Number(farthest(r.Others, 0) / star),
			Tolerance: 2 * math.Sqrt(scalarError*n/(d-1)) / star,
			Statement: fmt.Sprintf(
				"Tmax = %d: the five other products of a score scalar with a value scalar vanish: "+
					"largest over η* where descent on the exact loss ends", c.Tmax),
			Reason: "descent ends within 1e-12 of the loss of the zero prediction above the " +
				"optimum, which bounds them"})
	}
	return claims
}

// optimumClaims hold a descent against its own exact optimum.
func optimumClaims(c augmentedConfig, r augmentedResult, best, optimum float64) []outcome.Claim {
	what := map[augmentedModel]string{scalarModel: "block-scalar weights",
		headsModel: fmt.Sprintf("%d diagonal heads", c.Heads), denseModel: "dense weights"}[c.Model]
	at := fmt.Sprintf("%s/d=%d", c.Model, c.D)
	switch {
	case c.Family == ar.Rotation:
		at = fmt.Sprintf("rotation/d=%d", c.D)
	case c.Model == headsModel:
		at = fmt.Sprintf("heads/H=%d", c.Heads)
	}
	claims := []outcome.Claim{{ID: at, Source: "ours", Relation: outcome.Equals,
		Measured:  figure.Number(best),
		Predicted: optimum, Tolerance: descentError * optimum,
		Statement: fmt.Sprintf(
			"%s on %s contexts, d = %d, Tmax = %d: descent ends at the exact optimum: mean loss "+
				"of the best of %d starts", what, c.Family, c.D, c.Tmax, c.Starts),
		Reason: "descent stops when 50 iterations gain less than 1e-13; a gauge makes valleys " +
			"flat"}}
	gain := outcome.Claim{ID: at + "/gain", Source: "ours", Relation: outcome.Equals,
		Predicted: 1 - optimum/c.scalarLoss(), Tolerance: 2 * descentError,
		Reason: "two descents, each within 1e-9 of its optimum"}
	if len(r.Single) > 0 {
		gain.Measured = figure.Number(1 - best/slices.Min(r.Single))
	}
	if c.Model == denseModel {
		gain.Statement = fmt.Sprintf(
			"d = %d: dense weights save %.3g %% of the loss of one gradient step, "+
				"which the paper's block-scalar assumption costs: share saved by descent", c.D,
			100*gain.Predicted)
		claims = append(claims, gain,
			outcome.Claim{ID: at + "/blocks", Source: "ours", Relation: outcome.AtMost,
				Measured:  figure.Number(r.Blocks[1] / r.Blocks[0]),
				Tolerance: math.Sqrt(descentError),
				Statement: fmt.Sprintf(
					"d = %d: every block but the score (s_T, s_{t-1}) and the value s_t "+
						"vanishes: norm of the others over theirs", c.D),
				Reason: "the loss is quadratic in them: an excess of 1e-9 leaves coefficients " +
					"of its root"})
	}
	if c.Family == ar.Rotation {
		gain.Statement = fmt.Sprintf(
			"d = %d: on rotations one gradient step is not optimal, the correction ζ s_t s_tᵀ "+
				"s_{T-1} saves %.3g %% of its loss: share saved by descent", c.D, 100*gain.Predicted)
		claims = append(claims, gain)
	}
	return claims
}

// thresholdClaims say from which Tmax on rotations all six weights do better
// than η and ζ alone.
func thresholdClaims(c augmentedConfig, r augmentedResult) []outcome.Claim {
	want, known := map[int]float64{2: 3, 4: 12, 6: 30, 8: 54}[c.D]
	if !known {
		return nil
	}
	return []outcome.Claim{{ID: fmt.Sprintf("rotation/threshold/d=%d", c.D), Source: "ours",
		Relation: outcome.Equals, Measured: figure.Number(r.Threshold), Predicted: want,
		Statement: fmt.Sprintf(
			"d = %d: from some Tmax on all six block-scalar weights do better on rotations "+
				"than η and ζ alone: the first such Tmax", c.D), Reason: "an integer"}}
}

func augmentedFigure(
	all []experiment.Done[augmentedConfig, augmentedResult]) (figure.Figure, error) {
	picture := figure.Figure{Title: "One layer of linear attention on augmented tokens", Columns: 3,
		Caption: "The inner step that training finds (points) on 3/(2Tmax + 3d - 4); the mean " +
			"loss of H diagonal heads (points) on the exact optimum; and on rotations with d = 4 " +
			"what the conjugate correction ζ and all six weights gain over one gradient step."}
	var tmax, eta, h, heads, headsOptimum []float64
	for _, t := range all {
		c, r := t.Config, t.Found
		switch {
		case c.trained():
			tmax, eta = append(tmax, float64(c.Tmax)), append(eta, r.Sampled)
		case c.Model == headsModel:
			optimum, err := c.optimum()
			if err != nil {
				return figure.Figure{}, err
			}
			h, heads, headsOptimum = append(h, float64(c.Heads)),
				append(heads, slices.Min(r.Losses)), append(headsOptimum, optimum)
		}
	}
	if len(tmax) > 0 {
		var x, y []float64
		for t := 4; t <= 120; t++ {
			x, y = append(x, float64(t)), append(y, theory.GradientStep(all[0].Config.D, t))
		}
		picture.Panels = append(picture.Panels,
			figure.Panel{Kind: figure.Lines, Title: "inner step η",
				X: figure.Axis{Label: "Tmax", Log: true}, Y: figure.Axis{Label: "η", Log: true},
				Series: []figure.Series{figure.NewSeries("", figure.Dashed, x, y),
					figure.NewSeries("trained", figure.Points, tmax, eta)}})
	}
	if len(h) > 0 {
		picture.Panels = append(picture.Panels, figure.Panel{Kind: figure.Lines, Title: "heads",
			X: figure.Axis{Label: "heads H"}, Y: figure.Axis{Label: "mean loss"},
			Series: []figure.Series{figure.NewSeries("", figure.Dashed, h, headsOptimum),
				figure.NewSeries("trained", figure.Points, h, heads)}})
	}
	var t, branchGain, fullGain []float64
	for tm := 2; tm <= 40; tm++ {
		step := augmentedConfig{D: 4, Tmax: tm}.scalarLoss()
		branch, err := theory.RotationBranch(4, tm)
		if err != nil {
			return figure.Figure{}, err
		}
		full, err := theory.RotationOptimum(4, tm)
		if err != nil {
			return figure.Figure{}, err
		}
		t, branchGain, fullGain = append(t, float64(tm)), append(branchGain, step-branch.MeanLoss),
			append(fullGain, step-full.MeanLoss)
	}
	picture.Panels = append(picture.Panels, figure.Panel{Kind: figure.Lines,
		Title: "rotations, d = 4: gain",
		X:     figure.Axis{Label: "Tmax"}, Y: figure.Axis{Label: "mean loss"},
		Series: []figure.Series{figure.NewSeries("ζ", figure.Solid, t, branchGain),
			figure.NewSeries("all six", figure.Solid, t, fullGain)}})
	return picture, nil
}
