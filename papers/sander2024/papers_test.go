package sander2024

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"icar/experiment"
	"icar/outcome"
)

// Every experiment is listed whole, and each trial at each scale passes its
// own check and has an identity of its own.
func TestAllExperiments(t *testing.T) {
	ids := map[string]bool{}
	for _, e := range All() {
		if e.Name == "" || e.Source == "" || e.Summary == "" || e.Cost[outcome.Quick] <= 0 ||
			e.Cost[outcome.Paper] <= 0 {
			t.Errorf("%q lacks a name, source, summary or cost", e.Name)
		}
		if e.Cost[outcome.Quick] > 5*time.Second {
			t.Errorf("%s: quick costs %v, more than 5 s", e.Name, e.Cost[outcome.Quick])
		}
		for _, scale := range []outcome.Scale{outcome.Quick, outcome.Paper} {
			plan, err := experiment.Plan(e, experiment.Options{Scale: scale, Seed: 1})
			if err != nil || len(plan) != len(e.Trials(scale, 1)) {
				t.Errorf("%s: %d of %d trials at %s scale are distinct and valid: %v", e.Name,
					len(plan), len(e.Trials(scale, 1)), scale, err)
			}
			for _, trial := range plan {
				if scale == outcome.Quick && ids[trial.ID] {
					t.Errorf("%s: trial %s occurs twice", e.Name, trial.ID)
				}
				ids[trial.ID] = true
			}
		}
	}
}

// What a setting is not is said in words, by the kind of its field.
func TestOverrideNamesKinds(t *testing.T) {
	for set, want := range map[outcome.Setting]string{
		{Key: "mu", Value: "wide"}:      "fig6: setting mu=wide is not a number",
		{Key: "replicas", Value: "2.5"}: "is not a whole number in range",
		{Key: "seed", Value: "-1"}:      "is not a whole number in range",
		{Key: "mu", Value: "null"}:      "mu=null is not a number",
		{Key: "tmx", Value: "9"}:        `fig6 has no setting "tmx"`,
	} {
		if _, err := experiment.Plan(fig6(), experiment.Options{Scale: outcome.Quick,
			Set: []outcome.Setting{set}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", set, err, want)
		}
	}
	// A word needs no quotes, and the later of two settings holds.
	plan, err := experiment.Plan(minima(), experiment.Options{Scale: outcome.Quick, Seed: 1,
		Set: []outcome.Setting{{Key: "family", Value: "unitary"}, {Key: "d", Value: "2"},
			{Key: "heads", Value: "1"}, {Key: "heads", Value: "2"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range plan {
		var c minimaConfig
		if err := json.Unmarshal(trial.Config,
			&c); err != nil || c.Family != "unitary" || c.D != 2 || c.Heads != 2 {
			t.Errorf("%+v, %v", c, err)
		}
	}
}
