package experiment

import (
	"testing"
	"time"
)

// Every experiment is listed whole, and each trial at each scale passes its
// own check and has an identity of its own.
func TestAllExperiments(t *testing.T) {
	ids := map[string]bool{}
	for _, e := range All() {
		if e.Name == "" || e.Source == "" || e.Summary == "" || e.Cost[Quick] <= 0 || e.Cost[Paper] <= 0 {
			t.Errorf("%q lacks a name, source, summary or cost", e.Name)
		}
		if e.Cost[Quick] > 5*time.Second {
			t.Errorf("%s: quick costs %v, more than 5 s", e.Name, e.Cost[Quick])
		}
		for _, scale := range []Scale{Quick, Paper} {
			plan, err := Plan(e, Options{Scale: scale, Seed: 1})
			if err != nil || len(plan) != len(e.Trials(scale, 1)) {
				t.Errorf("%s: %d of %d trials at %s scale are distinct and valid: %v", e.Name, len(plan), len(e.Trials(scale, 1)), scale, err)
			}
			for _, trial := range plan {
				if scale == Quick && ids[trial.ID] {
					t.Errorf("%s: trial %s occurs twice", e.Name, trial.ID)
				}
				ids[trial.ID] = true
			}
		}
	}
}
