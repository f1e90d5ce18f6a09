package sander2024

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
	"icar/estimator"
	"icar/experiment"
	"icar/figure"
	"icar/outcome"
	"icar/probe"
	"icar/theory"
	"icar/train"
)

// T positions, H heads, μ context spread: angles are U[0, 2π/μ]

// position trains the whole Transformer on a rotation whose angles lie in a
// narrower and narrower range, and holds the encoding of each head beside that
// of the diagonal layer, theory.Position, by the same range.
func position() experiment.Experiment {
	return experiment.Define(experiment.Spec[networkConfig, positionResult]{
		Name: "position", Source: "after Fig. 6",
		Summary: "the learnt encoding of the whole Transformer beside the diagonal layer's as " +
			"the context spread narrows",
		Quick: 800 * time.Millisecond, Paper: 40 * time.Second,
		Trials: positionTrials, Train: runPosition, Collect: collectPosition,
	})
}

func positionTrials(scale outcome.Scale, seed uint64) []networkConfig {
	c := plainSetting(scale)
	c.Process, c.Norm, c.Heads = ar.New(ar.Rotation, 2), false, 2
	c.Length, c.Train, c.Batch, c.Test, c.Epochs, c.LearningRate, c.Schedule = 12, 2048, 64, 512,
		20, 1e-2, train.Cosine
	spreads, seeds := []float64{1, 8, 50, 300}, 8
	if scale == outcome.Paper {
		c.Length, c.Train, c.Batch, c.Epochs = 30, 8192, 128, 60
		spreads, seeds = []float64{1, 8, 50, 100, 200, 300}, 8
	}
	c.Embed = c.D
	var variants []networkVariant
	for _, mu := range spreads {
		variants = append(variants, networkVariant{spreadLabel(mu),
			func(c *train.Config) { c.Mu = mu }})
	}
	return modelTrials(scale, c, seed, seeds, variants)
}

func spreadLabel(mu float64) string { return fmt.Sprintf("μ = %g", mu) }

// positionResult is a trained model beside the diagonal layer, for the longest
// context.
type positionResult struct {
	MSE      float64     `json:"mse"`
	CopyLast float64     `json:"copy_last"` // error of copying the last token on the same sequences
	Heads    [][]float64 `json:"heads"`     // (H, T) p_1..p_T of each head, positive and of sum 1
	R2       []float64   `json:"r2"`        // (H) of the cosine nearest to each
	// (T) p_1..p_T of the diagonal layer after theoryIterations
	Theory   []float64 `json:"theory"`
	TheoryR2 float64   `json:"theory_r2"`
}

// theoryIterations of gradient descent with rate 0.5 bring the loss of the
// diagonal layer below 1e-3 for μ of 50 and more (Fig. 6).
const theoryIterations = 1000

func runPosition(ctx context.Context, c networkConfig,
	m experiment.Env) (r positionResult, err error) {
	model, squared, err := tested(ctx, m, c)
	if err != nil {
		return r, err
	}
	return measurePosition(ctx, c, model, squared)
}

// measurePosition looks into a model with squared errors (N, T) on the test
// sequences, mean over coordinates.
func measurePosition(ctx context.Context, c networkConfig, model *probe.Model,
	squared []float64) (r positionResult, err error) {
	s, err := train.Sequences(c.Config, train.TestStream, c.Test)
	if err != nil {
		return r, err
	}
	copied, err := estimator.MSE(ctx, s, estimator.CopyLast{})
	if err != nil {
		return r, err
	}
	r.MSE, r.CopyLast = mean(squared), copied.Mean()
	learnt, err := model.Encodings()
	if err != nil {
		return r, err
	}
	for _, e := range learnt {
		r.Heads, r.R2 = append(r.Heads, e.Values), append(r.R2, e.Fit.R2)
	}
	law := theory.Position{Tmax: c.Length, Mu: c.Mu, Rho: c.Rho, Sigma: c.Sigma,
		Noise: ar.CircularNoise}
	descent, err := theory.NewPositionDescent(law.Rows(), 0.5)
	if err != nil {
		return r, err
	}
	r.Theory = descent.At(theoryIterations)[(c.Length-2)*c.Length:][:c.Length]
	fit, err := theory.FitCosine(r.Theory)
	r.TheoryR2 = fit.R2
	return r, err
}

// early is the share of an encoding on the first two positions, whose keys are
// s_1 and s_2.
func early(p []float64) float64 { return floats.Sum(p[:2]) / floats.Sum(p) }

func collectPosition(
	all []experiment.Done[networkConfig, positionResult]) (experiment.Findings, error) {
	table := figure.Table{Name: "encodings", Columns: []string{"mu", "seed", "head", "mse",
		"copy_last",
		"first_two", "cosine_r2", "theory_cosine_r2"}}
	wide, narrow := math.Inf(1), 0.0
	for _, t := range all {
		wide, narrow = min(wide, t.Config.Mu), max(narrow, t.Config.Mu)
	}
	first, last := bySeed{}, bySeed{} // early, mean over heads, at the ends of the range of μ
	for _, t := range all {
		r := t.Found
		for h, p := range r.Heads {
			table.Rows = append(table.Rows, []any{t.Config.Mu, t.Config.Seed, h + 1, r.MSE,
				r.CopyLast, early(p), r.R2[h], r.TheoryR2})
			if t.Config.Mu == wide {
				first[t.Config.Seed] += early(p) / float64(len(r.Heads))
			}
			if t.Config.Mu == narrow {
				last[t.Config.Seed] += early(p) / float64(len(r.Heads))
			}
		}
	}
	summary, err := positionSummary(all)
	found := experiment.Findings{Data: figure.Data{Tables: []figure.Table{table, summary}},
		Figures: []figure.Figure{positionFigure(all)}}
	if err != nil || wide != 1 || narrow == wide {
		return found, err
	}
	half := bySeed{} // what is on all other positions together
	for s, p := range first {
		half[s] = 1 - p
	}
	start, err := belowClaim("start", "ours",
		"on the whole circle the whole Transformer looks at the start "+
			"of the context, s_1 and s_2, where the diagonal layer looks at its end: "+
			"weight of the heads on all other positions less that on these two", half, first)
	if err != nil {
		return found, err
	}
	moves, err := belowClaim("moves", "ours",
		fmt.Sprintf("the start is where heads look because of the "+
			"angles: at μ = %g, where all tokens are nearly alike, weight on s_1 and s_2 is less "+
			"than on the whole circle", narrow), last, first)
	found.Claims = slices.Concat(start, moves)
	return found, err
}

// positionSummary holds means over seeds with 95 % intervals, where there are
// two seeds or more.
func positionSummary(all []experiment.Done[networkConfig, positionResult]) (figure.Table, error) {
	table := figure.Table{Name: "summary", Columns: []string{"mu", "seeds", "first_two",
		"first_two_low",
		"first_two_high", "cosine_r2", "cosine_r2_low", "cosine_r2_high", "theory_cosine_r2"}}
	var spreads []float64
	for _, t := range all {
		if !slices.Contains(spreads, t.Config.Mu) {
			spreads = append(spreads, t.Config.Mu)
		}
	}
	for _, mu := range spreads {
		first, r2, theoryR2 := bySeed{}, bySeed{}, 0.0
		for _, t := range all {
			if t.Config.Mu != mu {
				continue
			}
			for h, p := range t.Found.Heads {
				first[t.Config.Seed] += early(p) / float64(len(t.Found.Heads))
				r2[t.Config.Seed] += t.Found.R2[h] / float64(len(t.Found.Heads))
			}
			theoryR2 = t.Found.TheoryR2
		}
		row := []any{mu, len(first)}
		for _, x := range []bySeed{first, r2} {
			m, i, err := seedMean(x, 0.95)
			if errors.Is(err, errFewSeeds) {
				return table, nil
			}
			if err != nil {
				return table, err
			}
			row = append(row, m, i.Low, i.High)
		}
		table.Rows = append(table.Rows, append(row, theoryR2))
	}
	return table, nil
}

func positionFigure(all []experiment.Done[networkConfig, positionResult]) figure.Figure {
	f := figure.Figure{Title: "Encodings of the whole Transformer and of the diagonal layer",
		Columns: 2,
		Caption: "p_1 … p_T of the longest context, each over the sum of its sizes: the two " +
			"heads of a trained Transformer, and the closed form of the diagonal layer (dashed), " +
			"by the range of angles 2π/μ."}
	for _, t := range all {
		if t.Config.Seed != all[0].Config.Seed {
			continue
		}
		p := figure.Panel{Kind: figure.Lines, Title: t.Config.Label,
			X: figure.Axis{Label: "position t"},
			Y: figure.Axis{Label: "weight"}}
		for h, values := range t.Found.Heads {
			p.Series = append(p.Series, figure.NewSeries(fmt.Sprintf("head %d", h+1), figure.Solid,
				figure.Positions(len(values)), values))
		}
		scaled := slices.Clone(t.Found.Theory)
		floats.Scale(1/floats.Norm(scaled, 1), scaled)
		p.Series = append(p.Series, figure.NewSeries("diagonal layer", figure.Dashed,
			figure.Positions(len(scaled)),
			scaled))
		f.Panels = append(f.Panels, p)
	}
	return f
}
