package web

import (
	"fmt"
	"math"
	"math/cmplx"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
	"icar/probe"
	"icar/theory"
)

// defaults are the values of parameters that nobody has changed, with changes.
func defaults(all []parameter, changes ...string) values {
	v := values{}
	for _, p := range all {
		v[p.name] = p.value
	}
	for i := 0; i < len(changes); i += 2 {
		v[changes[i]] = changes[i+1]
	}
	return v
}

// TestLayerIsOneGradientStep holds the trained layer against theory: its step size is
// η* to a percent, and on 40 sequences without noise its guess is nearer to that of one
// gradient step than to any other that the page shows.
func TestLayerIsOneGradientStep(t *testing.T) {
	m, err := trainLayer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	eta := theory.GradientStep(1, layerLength)
	if math.Abs(eta-3./19) > 1e-15 || math.Abs(m.eta()/eta-1) > 0.01 {
		t.Errorf("η is %v, want η* = %v = 3/19", m.eta(), eta)
	}
	for seed := range uint64(40) {
		r, err := drawRound(seed, int(seed)%5) // the rounds that least squares is right in
		if err != nil {
			t.Fatal(err)
		}
		guess := m.predict(r.shown)
		least, err := leastSquaresOn(r.shown)
		if err != nil {
			t.Fatal(err)
		}
		step := cmplx.Abs(guess - gradientStepOn(r.shown, eta))
		if step > 0.03 || step > cmplx.Abs(guess-least) {
			t.Errorf("sequence %d: the guess is %.3f from one step and %.3f from least squares",
				seed, step, cmplx.Abs(guess-least))
		}
	}
}

// TestLayerIsASumOverTokens adds what the tokens add: the prediction, to rounding. A layer
// of known weights has known scores and values.
func TestLayerIsASumOverTokens(t *testing.T) {
	m, err := trainLayer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := []complex128{1, 1i, complex(-0.6, 0.8), complex(0.3, -0.2)}
	query, seen, share := m.look(s)
	var sum complex128
	for i, token := range seen {
		sum += token.adds
		if off := cmplx.Abs(token.score - cmplx.Conj(token.key)*query); off > 0.05 {
			t.Errorf("token %d: key and query make %v, the score is %v", i+1,
				cmplx.Conj(token.key)*query, token.score)
		}
	}
	if cmplx.Abs(sum-m.predict(s)) > 1e-15 || share < 0.99 || share > 1 {
		t.Errorf("the tokens add %v, the prediction is %v, share %v", sum, m.predict(s), share)
	}
	known := layer{theory.BlockScalar{D: 1, M: [4]float64{0, 2, 0, 0}, V: [2]float64{0.5, 0}}}
	query, seen, share = known.look(s[:2])
	// M has one entry, of s_{t-1} and s_T: keys √2 s_{t-1}, query √2 s_T, no rest.
	if root := complex(math.Sqrt2, 0); share != 1 || cmplx.Abs(query-root*1i) > 1e-15 ||
		cmplx.Abs(seen[1].key-root) > 1e-15 || seen[0].key != 0 || seen[1].score != 2i ||
		seen[1].value != 0.5i || seen[1].adds != -1 {
		t.Errorf("query %v, tokens %v, share %v", query, seen, share)
	}
}

// TestFlowIsOfTheSequence sends the sequence of the process through the layer: what is
// said of the guess is what is drawn.
func TestFlowIsOfTheSequence(t *testing.T) {
	var s Server
	doc, err := s.flow(t.Context(), defaults(flowParameters, "theta", "1.1", "shown", "5",
		"start", "0.4"))
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]complex128{}
	for _, f := range doc.Figures {
		if f.Name == "sum" {
			for _, series := range f.Panels[0].Series {
				if n := len(series.X); n > 0 {
					at[series.Label] = complex(series.X[n-1], series.Y[n-1])
				}
			}
		}
	}
	if want := cmplx.Rect(1, 0.4+5*1.1); cmplx.Abs(at["W s_T"]-want) > 1e-12 {
		t.Errorf("W s_T is at %v, want %v", at["W s_T"], want)
	}
	if at["what the tokens add"] != at["the Transformer"] &&
		cmplx.Abs(at["what the tokens add"]-at["the Transformer"]) > 1e-15 {
		t.Errorf("the way ends at %v, the prediction is %v", at["what the tokens add"],
			at["the Transformer"])
	}
	for _, sentence := range []string{
		fmt.Sprintf("It is %.3f from one gradient step", cmplx.Abs(at["the Transformer"]-
			at["one gradient step"])),
		fmt.Sprintf("%.3f from where W takes the last token",
			cmplx.Abs(at["the Transformer"]-at["W s_T"])),
	} {
		if !strings.Contains(doc.Words["sum"], sentence) {
			t.Errorf("the page says %q, want %q", doc.Words["sum"], sentence)
		}
	}
	long, err := s.flow(t.Context(), defaults(flowParameters, "shown", "14"))
	if err != nil || !strings.Contains(long.Words["cut"], "sees the first 10 of 14") ||
		!strings.Contains(long.Words["sees"], "10 tokens") {
		t.Errorf("of 14 tokens: %v, %v", long.Words, err)
	}
}

// TestStartIsTurned turns and stretches s_1 for every family of the plane: the sequence
// without noise is that of W from there, and the noise is what it was.
func TestStartIsTurned(t *testing.T) {
	for _, family := range []string{"rotation", "so", "haar", "unitary"} {
		v := defaults(processParameters, "family", family, "sigma", "0.3", "rho", "0.9")
		before, err := drawSample(v)
		if err != nil {
			t.Fatal(err)
		}
		v["start"], v["size"] = "0.5", "1.3"
		after, err := drawSample(v)
		if err != nil {
			t.Fatal(err)
		}
		sin, cos := math.Sincos(0.5)
		x, y := before.states[0], before.states[1]
		if off := math.Hypot(after.states[0]-1.3*(cos*x-sin*y),
			after.states[1]-1.3*(sin*x+cos*y)); off > 1e-12 {
			t.Errorf("%s: s_1 is %v off", family, off)
		}
		noise := func(q sample, t int) []float64 {
			rest := append([]float64(nil), q.states[(t+1)*q.d:(t+2)*q.d]...)
			for i := range rest {
				rest[i] -= floats.Dot(q.w[i*q.d:(i+1)*q.d], q.states[t*q.d:(t+1)*q.d])
			}
			return rest
		}
		for at := range processLength {
			if off := floats.Distance(noise(before, at), noise(after, at), 2); off > 1e-12 {
				t.Errorf("%s, token %d: the noise has changed by %v", family, at+2, off)
			}
		}
	}
}

// TestInsideIsASum adds what the tokens of the trained model add, and its biases: its
// prediction; and its scores are those of its queries and keys.
func TestInsideIsASum(t *testing.T) {
	key := fitKey{ar.Haar, 3, false}
	s := newServer(Options{})
	t.Cleanup(s.stop)
	m, err := s.trained(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	sampler, err := ar.NewSampler[float64](ar.New(key.family, key.d), 1, fitLength, 5, "web-shown")
	if err != nil {
		t.Fatal(err)
	}
	batch := sampler.Batch(0)
	const shown = 7
	in, err := lookInside(m, batch, shown)
	if err != nil {
		t.Fatal(err)
	}
	predictions, err := m.Predict(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	sum := append([]float64(nil), in.rest...)
	for i, v := range in.adds {
		sum[i%key.d] += v
	}
	if off := floats.Distance(sum, predictions[(shown-1)*key.d:shown*key.d], 2); off > 1e-14 {
		t.Errorf("tokens and biases add up to %v, %v off the prediction", sum, off)
	}
	w := in.width
	want := floats.Dot(in.q[4*w:5*w], in.k[2*w:3*w]) / math.Sqrt(float64(w))
	if got := in.scores[4*in.length+2]; math.Abs(got-want) > 1e-14 {
		t.Errorf("the score of tokens 5 and 3 is %v, q·k/√D %v", got, want)
	}
	normal, err := s.trained(t.Context(), fitKey{ar.Haar, 3, true})
	if err != nil {
		t.Fatal(err)
	}
	if in, err = lookInside(normal, batch, shown); err != nil || in.adds != nil {
		t.Errorf("under a layer norm the prediction is no sum: %v, %v", in.adds, err)
	}
	if _, err := lookInside(&probe.Model{Config: m.Config, Net: m.Net},
		ar.Batch[float64]{N: 1, T: 3, D: 2, States: make([]float64, 8)}, 2); err == nil {
		t.Error("a sequence of another dimension is looked into")
	}
}

// TestArrives says from where on least squares has W.
func TestArrives(t *testing.T) {
	for want, distance := range map[string][]float64{
		" From T = 3 on Γ of least squares is W.": {1, 0.5, 1e-12, 0},
		"": {1, 0, 0.5},
	} {
		if got := arrives(distance); got != want {
			t.Errorf("%v: %q, want %q", distance, got, want)
		}
	}
}

// TestUncovered says how near the guesses came once W is shown: of a rotation without
// noise, from four tokens, least squares is right.
func TestUncovered(t *testing.T) {
	var s Server
	doc, err := s.process(t.Context(), defaults(processParameters, "reveal", "yes", "gx", "1"))
	if err != nil {
		t.Fatal(err)
	}
	off := cmplx.Abs(1 - cmplx.Rect(math.Sqrt2, 4*0.7))
	if want := fmt.Sprintf("Your guess of the next token is %.2f off. Nearest of the estimators: "+
		"least squares, 0.00 off.", off); !strings.Contains(doc.Words["hidden"], want) {
		t.Errorf("%q, want %q", doc.Words["hidden"], want)
	}
}

// TestKnow names the algorithm whose error is nearest to the model's.
func TestKnow(t *testing.T) {
	alike := func(label string, e float64) assessed {
		return assessed{named{label, nil}, []float64{e, e}}
	}
	f := fitted{modelError: []float64{0.1, 0.3}, least: alike("least squares", 0.05)}
	var doc Document
	doc.know(f, []assessed{alike("one step", 0.5), alike("5 steps", 0.19), f.least}, 0.75)
	if want := "By its error on 128 sequences that it was not trained on: 0.2000. Nearest of the " +
		"algorithms: 5 steps, 0.1900; least squares has 0.0500. On the sequence below its Γ is 75% " +
		"of |W| from W."; doc.Words["know"] != want {
		t.Errorf("%q, want %q", doc.Words["know"], want)
	}
}

// TestDeeper says of known errors what the last layer has added.
func TestDeeper(t *testing.T) {
	layers := []deep{{errors: []float64{2, 2}}, {errors: []float64{1, 2}}, {errors: []float64{2, 2}}}
	for n, want := range map[int]string{1: "Add a layer", 2: "Layer 2 has taken 25% of the error",
		3: "Layer 3 has not helped"} {
		if got := deeper(layers[:n]); !strings.Contains(got, want) {
			t.Errorf("%d layers: %q, want %q", n, got, want)
		}
	}
}

// TestTypeset sets subscripts, and no others.
func TestTypeset(t *testing.T) {
	for text, want := range map[string]string{
		"longest context T_{max}": "longest context T<sub>max</sub>",
		"turn of s_1, 2T_{max}":   "turn of s<sub>1</sub>, 2T<sub>max</sub>",
		"test_mse < 1":            "test_mse &lt; 1",
	} {
		if got := string(typeset(text)); got != want {
			t.Errorf("%s is set as %s, want %s", text, got, want)
		}
	}
}
