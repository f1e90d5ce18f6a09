package probe

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"icar/ar"
	"icar/estimator"
	"icar/nn"
	"icar/train"
)

// configuration is a small run that change alters.
func configuration(change func(*train.Config)) train.Config {
	c := train.DefaultConfig()
	c.D, c.Length, c.Batch, c.Train, c.Test, c.Epochs = 3, 9, 32, 256, 32, 6
	change(&c)
	return c
}

// bare is the model whose one layer has no norm.
func bare(c *train.Config) { c.Norm = false }

// plain has heads and product positions.
func plain(c *train.Config) {
	c.Tokens, c.Heads, c.Embed, c.Depth, c.Position, c.MLP = ar.Plain, 3, 6, 2, nn.ProductPosition, 2
}

// trained returns a model after a few steps.
func trained(t *testing.T, c train.Config) *Model {
	t.Helper()
	net, _, err := train.Train(t.Context(), c, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(c, net)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func sequences(t *testing.T, c train.Config, n int) ar.Batch[float64] {
	t.Helper()
	s, err := train.Sequences(c, train.TestStream, n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func near(a, b []float64, tolerance float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) <= tolerance })
}

// In float64 the model does what it did in float32, up to its rounding.
func TestModelIsTheTrainedOne(t *testing.T) {
	for _, change := range []func(*train.Config){bare, plain} {
		c := configuration(change)
		net, _, err := train.Train(t.Context(), c, train.Options{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := New(c, net)
		if err != nil {
			t.Fatal(err)
		}
		test, err := train.TestSet(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		want, err := train.SquaredErrors(t.Context(), net, test)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.MSE(t.Context(), sequences(t, c, c.Test))
		if err != nil || math.Abs(average(got)-average(want)) > 1e-5*average(want) {
			t.Errorf("MSE %v, want %v (%v)", average(got), average(want), err)
		}
	}
}

// One linear layer without norm is linear in its query: the prediction is
// Γ s_T + Γ' s_{T-1} and what biases add, which two queries cancel.
func TestMapsOfALinearLayer(t *testing.T) {
	m := trained(t, configuration(bare))
	own := m.parameters()
	for name, data := range own {
		if strings.HasSuffix(name, ".bias") {
			clear(data)
		}
	}
	s := sequences(t, m.Config, 5)
	maps, err := m.Maps(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	d := maps.D
	for n := range s.N {
		for at := range s.T {
			p := n*s.T + at
			want := make([]float64, d)
			for i := range d {
				want[i] = dot(maps.Gamma[(p*d+i)*d:][:d], state(s, n, at))
				if at > 0 {
					want[i] += dot(maps.Previous[(p*d+i)*d:][:d], state(s, n, at-1))
				}
			}
			if got := maps.Predictions[p*d : (p+1)*d]; !near(got, want, 1e-12) {
				t.Fatalf("sequence %d, T = %d: %v, want %v", n, at+1, got, want)
			}
		}
	}
}

// A constructed model is one step of gradient descent: its predictions, its
// maps and all three alignments say so; and the path to it ends there.
func TestOneStepIsOneGradientStep(t *testing.T) {
	m := trained(t, configuration(bare))
	s := sequences(t, m.Config, 8)
	const eta = 0.07
	built, err := m.OneStep(eta)
	if err != nil {
		t.Fatal(err)
	}
	maps, err := built.Maps(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	step := estimator.GradientDescent{K: 1, Eta: []float64{eta}}
	a, err := maps.Align(t.Context(), s, step)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]float64, s.T)
	if !near(a.PredictionDistance, zeros, 1e-12) || !near(a.MapDistance, zeros, 1e-12) ||
		math.Abs(a.MeanCosine()-1) > 1e-12 {
		t.Errorf("not one gradient step: %+v", a)
	}
	if !math.IsNaN(a.Cosine[0]) || math.Abs(a.Cosine[1]-1) > 1e-12 {
		t.Errorf("cosines %v, want none at T = 1, where both maps are 0, and then 1", a.Cosine)
	}
	want, err := estimator.MSE(t.Context(), s, step)
	if err != nil || !near(a.Error, want.PerPosition(), 1e-12) {
		t.Errorf("the estimator's error is %v, want %v (%v)", a.Error, want.PerPosition(), err)
	}
	other, err := maps.Align(t.Context(), s, estimator.LeastSquares{})
	if err != nil || !(other.MeanCosine() < 0.99) || !(average(other.PredictionDistance) > 0.01) {
		t.Errorf("one step looks like least squares: %+v (%v)", other, err)
	}
	path, err := m.Interpolate(t.Context(), built, []float64{0, 0.5, 1}, s)
	if err != nil {
		t.Fatal(err)
	}
	first, err := m.MSE(t.Context(), s)
	if err != nil || math.Abs(path[0]-average(first)) > 1e-12 ||
		math.Abs(path[2]-want.Mean()) > 1e-12 {
		t.Errorf("the path goes from %v to %v, want %v to %v (%v)", path[0], path[2],
			average(first), want.Mean(), err)
	}
	if _, err := trained(t, configuration(plain)).OneStep(eta); err == nil ||
		!strings.Contains(err.Error(), "--norm=false") {
		t.Errorf("a model that cannot hold a gradient step: %v", err)
	}
}

// The projections: W itself has no distance, W on the span is off by nothing on
// it, and what the identity makes up off the span is counted there.
func TestDistance(t *testing.T) {
	c := configuration(bare)
	c.D = 4
	m := trained(t, c)
	s := sequences(t, m.Config, 3)
	maps, err := m.Maps(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	fill := func(f func(stream estimator.Stream, gamma []float64)) Distance {
		t.Helper()
		prediction := make([]float64, s.D)
		for n := range s.N {
			stream, err := estimator.LeastSquares{}.Start(estimator.Sequence{D: s.D, T: s.T})
			if err != nil {
				t.Fatal(err)
			}
			for at := range s.T {
				stream.Next(prediction, state(s, n, at))
				gamma := maps.At(n, at)
				copy(gamma, s.Contexts[n].W)
				f(stream, gamma)
			}
		}
		r, err := maps.Distance(s)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	zeros := make([]float64, s.T)
	clear(maps.Previous)
	if r := fill(func(estimator.Stream, []float64) {}); !near(r.Total, zeros, 1e-12) ||
		!near(r.Whole, zeros, 1e-12) || !near(r.On, zeros, 1e-7) || r.Off[0] < 0.99 ||
		r.Off[4] > 1e-7 {
		t.Errorf("W itself: %+v", r)
	}
	// Half of W, and W/2 more through the slot of s_{T-1} as W²/2.
	for n := range s.N {
		w := mat.NewDense(4, 4, s.Contexts[n].W)
		for at := range s.T {
			half := mat.NewDense(4, 4, maps.Previous[(n*s.T+at)*16:][:16])
			half.Mul(w, w)
			half.Scale(0.5, half)
		}
	}
	halves := fill(func(_ estimator.Stream, gamma []float64) {
		for i := range gamma {
			gamma[i] /= 2
		}
	})
	if !near(halves.Total, zeros, 1e-12) || math.Abs(halves.Whole[3]-0.5) > 1e-12 {
		t.Errorf("W in two halves: %+v", halves)
	}
	r := fill(func(stream estimator.Stream, gamma []float64) { stream.Map(gamma) })
	if !near(r.On, zeros, 1e-6) || !near(r.Off, zeros, 1e-6) || math.Abs(r.Whole[0]-1) > 1e-9 ||
		math.Abs(r.Whole[1]-math.Sqrt(0.75)) > 1e-6 {
		t.Errorf("least squares knows W on the span and nothing off it: %+v", r)
	}
}

func TestSpectrum(t *testing.T) {
	values, err := Spectrum([]float64{0, -2, 2, 0}, 2)
	if err != nil || len(values) != 2 || math.Abs(imag(values[0]))-2 > 1e-12 ||
		real(values[0]) > 1e-12 {
		t.Errorf("eigenvalues of a quarter turn times 2: %v, %v", values, err)
	}
	if _, err := Spectrum([]float64{math.NaN()}, 1); err == nil {
		t.Error("NaN has eigenvalues")
	}
}

// A layer whose readout is exact least squares is found to be so, and not by
// either control.
func TestResemble(t *testing.T) {
	c := configuration(func(c *train.Config) { c.Depth, c.Epochs = 2, 150 })
	m := trained(t, c)
	fitting, err := train.Sequences(m.Config, train.TrainStream, 200)
	if err != nil {
		t.Fatal(err)
	}
	s := sequences(t, m.Config, 60)
	algorithms := []estimator.Estimator{estimator.Zero{}, estimator.ConjugateGradient{K: 1},
		estimator.LeastSquares{}}
	r, err := Resemble(t.Context(), m, fitting, s, algorithms, func(n int) []int {
		return ar.Rand(1, "permute", uint64(n)).Perm(s.T)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
	if column, ok := r.MostLike(1); len(r.Trained) != 6 || !ok || column == 0 {
		t.Errorf("the last layer is most like nothing, or predicting nothing: %+v", r)
	}
	for j := 1; j < 3; j++ {
		if !(r.Trained[3+j] > r.Permuted[3+j]+0.1) {
			t.Errorf("%s: the trained model is not more like it than with its context permuted",
				r.Algorithms[j])
		}
	}
	if got := average(similarities([]float64{1, 0, 2, 2}, []float64{2, 0, 1, -1},
		2)); math.Abs(got-0.5) > 1e-15 {
		t.Errorf("similarity %v, want the mean of 1 and 0", got)
	}
}

// Heads that are made equal, orthogonal or zero are found to be.
func TestHeads(t *testing.T) {
	m := trained(t, configuration(plain))
	own, d := m.parameters(), m.Config.Embed
	for _, name := range []string{"q", "k", "v"} {
		w := own["layers.0."+name+".weight"]
		copy(w[d*d:2*d*d], w[:d*d]) // head 2 is head 1
	}
	heads, err := m.Heads()
	if err != nil || len(heads) != 2 {
		t.Fatalf("%d layers, %v", len(heads), err)
	}
	g := heads[0]
	if math.Abs(g.Values[1]-1) > 1e-12 || math.Abs(g.Scores[1]-1) > 1e-12 ||
		math.Abs(g.Values[2]) > 0.99 || math.Abs(g.Norms[0]-g.Norms[1]) > 1e-12 {
		t.Errorf("heads 1 and 2 are equal, head 3 another: %+v", g)
	}
	if !(g.EffectiveRank > 1 && g.EffectiveRank < 2+1e-9) ||
		!(heads[1].EffectiveRank > g.EffectiveRank) {
		t.Errorf("effective ranks %v and %v, want at most 2 and more", g.EffectiveRank,
			heads[1].EffectiveRank)
	}
}

// A cosine that is written into the positions is read out again.
func TestEncodings(t *testing.T) {
	c := configuration(plain)
	c.Position = nn.AdditivePosition
	m := trained(t, c)
	pos := m.parameters()["pos"]
	for at := range m.Config.Length {
		pos[at*m.Config.Embed+2] = 0.5 + 0.25*math.Cos(1.1*float64(at)+0.3)
	}
	all, err := m.Encodings()
	if err != nil || len(all) != m.Config.Embed {
		t.Fatalf("%d encodings, %v", len(all), err)
	}
	if f := all[2].Fit; math.Abs(f.Frequency-1.1) > 1e-6 ||
		math.Abs(math.Abs(f.Amplitude)-0.25) > 1e-6 || f.R2 < 1-1e-9 ||
		all[2].Name != "coordinate 3" {
		t.Errorf("%+v", all[2])
	}
	all, err = trained(t, configuration(plain)).Encodings()
	if err != nil || len(all) != 6 || all[3].Name != "layer 2, head 1" {
		t.Fatalf("%d encodings, %v", len(all), err)
	}
	for _, e := range all {
		if sum := dot(e.Values, slices.Repeat([]float64{1},
			len(e.Values))); math.Abs(sum-1) > 1e-12 {
			t.Errorf("%s sums to %v, want 1", e.Name, sum)
		}
	}
	if all, err := trained(t, configuration(bare)).Encodings(); len(all) != 0 || err != nil {
		t.Errorf("a model without positions: %v, %v", all, err)
	}
}

// Attention is causal, and of softmax heads without positions sums to 1.
func TestAttention(t *testing.T) {
	c := configuration(plain)
	c.Position, c.Attention = nn.NoPosition, nn.SoftmaxAttention
	m := trained(t, c)
	maps, err := m.Attention(t.Context(), sequences(t, m.Config, 4))
	if err != nil || len(maps) != 6 {
		t.Fatalf("%d maps, %v", len(maps), err)
	}
	for _, a := range maps {
		for i := range 9 {
			sum := 0.0
			for j := range 9 {
				sum += a.Values[i*9+j]
				if j > i && a.Values[i*9+j] != 0 {
					t.Errorf("layer %d, head %d sees the future", a.Layer, a.Head)
				}
			}
			if math.Abs(sum-1) > 1e-12 {
				t.Errorf("row %d sums to %v", i, sum)
			}
		}
	}
}

// Parts that do nothing cost nothing to take out, others do, and each is named.
func TestAblate(t *testing.T) {
	m := trained(t, configuration(plain))
	own, d := m.parameters(), m.Config.Embed
	clear(own["layers.0.v.weight"][d*d : 2*d*d]) // head 2 of layer 1 writes nothing
	clear(own["layers.0.v.bias"][d : 2*d])
	s := sequences(t, m.Config, 16)
	all, err := Ablate(t.Context(), m, s)
	if err != nil {
		t.Fatal(err)
	}
	byPart := map[string]float64{}
	var parts []string
	for _, a := range all {
		byPart[a.Part], parts = a.MSE, append(parts, a.Part)
	}
	want := []string{"nothing", "layer 1, head 1", "layer 1, head 2", "layer 1, head 3",
		"layer 2, head 1", "layer 2, head 2", "layer 2, head 3",
		"positions", Biases, "layer norm", "layer 1", "layer 2"}
	if !slices.Equal(parts, want) {
		t.Errorf("parts %q, want %q", parts, want)
	}
	whole, err := m.MSE(t.Context(), s)
	if err != nil || byPart["nothing"] != average(whole) ||
		byPart["layer 1, head 2"] != byPart["nothing"] {
		t.Errorf("nothing and a head that writes nothing: %v, %v, want %v (%v)", byPart["nothing"],
			byPart["layer 1, head 2"], average(whole), err)
	}
	for _, part := range want[1:] {
		if part != "layer 1, head 2" && byPart[part] == byPart["nothing"] {
			t.Errorf("without %s nothing changes", part)
		}
	}
}

// Sequences that do not fit are refused, with what to do.
func TestWrongSequences(t *testing.T) {
	m := trained(t, configuration(plain))
	for want, s := range map[string]ar.Batch[float64]{
		"tokens of dimension 2 and the model was trained on 3": {N: 1, T: 3, D: 2,
			States: make([]float64, 8)},
		"has 10 tokens and the model's table of positions 9": {N: 1, T: 10, D: 3,
			States: make([]float64, 33)},
		"the sequence has no tokens": {N: 1, T: 0, D: 3},
	} {
		if _, err := m.Maps(t.Context(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// The analysis of a model is whole, and can be written as JSON: what has no
// value is null.
func TestAnalyse(t *testing.T) {
	for _, change := range []func(*train.Config){bare, plain,
		func(c *train.Config) { c.Sigma = 0.1 }} {
		m := trained(t, configuration(change))
		a, err := m.Analyse(t.Context(), 40)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(a.MSE.Value-average(a.PositionMSE)) > 1e-12 || a.MSE.Low > a.MSE.Value ||
			a.MSE.High < a.MSE.Value || a.Ablations[0].MSE != a.MSE.Value {
			t.Errorf("the mean squared error is %+v, by position %v, with nothing taken out %v",
				a.MSE, average(a.PositionMSE), a.Ablations[0].MSE)
		}
		if (a.Floor == nil) != (m.Config.Sigma > 0) || (a.Path == nil) != m.Config.Norm {
			t.Errorf("floor %v and path %v at σ = %v, norm %v", a.Floor, a.Path, m.Config.Sigma,
				m.Config.Norm)
		}
		if len(a.Alignments) < 12 || len(a.Spectra) != spectraShown ||
			len(a.Spectra[0].Gamma) != 3 ||
			len(a.Resemblance.Trained) != m.Config.Depth*len(a.Resemblance.Algorithms) {
			t.Errorf("%d alignments, %d spectra, %d similarities", len(a.Alignments),
				len(a.Spectra), len(a.Resemblance.Trained))
		}
		data, err := json.Marshal(a)
		if err != nil || !strings.Contains(string(data), `"cosine":[null,`) {
			t.Errorf("JSON: %v", err)
		}
	}
}
