package sander2024

import (
	"fmt"
	"time"

	"icar/experiment"
	"icar/figure"
	"icar/outcome"
	"icar/train"
)

// fig5 trains the linear Transformer on augmented tokens of Haar sequences at
// growing depth: at the paper's scale as the authors do, and once more by a descent
// under which deep models do not stay on a plateau.
func fig5() experiment.Experiment {
	return experiment.Define(experiment.Spec[networkConfig, networkResult]{
		Name: "fig5", Source: "Fig. 5",
		Summary: "linear Transformers on augmented tokens of non-commuting contexts: what each layer " +
			"adds, what layer norm adds",
		Quick: 4 * time.Second, Paper: 40 * time.Minute,
		Trials: func(scale outcome.Scale, seed uint64) []networkConfig {
			deepest := 3
			if scale == outcome.Paper {
				deepest = 6
			}
			var variants []networkVariant
			for depth := deepest; depth >= 1; depth-- { // the longest first
				variants = append(variants, networkVariant{depthLabel(depth),
					func(c *train.Config) { c.Depth = depth }})
			}
			if scale == outcome.Paper {
				for depth := deepest; depth >= 1; depth-- {
					variants = append(variants,
						networkVariant{wellTrained(depth), func(c *train.Config) {
							c.Depth = depth
							trainWell(c)
						}})
				}
			}
			variants = append(variants, networkVariant{noNorm,
				func(c *train.Config) { c.Norm = false }})
			base := augmentedSetting(scale)
			if scale == outcome.Quick {
				base.Test = 1024
			}
			return networkTrials(scale, base, seed, comparedSeeds, variants)
		},
		Train: runNetwork, Collect: collectFig5,
	})
}

// comparedSeeds are the training runs of each kind of model where kinds are
// compared.
const comparedSeeds = 5

// scatteredSeeds are those of small models that differ more from run to run: with
// eight for five the interval of their mean is half as wide.
const scatteredSeeds = 8

const noNorm = "L = 1, no norm"

func depthLabel(depth int) string  { return fmt.Sprintf("L = %d", depth) }
func wellTrained(depth int) string { return fmt.Sprintf("L = %d, warm-up and clipping", depth) }

func collectFig5(all []experiment.Done[networkConfig, networkResult]) (experiment.Findings, error) {
	networks, err := pair(all)
	if err != nil {
		return experiment.Findings{}, err
	}
	var found experiment.Findings
	found.Data, err = networkTables(networks, []string{"model", "depth", "norm"},
		func(c networkConfig) []any {
			return []any{c.Label, c.Depth, c.Norm}
		})
	if err != nil {
		return experiment.Findings{}, err
	}
	deepest := 0
	for _, n := range networks {
		deepest = max(deepest, n.Config.Depth)
	}
	panel := figure.Panel{Kind: figure.Lines, Title: "test error by depth",
		X: figure.Axis{Label: "layers L"}, Y: figure.Axis{Label: "MSE", Log: true}}
	for _, way := range []struct {
		name  string
		label func(int) string
	}{{"Transformer", depthLabel}, {"warm-up and clipping", wellTrained}} {
		var depths []float64
		var labels []string
		for depth := 1; depth <= deepest; depth++ {
			if has(networks, way.label(depth)) {
				depths, labels = append(depths, float64(depth)), append(labels, way.label(depth))
			}
		}
		if len(labels) == 0 {
			continue
		}
		models, err := spreadPoints(networks, way.name, depths, labels)
		if err != nil {
			return experiment.Findings{}, err
		}
		panel.Series = append(panel.Series, models)
	}
	panel.Series = append(panel.Series, horizontal(networks, 1, float64(deepest))...)
	curves, err := curvePanels(networks)
	if err != nil {
		return experiment.Findings{}, err
	}
	found.Figures = []figure.Figure{{Title: "Augmented tokens, non-commuting contexts (Fig. 5)",
		Columns: 3, Panels: append([]figure.Panel{panel}, curves...),
		Caption: "Test error by depth, by position, and the training loss. Dashed: what the " +
			"classical estimators do on the same sequences. " + intervalCaption}}
	found.Claims, err = fig5Claims(networks, deepest)
	return found, err
}

// fig5Claims hold depth against one layer, and layers against linear ones. Where
// deep models are trained well the claims are of those.
func fig5Claims(networks []network, deepest int) ([]outcome.Claim, error) {
	claims := leakClaims(networks)
	label := depthLabel
	if has(networks, wellTrained(deepest)) {
		label = wellTrained
	}
	add := func(more []outcome.Claim, err error) error {
		claims = append(claims, more...)
		return err
	}
	const third = 3
	err := add(belowBestClaim(networks, "depth", "Fig. 5",
		fmt.Sprintf("depth lowers the test error: L = %d against the best run of L = 1", deepest),
		label(deepest), label(1)))
	if err == nil && deepest > third {
		err = add(lowerClaim(networks, "depth/beyond-3", "ours",
			fmt.Sprintf("with warm-up and clipping depth goes on lowering the test error: L = %d "+
				"against 3", deepest),
			label(deepest), label(third)))
	}
	claims = append(claims, normClaim(networks))
	if has(networks, noNorm) {
		claims = append(claims, positionStepClaim(networks))
	}
	return claims, err
}
