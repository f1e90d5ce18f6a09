package probe

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"icar/ar"
	"icar/estimator"
	"icar/nn"
	"icar/train"
)

// float32s is a model whose arithmetic ends in float32: the states that it sees and
// the predictions that it makes are rounded.
type float32s struct{ Predictor }

func (m float32s) Predict(ctx context.Context, s ar.Batch[float64]) ([]float64, error) {
	rounded := s
	rounded.States = make([]float64, len(s.States))
	for i, x := range s.States {
		rounded.States[i] = float64(float32(x))
	}
	p, err := m.Predictor.Predict(ctx, rounded)
	for i, x := range p {
		p[i] = float64(float32(x))
	}
	return p, err
}

// total is the exact total derivative (T, d, d) of a model's predictions in s_T on the
// first sequence: a backward along all paths for every row of every position.
func total(t *testing.T, m *Model, s ar.Batch[float64]) []float64 {
	t.Helper()
	b, err := m.Batch(s.Part(0, 1))
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := m.Config.Encoding()
	if err != nil {
		t.Fatal(err)
	}
	zeros, _ := tokens.(ar.Lagged).Blocks()
	d, c := s.D, m.Config.Width
	gamma := make([]float64, s.T*d*d)
	for at := range s.T {
		for i := range d {
			doutput := make([]float64, s.T*c)
			doutput[at*c+i] = 1
			dx, err := m.Net.Pullback(t.Context(), b, doutput, nn.AllPaths)
			if err != nil {
				t.Fatal(err)
			}
			copy(gamma[(at*d+i)*d:(at*d+i+1)*d], dx[at*c+zeros*d:])
		}
	}
	return gamma
}

// Finite differences are the total derivative to the accuracy that the analysis of the
// step gives, u^⅔ up to a factor of the model, and within the error that is reported;
// of a model with kinks in the median.
func TestDifferencesAreTheTotalDerivative(t *testing.T) {
	for name, change := range map[string]func(*train.Config){"bare": bare, "rich": rich} {
		m := random(t, change)
		s := sequences(t, m.Config, 10)
		exact := total(t, m, s)
		size := norm(exact) / math.Sqrt(float64(s.T))
		for _, c := range []struct {
			model  Predictor
			single bool
			most   float64
		}{{m, false, 100 * math.Pow(0x1p-53, 2./3)}, {float32s{m}, true, 100 * math.Pow(0x1p-24, 2./3)}} {
			maps, err := Differences{c.model}.Maps(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			var off []float64
			for at := 0; at < len(exact); at += s.D * s.D {
				off = append(off, distance(exact[at:at+s.D*s.D], maps.Gamma[at:at+s.D*s.D])/size)
			}
			slices.Sort(off)
			by := maps.Differences
			worst, reported := off[len(off)-1], by.Error.Float()
			if m.Config.MLP > 0 { // relu
				worst, reported = off[len(off)/2], by.Typical.Float()
			}
			t.Logf("%s, float32 %v: off by %.1e, reported %.1e, step %.1e", name, c.single, worst,
				reported, by.Step)
			if worst > c.most || worst > 3*reported || reported > 20*c.most ||
				by.Single != c.single || !maps.Total || maps.Mapped() != s.N ||
				by.Ahead.Float() > c.most {
				t.Errorf("%s: off by %v of at most %v, %+v", name, worst, c.most, by)
			}
		}
	}
}

// The total derivative of least squares on one pair, by hand: with f = s_2 (s_1·s_2)/|s_1|²
// it is ((s_1·s_2) 1 + s_2 s_1ᵀ)/|s_1|². Its own Map holds what it has learnt fixed.
func TestTotalMapOfLeastSquares(t *testing.T) {
	s := []float64{1, 2, 3, -1, 5, 7}
	got, err := totalMaps(t.Context(), estimator.LeastSquares{}, estimator.Sequence{D: 2, T: 3}, s)
	if err != nil {
		t.Fatal(err)
	}
	// s_1 = (1, 2), s_2 = (3, -1): s_1·s_2 = 1, |s_1|² = 5.
	want := []float64{0, 0, 0, 0, (1 + 3) / 5., 6 / 5., -1 / 5., (1 - 2) / 5.}
	if !near(got[:8], want, 1e-9) {
		t.Errorf("%v, want %v", got[:8], want)
	}
}

// Beside the total derivative of a model stands that of the estimator.
func TestTotalMapsAreHeldBesideTotalMaps(t *testing.T) {
	a := nearestOf(t, Differences{like(estimator.LeastSquares{})}, given(t, 20))
	last := a.Alignments[len(a.Alignments)-1]
	if last.Estimator != "least squares" || last.MeanMap > 1e-6 || last.Mean.Value < 1-1e-9 {
		t.Errorf("beside itself: %v, %v", last.MeanMap, last.Mean)
	}
	if a.Maps.Sequences != 20 || !a.Maps.Total || a.Distance.Whole != nil ||
		a.Maps.Kind != "total derivative in s_T, by finite differences" ||
		!strings.Contains(strings.Join(a.Missing, ";"), "a total derivative is not W") {
		t.Errorf("%+v, missing %q", a.Maps, a.Missing)
	}
}

// Means of maps are over the sequences that have one.
func TestMapsOfTheFirstSequences(t *testing.T) {
	g := given(t, 20)
	m, err := mapped{estimator.Zero{}}.Maps(t.Context(), g.Test)
	if err != nil {
		t.Fatal(err)
	}
	m.Gamma = m.Gamma[:7*m.T*m.D*m.D]
	a, err := m.Align(t.Context(), g.Test, estimator.CopyLast{})
	if err != nil || m.Mapped() != 7 {
		t.Fatal(m.Mapped(), err)
	}
	for _, apart := range a.MapDistance { // |0 - 1|/√d is 1 of the map of what stands still
		if math.Abs(apart-1) > 1e-12 {
			t.Errorf("maps %v apart", a.MapDistance)
		}
	}
	spectra, err := m.spectra(g.Test)
	if err != nil || len(spectra) != 7 {
		t.Errorf("%d spectra, %v", len(spectra), err)
	}
	whole, err := m.Distance(g.Test)
	if err != nil || math.Abs(whole.Whole[0]-1) > 1e-12 {
		t.Errorf("|0 - W| is %v of |W|, %v", whole.Whole, err)
	}
}

// A model that sees the state that it has to predict is found out.
func TestWhoLooksAheadIsFoundOut(t *testing.T) {
	g := given(t, 40)
	peeks := foreign{func(s ar.Batch[float64]) ([]float64, error) { return s.Targets(), nil }}
	a := nearestOf(t, Differences{peeks}, g)
	if !strings.Contains(a.Summary(), "the model LOOKS AHEAD") || a.Maps.By.Ahead < 0.5 {
		t.Errorf("%+v: %s", a.Maps.By, a.Summary())
	}
	honest := nearestOf(t, Differences{like(estimator.LeastSquares{})}, g)
	if strings.Contains(honest.Summary(), "LOOKS") {
		t.Error(honest.Summary())
	}
}
