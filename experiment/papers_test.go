package experiment

import (
	"encoding/json"
	"strings"
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

// What a setting is not is said in words, by the kind of its field.
func TestOverrideNamesKinds(t *testing.T) {
	for set, want := range map[Setting]string{
		{"mu", "wide"}:      "fig6: setting mu=wide is not a number",
		{"replicas", "2.5"}: "is not a whole number in range",
		{"seed", "-1"}:      "is not a whole number in range",
		{"mu", "null"}:      "mu=null is not a number",
		{"tmx", "9"}:        `fig6 has no setting "tmx"`,
	} {
		if _, err := Plan(fig6(), Options{Scale: Quick, Set: []Setting{set}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", set, err, want)
		}
	}
	// A word needs no quotes, and the later of two settings holds.
	plan, err := Plan(minima(), Options{Scale: Quick, Seed: 1, Set: []Setting{{"family", "unitary"}, {"d", "2"}, {"heads", "1"}, {"heads", "2"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range plan {
		var c minimaConfig
		if err := json.Unmarshal(trial.Config, &c); err != nil || c.Family != "unitary" || c.D != 2 || c.Heads != 2 {
			t.Errorf("%+v, %v", c, err)
		}
	}
}
