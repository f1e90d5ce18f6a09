package experiment

import (
	"errors"
	"math"
	"testing"
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
	} {
		claims, err := belowClaim("id", "ours", "a is below b", c.a, bySeed{1: 0, 2: 0, 3: 0})
		if err != nil || len(claims) != 1 {
			t.Fatalf("%v: %v, %v", c.a, claims, err)
		}
		if err := claims[0].judge(); err != nil || claims[0].Pass != c.pass {
			t.Errorf("%v: pass %v, %v, want %v", c.a, claims[0].Pass, err, c.pass)
		}
	}
	if claims, err := belowClaim("id", "ours", "a", bySeed{1: 0}, bySeed{1: 1}); err != nil || claims != nil {
		t.Errorf("one seed makes a claim: %v, %v", claims, err)
	}
}
