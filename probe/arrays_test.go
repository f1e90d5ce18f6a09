package probe

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"icar/estimator"
)

// saved are what a model makes of sequences, of which the first are for fitting.
func saved(t *testing.T, m Predictor, n, fitting int) (Arrays, Given) {
	t.Helper()
	all := given(t, n).Test
	p, err := m.Predict(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	return Arrays{Sequences: all, Predictions: p},
		Given{Fitting: all.Part(0, fitting), Test: all.Part(fitting, n)}
}

// What was saved of a model is analysed as the model itself, but for what only who
// can be asked offers, and that is named.
func TestArraysAreTheModelThatMadeThem(t *testing.T) {
	model := like(estimator.Chebyshev{K: 4})
	arrays, g := saved(t, model, 120, 60)
	live, stored := nearestOf(t, model, g), nearestOf(t, arrays, g)
	if !reflect.DeepEqual(stored.MSE, live.MSE) || !slices.Equal(stored.PositionMSE,
		live.PositionMSE) {
		t.Errorf("errors %v, want %v", stored.MSE, live.MSE)
	}
	for i, e := range stored.Alignments {
		if w := live.Alignments[i]; !slices.Equal(e.PredictionDistance, w.PredictionDistance) ||
			!slices.Equal(e.Error, w.Error) {
			t.Errorf("%s: %v, want %v", e.Estimator, e.PredictionDistance, w.PredictionDistance)
		}
	}
	if r, w := stored.Nearest, live.Nearest; r.Estimator != w.Estimator || r.Distance != w.Distance ||
		r.Next != w.Next || !reflect.DeepEqual(r.Controls, w.Controls[:2]) {
		t.Errorf("%+v, want %+v", r, w)
	}
	want := []string{"in-context maps", "a control: " + permutedControl,
		"a control: " + untrainedControl, "layers beside algorithms"}
	if !slices.Equal(stored.Missing[:4], want) {
		t.Errorf("missing %q, want %q", stored.Missing, want)
	}
	if _, err := arrays.Predict(t.Context(), given(t, 5).Test); !errors.Is(err, ErrNotOffered) {
		t.Errorf("predictions of other sequences: %v", err)
	}
}

// Maps that were saved are the maps, and total derivatives where they are said to be.
func TestArraysWithMaps(t *testing.T) {
	m := mapped{estimator.LeastSquares{}}
	arrays, g := saved(t, m, 100, 50)
	maps, err := m.Maps(t.Context(), arrays.Sequences)
	if err != nil {
		t.Fatal(err)
	}
	arrays.Gamma = maps.Gamma
	a := nearestOf(t, arrays, g)
	if last := a.Alignments[len(a.Alignments)-1]; last.MeanMap != 0 || a.Distance.Whole == nil ||
		a.Maps.Total {
		t.Errorf("beside itself: %v; %+v", last.MeanMap, a.Maps)
	}
	arrays.Total = true
	a = nearestOf(t, arrays, g)
	if last := a.Alignments[len(a.Alignments)-1]; last.MeanMap == 0 || a.Distance.Whole != nil ||
		a.Maps.Kind != "total derivative in s_T" {
		t.Errorf("as a total derivative: %v; %+v", last.MeanMap, a.Maps)
	}
}

// Hidden states that were saved are read out as those of the model; the control is a
// readout of the token, which is as good as a layer that passes it on.
func TestArraysWithHiddenStates(t *testing.T) {
	m := random(t, bare)
	arrays, g := saved(t, m, 160, 80)
	var err error
	if arrays.Hidden, err = m.Hidden(t.Context(), arrays.Sequences); err != nil {
		t.Fatal(err)
	}
	own, a := nearestOf(t, m, g).Resemblance, nearestOf(t, arrays.Layers(), g)
	r := a.Resemblance
	if !slices.Equal(r.Trained, own.Trained) || r.Permuted != nil ||
		r.Control != "a readout of s_T alone" || slices.Equal(r.Untrained, own.Untrained) {
		t.Errorf("%+v, want %v", r, own.Trained)
	}
	for _, s := range a.Sections() {
		for _, row := range s.Rows {
			if len(s.Header) > 0 && len(row) != len(s.Header) {
				t.Errorf("%s: a row of %d cells for %d columns", s.Title, len(row), len(s.Header))
			}
		}
	}
	figures := a.Figures()
	if f := figures[2]; f.Name != "resemblance" || len(f.Panels) != 2 ||
		f.Panels[1].Title != r.Control {
		t.Errorf("figure %+v", f)
	}
	var still []float64 // s_1 … s_T of each
	for n := range arrays.Sequences.N {
		for i := range arrays.Sequences.T {
			still = append(still, state(arrays.Sequences, n, i)...)
		}
	}
	arrays.Hidden = [][]float64{still}
	r = nearestOf(t, arrays.Layers(), g).Resemblance
	if !slices.Equal(r.Trained, r.Untrained) || slices.Contains(r.Exceeds, true) {
		t.Errorf("the token exceeds itself: %v, %v", r.Trained, r.Exceeds)
	}
	g.Fitting = given(t, 90).Fitting // of another file, whose hidden states are not known
	a = nearestOf(t, arrays.Layers(), g)
	if !slices.Contains(a.Missing, "layers beside algorithms") || a.Resemblance.Algorithms != nil {
		t.Errorf("missing %q, layers beside %q", a.Missing, a.Resemblance.Algorithms)
	}
	for _, f := range a.Figures() {
		if f.Name == "resemblance" {
			t.Errorf("a figure of layers that are not known: %+v", f)
		}
	}
}
