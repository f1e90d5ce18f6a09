package train

import (
	"fmt"
	"math"
	"testing"

	"icar/ar"
)

func TestBayesFloorClosedForm(t *testing.T) {
	for _, family := range []ar.Family{ar.Haar, ar.Special} {
		for _, d := range []int{2, 5, 8} {
			c := DefaultConfig()
			c.Family, c.D = family, d
			n, dd := float64(c.Length), float64(d)
			want := (dd + 1) / (2 * n * dd)
			if family == ar.Special {
				want -= 1 / (n * dd * dd)
			}
			if got, ok := BayesFloor(c); !ok || math.Abs(got-want) > 1e-15 {
				t.Errorf("%s, d = %d: %v, want %v", family, d, got, want)
			}
		}
	}
	c := DefaultConfig()
	c.Sigma = 0.1
	if _, ok := BayesFloor(c); ok {
		t.Error("a floor with noise")
	}
	c.Sigma, c.Family, c.D = 0, ar.Rotation, 4
	if _, ok := BayesFloor(c); ok {
		t.Error("a floor for rotations")
	}
}

// What is left of s_T outside the span of the states before it has, over many
// contexts, the norm that the floor counts.
func TestBayesFloorMonteCarlo(t *testing.T) {
	const samples = 20000
	for _, test := range []struct {
		family ar.Family
		d, n   int
		rho    float64
	}{{ar.Haar, 3, 8, 1}, {ar.Haar, 4, 3, 0.9}, {ar.Special, 3, 8, 0.9}} {
		c := DefaultConfig()
		c.Family, c.D, c.Length, c.Rho = test.family, test.d, test.n, test.rho
		r := ar.Rand(7, "floor", 0)
		sum, squares := 0.0, 0.0
		for range samples {
			s, err := ar.Rollout[float64](c.Process, c.Process.Context(r), test.n, r)
			if err != nil {
				t.Fatal(err)
			}
			v := unseen(s, test.d, test.family) * test.rho * test.rho / float64(test.n*test.d)
			sum, squares = sum+v, squares+v*v
		}
		mean := sum / samples
		se := math.Sqrt((squares/samples - mean*mean) / samples)
		floor, _ := BayesFloor(c)
		t.Logf("%s, d = %d, n = %d, ρ = %v: floor %.6f, measured %.6f ± %.6f", test.family, test.d, test.n, test.rho, floor, mean, se)
		if math.Abs(mean-floor) > 4.5*se { // false alarm 7e-6
			t.Errorf("floor %v, measured %v ± %v", floor, mean, se)
		}
	}
}

// unseen returns Σ_T |r_T|², r_T the part of s_T outside the span of s_1 …
// s_{T-1}, by Gram-Schmidt. On SO(d) nothing is unseen from T = d on.
func unseen(s []float64, d int, family ar.Family) float64 {
	var basis [][]float64
	total := 0.0
	for ; len(s) > 0 && len(basis) < d; s = s[d:] {
		if family == ar.Special && len(basis) == d-1 {
			break
		}
		r := append([]float64(nil), s[:d]...)
		for range 2 { // twice is enough
			for _, b := range basis {
				p := dot(r, b)
				for i := range r {
					r[i] -= p * b[i]
				}
			}
		}
		norm := math.Sqrt(dot(r, r))
		total += norm * norm
		for i := range r {
			r[i] /= norm
		}
		basis = append(basis, r)
	}
	return total
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// Zero costs E|s|²/d = 1/d, and copying the last state E|W s - s|²/d = 2/d
// for Haar contexts of mean 0. Both are means over sequences with a standard
// error below 1/√N of that.
func TestBaselinesOfHaar(t *testing.T) {
	for _, tokens := range []ar.Tokens{ar.Plain, ar.Augmented} {
		c := DefaultConfig()
		c.Tokens = tokens
		b, err := TestSet(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		list := Baselines(c, b)
		if len(list) != 3 || list[0].Name != "zero" || list[1].Name != "copy last" || list[2].Name != "Bayes floor" {
			t.Fatalf("%v", list)
		}
		if got := list[0].MSE; math.Abs(got-0.2) > 1e-6 { // |s| = 1 always
			t.Errorf("%s: zero has MSE %v, want 0.2", tokens, got)
		}
		if got := list[1].MSE; math.Abs(got-0.4) > 4.5*0.4/math.Sqrt(1024) {
			t.Errorf("%s: copy last has MSE %v, want 0.4", tokens, got)
		}
		if got := fmt.Sprintf("%.4f", list[2].MSE); got != "0.0120" {
			t.Errorf("%s: the floor is %s", tokens, got)
		}
	}
}
