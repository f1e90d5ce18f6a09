package report

import (
	"math"
	"strings"
	"testing"

	"icar/figure"
	"icar/outcome"

	"pgregory.net/rapid"
)

// The scale of a bar runs 0.12 of what is on it beyond both ends: of 0.7 to 1 from 0.664 to
// 1.036, on 240 units, of which a unit is 0.372/240.
func TestBarPositions(t *testing.T) {
	c := outcome.Claim{Relation: outcome.AtMost, Measured: 0.9, Predicted: 1, Pass: true,
		Interval: outcome.Interval{Low: 0.7, Mean: 0.8, High: 0.9}}
	b, drawn := barOf(c)
	if !drawn || b.allowed != -1 {
		t.Fatalf("%+v, %v", b, drawn)
	}
	for v, want := range map[float64]float64{0.664: 0, 0.7: 23.226, 0.8: 87.742, 1: 216.774,
		1.036: 240} {
		if got := b.at(v); math.Abs(got-want) > 0.001 {
			t.Errorf("%g stands at %g, want %g", v, got, want)
		}
	}
	svg := string(drawBar(c))
	for _, want := range []string{`class="allowed" d="M0 22H216.8"`, `class="limit" d="M216.8 `,
		`class="range" d="M23.2 11H152.3`, `cx="87.7"`,
		`aria-label="Holds: mean 0.8, between 0.7 and 0.9; at most 1 is claimed"`} {
		if !strings.Contains(svg, want) {
			t.Errorf("the bar lacks %s: %s", want, svg)
		}
	}
	c.Relation = outcome.AtLeast
	if svg := string(drawBar(c)); !strings.Contains(svg, `class="allowed" d="M216.8 22H240"`) {
		t.Errorf("allowed is not what is above: %s", svg)
	}
}

func TestBarSaysTheSameInWords(t *testing.T) {
	for want, c := range map[string]outcome.Claim{
		"measured 886; 886 is predicted": {Measured: 886, Predicted: 886, Relation: outcome.Equals},
		"measured 0.99, give or take 0.02; 1 is predicted": {Measured: 0.99, Predicted: 1,
			Tolerance: 0.02, Relation: outcome.Equals},
		"measured 2, give or take 0.5; at most 1 is claimed": {Measured: 2, Predicted: 1,
			Tolerance: 0.5, Relation: outcome.AtMost},
		"measured not finite; at least 1 is claimed": {Measured: figure.Number(math.NaN()),
			Predicted: 1, Relation: outcome.AtLeast},
	} {
		if got := evidence(c); got != want {
			t.Errorf("said as %q, want %q", got, want)
		}
	}
	for _, c := range []outcome.Claim{{Measured: figure.Number(math.Inf(1))},
		{Measured: figure.Number(math.NaN()), Interval: outcome.Interval{High: 1}}} {
		if svg := drawBar(c); svg != "" {
			t.Errorf("what is not finite has the bar %s", svg)
		}
	}
	if svg := string(drawBar(outcome.Claim{Measured: 2, Predicted: 1})); !strings.Contains(svg,
		`aria-label="Fails: measured 2; 1 is predicted"`) {
		t.Errorf("a claim that fails has the bar %s", svg)
	}
}

// What the bar shows is the verdict: a claim without an interval of its own holds where the
// measured interval reaches the line, or the side of it that is allowed.
func TestBarShowsTheVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.IntRange(-8, 8) // in which sums are exact
		c := outcome.Claim{Measured: figure.Number(number.Draw(t, "measured")),
			Predicted: float64(number.Draw(t, "predicted")),
			Tolerance: float64(rapid.IntRange(0, 8).Draw(t, "tolerance")),
			Relation: rapid.SampledFrom([]outcome.Relation{outcome.Equals, outcome.AtMost,
				outcome.AtLeast}).Draw(t, "relation")}
		if err := c.Judge(); err != nil {
			t.Fatal(err)
		}
		b, drawn := barOf(c)
		if !drawn {
			t.Fatal("no bar")
		}
		shown := map[int]bool{0: b.low <= b.limit && b.limit <= b.high, -1: b.low <= b.limit,
			1: b.high >= b.limit}[b.allowed]
		if shown != c.Pass || b.from >= b.low || b.to <= b.high {
			t.Fatalf("%+v shows %v", b, shown)
		}
	})
}
