package report

import (
	"slices"
	"testing"

	"icar/outcome"
)

func TestDemandHasNoNegativeTolerance(t *testing.T) {
	for _, c := range []struct {
		relation             outcome.Relation
		predicted, tolerance float64
		want                 string
	}{
		{outcome.Equals, 886, 0, "= 886"},
		{outcome.Equals, -1, 0.02, "= -1 ± 0.02"},
		{outcome.AtMost, 2, 0, "≤ 2"},
		{outcome.AtMost, 2, 0.5, "≤ 2 + 0.5"},
		{outcome.AtMost, 2, -0.5, "≤ 2 - 0.5"},
		{outcome.AtLeast, 2, 0.5, "≥ 2 - 0.5"},
		{outcome.AtLeast, 2, -0.5, "≥ 2 + 0.5"},
	} {
		got := Demand(outcome.Claim{Relation: c.relation, Predicted: c.predicted,
			Tolerance: c.tolerance})
		if got != c.want {
			t.Errorf("%s %g, tolerance %g: %q, want %q", c.relation, c.predicted, c.tolerance, got,
				c.want)
		}
	}
}

func TestVerdictCountsThePaperApart(t *testing.T) {
	claims := []outcome.Claim{
		{Source: "ours", Pass: true}, {Source: "Fig. 5", Pass: true}, {Source: "ours"},
		{Source: "paper, unitary", Pass: true}, {Source: "Fu et al. 2024"},
		{Source: "ours", Pass: true},
	}
	got, err := Verdict(claims)
	want := "4 of 6 claims hold: 2 of 2 of the paper, 0 of 1 after other papers, 2 of 3 of our own"
	if err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := Verdict([]outcome.Claim{{Source: "nobody"}}); err == nil {
		t.Error("a claim of nobody is counted")
	}
	if got, err := Verdict(nil); err != nil || got != "0 of 0 claims hold" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestConditionsTellRunsApart(t *testing.T) {
	entry := func(name string, scale outcome.Scale, seed uint64, set ...outcome.Setting) Entry {
		return Entry{Outcome: outcome.Outcome{Name: name, Scale: scale, Seed: seed, Settings: set}}
	}
	d6, heads := outcome.Setting{Key: "d", Value: "6"}, outcome.Setting{Key: "heads", Value: "4"}
	alike := []Entry{entry("a", "quick", 1), entry("b", "quick", 1)}
	if got, want := DescribeConditions(alike), "quick scale, seed 1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	mixed := slices.Concat([]Entry{entry("c", "paper", 1), entry("d", "quick", 1, d6, heads)},
		alike)
	want := "quick scale, seed 1 (a, b); paper scale, seed 1 (c); quick scale, seed 1 with d = 6 " +
		"and heads = 4 (d)"
	if got := DescribeConditions(mixed); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
