package sander2024

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"icar/ar"
	"icar/estimator"
	"icar/experiment"
	"icar/figure"
	"icar/outcome"
	"icar/probe"
	"icar/train"
)

// d token dimension, H heads, T positions, N sequences

// heads trains the whole Transformer on rotations, whose heads need not be
// diagonal, and holds its loss beside the minimum max(0, d - 2H) of the
// diagonal layer. Its query is the last token s_T, not s_{T-1}, so that the
// diagonal layer is not among what it can do: docs/mathematics.md, The whole
// Transformer on rotations.
func heads() experiment.Experiment {
	return experiment.Define(experiment.Spec[networkConfig, headsResult]{
		Name: "heads", Source: "paper, ours",
		Summary: "rotations in the whole Transformer: loss by heads beside the diagonal layer's " +
			"minimum, what it rests on, what surplus heads do",
		Quick: 2500 * time.Millisecond, Paper: 110 * time.Second,
		Trials: headsTrials, Train: runHeads, Collect: collectHeads,
	})
}

func headsTrials(scale outcome.Scale, seed uint64) []networkConfig {
	c := plainSetting(scale)
	c.Process, c.Norm = ar.New(ar.Rotation, 4), false
	c.Length, c.Train, c.Batch, c.Test, c.Epochs, c.LearningRate, c.Schedule = 8, 2048, 64, 512, 40,
		1e-2, train.Cosine
	counts, seeds := []int{6, 4, 3, 2, 1}, 8 // the longest first
	if scale == outcome.Paper {
		c.D, c.Length, c.Train, c.Batch, c.Epochs = 6, 16, 8192, 128, 60
		counts, seeds = []int{9, 7, 6, 5, 4, 3, 2, 1}, 8
	}
	c.Embed = c.D
	var variants []networkVariant
	for _, h := range counts {
		variants = append(variants, networkVariant{headCount(h),
			func(c *train.Config) { c.Heads = h }})
	}
	return modelTrials(scale, c, seed, seeds, variants)
}

func headCount(h int) string { return fmt.Sprintf("H = %d", h) }

// headsResult is a trained model on its test sequences.
type headsResult struct {
	Loss []float64 `json:"loss"` // (N) squared error, summed over coordinates, mean over T = 2 …
	// Unbiased is the error per coordinate without the biases of queries, keys
	// and values, over all T; 1 is what predicting 0 costs. (N)
	Unbiased []float64 `json:"unbiased"`
	// Removed is how much the error rises without each head, the largest first: summed
	// over coordinates, mean over all T and the first 512 sequences. (H)
	Removed       []float64 `json:"removed"`
	EffectiveRank float64   `json:"effective_rank"`
	// of the values of two heads, its size; 0 for orthogonal heads
	LargestCosine float64 `json:"largest_cosine"`
	// Constructed is the mean squared error of construct on the coordinates that
	// it serves; 0 where H > d.
	Constructed float64 `json:"constructed"`
}

func runHeads(ctx context.Context, c networkConfig, m experiment.Env) (r headsResult, err error) {
	model, squared, err := tested(ctx, m, c)
	if err != nil {
		return r, err
	}
	return measureHeads(ctx, c, model, squared)
}

// measureHeads looks into a model with squared errors (N, T) on the test
// sequences, mean over coordinates.
func measureHeads(ctx context.Context, c networkConfig, model *probe.Model,
	squared []float64) (r headsResult, err error) {
	for n := range c.Test {
		known := squared[n*c.Length+1 : (n+1)*c.Length] // of T = 1 nothing is known
		r.Loss = append(r.Loss, float64(c.D)*mean(known))
	}
	geometry, err := model.Heads()
	if err != nil {
		return r, err
	}
	r.EffectiveRank = geometry[0].EffectiveRank
	for i, v := range geometry[0].Values {
		if i%(c.Heads+1) != 0 {
			r.LargestCosine = math.Max(r.LargestCosine, math.Abs(v))
		}
	}
	s, err := train.Sequences(c.Config, train.TestStream, min(c.Test, 512))
	if err != nil {
		return r, err
	}
	parts, err := probe.Ablate(ctx, model, s)
	if err != nil {
		return r, err
	}
	for _, p := range parts {
		switch {
		case p.Part == probe.Biases:
			r.Unbiased = p.PerSequence
		case p.Head:
			r.Removed = append(r.Removed, float64(c.D)*(p.MSE-parts[0].MSE))
		}
	}
	slices.Sort(r.Removed)
	slices.Reverse(r.Removed)
	if c.Heads > c.D {
		return r, nil
	}
	written, err := construct(model.Config)
	if err != nil {
		return r, err
	}
	predictions, err := written.Predict(ctx, s)
	r.Constructed = served(predictions, s.Targets(), s.T, s.D, c.Heads)
	return r, err
}

func collectHeads(all []experiment.Done[networkConfig, headsResult]) (experiment.Findings, error) {
	table := figure.Table{Name: "loss", Columns: []string{"heads", "seed", "loss",
		"diagonal_minimum", "constructed",
		"effective_rank", "unbiased", "largest_cosine"}}
	removed := figure.Table{Name: "removed", Columns: []string{"heads", "seed", "head", "rise"}}
	served, excess, runs, unbiased := math.Inf(-1), math.Inf(1), 0, math.Inf(1)
	one, full := bySeed{}, bySeed{} // loss of one head and of d
	for _, t := range all {
		d, h, loss := t.Config.D, t.Config.Heads, mean(t.Found.Loss)
		diagonal, constructed := float64(max(0, d-2*h)), float64(max(0, d-h))
		table.Rows = append(table.Rows, []any{h, t.Config.Seed, loss, diagonal, constructed,
			t.Found.EffectiveRank, mean(t.Found.Unbiased), t.Found.LargestCosine})
		for i, rise := range t.Found.Removed {
			removed.Rows = append(removed.Rows, []any{h, t.Config.Seed, i + 1, rise})
		}
		unbiased = math.Min(unbiased, (mean(t.Found.Unbiased)-1)/standardError(t.Found.Unbiased))
		if h <= d {
			served = math.Max(served, t.Found.Constructed)
		}
		if h < d {
			excess, runs = math.Min(excess, (loss-diagonal)/standardError(t.Found.Loss)), runs+1
		}
		switch h {
		case 1:
			one[t.Config.Seed] = loss
		case d:
			full[t.Config.Seed] = loss
		}
	}
	summary, err := headsSummary(all)
	if err != nil {
		return experiment.Findings{}, err
	}
	picture, err := headsFigure(all)
	if err != nil {
		return experiment.Findings{}, err
	}
	found := experiment.Findings{Data: figure.Data{Tables: []figure.Table{table, summary, removed}},
		Figures: []figure.Figure{picture}}
	if !math.IsInf(served, -1) {
		found.Claims = append(found.Claims, outcome.Claim{ID: "constructed", Source: "ours",
			Relation: outcome.AtMost,
			Measured: figure.Number(served), Tolerance: constructedRounding,
			Statement: "H ≤ d heads whose weights are written down predict H coordinates exactly from " +
				"T = 2 on, by products of s_2 and s_T with constant values, and so have the loss d - H: " +
				"largest mean squared error on those coordinates",
			Reason: "rounding, squared: T products of d terms of size 2, each to 2⁻⁵³, with T and d at " +
				"most 16"})
	}
	if len(one) > 0 && len(full) > 0 {
		more, err := belowClaim("more", "paper", "on rotations d heads of the whole "+
			"Transformer have a lower loss than one", full, one)
		if err != nil {
			return found, err
		}
		found.Claims = append(found.Claims, more...)
	}
	if runs > 0 {
		found.Claims = append(found.Claims, outcome.Claim{ID: "not-diagonal", Source: "ours",
			Relation: outcome.AtLeast, Measured: figure.Number(excess), Predicted: 5,
			Statement: fmt.Sprintf("no trained model of %d with H < d reaches the minimum max(0, d - "+
				"2H) of the diagonal layer, whose query is s_{T-1} where that of the whole Transformer "+
				"is s_T: least excess in standard errors", runs),
			Reason: "five standard errors over the test sequences of each model: 3e-7 for one that " +
				"reaches it"})
	}
	found.Claims = append(found.Claims, outcome.Claim{ID: "biases", Source: "ours",
		Relation: outcome.AtLeast, Measured: figure.Number(unbiased), Tolerance: 5,
		Statement: fmt.Sprintf("all that each of %d models predicts rests on biases: without those "+
			"of queries, keys and values it has terms of third order only, which by parity are "+
			"uncorrelated with s_{T+1}: error less that of predicting 0, least in standard errors",
			len(all)),
		Reason: "exact in the mean over angles; five standard errors over the test sequences, 3e-7 " +
			"for each model"})
	return found, nil
}

// constructedRounding is (16 · 16 · 2 · 2⁻⁵³)².
const constructedRounding = (1 << 18) / float64(1<<53) / (1 << 53)

// headsSummary holds means over seeds with 95 % intervals by number of heads,
// where there are two seeds or more; of the rise without the most needed head,
// which has no mean to speak of, the least and the largest.
func headsSummary(all []experiment.Done[networkConfig, headsResult]) (figure.Table, error) {
	table := figure.Table{Name: "summary", Columns: []string{"heads", "seeds", "loss", "loss_low",
		"loss_high",
		"effective_rank", "effective_rank_low", "effective_rank_high", "effective_rank_least",
		"effective_rank_most", "rise_least", "rise_median", "rise_most"}}
	loss, rank, rise := map[int]bySeed{}, map[int]bySeed{}, map[int][]float64{}
	for _, t := range all {
		h := t.Config.Heads
		if loss[h] == nil {
			loss[h], rank[h] = bySeed{}, bySeed{}
		}
		loss[h][t.Config.Seed], rank[h][t.Config.Seed] = mean(t.Found.Loss), t.Found.EffectiveRank
		if len(t.Found.Removed) > 0 {
			rise[h] = append(rise[h], t.Found.Removed[0])
		}
	}
	for _, h := range slices.Sorted(maps.Keys(loss)) {
		row := []any{h, len(loss[h])}
		for _, x := range []bySeed{loss[h], rank[h]} {
			m, i, err := seedMean(x, 0.95)
			if errors.Is(err, errFewSeeds) {
				return table, nil
			}
			if err != nil {
				return table, err
			}
			row = append(row, m, i.Low, i.High)
		}
		ranks := slices.Sorted(maps.Values(rank[h]))
		row = append(row, ranks[0], ranks[len(ranks)-1])
		if slices.Sort(rise[h]); len(rise[h]) > 0 {
			row = append(row, rise[h][0], stat.Quantile(0.5, stat.LinInterp, rise[h], nil),
				rise[h][len(rise[h])-1])
		} else {
			row = append(row, "", "", "")
		}
		table.Rows = append(table.Rows, row)
	}
	return table, nil
}

// standardError is that of the mean.
func standardError(x []float64) float64 {
	m, sum := mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	return math.Sqrt(sum / float64(len(x)-1) / float64(len(x)))
}

func headsFigure(all []experiment.Done[networkConfig, headsResult]) (figure.Figure, error) {
	loss := figure.Panel{Kind: figure.Lines, Title: "loss by heads",
		X: figure.Axis{Label: "heads H"}, Y: figure.Axis{Label: "loss summed over coordinates"}}
	removed := figure.Panel{Kind: figure.Lines, Title: "what the loss rises by without a head",
		X: figure.Axis{Label: "head, the most needed first"},
		Y: figure.Axis{Label: "rise of the loss", Log: true}}
	rank := figure.Panel{Kind: figure.Lines, Title: "effective rank of the heads",
		X: figure.Axis{Label: "heads H"}, Y: figure.Axis{Label: "effective rank"}}
	bySequence, ranks, losses := map[int][]float64{}, map[int][]float64{}, map[int][]float64{}
	d, most := all[0].Config.D, 0
	for _, t := range all {
		h := t.Config.Heads
		most = max(most, h)
		bySequence[h], ranks[h] = append(bySequence[h], t.Found.Loss...), append(ranks[h],
			t.Found.EffectiveRank)
		losses[h] = append(losses[h], mean(t.Found.Loss))
		if t.Config.Seed == all[0].Config.Seed && len(t.Found.Removed) > 1 {
			removed.Series = append(removed.Series,
				figure.NewSeries(t.Config.Label, figure.Solid, figure.Positions(h),
					t.Found.Removed))
		}
	}
	var x, y, low, high, effective, diagonal, constructed []float64
	for h := 1; h <= most; h++ {
		diagonal, constructed = append(diagonal, float64(max(0, d-2*h))), append(constructed,
			float64(max(0, d-h)))
		if bySequence[h] == nil {
			continue
		}
		i, err := headsInterval(losses[h], bySequence[h], h)
		if err != nil {
			return figure.Figure{}, err
		}
		x, y, low, high = append(x, float64(h)), append(y, mean(bySequence[h])), append(low,
			i.Low), append(high, i.High)
		effective = append(effective, mean(ranks[h]))
	}
	counts := figure.Positions(most)
	loss.Series = []figure.Series{figure.NewSeries("trained", figure.Points, x, y).Between(low,
		high),
		figure.NewSeries("constructed, d - H", figure.Dashed, counts, constructed),
		figure.NewSeries("diagonal layer, max(0, d - 2H)", figure.Dashed, counts, diagonal)}
	rank.Series = []figure.Series{figure.NewSeries("trained", figure.Points, x, effective),
		figure.NewSeries("as many as there are heads", figure.Dashed, counts, counts)}
	return figure.Figure{Title: "Heads of the whole Transformer on rotations", Columns: 3,
		Panels: []figure.Panel{loss, removed, rank},
		Caption: "Loss on contexts from T = 2 on, with 95 % intervals over seeds where there are " +
			"several, else over test sequences; what removing one head costs, of the first seed; how " +
			"many heads differ."}, nil
}

// headsInterval is that of the mean loss over seeds or, of one seed, over
// sequences.
func headsInterval(seeds, sequences []float64, h int) (estimator.Interval, error) {
	if len(seeds) > 1 {
		return estimator.StudentInterval(seeds, 0.95)
	}
	return estimator.Bootstrap(sequences, 0.95, 1000, ar.Rand(1, "bootstrap/heads", uint64(h)))
}
