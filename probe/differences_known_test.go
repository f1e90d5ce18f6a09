package probe

import (
	"math"
	"slices"
	"testing"

	"icar/ar"
)

// still are N sequences of T+1 states of d coordinates, given one after the other.
func still(n, t, d int, states ...float64) ar.Batch[float64] {
	for i := len(states); i < n*(t+1)*d; i++ {
		states = append(states, 2-4*float64(i%2)) // ± 2
	}
	return ar.Batch[float64]{N: n, T: t, D: d, States: states, Contexts: make([]ar.Context, n)}
}

// pointwise is a model that predicts f of s_T in every coordinate.
func pointwise(f func(float64) float64) foreign {
	return foreign{func(s ar.Batch[float64]) (p []float64, _ error) {
		for n := range s.N {
			for t := range s.T {
				for _, x := range state(s, n, t) {
					p = append(p, f(x))
				}
			}
		}
		return p, nil
	}}
}

// Of sin(k s) the difference quotient over h is k cos(k s) (1 - (k h)²/6), so that those
// over h and 2h are k² h²/2 of the derivative apart. Of derivatives that are as 2 : 1 : 1
// the root mean square is √2, the largest error is √2 k² h²/2 and the median half of it.
func TestDifferencesSayHowFarTheyAreOff(t *testing.T) {
	const k = 100
	one, third := 2*math.Pi*16/k, math.Acos(0.5)/k // about 1, where cos(k s) is 1
	var states []float64
	for range 2 {
		states = append(states, one, one+third, one-third, one)
	}
	maps, err := Differences{pointwise(func(x float64) float64 { return math.Sin(k * x) })}.Maps(
		t.Context(), still(2, 3, 1, states...))
	if err != nil {
		t.Fatal(err)
	}
	by := maps.Differences
	h := by.Step.Float()
	most := math.Sqrt2 * k * k * h * h / 2
	if math.Abs(by.Error.Float()/most-1) > 1e-3 || math.Abs(by.Typical.Float()/most-0.5) > 1e-3 {
		t.Errorf("off by %v and %v, want %v and half of it", by.Error, by.Typical, most)
	}
	for _, c := range []struct {
		single bool
		want   float64
	}{{false, 2 * math.Cbrt(3*0x1p-53)}, {true, 2 * math.Cbrt(3*0x1p-24)}} {
		if got := step(still(3, 4, 5).States, c.single); math.Abs(got/c.want-1) > 1e-12 {
			t.Errorf("step %v of states of size 2, want %v", got, c.want)
		}
	}
}

// A model that computes in float32 is asked at what a float32 holds, so that of one
// that predicts what it sees the derivative is exactly 1.
func TestDifferencesOfFloat32LoseNothingOnTheWayIn(t *testing.T) {
	m := float32s{pointwise(func(x float64) float64 { return x })}
	maps, err := Differences{m}.Maps(t.Context(), still(2, 3, 2, 0.1, 0.7, 1.3))
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range maps.Gamma {
		want := 0.0
		if i%4 == 0 || i%4 == 3 {
			want = 1
		}
		if got != want {
			t.Errorf("Γ[%d] = %v, want %v", i, got, want)
		}
	}
	if by := maps.Differences; !by.Single || by.Error != 0 || by.Ahead != 0 {
		t.Errorf("%+v", by)
	}
}

// A sequence that is asked about in several batches has the derivatives of one, and of
// a model that looks ahead in the first sequence alone that is told.
func TestDifferencesInSeveralBatches(t *testing.T) {
	const length, d = 64, 8
	if 2*length*d*(length+1)*d <= asked {
		t.Fatalf("one batch of %d numbers holds all", asked)
	}
	sum := foreign{func(s ar.Batch[float64]) (p []float64, _ error) {
		for n := range s.N {
			for t := range s.T {
				for i, x := range state(s, n, t) {
					p = append(p, float64(i+1)*x+state(s, n, t)[(i+1)%s.D])
				}
			}
		}
		return p, nil
	}}
	maps, err := Differences{sum}.Maps(t.Context(), still(1, length, d))
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float64, d*d)
	for i := range d {
		want[i*d+i], want[i*d+(i+1)%d] = float64(i+1), 1
	}
	for at := range length {
		if got := maps.At(0, at); !near(got, want, 1e-8) {
			t.Fatalf("Γ at %d is %v, want %v", at, got, want)
		}
	}
	peeks := foreign{func(s ar.Batch[float64]) (p []float64, _ error) {
		for n := range s.N {
			for t := range s.T {
				x := state(s, n, t)[0]
				if t+1 < s.T && s.States[n*(s.T+1)] > 50 {
					x += state(s, n, t+1)[0]
				}
				p = append(p, x)
			}
		}
		return p, nil
	}}
	maps, err = Differences{peeks}.Maps(t.Context(), still(2, 3, 1, 100, 1, 1, 1, 2, 1, 1, 1))
	if err != nil || math.Abs(maps.Differences.Ahead.Float()-1) > 1e-6 {
		t.Errorf("by as much as the last state: %+v, %v", maps.Differences, err)
	}
}

// Maps are of as many sequences as half a million steps of an estimator allow, of four
// at least and of 256 at most.
func TestDifferencesOfTheFirstSequences(t *testing.T) {
	copies := pointwise(func(x float64) float64 { return x })
	for _, c := range []struct{ n, length, d, want int }{
		{300, 1, 1, 256}, {60, 100, 1, 50}, {5, 400, 1, 4}, {3, 20, 5, 3},
	} {
		s := still(c.n, c.length, c.d)
		maps, err := Differences{copies}.Maps(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if got := maps.Mapped(); got != c.want || len(maps.Predictions) != c.n*c.length*c.d ||
			slices.ContainsFunc(maps.Predictions, math.IsNaN) {
			t.Errorf("%d of %d sequences of T = %d, d = %d, want %d", got, c.n, c.length, c.d, c.want)
		}
	}
}

// Of a sequence of three positions the second state and the third are moved by 1 either way.
// The first moves the prediction before it by 3 a unit and its own by 5, the other those
// before it by 1 and 2 and its own by 7: 3 is the most that a prediction looks ahead.
func TestQuotientsByHand(t *testing.T) {
	s := ar.Batch[float64]{N: 4, T: 3, D: 1, States: []float64{
		0, -1, 0, 0 /**/, 0, 1, 0, 0 /**/, 0, 0, -1, 0 /**/, 0, 0, 1, 0}}
	answers := []float64{-3, -5, 0 /**/, 3, 5, 0 /**/, -1, -2, -7 /**/, 1, 2, 7}
	gamma := make([]float64, 3)
	if ahead := quotients(gamma, s, answers, 1); ahead != 3 ||
		!slices.Equal(gamma, []float64{0, 5, 7}) {
		t.Errorf("looks ahead by %v, maps %v", ahead, gamma)
	}
}
