package experiment

import (
	"fmt"
	"time"

	"icar/nn"
	"icar/train"
)

// fig7 trains the linear Transformer on plain tokens with a growing number of
// heads, whose learnt positions have to find the previous token by themselves.
func fig7() Experiment {
	return define(spec[networkConfig, networkResult]{
		name: "fig7", source: "Fig. 7",
		summary: "linear Transformers on plain tokens of non-commuting contexts: what heads and width add, and the position",
		quick:   2 * time.Second, paper: 51 * time.Minute, // paper from 2 and 4 of its 200 epochs
		trials: func(scale Scale, seed uint64) []networkConfig {
			most, seeds := 8, 1
			if scale == Paper {
				most, seeds = 64, 3
			}
			var variants []networkVariant
			for heads := most; heads >= 1; heads /= 2 { // the longest first
				for _, width := range []int{2, 1} {
					variants = append(variants, networkVariant{headsLabel(heads, width), func(c *train.Config) {
						c.Heads, c.Embed = heads, width*c.D
					}})
				}
			}
			variants = append(variants, networkVariant{noPosition, func(c *train.Config) { c.Heads, c.Position = most, nn.NoPosition }})
			return networkTrials(longer(plainSetting(scale), scale), seed, seeds, variants)
		},
		train: runNetwork, collect: collectFig7,
	})
}

const noPosition = "no position"

func headsLabel(heads, width int) string { return fmt.Sprintf("H = %d, width %dx", heads, width) }

func collectFig7(all []done[networkConfig, networkResult]) (Findings, error) {
	networks, err := pair(all)
	if err != nil {
		return Findings{}, err
	}
	var found Findings
	found.Data, err = networkTables(networks, []string{"heads", "width", "position"}, func(c networkConfig) []any {
		return []any{c.Heads, c.Embed / c.D, c.Config.Position}
	})
	if err != nil {
		return Findings{}, err
	}
	panel := Panel{Kind: Lines, Title: "test error by heads", X: Axis{Label: "heads H", Log: true}, Y: Axis{Label: "MSE", Log: true}}
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
			return Findings{}, err
		}
		panel.Series = append(panel.Series, models)
	}
	panel.Series = append(panel.Series, horizontal(networks[0].baselines, 1, float64(most))...)
	found.Figures = []Figure{{Title: "Plain tokens, non-commuting contexts (Fig. 7)", Columns: 3, Panels: append([]Panel{panel}, curvePanels(networks)...),
		Caption: "Test error by number of heads, by position, and the training loss. Dashed: what the classical estimators do on the same sequences. " + intervalCaption}}
	found.Claims, err = fig7Claims(networks, most)
	return found, err
}

func fig7Claims(networks []network, most int) ([]Claim, error) {
	claims := []Claim{leakClaim(networks), beatsClaim(networks, func(n network) bool { return n.Config.Label != noPosition })}
	for _, width := range []int{1, 2} {
		claim, err := lowerClaim(networks, fmt.Sprintf("heads/width=%dx", width), "Fig. 7",
			fmt.Sprintf("width %dx: the error falls with the number of heads, to a knee at H = %d (5 %% above the best): H = %d against 1", width, knee(networks, width), most),
			headsLabel(most, width), headsLabel(1, width))
		if err != nil {
			return nil, err
		}
		claims = append(claims, claim)
	}
	position, err := lowerClaim(networks, "position", "ours",
		fmt.Sprintf("plain tokens need the position: H = %d with against without", most), headsLabel(most, 2), noPosition)
	return append(claims, position), err
}

// knee is the smallest number of heads within 5 % of the best error.
func knee(networks []network, width int) int {
	errors := map[int]float64{}
	for _, n := range networks {
		if n.Config.Label == headsLabel(n.Config.Heads, width) {
			errors[n.Config.Heads] += n.Found.mse() // the same number of seeds for each
		}
	}
	best, at := 0.0, 0
	for _, e := range errors {
		if best == 0 || e < best {
			best = e
		}
	}
	for heads, e := range errors {
		if e <= 1.05*best && (at == 0 || heads < at) {
			at = heads
		}
	}
	return at
}
