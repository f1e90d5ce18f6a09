package experiment

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"icar/ar"
	"icar/estimator"
	"icar/probe"
	"icar/train"
)

// d token dimension, H heads, T positions, N sequences

// heads trains the whole Transformer on rotations, whose heads need not be
// diagonal, and holds its loss beside the minimum max(0, d - 2H) of the
// diagonal layer. Its query is the last token s_T, not s_{T-1}, so that the
// diagonal layer is not among what it can do: docs/mathematics.md, The whole
// Transformer on rotations.
func heads() Experiment {
	return define(spec[networkConfig, headsResult]{
		name: "heads", source: "paper, ours",
		summary: "rotations in the whole Transformer: loss by heads beside the diagonal layer's minimum, what it rests on, what surplus heads do",
		quick:   1500 * time.Millisecond, paper: 40 * time.Second,
		trials: headsTrials, train: runHeads, collect: collectHeads,
	})
}

func headsTrials(scale Scale, seed uint64) []networkConfig {
	c := plainSetting(scale)
	c.Process, c.Norm = ar.New(ar.Rotation, 4), false
	c.Length, c.Train, c.Batch, c.Test, c.Epochs, c.LearningRate, c.Schedule = 8, 4096, 64, 1024, 60, 1e-2, train.Cosine
	counts, seeds := []int{6, 4, 3, 2, 1}, 1 // the longest first
	if scale == Paper {
		c.D, c.Length, c.Train, c.Batch, c.Epochs = 6, 16, 8192, 128, 60
		counts, seeds = []int{9, 7, 6, 5, 4, 3, 2, 1}, 3
	}
	c.Embed = c.D
	var variants []networkVariant
	for _, h := range counts {
		variants = append(variants, networkVariant{headCount(h), func(c *train.Config) { c.Heads = h }})
	}
	return modelTrials(scale, c, seed, seeds, variants)
}

func headCount(h int) string { return fmt.Sprintf("H = %d", h) }

// headsResult is a trained model on its test sequences.
type headsResult struct {
	Loss []float64 `json:"loss"` // (N) squared error, summed over coordinates, mean over T = 2 …
	// Unbiased is the error per coordinate without the biases of queries, keys
	// and values, over all T; 1 is what predicting 0 costs. (N)
	Unbiased      []float64 `json:"unbiased"`
	Removed       []float64 `json:"removed"` // (H) how much the loss rises without a head, the largest first
	EffectiveRank float64   `json:"effective_rank"`
}

func runHeads(ctx context.Context, c networkConfig, m Means) (r headsResult, err error) {
	model, squared, err := m.tested(ctx, c)
	if err != nil {
		return r, err
	}
	for n := range c.Test {
		r.Loss = append(r.Loss, float64(c.D)*mean(squared[n*c.Length+1:(n+1)*c.Length])) // of T = 1 nothing is known
	}
	geometry, err := model.Heads()
	if err != nil {
		return r, err
	}
	r.EffectiveRank = geometry[0].EffectiveRank
	s, err := train.Sequences(c.Config, train.TestStream, min(c.Test, 512))
	if err != nil {
		return r, err
	}
	parts, err := model.Ablate(ctx, s)
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
	return r, nil
}

func collectHeads(all []done[networkConfig, headsResult]) (Findings, error) {
	table := Table{Name: "loss", Columns: []string{"heads", "seed", "loss", "diagonal_minimum", "constructed", "effective_rank", "unbiased"}}
	removed := Table{Name: "removed", Columns: []string{"heads", "seed", "head", "rise"}}
	bound, excess, excessError, unbiased, unbiasedError := math.Inf(-1), math.Inf(1), 0.0, math.Inf(1), 0.0
	for _, t := range all {
		d, h, loss := float64(t.Config.D), float64(t.Config.Heads), mean(t.Found.Loss)
		table.Rows = append(table.Rows, []any{t.Config.Heads, t.Config.Seed, loss, max(0, d-2*h), max(0, d-h), t.Found.EffectiveRank, mean(t.Found.Unbiased)})
		for i, rise := range t.Found.Removed {
			removed.Rows = append(removed.Rows, []any{t.Config.Heads, t.Config.Seed, i + 1, rise})
		}
		if u := mean(t.Found.Unbiased); u < unbiased {
			unbiased, unbiasedError = u, standardError(t.Found.Unbiased)
		}
		if h >= d {
			continue
		}
		bound = math.Max(bound, loss-(d-h))
		if above := loss - max(0, d-2*h); above < excess {
			excess, excessError = above, standardError(t.Found.Loss)
		}
	}
	figure, err := headsFigure(all)
	if err != nil {
		return Findings{}, err
	}
	found := Findings{Data: Data{Tables: []Table{table, removed}}, Figures: []Figure{figure}}
	if !math.IsInf(bound, -1) {
		found.Claims = []Claim{
			{ID: "constructed", Source: "ours", Relation: AtMost, Measured: Number(bound), Tolerance: 0.25,
				Statement: "H < d heads reach d - H from T = 2 on, by products of s_2 and s_T with constant values, and training ends there or below: largest loss less d - H",
				Reason:    "exact for the construction; training leaves up to 0.1 of a minimum that is 0, at H ≥ d, and more than twice that is allowed"},
			{ID: "not-diagonal", Source: "ours", Relation: AtLeast, Measured: Number(excess), Tolerance: -5 * excessError,
				Statement: "the whole Transformer, whose query is s_T, stays above the minimum max(0, d - 2H) of the diagonal layer, whose query is s_{T-1}: least excess over H < d",
				Reason:    "five standard errors over the test sequences above 0"},
		}
	}
	found.Claims = append(found.Claims, Claim{ID: "biases", Source: "ours", Relation: AtLeast, Measured: Number(unbiased), Predicted: 1, Tolerance: 5 * unbiasedError,
		Statement: "all that it predicts rests on biases: without those of queries, keys and values it has terms of third order only, which by parity are uncorrelated with s_{T+1}: least error over that of predicting 0",
		Reason:    "five standard errors over the test sequences; exact in the mean over angles"})
	return found, nil
}

// standardError is that of the mean.
func standardError(x []float64) float64 {
	m, sum := mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	return math.Sqrt(sum / float64(len(x)-1) / float64(len(x)))
}

func headsFigure(all []done[networkConfig, headsResult]) (Figure, error) {
	loss := Panel{Kind: Lines, Title: "loss by heads", X: Axis{Label: "heads H"}, Y: Axis{Label: "loss summed over coordinates"}}
	removed := Panel{Kind: Lines, Title: "what the loss rises by without a head", X: Axis{Label: "head, the most needed first"}, Y: Axis{Label: "rise of the loss", Log: true}}
	rank := Panel{Kind: Lines, Title: "effective rank of the heads", X: Axis{Label: "heads H"}, Y: Axis{Label: "effective rank"}}
	bySequence, ranks := map[int][]float64{}, map[int][]float64{}
	d, most := all[0].Config.D, 0
	for _, t := range all {
		h := t.Config.Heads
		most = max(most, h)
		bySequence[h], ranks[h] = append(bySequence[h], t.Found.Loss...), append(ranks[h], t.Found.EffectiveRank)
		if t.Config.Seed == all[0].Config.Seed && len(t.Found.Removed) > 1 {
			removed.Series = append(removed.Series, NewSeries(t.Config.Label, Solid, positions(h), t.Found.Removed))
		}
	}
	var x, y, low, high, effective, diagonal, constructed []float64
	for h := 1; h <= most; h++ {
		diagonal, constructed = append(diagonal, float64(max(0, d-2*h))), append(constructed, float64(max(0, d-h)))
		if bySequence[h] == nil {
			continue
		}
		i, err := estimator.Bootstrap(bySequence[h], 0.95, 1000, ar.Rand(1, "bootstrap/heads", uint64(h)))
		if err != nil {
			return Figure{}, err
		}
		x, y, low, high = append(x, float64(h)), append(y, mean(bySequence[h])), append(low, i.Low), append(high, i.High)
		effective = append(effective, mean(ranks[h]))
	}
	counts := positions(most)
	loss.Series = []Series{NewSeries("trained", Points, x, y).Between(low, high),
		NewSeries("constructed, d - H", Dashed, counts, constructed), NewSeries("diagonal layer, max(0, d - 2H)", Dashed, counts, diagonal)}
	rank.Series = []Series{NewSeries("trained", Points, x, effective), NewSeries("as many as there are heads", Dashed, counts, counts)}
	return Figure{Title: "Heads of the whole Transformer on rotations", Columns: 3, Panels: []Panel{loss, removed, rank},
		Caption: "Loss on contexts from T = 2 on, with 95 % intervals by bootstrap over test sequences; what removing one head costs, of the first seed; how many heads differ."}, nil
}
