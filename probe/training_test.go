package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"icar/ar"
	"icar/estimator"
	"icar/run"
	"icar/train"
)

// fewOf are a few sequences to look at a model with.
func fewOf(t *testing.T, c train.Config) Given {
	t.Helper()
	var g Given
	var err, err2 error
	g.Test, err = train.Sequences(c, train.TestStream, 40)
	g.Fitting, err2 = train.Sequences(c, train.TrainStream, 48)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return g
}

// A model that predicts 0 becomes one that copies, and then one gradient step: each is
// nearest to the estimator that it is, at distance 0, is told from the others, and has
// its map.
func TestOverTrainingOfKnownModels(t *testing.T) {
	zero := built(t, bare, func(map[string][]float64, train.Config) {})
	g := fewOf(t, zero.Config)
	step, _, err := Estimators(t.Context(), 0, g.Fitting)
	if err != nil {
		t.Fatal(err)
	}
	snapshots := []Snapshot{{0, zero}, {10, copier(t)}, {30, stepper(t, step.Eta[0])}}
	found, err := OverTraining(t.Context(), snapshots, g)
	if err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(found.Floor.Float()) || found.Sequences != 40 || len(found.Moments) != 3 {
		t.Fatalf("%+v", found)
	}
	for k, want := range []string{"zero", "copy last", step.Name()} {
		m := found.Moments[k]
		if m.Step != snapshots[k].Step || found.Estimators[m.Nearest] != want ||
			m.Distance[m.Nearest] > 1e-12 || len(m.Tied) > 0 ||
			math.Abs(m.MSE.Value-found.Errors[m.Nearest]) > 1e-12 {
			t.Errorf("moment %d: %+v, nearest %s, which is wrong by %v", k, m,
				found.Estimators[m.Nearest], found.Errors[m.Nearest])
		}
		if c := m.Cosine[m.Nearest]; want != "zero" && math.Abs(c-1) > 1e-9 ||
			want == "zero" && !math.IsNaN(c) {
			t.Errorf("moment %d: the cosine is %v", k, c)
		}
	}
	// The copier has Γ = 1, of which the cosine with W is tr W/d.
	trace := 0.0
	d := g.Test.D
	for _, c := range g.Test.Contexts {
		for i := range d {
			trace += c.W[i*d+i] / float64(d*g.Test.N)
		}
	}
	if got := found.Moments[1].WithW.Value; math.Abs(got-trace) > 1e-9 {
		t.Errorf("the copier's cosine with W is %v, want %v", got, trace)
	}
	text := found.Summary()
	for _, part := range []string{"after step 0 to zero (0 apart, nothing above the controls)",
		"after step 10 to copy last (", "after step 30 to " + step.Name(),
		"farther from all others by more than chance", "before training they were "} {
		if !strings.Contains(text, part) {
			t.Errorf("%s\nlacks %q", text, part)
		}
	}
	if s := found.Sections(); len(s[0].Rows) != 3 || len(s[1].Rows) != len(found.Estimators) ||
		s[1].Rows[0][0] != step.Name() {
		t.Errorf("%+v", s)
	}
	if panels := found.Figures()[0].Panels; len(panels) != 3 || len(panels[1].Series) < 5 ||
		!slices.Equal(panels[1].Series[0].X, []float64{0, 10, 30}) {
		t.Errorf("%+v", panels)
	}
}

// How many sequences are looked at together is a matter of memory only.
func TestOverTrainingInParts(t *testing.T) {
	zero := built(t, bare, func(map[string][]float64, train.Config) {})
	g := fewOf(t, zero.Config)
	snapshots := []Snapshot{{0, zero}, {10, copier(t)}}
	whole, err := OverTraining(t.Context(), snapshots, g)
	parts, err2 := overTraining(t.Context(), snapshots, g, 7)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(parts), fmt.Sprint(whole); got != want {
		t.Errorf("in parts of 7:\n%s\nat once:\n%s", got, want)
	}
}

// What is nearest to an estimator that makes nothing of its context, or no nearer than to
// one of these by more than chance, is named no algorithm.
func TestOverTrainingAboveTheControls(t *testing.T) {
	estimators := []string{"zero", "copy last", "least squares", "ridge"}
	for _, c := range []struct {
		nearest int
		tied    []int
		above   bool
	}{
		{0, []int{}, false}, {1, []int{2}, false}, {2, []int{0}, false}, {2, []int{3, 1}, false},
		{2, []int{3}, true}, {3, []int{}, true},
	} {
		m := Moment{Step: 4, Distance: []float64{1, 1, 1, 1}, Nearest: c.nearest, Tied: c.tied}
		text := Training{Estimators: estimators, Moments: []Moment{m}}.Summary()
		for part, want := range map[string]bool{"(1 apart)": c.above,
			"(1 apart, nothing above the controls)": !c.above,
			" No algorithm is named for the end.":   !c.above} {
			if strings.Contains(text, part) != want {
				t.Errorf("nearest to %d, tied to %v, %q: %s", c.nearest, c.tied, part, text)
			}
		}
	}
}

// A model along its training has the measures that Align takes of each model alone, in
// however many parts the sequences are looked at.
func TestOverTrainingIsAlign(t *testing.T) {
	model, err := Untrained(configuration(bare))
	if err != nil {
		t.Fatal(err)
	}
	g := fewOf(t, model.Config)
	_, estimators, err := Estimators(t.Context(), 0, g.Fitting)
	if err != nil {
		t.Fatal(err)
	}
	found := Training{Sequences: g.Test.N, Errors: make([]float64, len(estimators))}
	rows := []measured{newMeasured(len(estimators), g.Test.N)}
	for _, part := range [][2]int{{0, 7}, {7, 39}, {39, 40}} {
		if err := found.measure(t.Context(), rows, []Snapshot{{5, model}}, estimators,
			g.Test.Part(part[0], part[1]), part[0]); err != nil {
			t.Fatal(err)
		}
	}
	m, maps := rows[0].moment(5, 0.95), mapsOf(t, model, g.Test)
	for e, is := range estimators {
		a, err := maps.Align(t.Context(), g.Test, is)
		if err != nil {
			t.Fatal(err)
		}
		for _, pair := range [][2]float64{{m.Distance[e], average(a.PredictionDistance)},
			{m.Cosine[e], a.MeanCosine()}, {found.Errors[e], average(a.Error)}} {
			if !(math.Abs(pair[0]-pair[1]) < 1e-12) && !math.IsNaN(pair[0]+pair[1]) {
				t.Errorf("%s: %v, Align has %v", is.Name(), pair[0], pair[1])
			}
		}
	}
}

// A model that is none of package nn, which offers predictions alone, is told by these;
// there is no panel of cosines then.
func TestOverTrainingWithoutMaps(t *testing.T) {
	g := fewOf(t, configuration(bare))
	model := foreign{func(s ar.Batch[float64]) ([]float64, error) {
		return estimator.Predict(t.Context(), s, estimator.LeastSquares{})
	}}
	found, err := OverTraining(t.Context(), []Snapshot{{1, model}}, g)
	if err != nil {
		t.Fatal(err)
	}
	m := found.Moments[0]
	if found.Estimators[m.Nearest] != (estimator.LeastSquares{}).Name() ||
		m.Distance[m.Nearest] != 0 {
		t.Errorf("nearest to %s", found.Estimators[m.Nearest])
	}
	if !math.IsNaN(m.Cosine[m.Nearest]) || !math.IsNaN(m.WithW.Value) {
		t.Errorf("%+v", m)
	}
	if panels := found.Figures()[0].Panels; len(panels) != 2 {
		t.Errorf("%d panels", len(panels))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OverTraining(ctx, []Snapshot{{1, model}}, g); !errors.Is(err,
		context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := OverTraining(t.Context(), nil, g); err == nil {
		t.Error("of no moments")
	}
}

// The moments of a run are those that were kept, evenly spaced of many, and the last.
func TestMoments(t *testing.T) {
	var kept []run.Kept
	for k := range 101 {
		kept = append(kept, run.Kept{Step: 10 * k})
	}
	all := shown(kept, run.Kept{Step: 1000, Path: "last"})
	if len(all) != 32 || all[0].Step != 0 || all[1].Step != 30 || all[31].Path != "last" {
		t.Errorf("%v", all)
	}
	if all := shown(kept[:3], run.Kept{Step: 15}); len(all) != 3 || all[1].Step != 10 ||
		all[2].Step != 15 {
		t.Errorf("%v", all)
	}

	c := train.DefaultConfig()
	c.D, c.Length, c.Train, c.Batch, c.Test, c.Epochs, c.KeepEvery = 2, 3, 32, 16, 16, 2, 2
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	for _, every := range []int{2, 0} {
		c.KeepEvery = every
		path := filepath.Join(t.TempDir(), "run")
		dir, err := run.Create(path, c.YAML(), run.NewInfo(c.Seed, "go"))
		if err != nil {
			t.Fatal(err)
		}
		net, _, err := train.Train(t.Context(), c, train.Options{Dir: dir})
		if err := errors.Join(err, dir.Close()); err != nil {
			t.Fatal(err)
		}
		found, err := Moments(path, nil)
		if every == 0 {
			if err == nil || !strings.Contains(err.Error(), "has kept no checkpoints along its "+
				"training: train it with keep_every") {
				t.Errorf("%v", err)
			}
			continue
		}
		if err != nil || len(found) != 3 || found[0].Step != 0 || found[1].Step != 2 ||
			found[2].Step != 4 {
			t.Fatalf("%v, %v", found, err)
		}
		last, ok := found[2].Model.(*Model)
		if !ok || float32(last.Net.Parameters()[0].Data[0]) != net.Parameters()[0].Data[0] {
			t.Error("the last model is not the trained one")
		}
	}
}

// Who is told from the nearest is decided as in an analysis: an estimator that is much
// farther in half of the sequences and a little less far in the others is not.
func TestOverTrainingTellsAsNearestDoes(t *testing.T) {
	m := newMeasured(3, 40)
	for n := range 40 {
		m.distance[0][n], m.distance[1][n] = 1, 0.99
		if n%2 == 0 {
			m.distance[1][n] = 5
		}
		m.distance[2][n] = 1.1
	}
	at := m.moment(7, jointLevel(2))
	if at.Nearest != 0 || !slices.Equal(at.Tied, []int{1}) {
		t.Errorf("nearest %d, tied %v, want 0 and 1", at.Nearest, at.Tied)
	}
}
