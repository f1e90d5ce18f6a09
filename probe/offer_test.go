package probe

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
	"icar/estimator"
	"icar/nn"
	"icar/train"
)

// foreign is a model that nothing is known of but what it predicts.
type foreign struct {
	predict func(ar.Batch[float64]) ([]float64, error)
}

func (f foreign) Predict(_ context.Context, s ar.Batch[float64]) ([]float64, error) {
	return f.predict(s)
}

// mapped is a foreign model with the maps of an estimator, which turns out to have
// no attention.
type mapped struct{ estimator.Estimator }

func (m mapped) Predict(ctx context.Context, s ar.Batch[float64]) ([]float64, error) {
	return estimator.Predict(ctx, s, m)
}

func (m mapped) Maps(ctx context.Context, s ar.Batch[float64]) (Maps, error) {
	predictions, err := m.Predict(ctx, s)
	maps := Maps{N: s.N, T: s.T, D: s.D, Predictions: predictions}
	gamma := make([]float64, s.D*s.D)
	for n := range s.N {
		err = errors.Join(err, estimator.Walk(m, estimator.Sequence{D: s.D, T: s.T},
			s.States[n*(s.T+1)*s.D:],
			func(_ int, _ []float64, stream estimator.Stream) {
				stream.Map(gamma)
				maps.Gamma = append(maps.Gamma, gamma...)
			}))
	}
	return maps, err
}

func (m mapped) Attention(context.Context, ar.Batch[float64]) ([]AttentionMap, error) {
	return nil, errors.Join(ErrNotOffered, errors.New("it is no Transformer"))
}

// A model that only predicts is measured, told from the estimators by its
// predictions, and what it does not offer is named; the report of it holds.
func TestAnalyseOfAPredictor(t *testing.T) {
	g, err := random(t, bare).Given(40)
	if err != nil {
		t.Fatal(err)
	}
	least := foreign{func(s ar.Batch[float64]) ([]float64, error) {
		return estimator.Predict(context.Background(), s, estimator.LeastSquares{})
	}}
	a, err := Analyse(t.Context(), least, g)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"in-context maps", "a control: the model before training", "layers beside " +
		"algorithms", "heads", "positional encodings",
		"attention", "parts to take out"}
	if !slices.Equal(a.Missing, want) {
		t.Errorf("missing is %q, want %q", a.Missing, want)
	}
	own, err := estimator.MSE(t.Context(), g.Test, estimator.LeastSquares{})
	if err != nil || !near(a.PositionMSE, own.PerPosition(), 1e-12) {
		t.Errorf("errors %v, want those of least squares (%v)", a.PositionMSE, err)
	}
	for _, e := range a.Alignments {
		if itself := e.Estimator == (estimator.LeastSquares{}).Name(); (e.MeanDistance == 0) != itself {
			t.Errorf("%s is %v apart", e.Estimator, e.MeanDistance)
		}
	}
	if data, err := json.Marshal(a); err != nil ||
		!strings.Contains(string(data), `"missing":["in-context maps"`) {
		t.Errorf("%.200s, %v", data, err)
	}
	if s := a.Sections(); len(s) != 4 || s[3].Title != "Left out" || len(s[3].Rows) != len(want) {
		t.Errorf("sections %+v", s)
	}
	if f := a.Figures(); len(f) != 2 || len(f[0].Panels) != 1 || len(f[1].Panels) != 1 ||
		len(f[1].Panels[0].Series) != 5 {
		t.Errorf("figures %+v", f)
	}
	short := foreign{func(s ar.Batch[float64]) ([]float64, error) {
		return make([]float64, 7), nil
	}}
	if _, err := Analyse(t.Context(), short, g); err == nil ||
		!strings.Contains(err.Error(), "7 numbers of predictions, want") {
		t.Errorf("a model of another shape: %v", err)
	}
}

// With maps, Γ is held beside the estimators' and, where W is known, beside W.
func TestAnalyseOfAMapper(t *testing.T) {
	g, err := random(t, bare).Given(40)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Analyse(t.Context(), mapped{estimator.LeastSquares{}}, g)
	if err != nil {
		t.Fatal(err)
	}
	last := a.Alignments[len(a.Alignments)-1]
	if last.Estimator != (estimator.LeastSquares{}).Name() || last.MeanMap != 0 ||
		last.Mean.Value < 1-1e-12 {
		t.Errorf("beside itself: %+v", last)
	}
	// With more than d tokens least squares has W.
	if end := g.Test.T - 1; a.Distance.Whole[end] > 1e-8 || a.Distance.Whole[0] < 0.5 ||
		len(a.Spectra) != spectraShown {
		t.Errorf("Γ is off W by %v", a.Distance.Whole)
	}
	if !slices.Contains(a.Missing, "attention") || slices.Contains(a.Missing, "in-context maps") {
		t.Errorf("missing is %q", a.Missing)
	}
	g.Test.Contexts = make([]ar.Context, g.Test.N)
	a, err = Analyse(t.Context(), mapped{estimator.LeastSquares{}}, g)
	if err != nil || a.Distance.Whole != nil || a.Missing[0] != "Γ beside W, which is not known" {
		t.Errorf("without W: %v, %q", err, a.Missing)
	}
}

// Multiplied by a number, the query of a normalised layer gives the same prediction:
// its map is blind along the query. Without norm the map gives the prediction.
func TestNormIsBlindAlongTheQuery(t *testing.T) {
	for _, normalised := range []bool{true, false} {
		m := random(t, func(c *train.Config) {
			c.Tokens, c.Residual, c.Norm, c.MLP, c.Position = ar.Plain, false, normalised, 0, nn.NoPosition
		})
		for name, p := range m.parameters() {
			if strings.HasSuffix(name, ".bias") {
				clear(p)
			} else if strings.HasSuffix(name, ".o.weight") {
				floats.Scale(1e4, p) // beside which the norm's ε is nothing
			}
		}
		s := sequences(t, m.Config, 20)
		maps := mapsOf(t, m, s)
		d := s.D
		for n := range s.N {
			for i := 2; i < s.T; i++ {
				gamma, query := maps.At(n, i), state(s, n, i)
				along := make([]float64, d)
				for row := range d {
					along[row] = dot(gamma[row*d:(row+1)*d], query)
				}
				want := maps.Predictions[(n*s.T+i)*d:][:d]
				if normalised {
					want = make([]float64, d)
				}
				if off := distance(along, want); off > 1e-5*norm(gamma) {
					t.Errorf("norm %v: Γ s = %v, want %v", normalised, along, want)
				}
			}
		}
	}
}
