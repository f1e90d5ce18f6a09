package probe

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
	"icar/nn"
	"icar/theory"
	"icar/train"
)

// rich has every part that can be taken out, three layers and two heads.
func rich(c *train.Config) {
	c.Tokens, c.Heads, c.Embed, c.Depth, c.Position, c.MLP = ar.Plain, 2, 6, 3, nn.AdditivePosition, 2
}

// random is a model whose every parameter, biases too, is drawn.
func random(t *testing.T, change func(*train.Config)) *Model {
	t.Helper()
	m, err := Untrained(configuration(change))
	if err != nil {
		t.Fatal(err)
	}
	r := ar.Rand(5, "random model", 0)
	for _, p := range m.Net.Parameters() {
		for i := range p.Data {
			p.Data[i] = 0.5 * r.NormFloat64()
		}
	}
	return m
}

// Each ablation is the model that is built anew from the parameters that are
// left, by their names.
func TestAblationsAreTheModelsThatAreLeft(t *testing.T) {
	m := random(t, rich)
	own, e := m.parameters(), m.Config.Embed
	s := sequences(t, m.Config, 5)
	all, err := Ablate(t.Context(), m, s)
	if err != nil {
		t.Fatal(err)
	}
	same := func(name string) []float64 { return own[name] }
	for part, left := range map[string]struct {
		change func(*train.Config)
		of     func(name string) []float64 // nil: zeros
	}{
		"nothing": {rich, same},
		"layer 2, head 2": {rich, func(name string) []float64 {
			switch name {
			case "layers.1.v.weight":
				return append(slices.Clone(own[name][:e*e]), make([]float64, e*e)...)
			case "layers.1.v.bias":
				return append(slices.Clone(own[name][:e]), make([]float64, e)...)
			}
			return own[name]
		}},
		"layer 3, head 1": {rich, func(name string) []float64 {
			switch name {
			case "layers.2.v.weight":
				return append(make([]float64, e*e), own[name][e*e:]...)
			case "layers.2.v.bias":
				return append(make([]float64, e), own[name][e:]...)
			}
			return own[name]
		}},
		"positions": {rich, func(name string) []float64 {
			if name == "pos" {
				return nil
			}
			return own[name]
		}},
		Biases: {rich, func(name string) []float64 {
			if strings.HasSuffix(name, ".q.bias") || strings.HasSuffix(name, ".k.bias") ||
				strings.HasSuffix(name, ".v.bias") {
				return nil
			}
			return own[name]
		}},
		"layer norm": {func(c *train.Config) { rich(c); c.Norm = false }, same},
		"layer 1": {func(c *train.Config) { rich(c); c.Depth = 2 }, func(name string) []float64 {
			return own[strings.NewReplacer("layers.0.", "layers.1.", "layers.1.",
				"layers.2.").Replace(name)]
		}},
		"layer 2": {func(c *train.Config) { rich(c); c.Depth = 2 }, func(name string) []float64 {
			return own[strings.Replace(name, "layers.1.", "layers.2.", 1)]
		}},
		"layer 3": {func(c *train.Config) { rich(c); c.Depth = 2 }, same},
	} {
		smaller := built(t, left.change, func(now map[string][]float64, _ train.Config) {
			for name, data := range now {
				copy(data, left.of(name))
			}
		})
		want, err := smaller.MSE(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(a Ablation) bool { return a.Part == part })
		if i < 0 || !near(all[i].PerSequence, want, 1e-12) ||
			math.Abs(all[i].MSE-average(want)) > 1e-12 ||
			all[i].Head != strings.Contains(part, "head") {
			t.Errorf("without %s: %+v, want the errors %v", part, all, want)
		}
	}
	if original, err := m.MSE(t.Context(), s); err != nil ||
		!near(all[0].PerSequence, original, 0) {
		t.Errorf("the model itself was changed (%v)", err)
	}
}

// What the last layer passes on is what the readout reads, and what layer l
// passes on is what it would read if it were the last.
func TestHiddenIsWhatTheReadoutReads(t *testing.T) {
	m := random(t, rich)
	s := sequences(t, m.Config, 2)
	hidden, err := m.Hidden(t.Context(), s)
	if err != nil || len(hidden) != 3 {
		t.Fatalf("%d layers, %v", len(hidden), err)
	}
	read := func(model *Model, l int) {
		t.Helper()
		own, d, width := model.parameters(), 3, m.Config.Embed
		predictions, err := model.Predict(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		for p := range s.N * s.T {
			h := hidden[l][p*width : (p+1)*width]
			for i := range d {
				want := dot(own["out.weight"][i*width:(i+1)*width], h) + own["out.bias"][i]
				if math.Abs(predictions[p*d+i]-want) > 1e-12 {
					t.Fatalf("layer %d, token %d: the prediction is %v, the readout of what it passes on %v",
						l, p, predictions[p*d+i], want)
				}
			}
		}
	}
	read(m, 2)
	two, err := m.withoutLayer(2)
	if err != nil {
		t.Fatal(err)
	}
	read(two, 1)
	one, err := two.withoutLayer(1)
	if err != nil {
		t.Fatal(err)
	}
	read(one, 0)
	second, err := m.Activations(s, 1)
	if err != nil || !near(second[len(second)-1].Data, must(t, m, s)[s.T*3:], 1e-14) {
		t.Errorf("the activations of the second sequence are another's (%v)", err)
	}
}

// must are the predictions of a model.
func must(t *testing.T, m *Model, s ar.Batch[float64]) []float64 {
	t.Helper()
	predictions, err := m.Predict(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return predictions
}

// affine returns rows of width - 1 numbers with a 1 before the next.
func affine(x []float64, width int) (rows []float64) {
	for i, v := range x {
		if rows = append(rows, v); i%(width-1) == width-2 {
			rows = append(rows, 1)
		}
	}
	return rows
}

// similar recomputes one row of similarities: a ridge regression on one batch,
// by QR with the penalty as further rows, judged on another.
func similar(t *testing.T, m *Model, fitting, test ar.Batch[float64], targets []float64, l int,
	algorithm []float64) float64 {
	t.Helper()
	fit, err := m.Hidden(t.Context(), fitting)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := m.Hidden(t.Context(), test)
	if err != nil {
		t.Fatal(err)
	}
	d, width := test.D, m.Config.Embed+1
	rows := len(fit[l]) / (width - 1)
	features, tested := affine(fit[l], width), affine(seen[l], width)
	x, y := mat.NewDense(rows+width, width, nil), mat.NewDense(rows+width, d, nil)
	x.Slice(0, rows, 0, width).(*mat.Dense).Copy(mat.NewDense(rows, width, features))
	y.Slice(0, rows, 0, d).(*mat.Dense).Copy(mat.NewDense(rows, d, fitting.Targets()))
	for i := range width {
		x.Set(rows+i, i, math.Sqrt(1e-6*dot(features, features)/float64(width)))
	}
	var w, predicted mat.Dense
	if err := w.Solve(x, y); err != nil {
		t.Fatal(err)
	}
	predicted.Mul(mat.NewDense(test.N*test.T, width, tested), &w)
	mean, size := 0.0, test.T*d
	for n := range test.N {
		var ab, aa, bb float64
		for i := n * size; i < (n+1)*size; i++ {
			a, b := predicted.RawMatrix().Data[i]-targets[i], algorithm[i]-targets[i]
			ab, aa, bb = ab+a*b, aa+a*a, bb+b*b
		}
		mean += ab / math.Sqrt(aa*bb) / float64(test.N)
	}
	return mean
}

// Every similarity of a layer and of both controls, recomputed: readouts are
// fitted on the fitting sequences as they are, and judged on the test's targets.
func TestResemblanceRecomputed(t *testing.T) {
	m := random(t, rich)
	fitting, err := train.Sequences(m.Config, train.TrainStream, 30)
	if err != nil {
		t.Fatal(err)
	}
	s := sequences(t, m.Config, 8)
	algorithms := []estimator.Estimator{estimator.CopyLast{}, estimator.LeastSquares{}}
	order := func(n int) []int { return ar.Rand(2, "order", uint64(n)).Perm(s.T) }
	r, err := Resemble(t.Context(), m, fitting, s, algorithms, order)
	if err != nil {
		t.Fatal(err)
	}
	shuffled := s
	shuffled.States = slices.Clone(s.States)
	for n := range s.N {
		for to, from := range order(n) {
			copy(state(shuffled, n, to), state(s, n, from))
		}
	}
	untrained, err := Untrained(m.Config)
	if err != nil {
		t.Fatal(err)
	}
	for l := range 3 {
		for j, a := range algorithms {
			algorithm, err := estimator.Predict(t.Context(), s, a)
			if err != nil {
				t.Fatal(err)
			}
			for name, c := range map[string]struct {
				got, want float64
			}{
				"trained": {r.Trained[l*2+j],
					similar(t, m, fitting, s, s.Targets(), l, algorithm)},
				"untrained": {r.Untrained[l*2+j],
					similar(t, untrained, fitting, s, s.Targets(), l, algorithm)},
				"permuted": {r.Permuted[l*2+j],
					similar(t, m, fitting, shuffled, s.Targets(), l, algorithm)},
			} {
				if math.Abs(c.got-c.want) > 1e-9 {
					t.Errorf("layer %d, %s, %s: %v, want %v", l+1, a.Name(), name, c.got, c.want)
				}
			}
		}
	}
	if !slices.Equal(r.Algorithms, []string{"copy last", "least squares"}) {
		t.Errorf("columns %q", r.Algorithms)
	}
}

// What a layer does to s_{T-1} = W⁻¹s_T is Γ'W⁻¹ in s_T, in this order: W and Γ' here do
// not commute.
func TestTotalMapGoesThroughTheInverse(t *testing.T) {
	a, w := mat.NewDense(2, 2, []float64{1, 2, 0, 3}), mat.NewDense(2, 2, []float64{0, -1, 1, 1})
	var previous, back mat.Dense
	previous.Mul(a, w)
	if err := back.Inverse(w); err != nil {
		t.Fatal(err)
	}
	m := Maps{N: 1, T: 1, D: 2, Gamma: []float64{10, 20, 30, 40},
		Previous: previous.RawMatrix().Data}
	if got := m.total(0, 0, &back); !near(got, []float64{11, 22, 30, 43}, 1e-12) {
		t.Errorf("the total map is %v, want 11, 22, 30, 43", got)
	}
}

// Of n independent intervals at the joint level all hold with level^n, 95 % and little
// more: 0.95123 for many.
func TestJointLevel(t *testing.T) {
	for _, n := range []int{1, 2, 48, 1000} {
		if all := math.Pow(jointLevel(n), float64(n)); all < 0.95-1e-12 || all > math.Exp(-0.05) {
			t.Errorf("%d intervals hold together with %v", n, all)
		}
	}
}

// A layer is like an algorithm only above both controls, by more than chance:
// the differences 1, 2, 3 have the interval 2 ± 2.48, and 2, 3, 4 have 3 ± 2.48.
func TestMostLikeIsAboveItsControls(t *testing.T) {
	b := []float64{10, -10, 5, math.NaN()}
	if a := []float64{11, -8, 8, 0}; exceeds(a, b, 0.95) {
		t.Error("1, 2 and 3 exceed 0 by chance")
	}
	if a := []float64{12, -7, 9, 0}; !exceeds(a, b, 0.95) || exceeds(b, a, 0.95) || exceeds(a, b,
		0.99) {
		t.Error("2, 3 and 4 exceed 0, and not the other way round")
	}
	if exceeds([]float64{5}, []float64{1}, 0.95) {
		t.Error("one sequence shows nothing")
	}
	r := Resemblance{Algorithms: []string{"a", "b", "c"},
		Trained: figure.Values{0.9, 0.5, 0.6, 0.9, 0.8, 0.7, -0.2, -0.1, -0.3},
		Exceeds: []bool{false, true, true, false, false, false, true, true, true}}
	for l, want := range []int{2, 0, 1} {
		if column, ok := r.MostLike(l); ok != (l != 1) || column != want {
			t.Errorf("layer %d is most like %d, %v", l, column, ok)
		}
	}
	// A model that was never trained is one of its controls, and above the other:
	// one alone is not enough.
	m, err := Untrained(configuration(bare))
	if err != nil {
		t.Fatal(err)
	}
	s := sequences(t, m.Config, 200)
	reversed := func(int) []int { return []int{8, 7, 6, 5, 4, 3, 2, 1, 0} }
	found, err := Resemble(t.Context(), m, s, s,
		[]estimator.Estimator{estimator.Zero{}, estimator.LeastSquares{}}, reversed)
	if err != nil || !(found.Trained[1] > found.Permuted[1]+0.02) {
		t.Fatalf("reversing the context changes nothing: %+v (%v)", found, err)
	}
	if _, ok := found.MostLike(0); ok {
		t.Errorf("an untrained model is like something: %+v", found)
	}
}

// Additive vectors that are exact cosines: frequency, amplitude, phase and mean
// of each coordinate are read out again; less than half a period is none.
func TestEncodingsOfKnownCosines(t *testing.T) {
	want := []theory.Cosine{
		{Mean: 0.5, Amplitude: 0.25, Frequency: 1.1, Phase: 0.3, R2: 1},
		{Mean: -1, Amplitude: 2, Frequency: 0.5, Phase: -1.2, R2: 1},
		{Mean: 0, Amplitude: 1, Frequency: 2.2, Phase: 2.5, R2: 1}, {Amplitude: 1, Frequency: 0.2},
		{Mean: 3}, {Amplitude: 1, Frequency: 3.05},
	}
	m := built(t, func(c *train.Config) { plain(c); c.Position = nn.AdditivePosition },
		func(own map[string][]float64, c train.Config) {
			for i, cosine := range want {
				for at, v := range cosine.Curve(c.Length) {
					own["pos"][at*c.Embed+i] = v
				}
			}
		})
	all, err := m.Encodings()
	if err != nil || len(all) != 6 {
		t.Fatalf("%d encodings, %v", len(all), err)
	}
	for i, e := range all {
		if !near(e.Values, want[i].Curve(9), 0) || e.Name != "coordinate "+string(rune('1'+i)) {
			t.Errorf("%s has the values %v", e.Name, e.Values)
		}
		data, err := e.MarshalJSON()
		if err != nil || e.Periodic() == strings.Contains(string(data), `"fit":null`) {
			t.Errorf("periodic: %v, and in JSON %s (%v)", e.Periodic(), data, err)
		}
		// Of nine positions half a period is f = π/8 = 0.39: 0.2 shows less, a
		// constant nothing, and 3.05 = π - 0.09 less of its alternation.
		if e.Periodic() != (i < 3) {
			t.Errorf("%s, of frequency %v: periodic is %v", e.Name, e.Fit.Frequency, e.Periodic())
		}
		if f := e.Fit; i < 3 && !near([]float64{f.Mean, f.Amplitude, f.Frequency, f.Phase, f.R2},
			[]float64{want[i].Mean, want[i].Amplitude, want[i].Frequency, want[i].Phase, 1}, 1e-6) {
			t.Errorf("%s: %+v, want %+v", e.Name, f, want[i])
		}
	}
	edge := Encoding{Values: make([]float64, 9), Fit: theory.Cosine{Frequency: math.Pi / 8 * 1.001}}
	if edge.Fit.Frequency = math.Pi / 8 * 0.999; edge.Periodic() {
		t.Error("0.4995 periods are half a period")
	}
	if edge.Fit.Frequency = math.Pi / 8 * 1.001; !edge.Periodic() {
		t.Error("0.5005 periods are less than half a period")
	}
	data, err := all[1].MarshalJSON()
	if err != nil || !strings.Contains(string(data), `"fit":{"mean":-`) ||
		!strings.Contains(string(data), `"r2":`) {
		t.Errorf("in JSON %s (%v)", data, err)
	}
}

// A product position whose last row is a known cosine: of head h, q is √D in
// coordinate h and k_j the logarithm of the weight, so that the softmax over
// the positions is the weight. The row before ends one position earlier.
func TestProductEncodingIsTheLastRow(t *testing.T) {
	curves := []theory.Cosine{{Mean: 1, Amplitude: 0.5, Frequency: 0.9, Phase: 0.4},
		{Mean: 1, Amplitude: 0.3, Frequency: 1.7, Phase: -1},
		{Mean: 1, Amplitude: 0.6, Frequency: 0.5, Phase: 2}}
	m := built(t, func(c *train.Config) { plain(c); c.Depth = 1 },
		func(own map[string][]float64, c train.Config) {
			e := c.Embed
			for h, curve := range curves {
				own["layers.0.q.bias"][h*e+h] = math.Sqrt(float64(e))
				put(own["layers.0.k.weight"], e, h*e, 0, e, 1)
				for at, v := range curve.Curve(c.Length) {
					own["pos"][at*e+h] = math.Log(v)
				}
			}
		})
	all, err := m.Encodings()
	if err != nil || len(all) != 3 {
		t.Fatalf("%d encodings, %v", len(all), err)
	}
	for h, e := range all {
		want, sum := curves[h].Curve(9), 0.0
		for _, v := range want {
			sum += v
		}
		for i := range want {
			want[i] /= sum
		}
		if !near(e.Values, want, 1e-12) || e.Name != "layer 1, head "+string(rune('1'+h)) {
			t.Errorf("%s: %v, want %v", e.Name, e.Values, want)
		}
		if math.Abs(e.Fit.Frequency-curves[h].Frequency) > 1e-6 ||
			math.Abs(e.Fit.Amplitude-curves[h].Amplitude/sum) > 1e-6 {
			t.Errorf("%s: %+v, want %+v over %v", e.Name, e.Fit, curves[h], sum)
		}
	}
	// The attention of this model is 0 (no token passes W_q); with scores of 1,
	// the attention map is the position's.
	for h := range curves {
		m.parameters()["layers.0.k.bias"][h*6+h] = 1
	}
	maps, err := m.Attention(t.Context(), sequences(t, m.Config, 3))
	if err != nil || len(maps) != 3 {
		t.Fatal(err)
	}
	for h, a := range maps {
		positions, err := m.Net.Activations(make([]float64, 27))
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range positions {
			if x.Name != "layers.0.position" {
				continue
			}
			tokens := sequences(t, m.Config, 3)
			for j := range 9 { // k_j = s_j repeated, plus 1 in coordinate h
				mean := 0.0
				for n := range 3 {
					mean += math.Abs(state(tokens, n, j)[h%3]+1) / 3
				}
				if want := mean * x.Data[(h*9+8)*9+j]; math.Abs(a.Values[8*9+j]-want) > 1e-12 ||
					a.Head != h || a.Layer != 0 {
					t.Fatalf("head %d: attention %v to %d, want %v", h, a.Values[8*9+j], j, want)
				}
			}
		}
	}
}

// Between two readouts the model is the mixture: (1 + α) s_T from copies to twice.
func TestInterpolateMixesParameters(t *testing.T) {
	one, two := copier(t), copier(t)
	for i := range two.parameters()["out.weight"] {
		two.parameters()["out.weight"][i] *= 2
	}
	s := sequences(t, one.Config, 3)
	got, err := one.Interpolate(t.Context(), two, []float64{0, 0.25, 1}, s)
	if err != nil {
		t.Fatal(err)
	}
	for k, alpha := range []float64{0, 0.25, 1} {
		want := 0.0
		for n := range s.N {
			for at := range s.T {
				for i := range 3 {
					e := (1+alpha)*state(s, n, at)[i] - state(s, n, at+1)[i]
					want += e * e / float64(s.N*s.T*3)
				}
			}
		}
		if math.Abs(got[k]-want) > 1e-14 {
			t.Errorf("α = %v: error %v, want %v", alpha, got[k], want)
		}
	}
	if _, err := one.Interpolate(t.Context(), random(t, rich), []float64{0}, s); err == nil ||
		!strings.Contains(err.Error(), "different shapes") {
		t.Errorf("another shape: %v", err)
	}
}

// A sequence of one's own: the model and each estimator, by hand.
func TestSequenceByHand(t *testing.T) {
	m := copier(t)
	states := []float64{1, 0, 0, 0, 1, 0, 0, 3, 4}
	all, err := m.Sequence(t.Context(), states, 3,
		[]estimator.Estimator{estimator.Zero{}, estimator.LeastSquares{}})
	if err != nil || len(all) != 3 {
		t.Fatal(len(all), err)
	}
	for i, want := range []Prediction{
		{"the model", []float64{0, 3, 4}, []float64{2. / 3, 20. / 3}, 11. / 3,
			[]float64{1, 0, 0, 0, 1, 0, 0, 0, 1}},
		{"zero", []float64{0, 0, 0}, []float64{1. / 3, 25. / 3}, 13. / 3, make([]float64, 9)},
		// W e_1 = e_2 and W e_2 = 3e_2 + 4e_3, so that s_4 is 3 W e_2, and 4 e_3 is unknown.
		{"least squares", []float64{0, 9, 12}, []float64{1. / 3, 25. / 3}, 13. / 3,
			[]float64{0, 0, 0, 1, 3, 0, 0, 4, 0}},
	} {
		if got := all[i]; got.Name != want.Name || !near(got.Next, want.Next, 1e-12) ||
			!near(got.Error, want.Error, 1e-12) ||
			math.Abs(float64(got.MSE-want.MSE)) > 1e-12 || !near(got.Gamma, want.Gamma, 1e-12) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	// Where Γ differs from one position to the next, it is that of all tokens.
	other := random(t, bare)
	maps := mapsOf(t, other, ar.Batch[float64]{N: 1, T: 3, D: 3,
		States: append(slices.Clone(states), 0, 0, 0)})
	one, err := other.Sequence(t.Context(), states, 3, nil)
	if err != nil || !near(one[0].Gamma, maps.At(0, 2), 1e-15) || near(one[0].Gamma, maps.At(0, 1),
		1e-3) {
		t.Errorf("Γ = %v (%v), want %v", one, err, maps.At(0, 2))
	}
	if _, err := m.Sequence(t.Context(), []float64{1, 0, 0, 0, math.Inf(1), 0}, 3,
		nil); err == nil || err.Error() != "s_2 is +Inf in coordinate 2: every number has to be finite" {
		t.Errorf("an infinite state: %v", err)
	}
}

// The analysis is its probes on the right sequences, recomputed one by one: the
// test stream to measure, 512 of the training stream to fit.
func TestAnalysisRecomputed(t *testing.T) {
	m := random(t, bare)
	const n = 66
	ctx, test := t.Context(), sequences(t, m.Config, n)
	fitting, err := train.Sequences(m.Config, train.TrainStream, 512)
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Analyse(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	predictions, targets := must(t, m, test), test.Targets()
	positions, sample := make([]float64, 9), make([]float64, n)
	for i, y := range targets {
		e := (predictions[i] - y) * (predictions[i] - y)
		positions[i/3%9] += e / (3 * n)
		sample[i/27] += e / 27
	}
	interval, err := estimator.Bootstrap(sample, 0.95, 2000,
		ar.Rand(m.Config.Seed, "probe bootstrap mse", 0))
	if err != nil || !near(a.PositionMSE, positions, 1e-12) ||
		!near([]float64{a.MSE.Value, a.MSE.Low, a.MSE.High},
			[]float64{average(sample), interval.Low, interval.High}, 1e-12) {
		t.Errorf("error %+v, by position %v (%v)", a.MSE, a.PositionMSE, err)
	}
	if floor, err := estimator.BayesFloor(m.Config.Process,
		9); err != nil || !near(a.Floor, floor, 0) || a.Sequences != n {
		t.Errorf("floor %v of %d sequences", a.Floor, a.Sequences)
	}
	// Each estimator by itself, fitted here.
	_, fitted, err := Estimators(ctx, m.Config.Sigma, fitting)
	if err != nil {
		t.Fatal(err)
	}
	maps := mapsOf(t, m, test)
	for i, e := range fitted {
		errors, err := estimator.MSE(ctx, test, e)
		if err != nil {
			t.Fatal(err)
		}
		alone, err := maps.Align(ctx, test, e)
		if err != nil {
			t.Fatal(err)
		}
		got := a.Alignments[i]
		if got.Estimator != e.Name() || math.Abs(got.MeanError-errors.Mean()) > 1e-12 ||
			!near(got.Error, errors.PerPosition(), 1e-12) ||
			math.Abs(got.MeanDistance-average(alone.PredictionDistance)) > 1e-12 ||
			math.Abs(got.MeanMap.Float()-average(alone.MapDistance)) > 1e-12 ||
			math.Abs(got.Mean.Value-alone.MeanCosine()) > 1e-12 && e.Name() != "zero" {
			t.Errorf("%s: %+v", e.Name(), got)
		}
	}
	for i, s := range a.Spectra {
		for name, c := range map[string]struct {
			pairs  [][2]float64
			matrix []float64
		}{"W": {s.W, test.Contexts[i].W}, "Γ": {s.Gamma, maps.At(i, 8)}} {
			sum, imaginary, square := 0.0, 0.0, 0.0
			for _, v := range c.pairs {
				sum, imaginary, square = sum+v[0], imaginary+v[1], square+v[0]*v[0]-v[1]*v[1]
			}
			var twice mat.Dense
			x := mat.NewDense(3, 3, c.matrix)
			twice.Mul(x, x)
			if scale := 1 + mat.Norm(&twice, 2); math.Abs(sum-mat.Trace(x)) > 1e-11*scale ||
				math.Abs(imaginary) > 1e-11 || math.Abs(square-mat.Trace(&twice)) > 1e-10*scale {
				t.Errorf("sequence %d, %s: eigenvalues %v of trace %v, square %v", i, name, c.pairs,
					mat.Trace(x), mat.Trace(&twice))
			}
		}
	}
	few := test
	few.N, few.States = 64, test.States[:64*10*3]
	attention, err := m.Attention(ctx, few)
	if err != nil || len(a.Attention) != 1 ||
		!near(a.Attention[0].Values, attention[0].Values, 1e-12) {
		t.Errorf("attention (%v)", err)
	}
	step, err := estimator.FitGradientStep(ctx, fitting)
	if err != nil || a.Path == nil || a.Path.Eta != step.Eta[0] || len(a.Path.Alpha) != 21 ||
		a.Path.Alpha[1] != 0.05 || a.Path.Alpha[20] != 1 {
		t.Fatalf("the path %+v, want η = %v (%v)", a.Path, step.Eta, err)
	}
	end, err := estimator.MSE(ctx, test, step)
	if err != nil || math.Abs(a.Path.MSE[20]-end.Mean()) > 1e-9 ||
		math.Abs(a.Path.MSE[0]-a.MSE.Value) > 1e-12 {
		t.Errorf("the path leads from %v to %v, want %v to %v", a.Path.MSE[0], a.Path.MSE[20],
			a.MSE.Value, end.Mean())
	}
	algorithms, err := iterations(ctx, fitting)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Resemble(ctx, m, fitting, test, algorithms,
		func(n int) []int { return ar.Rand(m.Config.Seed, "probe order", uint64(n)).Perm(9) })
	if err != nil || !near(a.Resemblance.Trained, r.Trained, 0) ||
		!near(a.Resemblance.Permuted, r.Permuted, 0) ||
		!slices.Equal(a.Resemblance.Exceeds, r.Exceeds) {
		t.Errorf("resemblance %+v, want %+v (%v)", a.Resemblance, r, err)
	}
	if distance, err := maps.Distance(test); err != nil ||
		!near(a.Distance.Whole, distance.Whole, 0) || !near(a.Distance.On, distance.On, 0) {
		t.Errorf("distance %+v (%v)", a.Distance, err)
	}
}

// What a model is compared with, each fitted by its own fit on the sequences.
func TestEstimatorsByName(t *testing.T) {
	c := configuration(bare)
	fitting, err := train.Sequences(c, train.TrainStream, 20)
	if err != nil {
		t.Fatal(err)
	}
	wide := c
	wide.Process = ar.New(ar.Haar, 9)
	wideFitting, err := train.Sequences(wide, train.TrainStream, 20)
	if err != nil {
		t.Fatal(err)
	}
	names := func(sigma float64, fitting ar.Batch[float64]) string {
		step, all, err := Estimators(t.Context(), sigma, fitting)
		if err != nil {
			t.Fatal(err)
		}
		fitted, err := estimator.FitGradientStep(t.Context(), fitting)
		if err != nil || step.Eta[0] != fitted.Eta[0] {
			t.Errorf("η = %v, want %v", step.Eta, fitted.Eta)
		}
		var list []string
		for _, e := range all {
			list = append(list, e.Name())
			if k, ok := e.(estimator.Kalman); ok && (k.Sigma != 0.2 || k.Variance != 1./3) {
				t.Errorf("the filter is %+v", k)
			}
		}
		return strings.Join(list, "; ")
	}
	const fixed = "zero; copy last; gradient descent, k = 1; gradient descent by position, k = 1; " +
		"gradient descent, k = 4; normalised step; " +
		"linear attention; Kaczmarz, k = 1; Newton-Schulz, k = 4; Chebyshev, k = 4; conjugate " +
		"gradient, k = 2; "
	quiet, noisy, large := names(0, fitting), names(0.2, fitting), names(0, wideFitting)
	if !strings.HasPrefix(quiet, fixed+"ridge, λ") ||
		!strings.HasSuffix(quiet, "; preconditioned descent by position, k = 1; least squares") {
		t.Errorf("without noise: %s", quiet)
	}
	if !strings.HasSuffix(noisy, "; preconditioned descent by position, k = 1; Kalman, σ = 0.2; "+
		"least squares") {
		t.Errorf("with noise: %s", noisy)
	}
	if strings.Contains(large, "preconditioned") {
		t.Errorf("d = 9: %s", large)
	}
	short := fitting // of one position, at which a step by position is the step
	short.T, short.States = 1, nil
	for n := range fitting.N {
		short.States = append(short.States, fitting.States[n*(fitting.T+1)*fitting.D:][:2*fitting.D]...)
	}
	_, one, err := Estimators(t.Context(), 0, short)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range one {
		if seen[e.Name()] {
			t.Errorf("of one position there are two of %s", e.Name())
		}
		seen[e.Name()] = true
	}
	algorithms, err := iterations(t.Context(), fitting)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range algorithms {
		list = append(list, e.Name())
	}
	if got := strings.Join(list, "; "); got != "zero; gradient descent, k = 1; gradient descent, k "+
		"= 2; gradient descent, k = 4; gradient descent, k = 8; "+
		"Newton-Schulz, k = 1; Newton-Schulz, k = 2; Newton-Schulz, k = 3; Newton-Schulz, k = 4; "+
		"Newton-Schulz, k = 5; Newton-Schulz, k = 6; "+
		"conjugate gradient, k = 1; conjugate gradient, k = 2; conjugate gradient, k = 3; least squares" {
		t.Errorf("the columns are %s", got)
	}
}

// Exact data have their best λ at the lowest: the row says that it is least
// squares. Data of which nothing can be predicted have it at the highest.
func TestRidgeAtTheEdgeIsNamed(t *testing.T) {
	s := ar.Batch[float64]{N: 1, T: 4, D: 1, Contexts: make([]ar.Context, 1),
		States: []float64{1, 0.5, 0.25, 0.125, 0.0625}}
	e, err := fitRidge(t.Context(), s)
	if err != nil || e.Name() != "ridge, λ → 0: least squares" {
		t.Errorf("%v, %v", e, err)
	}
	s.States = []float64{1, 1, -1, -1, 1}
	if e, err = fitRidge(t.Context(), s); err != nil || e.Name() != "ridge, λ ≥ 10: next to zero" {
		t.Errorf("%v, %v", e, err)
	}
	s.States = make([]float64, 5)
	if _, err = fitRidge(t.Context(), s); err == nil || errors.Is(err, theory.ErrNoVariance) {
		t.Errorf("zeros: %v", err)
	}
}

// Means leave NaN out and have the interval of what is left.
func TestMeansOfWhatIsThere(t *testing.T) {
	m := analysis{Given: Given{Seed: 7}}
	nothing, err := m.mean([]float64{math.NaN()}, "x")
	if err != nil || !math.IsNaN(nothing.Value) || !math.IsNaN(nothing.Low) {
		t.Errorf("the mean of nothing is %+v (%v)", nothing, err)
	}
	got, err := m.mean([]float64{1, math.NaN(), 2, 6}, "x")
	want, failed := estimator.Bootstrap([]float64{1, 2, 6}, 0.95, 2000,
		ar.Rand(7, "probe bootstrap x", 0))
	if err != nil || failed != nil || got != (Mean{3, want.Low, want.High}) {
		t.Errorf("%+v, want 3 in %v (%v, %v)", got, want, err, failed)
	}
	for want, v := range map[string]interface{ MarshalJSON() ([]byte, error) }{
		"[1,null,null]": figure.Values{1, math.NaN(), math.Inf(-1)}, "null": figure.Values(nil),
		"0.5": figure.Number(0.5), `{"value":null,"low":null,"high":null}`: nothing,
		`{"value":1,"low":0.5,"high":2}`: Mean{1, 0.5, 2},
	} {
		if data, err := v.MarshalJSON(); err != nil || string(data) != want {
			t.Errorf("%s, want %s (%v)", data, want, err)
		}
	}
}
