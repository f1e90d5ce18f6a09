package probe

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"icar/ar"
	"icar/estimator"
)

// drawn are n sequences of a process of d = 3.
func drawn(t *testing.T, sigma float64, stream string, n int) ar.Batch[float64] {
	t.Helper()
	p := ar.New(ar.Haar, 3)
	p.Sigma = sigma
	sampler, err := ar.NewSampler[float64](p, n, 8, 1, stream)
	if err != nil {
		t.Fatal(err)
	}
	return sampler.Batch(0)
}

// Without noise least squares knows W after d + 1 states, and wins from there on;
// copying the last state is told from it.
func TestLeastSquaresWinsWithoutNoise(t *testing.T) {
	test := drawn(t, 0, "test", 100)
	c, err := Compete(t.Context(), drawn(t, 0, "train", 100), test)
	if err != nil {
		t.Fatal(err)
	}
	last := c.Estimators[len(c.Estimators)-1]
	own, err := estimator.MSE(t.Context(), test, estimator.LeastSquares{})
	if err != nil || last.Name != (estimator.LeastSquares{}).Name() ||
		!near(last.Position, own.PerPosition(), 1e-12) ||
		math.Abs(last.MSE.Value-own.Mean()) > 1e-12 {
		t.Errorf("%+v, want errors %v (%v)", last, own.PerPosition(), err)
	}
	interval, err := estimator.StudentInterval(own.PerSequence(), 0.95)
	if err != nil || last.MSE.Low != interval.Low || last.High[1] <= last.Position[1] ||
		last.Low[1] >= last.Position[1] {
		t.Errorf("intervals %+v about %v, want %v", last, last.Position, interval)
	}
	for t0 := 3; t0 < test.T; t0++ {
		if l := c.Leaders[t0]; l.Best != last.Name && !slices.Contains(l.Tied, last.Name) ||
			slices.Contains(l.Tied, (estimator.CopyLast{}).Name()) {
			t.Errorf("at T = %d: %+v", t0+1, l)
		}
	}
	// Of one state nothing is known: all but those that make something up are tied.
	if l := c.Leaders[0]; !slices.Contains(append(l.Tied, l.Best), (estimator.Zero{}).Name()) ||
		!slices.Contains(append(l.Tied, l.Best), last.Name) {
		t.Errorf("at T = 1: %+v", l)
	}
	if c.Sequences != 100 || c.Fitted != 100 || len(c.Leaders) != 8 {
		t.Errorf("%d sequences, %d fitted on, %d positions", c.Sequences, c.Fitted, len(c.Leaders))
	}
}

// Under noise ridge regression is better than least squares by more than chance, and
// the pages say so.
func TestRidgeWinsUnderNoise(t *testing.T) {
	c, err := Compete(t.Context(), drawn(t, 0.3, "train", 200), drawn(t, 0.3, "test", 300))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(c.Overall.Best, "ridge") || slices.Contains(c.Overall.Tied,
		(estimator.LeastSquares{}).Name()) {
		t.Errorf("overall %+v", c.Overall)
	}
	sections := c.Sections()
	if !strings.Contains(c.Summary(), "Over all positions ridge") ||
		sections[0].Rows[0][0] != c.Overall.Best {
		t.Errorf("%s; %q first", c.Summary(), sections[0].Rows[0])
	}
	if last := sections[1].Rows[len(sections[1].Rows)-1]; last[0] != "8" ||
		last[1] != c.Leaders[7].Best {
		t.Errorf("last position %q, want %+v", last, c.Leaders[7])
	}
	f := c.Figures()
	if series := f[0].Panels[0].Series; len(f) != 1 || len(series) != contestants+1 ||
		len(series[0].Low) != 8 || series[0].Label != c.Overall.Best {
		t.Errorf("%d curves, the first %+v", len(series), series[0])
	}
}

// Of one sequence nothing is fitted, nothing is told apart, and both are said.
func TestContestOverOneSequence(t *testing.T) {
	c, err := Compete(t.Context(), ar.Batch[float64]{}, drawn(t, 0, "test", 1))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Estimators) != 7 || len(c.Overall.Tied) != 6 ||
		!strings.HasPrefix(c.Missing[0], "gradient descent, the normalised step") {
		t.Errorf("%+v", c)
	}
	if !strings.Contains(c.Summary(), "From one sequence nothing can be said") {
		t.Error(c.Summary())
	}
	data, err := json.Marshal(c)
	if err != nil || !strings.Contains(string(data), `"low":null`) {
		t.Errorf("%.300s, %v", data, err)
	}
}

// What is not fitted in many dimensions is named.
func TestContestNamesWhatIsTooWide(t *testing.T) {
	if got := tooWide(preconditionedUpTo); got != nil {
		t.Errorf("up to d = %d: %q", preconditionedUpTo, got)
	}
	if got := tooWide(attentionUpTo + 1); len(got) != 2 ||
		got[1] != "linear attention: it is fitted up to d = 12" {
		t.Errorf("%q", got)
	}
}

func TestPositionsAreWrittenAsRanges(t *testing.T) {
	c := Contest{Leaders: []Leader{{Best: "a"}, {Best: "a"}, {Best: "b"}, {Best: "a"}, {Best: "b"},
		{Best: "b"}}}
	for name, want := range map[string]string{"a": "1–2, 4", "b": "3, 5–6", "c": "–"} {
		if got := c.positions(func(l Leader) bool { return l.Best == name }); got != want {
			t.Errorf("%s at %s, want %s", name, got, want)
		}
	}
}
