package probe

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"icar/ar"
	"icar/estimator"
)

// like is a model that predicts what an estimator does.
func like(e estimator.Estimator) foreign {
	return foreign{func(s ar.Batch[float64]) ([]float64, error) {
		return estimator.Predict(context.Background(), s, e)
	}}
}

// scaled is a model that predicts so much of what another one does.
func scaled(by float64, m foreign) foreign {
	return foreign{func(s ar.Batch[float64]) ([]float64, error) {
		p, err := m.predict(s)
		for i := range p {
			p[i] *= by
		}
		return p, err
	}}
}

// given are sequences of the bare model's law.
func given(t *testing.T, n int) Given {
	t.Helper()
	g, err := Draw(configuration(bare), n)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// nearestOf analyses a model.
func nearestOf(t *testing.T, m Predictor, g Given) Analysis {
	t.Helper()
	a, err := Analyse(t.Context(), m, g)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A model that predicts what an estimator does is nearest to it, unless that makes
// nothing of the context: then nothing is above the controls.
func TestNearestIsWhatTheModelIs(t *testing.T) {
	g := given(t, 40)
	_, all, err := Estimators(t.Context(), 0, g.Fitting)
	if err != nil {
		t.Fatal(err)
	}
	order := func(n, t int) []int { return ar.Rand(0, "test", uint64(n)).Perm(t) }
	for i, e := range all {
		c, missing, err := newNearness(t.Context(), like(e), all, order, g.Test)
		if err == nil {
			err = c.add(t.Context(), g.Test, nil)
		}
		if err != nil || !slices.Equal(missing, []string{"a control: " + untrainedControl}) {
			t.Fatal(missing, err)
		}
		r := c.nearest()
		if r.Estimator != e.Name() || r.Distance.Value != 0 || r.Above != (i >= contextFree) {
			t.Errorf("%s: nearest to %s, %v apart, above %v", e.Name(), r.Estimator, r.Distance,
				r.Above)
		}
		text := r.sentence(40)
		above := strings.HasPrefix(text, "The predictions are nearest to those of "+e.Name()+
			", 0 [0, 0] apart, ")
		none := strings.HasPrefix(text, "Nothing above the controls: the predictions are nearest "+
			"to those of "+e.Name())
		if above != r.Above || none == r.Above {
			t.Errorf("%s: %s", e.Name(), text)
		}
	}
}

// A model that answers the same whatever its context has the order of its context
// against it, however near an estimator its answers are.
func TestNearestByRoteIsNotAboveTheControls(t *testing.T) {
	g := given(t, 40)
	rote, err := estimator.Predict(t.Context(), g.Test, estimator.LeastSquares{})
	if err != nil {
		t.Fatal(err)
	}
	a := nearestOf(t, foreign{func(s ar.Batch[float64]) ([]float64, error) {
		return rote[:s.N*s.T*s.D], nil
	}}, g)
	r := a.Nearest
	if i := slices.IndexFunc(r.Controls, func(c Control) bool { return !c.Clear }); r.Above ||
		r.Estimator != "least squares" || i < 0 || r.Controls[i].Name != permutedControl {
		t.Errorf("%+v", r)
	}
	if want := "not less, by more than chance, than what is expected without any algorithm (" +
		permutedControl; !strings.Contains(a.Summary(), want) {
		t.Errorf("%s: want %q", a.Summary(), want)
	}
}

// Distances by hand: what is a hundredth less than an estimator is a hundredth of the
// size of its predictions from it; who cannot be told from the nearest is tied.
func TestNearestDistances(t *testing.T) {
	g := given(t, 60)
	cg := estimator.ConjugateGradient{K: 2}
	a := nearestOf(t, scaled(0.99, like(cg)), g)
	r := a.Nearest
	own, err := estimator.Predict(t.Context(), g.Test, cg)
	if err != nil {
		t.Fatal(err)
	}
	size := 0.0
	for at := 0; at < len(own); at += g.Test.D {
		size += norm(own[at:at+g.Test.D]) / math.Sqrt(float64(g.Test.D)) /
			float64(g.Test.N*g.Test.T)
	}
	if r.Estimator != cg.Name() || math.Abs(r.Distance.Value-0.01*size) > 1e-12 ||
		math.Abs(r.Share.Float()-0.01/0.99) > 1e-12 || !r.Above || len(r.Tied) > 0 ||
		r.Gap.Value < r.Distance.Value {
		t.Errorf("%+v, want %v apart", r, 0.01*size)
	}
	least := nearestOf(t, like(estimator.LeastSquares{}), g)
	if tied := least.Nearest.Tied; len(tied) != 1 || !strings.HasPrefix(tied[0], "ridge, λ → 0") ||
		!strings.Contains(least.Summary(), "60 sequences do not tell least squares from ridge") {
		t.Errorf("tied %q: %s", tied, least.Summary())
	}
	want := []string{"zero, which uses no context", "copy last, which uses no context",
		permutedControl}
	for i, c := range r.Controls {
		if c.Name != want[i] || !c.Clear || c.Distance.Value < r.Distance.Value {
			t.Errorf("control %+v, want %s", c, want[i])
		}
	}
	for _, e := range a.Alignments {
		if e.Estimator == r.Estimator && math.Abs(e.MeanDistance-r.Distance.Value) > 1e-12 {
			t.Errorf("the tables say %v", e.MeanDistance)
		}
	}
	if single := nearestOf(t, like(estimator.LeastSquares{}), Given{Test: g.Test.Part(0, 1),
		Fitting: g.Fitting}); single.Nearest.Above ||
		!strings.Contains(single.Summary(), "from one sequence nothing can be told from chance") {
		t.Errorf("of one sequence: %s", single.Summary())
	}
}

// A trained Transformer has all controls, the one before training too.
func TestNearestOfATransformer(t *testing.T) {
	m := random(t, bare)
	a, err := m.Analyse(t.Context(), 40)
	if err != nil {
		t.Fatal(err)
	}
	r := a.Nearest
	if last := r.Controls[len(r.Controls)-1]; last.Name != untrainedControl {
		t.Errorf("controls %+v", r.Controls)
	}
	if !strings.Contains(a.Summary(), "By the cosine of errors, ") ||
		strings.Contains(a.Summary(), "a control is missing") {
		t.Error(a.Summary())
	}
	untrained, err := Untrained(m.Config)
	if err != nil {
		t.Fatal(err)
	}
	if same := nearestOf(t, untrained, a.given(t, m)); same.Nearest.Above {
		t.Errorf("a model before training is nearer than itself before training: %+v", same.Nearest)
	}
}

func (a Analysis) given(t *testing.T, m *Model) Given {
	t.Helper()
	g, err := m.Given(a.Sequences)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// The probabilities of a fair coin, by hand and by the normal.
func TestFartherIsASignTest(t *testing.T) {
	won := func(wins, n int) *moments {
		m := newMoments(2)
		for i := range n {
			x := []float64{1e9, 1}
			if i >= wins {
				x = []float64{1, 1.5} // not farther by 0.9
			}
			m.add(x, 0.9)
		}
		return m
	}
	for _, c := range []struct {
		wins, n int
		level   float64
		want    bool
	}{
		{5, 5, 0.93, true},   // 1/32 is below 0.035
		{5, 5, 0.94, false},  // and not below 0.03
		{9, 10, 0.97, true},  // 11/1024 is below 0.015
		{9, 10, 0.98, false}, // and not below 0.01
		{5, 10, 0.1, false},  // half
		{560, 1002, 0.9997, true},
		{560, 1002, 0.9999, false},
		{560, 1002, 0.99977, true},   // 1.1e-4 is below 1.15e-4
		{560, 1002, 0.999806, false}, // and not below 9.7e-5
	} {
		if got := won(c.wins, c.n).farther(0, 1, c.level); got != c.want {
			t.Errorf("%d of %d at %v: %v", c.wins, c.n, c.level, got)
		}
	}
	if won(10, 10).farther(1, 0, 0.5) {
		t.Error("what is below is farther")
	}
	m := newMoments(1)
	for _, x := range []float64{1, 2, 3, 4} {
		m.add([]float64{x}, 0)
	}
	// Student's quantile of 3 degrees of freedom is 3.1824 at 97.5 %.
	if got, half := m.interval(0, 0.95), 3.182446*math.Sqrt(5./3)/2; got.Value != 2.5 ||
		math.Abs(got.High-2.5-half) > 1e-5 || math.Abs(2.5-half-got.Low) > 1e-5 {
		t.Errorf("interval %v, want ± %v", got, half)
	}
}

// Sequences that pass by a piece at a time count as those in memory do.
func TestMoreSequencesCountAlike(t *testing.T) {
	g := given(t, 100)
	m := scaled(0.7, like(estimator.Kaczmarz{K: 1}))
	whole := nearestOf(t, m, g)
	pieces := g
	pieces.Test = g.Test.Part(0, 40)
	pieces.More = func(yield func(ar.Batch[float64], error) bool) {
		for from := 40; from < 100; from += 25 {
			if !yield(g.Test.Part(from, min(from+25, 100)), nil) {
				return
			}
		}
	}
	a := nearestOf(t, m, pieces)
	if a.Sequences != 100 || a.Detailed != 40 ||
		math.Abs(a.MSE.Value-whole.MSE.Value) > 1e-13 ||
		!near(a.PositionMSE, whole.PositionMSE, 1e-13) {
		t.Errorf("%d sequences, error %v, want %v", a.Sequences, a.MSE, whole.MSE)
	}
	for i, e := range a.Alignments {
		w := whole.Alignments[i]
		if !near(e.PredictionDistance, w.PredictionDistance, 1e-13) ||
			!near(e.Error, w.Error, 1e-12) || math.Abs(e.MeanDistance-w.MeanDistance) > 1e-13 ||
			math.Abs(e.MeanError-w.MeanError) > 1e-12 {
			t.Errorf("%s: %v, want %v", e.Estimator, e.PredictionDistance, w.PredictionDistance)
		}
	}
	if r, w := a.Nearest, whole.Nearest; r.Estimator != w.Estimator || r.Above != w.Above ||
		math.Abs(r.Distance.Value-w.Distance.Value) > 1e-13 ||
		math.Abs(r.Distance.High-w.Distance.High) > 1e-12 ||
		math.Abs(r.Controls[2].Distance.Value-w.Controls[2].Distance.Value) > 1e-12 {
		t.Errorf("%+v, want %+v", r, w)
	}
}
