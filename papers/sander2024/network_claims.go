package sander2024

import (
	"fmt"
	"math"

	"icar/ar"
	"icar/figure"
	"icar/outcome"
)

// leakClaims say that no model is below the Bayes floor, at any position. One that is has
// seen what it predicts. The floor is least squares, which is the Bayes predictor of Haar
// contexts only: of others, which --set can ask for, nothing is claimed.
func leakClaims(networks []network) []outcome.Claim {
	lowest, at := math.Inf(1), ""
	for _, n := range networks {
		if n.Config.Family != ar.Haar {
			return nil
		}
		for t, gap := range n.Found.Gap {
			if z := gap / max(n.Found.GapError[t], 1e-9); z < lowest {
				lowest, at = z, fmt.Sprintf("%s, position %d", n.Config.Label, t+1)
			}
		}
	}
	return []outcome.Claim{{ID: "no-leak", Source: "ours", Relation: outcome.AtLeast,
		Measured: figure.Number(lowest),
		Statement: fmt.Sprintf("no model is below the Bayes predictor at any position: "+
			"lowest difference in standard errors (%s)", at), Tolerance: 5.5,
		Reason: "5.5 standard errors of the paired difference: 1e-4 over up to 5,000 models and " +
			"positions"}}
}

// normClaim says that some layer with norm beats one gradient step with a size for
// each position, which none that is trained without does. It is of the best run: one that exists is
// what is claimed, whatever becomes of others, and the unit is the sequence. The sizes are
// those that are best on the very test sequences, which is hard on the layer.
func normClaim(networks []network) outcome.Claim {
	lowest, ratio := math.Inf(1), math.Inf(1)
	for _, n := range networks {
		if n.Config.Label == depthLabel(1) {
			lowest = math.Min(lowest, n.over(positionStepHere))
			ratio = math.Min(ratio, n.Found.mse()/n.baseline(positionStepHere).mse())
		}
	}
	return outcome.Claim{ID: "norm", Source: "ours", Relation: outcome.AtMost,
		Measured: figure.Number(lowest), Predicted: -4.3,
		Statement: fmt.Sprintf("layer norm lets one layer do better than one gradient step with η "+
			"per position, "+
			"which no layer trained without beats: the best run against the step (ratio of test errors "+
			"%.3g), difference in standard errors, paired by sequence", ratio),
		Reason: "4.3 standard errors: 1e-5 for each of up to ten runs, of which the best is taken"}
}

// over is by how many standard errors the network errs more than a baseline, paired by
// sequence.
func (n network) over(name string) float64 {
	step := n.baseline(name).PerSequence
	gap := make([]float64, len(step))
	for i, e := range n.Found.PerSequence {
		gap[i] = e - step[i]
	}
	return mean(gap) / standardError(gap)
}

// positionStepClaim says that without norm no layer beats one gradient step with a
// size for each position. The sizes are fitted on training sequences, as the layer is:
// those that are best on the test sequences would make the step look better there than
// it is, and the claim easier.
func positionStepClaim(networks []network) outcome.Claim {
	lowest, seed := math.Inf(1), uint64(0)
	for _, n := range networks {
		if n.Config.Label != noNorm {
			continue
		}
		if z := n.over(positionStep); z < lowest {
			lowest, seed = z, n.Config.Seed
		}
	}
	return outcome.Claim{ID: "no-norm/position-step", Source: "ours", Relation: outcome.AtLeast,
		Measured: figure.Number(lowest), Tolerance: 4.3,
		Statement: fmt.Sprintf("without norm no layer beats one gradient step with η per position: "+
			"least difference of test errors in standard errors, paired by sequence (seed %d)",
			seed),
		Reason: "4.3 standard errors: 1e-5 for each of up to ten runs"}
}
