package experiment

import (
	"context"
	"encoding/json"
	"math"
	"testing"
)

// Every claim holds at quick scale, and none is vacuous: whatever follows the
// results fails under some distortion of one of their fields.
func TestClaimsHoldAndCanFail(t *testing.T) {
	for _, e := range All() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			o, _, err := Reproduce(context.Background(), e, Options{Scale: Quick, Seed: 3}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range o.Claims {
				if !c.Pass {
					t.Errorf("%s: measured %v, predicted %v, tolerance %v", c.ID, c.Measured, c.Predicted, c.Tolerance)
				}
				if c.Source == "" || c.Statement == "" || c.Reason == "" {
					t.Errorf("%s lacks a source, statement or reason", c.ID)
				}
			}
			checkCanFail(t, e, o)
		})
	}
}

func checkCanFail(t *testing.T, e Experiment, o Outcome) {
	t.Helper()
	before, moved, failed := map[string]Claim{}, map[string]bool{}, map[string]bool{}
	for _, c := range o.Claims {
		if _, twice := before[c.ID]; twice {
			t.Errorf("%s occurs twice", c.ID)
		}
		before[c.ID] = c
	}
	distortions := []func(trial int, x float64) float64{
		func(_ int, x float64) float64 { return -x - 0.1 }, // first: the end of an interval fails a claim by its sign
		func(_ int, x float64) float64 { return 1.5*x + 0.3 },
		func(int, float64) float64 { return 1e6 },
		func(i int, x float64) float64 { return x * math.Pow(100, float64(i)) }, // upsets the order of trials
		func(i int, x float64) float64 { return x / math.Pow(100, float64(i)) },
	}
	for field := range fields(t, o.Results) {
		for _, f := range distortions {
			found, err := e.Collect(distort(t, o.Results, field, f))
			if err != nil {
				continue // refusing it is as good
			}
			follows := false
			for _, c := range found.Claims {
				changed := !same(c.Measured, before[c.ID].Measured)
				moved[c.ID] = moved[c.ID] || changed
				failed[c.ID] = failed[c.ID] || !c.Pass
				follows = follows || changed || !c.Pass
			}
			if !follows {
				break // for figures and tables only
			}
		}
	}
	if len(moved) == 0 {
		t.Error("no claim follows the results")
	}
	for id := range moved {
		if moved[id] && !failed[id] {
			t.Errorf("%s follows the results but never fails", id)
		}
	}
}

// fields are the names that the results of an experiment have in common use.
func fields(t *testing.T, results []Result) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, r := range results {
		var found map[string]any
		if err := json.Unmarshal(r.Found, &found); err != nil {
			t.Fatal(err)
		}
		for name := range found {
			names[name] = true
		}
	}
	return names
}

func same(a, b Number) bool {
	return a == b || math.IsNaN(a.Float()) && math.IsNaN(b.Float())
}

// distort applies f to every number in one field of what was found.
func distort(t *testing.T, results []Result, field string, f func(trial int, x float64) float64) []Result {
	t.Helper()
	distorted := make([]Result, len(results))
	for i, r := range results {
		var found map[string]any
		if err := json.Unmarshal(r.Found, &found); err != nil {
			t.Fatal(err)
		}
		if v, ok := found[field]; ok {
			found[field] = walk(v, func(x float64) float64 { return f(i, x) })
		}
		data, err := json.Marshal(found)
		if err != nil {
			t.Fatal(err)
		}
		distorted[i] = Result{r.Trial, data}
	}
	return distorted
}

func walk(v any, f func(float64) float64) any {
	switch v := v.(type) {
	case float64:
		if v == math.Trunc(v) && math.Abs(v) >= 2 {
			return math.Round(f(v)) // a count stays a whole number
		}
		return f(v)
	case []any:
		for i := range v {
			v[i] = walk(v[i], f)
		}
	case map[string]any:
		for k := range v {
			v[k] = walk(v[k], f)
		}
	}
	return v
}
