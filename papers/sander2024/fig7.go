package sander2024

import (
	"fmt"
	"math"
	"time"

	"icar/experiment"
	"icar/figure"
	"icar/nn"
	"icar/outcome"
	"icar/train"
)

// fig7 trains the linear Transformer on plain tokens with a growing number of
// heads, whose learnt positions have to find the previous token by themselves.
func fig7() experiment.Experiment {
	return experiment.Define(experiment.Spec[networkConfig, networkResult]{
		Name: "fig7", Source: "Fig. 7",
		Summary: "linear Transformers on plain tokens of non-commuting contexts: what heads and " +
			"width add, and the position",
		Quick: 5 * time.Second, Paper: 51 * time.Minute, // paper from 2 and 4 of its 200 epochs
		Trials: func(scale outcome.Scale, seed uint64) []networkConfig {
			counts, seeds := []int{8, 2, 1}, scatteredSeeds // the longest first
			if scale == outcome.Paper {
				counts, seeds = []int{64, 32, 16, 8, 4, 2, 1}, 3 // an hour and more
			}
			most := counts[0]
			var variants []networkVariant
			for _, heads := range counts {
				for _, width := range []int{2, 1} {
					variants = append(variants,
						networkVariant{headsLabel(heads, width), func(c *train.Config) {
							c.Heads, c.Embed = heads, width*c.D
						}})
				}
			}
			variants = append(variants, networkVariant{noPosition,
				func(c *train.Config) { c.Heads, c.Position = most, nn.NoPosition }})
			return networkTrials(scale, plainSetting(scale), seed, seeds, variants)
		},
		Train: runNetwork, Collect: collectFig7,
	})
}

const noPosition = "no position"

func headsLabel(heads, width int) string { return fmt.Sprintf("H = %d, width %dx", heads, width) }

func collectFig7(all []experiment.Done[networkConfig, networkResult]) (experiment.Findings, error) {
	networks, err := pair(all)
	if err != nil {
		return experiment.Findings{}, err
	}
	var found experiment.Findings
	found.Data, err = networkTables(networks, []string{"heads", "width", "position"},
		func(c networkConfig) []any {
			return []any{c.Heads, c.Embed / c.D, c.Config.Position}
		})
	if err != nil {
		return experiment.Findings{}, err
	}
	panel := figure.Panel{Kind: figure.Lines, Title: "test error by heads",
		X: figure.Axis{Label: "heads H", Log: true}, Y: figure.Axis{Label: "MSE", Log: true}}
	most := 1
	for _, n := range networks {
		most = max(most, n.Config.Heads)
	}
	for _, width := range []int{1, 2} {
		var heads []float64
		var labels []string
		for h := 1; h <= most; h++ {
			if has(networks, headsLabel(h, width)) {
				heads, labels = append(heads, float64(h)), append(labels, headsLabel(h, width))
			}
		}
		models, err := spreadPoints(networks, fmt.Sprintf("width %dx", width), heads, labels)
		if err != nil {
			return experiment.Findings{}, err
		}
		panel.Series = append(panel.Series, models)
	}
	panel.Series = append(panel.Series, horizontal(networks, 1, float64(most))...)
	curves, err := curvePanels(networks)
	if err != nil {
		return experiment.Findings{}, err
	}
	found.Figures = []figure.Figure{{Title: "Plain tokens, non-commuting contexts (Fig. 7)",
		Columns: 3, Panels: append([]figure.Panel{panel}, curves...),
		Caption: "Test error by number of heads, by position, and the training loss. Dashed: what " +
			"the classical estimators do on the same sequences. " + intervalCaption}}
	found.Claims, err = fig7Claims(networks, most)
	return found, err
}

func fig7Claims(networks []network, most int) ([]outcome.Claim, error) {
	claims := leakClaims(networks)
	add := func(more []outcome.Claim, err error) error {
		claims = append(claims, more...)
		return err
	}
	for _, width := range []int{1, 2} {
		if err := add(lowerClaim(networks, fmt.Sprintf("heads/width=%dx", width), "Fig. 7",
			fmt.Sprintf("width %dx: heads lower the test error, H = %d against 1", width, most),
			headsLabel(most, width), headsLabel(1, width))); err != nil {
			return nil, err
		}
	}
	widest := headsLabel(most, 2)
	if err := add(lowerClaim(networks, "position", "ours",
		fmt.Sprintf("plain tokens need the position: H = %d with against without", most), widest,
		noPosition)); err != nil {
		return nil, err
	}
	if has(networks, widest) {
		claims = append(claims, biasesClaim(networks, widest))
	}
	return claims, nil
}

// biasesClaim says that without the biases before the norm the networks of a label
// are no better than predicting 0. Under W → -W, which Haar's law does not notice,
// s_t changes its sign with t. What a head adds up, v_t <k_t, q_T>, is then even in
// each s_t and odd in s_T; a norm without a bias before it is odd, and what comes
// after it adds a constant. So the prediction has the parity of T - 1 up to that
// constant, and s_{T+1} that of T: in the mean they are uncorrelated.
func biasesClaim(networks []network, label string) outcome.Claim {
	lowest, ratio := math.Inf(1), bySeed{}
	for _, n := range networks {
		if n.Config.Label != label {
			continue
		}
		zero := n.baseline(zeroName).PerSequence
		ratio[n.Config.Seed] = mean(n.Found.Unbiased) / mean(zero)
		gap := make([]float64, len(zero))
		for i, e := range n.Found.Unbiased {
			gap[i] = e - zero[i]
		}
		lowest = math.Min(lowest, mean(gap)/standardError(gap))
	}
	return outcome.Claim{ID: "biases", Source: "ours", Relation: outcome.AtLeast,
		Measured: figure.Number(lowest), Tolerance: 4.3,
		Statement: fmt.Sprintf("what plain tokens allow rests on biases: %s without those before its "+
			"norm "+
			"is no better than predicting 0 (mean ratio of errors %.3g): least difference in standard "+
			"errors, paired by sequence",
			label, mean(ratio.values())),
		Reason: "4.3 standard errors: 1e-5 for each of up to ten runs; exact in the mean over W, by " +
			"parity"}
}
