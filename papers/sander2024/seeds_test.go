package sander2024

import (
	"errors"
	"math"
	"testing"

	"icar/figure"
	"icar/outcome"
)

// Of differences -1, -2, -3 the mean is -2, the deviation 1, and Student's
// quantile of two degrees of freedom is that of its closed form,
// (2p - 1)/√(2p(1 - p)).
func TestSeedDifferenceIsPaired(t *testing.T) {
	a := bySeed{3: 10, 4: 20, 8: 300}
	b := bySeed{8: 302, 3: 13, 4: 21} // apart by 3, 1, 2
	for _, level := range []float64{0.95, seedLevel} {
		p := (1 + level) / 2
		half := (2*p - 1) / math.Sqrt(2*p*(1-p)) / math.Sqrt(3)
		m, i, err := seedDifference(a, b, level)
		if err != nil || math.Abs(m+2) > 1e-12 ||
			math.Abs(i.Low-(-2-half)) > 1e-6*half || math.Abs(i.High-(-2+half)) > 1e-6*half {
			t.Errorf("level %v: %v, %v, %v, want -2 ± %v", level, m, i, err, half)
		}
	}
}

func TestSeedDifferenceRefuses(t *testing.T) {
	if _, _, err := seedDifference(bySeed{1: 1, 2: 2}, bySeed{1: 1, 3: 2}, 0.95); err == nil ||
		errors.Is(err, errFewSeeds) {
		t.Errorf("models of other seeds were paired: %v", err)
	}
	if _, _, err := seedDifference(bySeed{1: 1}, bySeed{1: 2}, 0.95); !errors.Is(err, errFewSeeds) {
		t.Errorf("one seed has an interval: %v", err)
	}
}

// Differences of -1 ± s over n seeds have the sign of the mean where 1 is more
// than the quantile times s/√n, and no sign in the other direction.
func TestBelowClaimNeedsTheSignOfEverySeedsMean(t *testing.T) {
	for _, c := range []struct {
		a    bySeed
		pass bool
	}{
		{bySeed{1: -1.01, 2: -0.99, 3: -1}, true}, // 0.01·22.3/√3 = 0.13
		{bySeed{1: -1.1, 2: -0.9, 3: -1}, false},
		{bySeed{1: 1.01, 2: 0.99, 3: 1}, false},
		{bySeed{1: 0, 2: 0, 3: 0}, false}, // the same model twice
	} {
		claims, err := belowClaim("id", "ours", "a is below b", c.a, bySeed{1: 0, 2: 0, 3: 0})
		if err != nil || len(claims) != 1 {
			t.Fatalf("%v: %v, %v", c.a, claims, err)
		}
		if err := claims[0].Judge(); err != nil || claims[0].Pass != c.pass {
			t.Errorf("%v: pass %v, %v, want %v", c.a, claims[0].Pass, err, c.pass)
		}
		if i := claims[0].Interval; i.High != claims[0].Measured && i.High != 0 ||
			i.Mean != figure.Number(mean(c.a.values())) {
			t.Errorf("%v: the claim measures %v of the interval %v", c.a, claims[0].Measured, i)
		}
	}
	if claims, err := belowClaim("id", "ours", "a", bySeed{1: 0}, bySeed{1: 1}); err != nil ||
		claims != nil {
		t.Errorf("one seed makes a claim: %v, %v", claims, err)
	}
}

// Of two kinds the claim follows the one that is nearest to 0 or beyond, in
// either direction: with means of 2 and 3, deviations of 0.01 and 0.03 and two
// seeds the ends are 2 - h and 3 - 3h with h = 0.01·tan(π(p - 1/2))/√2.
func TestBoundsClaimFollowsTheWorstKind(t *testing.T) {
	h := 0.01 * math.Tan(math.Pi*seedLevel/2) / math.Sqrt2 // Cauchy's quantile at (1 + level)/2
	at := func(mean, deviation float64) bySeed {
		return bySeed{1: mean - deviation/math.Sqrt2, 2: mean + deviation/math.Sqrt2}
	}
	for _, c := range []struct {
		relation outcome.Relation
		sign     float64
	}{{outcome.AtLeast, 1}, {outcome.AtMost, -1}} {
		kinds := map[int]bySeed{1: at(c.sign*2, 0.01), 2: at(c.sign*3, 0.03)}
		claims, err := boundsClaim(outcome.Claim{Relation: c.relation}, kinds)
		if err != nil || len(claims) != 1 {
			t.Fatalf("%v, %v", claims, err)
		}
		want := c.sign * min(2-h, 3-3*h)
		if got := claims[0].Measured.Float(); math.Abs(got-want) > 1e-6*h {
			t.Errorf("%s: %v, want %v", c.relation, got, want)
		}
		worst := c.sign * 2 // its interval is that of the kind whose end counts
		if 3-3*h < 2-h {
			worst = c.sign * 3
		}
		i := claims[0].Interval
		checkInterval(t, i, worst-math.Abs(worst-want), worst, worst+math.Abs(worst-want), 1e-6*h)
	}
}
