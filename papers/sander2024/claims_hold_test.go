package sander2024

import (
	"context"
	"slices"
	"testing"

	"icar/experiment"
	"icar/internal/needs"
	"icar/outcome"
)

// networks are the experiments that train networks for seconds.
var networks = []string{"fig5", "softmax", "depth", "heads", "gradient-step", "generalise",
	"noise", "fig4"}

// Every claim holds at quick scale, and none is vacuous: each has an edit of data,
// model or computation that makes it fail, which icar/internal/mutate runs.
func TestClaimsHoldAndCanFail(t *testing.T) {
	patterns := editedClaims(t)
	for _, e := range All() {
		t.Run(e.Name, func(t *testing.T) {
			if slices.Contains(networks, e.Name) {
				needs.Patience(t, "it trains networks for seconds")
			}
			t.Parallel()
			o, _, err := experiment.Reproduce(context.Background(), e,
				experiment.Options{Scale: outcome.Quick, Seed: 3}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range o.Claims {
				if !c.Pass {
					t.Errorf("%s: measured %v, predicted %v, tolerance %v", c.ID, c.Measured,
						c.Predicted, c.Tolerance)
				}
				if c.Source == "" || c.Statement == "" || c.Reason == "" {
					t.Errorf("%s lacks a source, statement or reason", c.ID)
				}
			}
			checkCovered(t, o.Claims, patterns)
			checkGolden(t, o)
		})
	}
}
