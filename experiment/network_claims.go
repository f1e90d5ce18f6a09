package experiment

import (
	"fmt"
	"math"

	"icar/ar"
	"icar/estimator"
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

// beatsClaim says that the models chosen by keep beat copying the last token.
func beatsClaim(networks []network, keep func(network) bool) Claim {
	worst, at := math.Inf(-1), ""
	for _, n := range networks {
		if ratio := n.Found.mse() / n.baseline(copyLast).mse(); keep(n) && ratio > worst {
			worst, at = ratio, n.Config.Label
		}
	}
	return Claim{ID: "beats-copy-last", Source: "ours", Relation: AtMost, Measured: Number(worst), Predicted: 1,
		Statement: fmt.Sprintf("every trained model beats copying the last token: largest ratio of test errors (%s)", at),
		Reason:    "exact on the test sequences"}
}

// difference is the paired bootstrap interval of the error of one kind of model
// less that of another, over the test sequences of all seeds, relative to the
// error of the first.
func difference(networks []network, a, b string) (measured float64, interval estimator.Interval, err error) {
	var x, y []float64
	for _, n := range networks {
		switch n.Config.Label {
		case a:
			x = append(x, n.Found.PerSequence...)
		case b:
			y = append(y, n.Found.PerSequence...)
		}
	}
	// 99.98 %, so that one side errs once in 10⁴.
	interval, err = estimator.BootstrapDifference(x, y, 0.9998, 10_001, ar.Rand(1, "bootstrap/"+a+"/"+b, 0))
	scale := mean(y)
	return (mean(x) - scale) / scale, estimator.Interval{Low: interval.Low / scale, High: interval.High / scale}, err
}

// lowerClaim says that models a have a lower error than models b.
func lowerClaim(networks []network, id, source, statement, a, b string) (Claim, error) {
	measured, interval, err := difference(networks, a, b)
	return Claim{ID: id, Source: source, Relation: AtMost, Measured: Number(measured), Tolerance: -(interval.High - measured),
		Statement: statement + ": relative difference of test errors",
		Reason:    "paired bootstrap over test sequences: the upper end of the 99.98 % interval is below 0"}, err
}
