package experiment

import (
	"fmt"
	"math"
)

// leakClaim says that no model is below the Bayes floor, at any position. One
// that is has seen what it predicts.
func leakClaim(networks []network) Claim {
	lowest, at := math.Inf(1), ""
	for _, n := range networks {
		for t, gap := range n.Found.Gap {
			if z := gap / max(n.Found.GapError[t], 1e-9); z < lowest {
				lowest, at = z, fmt.Sprintf("%s, position %d", n.Config.Label, t+1)
			}
		}
	}
	return Claim{ID: "no-leak", Source: "ours", Relation: AtLeast, Measured: Number(lowest), Tolerance: 5.5,
		Statement: fmt.Sprintf("no model is below the Bayes predictor at any position: lowest difference in standard errors (%s)", at),
		Reason:    "5.5 standard errors of the paired difference: 1e-4 over up to 5,000 models and positions"}
}

// positionStepClaim says that without norm no layer beats one gradient step with a
// size for each position. The sizes are those that are best on the very test
// sequences, so that the step errs less on them than the best in the population
// does, and the comparison can only be too hard on it.
func positionStepClaim(networks []network) Claim {
	lowest, seed := math.Inf(1), uint64(0)
	for _, n := range networks {
		if n.Config.Label != noNorm {
			continue
		}
		step := n.baseline(positionStepHere).PerSequence
		gap := make([]float64, len(step))
		for i, e := range n.Found.PerSequence {
			gap[i] = e - step[i]
		}
		if z := mean(gap) / standardError(gap); z < lowest {
			lowest, seed = z, n.Config.Seed
		}
	}
	return Claim{ID: "no-norm/position-step", Source: "ours", Relation: AtLeast, Measured: Number(lowest), Tolerance: 4.3,
		Statement: fmt.Sprintf("without norm no layer beats one gradient step with η per position: "+
			"least difference of test errors in standard errors, paired by sequence (seed %d)", seed),
		Reason: "4.3 standard errors: 1e-5 for each of up to ten runs; the η are the best on the test sequences themselves"}
}
