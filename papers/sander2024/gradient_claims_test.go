package sander2024

import (
	"math"
	"strings"
	"testing"

	"icar/ar"
	"icar/experiment"
	"icar/outcome"
)

// Four runs have differences of cosines 1, 2, 3, 4 and one, which errs more than one
// gradient step, -100: it is counted and left out. With two such of five all are used.
func TestNormedStepClaimLeavesOutWhatHasNotLearnt(t *testing.T) {
	runs := func(worse int) []experiment.Done[gradientConfig, gradientResult] {
		var all []experiment.Done[gradientConfig, gradientResult]
		for s := range 5 {
			var c gradientConfig
			c.Model, c.Process, c.Seed = normedLayer, ar.New(ar.Haar, 4), uint64(s)
			r := layerResult{MSE: 0.7, StepMSE: 0.8, CosineNorm: float64(s) + 5, Cosine: 5}
			if s < worse {
				r.MSE, r.CosineNorm = 0.8, -95
			}
			all = append(all, experiment.Done[gradientConfig, gradientResult]{Config: c,
				Found: gradientResult{Layer: r}})
		}
		return all
	}
	norm := func(worse int) outcome.Claim {
		claims, err := gradientClaims(runs(worse))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range claims {
			if c.ID == "norm" {
				return c
			}
		}
		t.Fatalf("%d worse runs: no claim", worse)
		return outcome.Claim{}
	}
	// Of 1, 2, 3, 4 the mean is 2.5, the deviation √(5/3), and t of three degrees at
	// 99.8 % is 10.2145.
	c := norm(1)
	near(t, "lower end", c.Measured.Float(), 2.5-10.2145*math.Sqrt(5./3)/2, 1e-3)
	if !strings.Contains(c.Statement, "1 run left out") ||
		!strings.Contains(c.Statement, "over 4 seeds") {
		t.Errorf("the claim says %s", c.Statement)
	}
	if c := norm(0); strings.Contains(c.Statement, "left out") ||
		!strings.Contains(c.Statement, "over 5 seeds") {
		t.Errorf("of five good runs: %s", c.Statement)
	}
	if c := norm(2); strings.Contains(c.Statement, "left out") || c.Measured > -100 {
		t.Errorf("two of five have not learnt: %v, %s", c.Measured, c.Statement)
	}
}
