package experiment

import (
	"fmt"
	"math"
	"time"

	"icar/train"
)

// fig5 trains the linear Transformer on augmented tokens of Haar sequences at
// growing depth.
func fig5() Experiment {
	return define(spec[networkConfig, networkResult]{
		name: "fig5", source: "Fig. 5",
		summary: "linear Transformers on augmented tokens of non-commuting contexts: what each layer adds, what layer norm adds",
		quick:   2300 * time.Millisecond, paper: 18 * time.Minute, // paper from 2 and 4 of its 200 epochs
		trials: func(scale Scale, seed uint64) []networkConfig {
			deepest, seeds := 3, 1
			if scale == Paper {
				deepest, seeds = 6, 3
			}
			var variants []networkVariant
			for depth := deepest; depth >= 1; depth-- { // the longest first
				variants = append(variants, networkVariant{depthLabel(depth), func(c *train.Config) { c.Depth = depth }})
			}
			variants = append(variants, networkVariant{noNorm, func(c *train.Config) { c.Norm = false }})
			base := augmentedSetting(scale)
			if scale == Quick {
				base.Epochs, base.Test = 32, 1024 // a second layer takes longer to pay
			}
			return networkTrials(base, seed, seeds, variants)
		},
		train: runNetwork, collect: collectFig5,
	})
}

const noNorm = "L = 1, no norm"

func depthLabel(depth int) string { return fmt.Sprintf("L = %d", depth) }

func collectFig5(all []done[networkConfig, networkResult]) (Findings, error) {
	networks, err := pair(all)
	if err != nil {
		return Findings{}, err
	}
	var found Findings
	found.Data, err = networkTables(networks, []string{"depth", "norm"}, func(c networkConfig) []any { return []any{c.Depth, c.Norm} })
	if err != nil {
		return Findings{}, err
	}
	deepest := 0
	for _, n := range networks {
		deepest = max(deepest, n.Config.Depth)
	}
	var depths []float64
	var labels []string
	for depth := 1; depth <= deepest; depth++ {
		if has(networks, depthLabel(depth)) {
			depths, labels = append(depths, float64(depth)), append(labels, depthLabel(depth))
		}
	}
	models, err := spreadPoints(networks, "Transformer", depths, labels)
	if err != nil {
		return Findings{}, err
	}
	panel := Panel{Kind: Lines, Title: "test error by depth", X: Axis{Label: "layers L"}, Y: Axis{Label: "MSE", Log: true},
		Series: append([]Series{models}, horizontal(networks[0].baselines, 1, float64(deepest))...)}
	found.Figures = []Figure{{Title: "Augmented tokens, non-commuting contexts (Fig. 5)", Columns: 3, Panels: append([]Panel{panel}, curvePanels(networks)...),
		Caption: "Test error by depth, by position, and the training loss. Dashed: what the classical estimators do on the same sequences. " + intervalCaption}}
	found.Claims, err = fig5Claims(networks, deepest)
	return found, err
}

func fig5Claims(networks []network, deepest int) ([]Claim, error) {
	claims := []Claim{leakClaim(networks), beatsClaim(networks, func(network) bool { return true })}
	// How many layers in a row each lower the error for sure.
	lowering := 1
	for depth := 2; depth <= deepest; depth++ {
		_, interval, err := difference(networks, depthLabel(depth), depthLabel(depth-1))
		if err != nil {
			return nil, err
		}
		if interval.High >= 0 {
			break
		}
		lowering = depth
	}
	depth, err := lowerClaim(networks, "depth", "Fig. 5",
		fmt.Sprintf("depth lowers the test error, layer by layer up to L = %d here: L = %d against 1", lowering, deepest), depthLabel(deepest), depthLabel(1))
	if err != nil {
		return nil, err
	}
	claims = append(claims, depth)
	norm, err := lowerClaim(networks, "norm", "ours", "layer norm lets one layer do better than any linear layer: L = 1 with against without", depthLabel(1), noNorm)
	if err != nil {
		return nil, err
	}
	dense, position := math.Inf(1), math.Inf(1)
	paper := false
	for _, n := range networks {
		if n.Config.Label == noNorm {
			dense = min(dense, n.Found.mse()/n.baseline(denseLayer).mse())
			position = min(position, n.Found.mse()/n.baseline(positionStep).mse())
			paper = n.Config.D == 5
		}
	}
	claims = append(claims, norm, Claim{ID: "no-norm/position-step", Source: "ours", Relation: AtLeast, Measured: Number(position), Predicted: 1, Tolerance: 0.02,
		Statement: "without norm no layer beats one gradient step with η per position: least ratio of test errors",
		Reason:    "the error of η fitted on 2048 sequences or fewer"})
	if paper { // at quick scale one training in eight is still on its first plateau
		claims = append(claims, Claim{ID: "no-norm/dense", Source: "ours", Relation: AtMost, Measured: Number(dense), Predicted: 1, Tolerance: 0.05,
			Statement: "one layer without norm finds the best dense one-head linear layer, or with its skip and biases a better one: ratio of test errors of the best seed",
			Reason:    "a twentieth for what training leaves"})
	}
	return claims, nil
}
