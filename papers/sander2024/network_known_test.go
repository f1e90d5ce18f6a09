package sander2024

import (
	"math"
	"slices"
	"strings"
	"testing"

	"icar/ar"
	"icar/estimator"
	"icar/experiment"
	"icar/nn"
	"icar/outcome"
	"icar/train"
)

// smallConfig is a model on augmented tokens, d = 2, T = 6, without norm, of few
// sequences.
func smallConfig() networkConfig {
	c := networkConfig{Label: "small", Scale: outcome.Quick,
		Config: augmentedSetting(outcome.Quick)}
	c.Process, c.Norm = ar.New(ar.Haar, 2), false
	c.Length, c.Train, c.Test, c.Batch, c.Seed = 6, 256, 64, 64, 7
	c.Warmup = 0
	return c
}

// written returns the model of c whose parameters set writes, by name; all others
// are 0.
func written(t *testing.T, c train.Config, set func(name string,
	data []float32)) *nn.Transformer[float32] {
	t.Helper()
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	net, err := nn.New[float32](c.Config, c.Seed)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range net.Parameters() {
		clear(p.Data)
		set(p.Name, p.Data)
	}
	return net
}

// copies writes the model on augmented tokens (0, s_t, s_{t-1}), d = 2, that reads
// its prediction off s_t.
func copies(name string, data []float32) {
	if name == "out.weight" { // (6, 6)
		data[0*6+2], data[1*6+3] = 1, 1
	}
}

// testBatch is the test sequences of a trial, drawn here under the stream's name.
func testBatch(t *testing.T, c networkConfig, stream string, n int) ar.Batch[float64] {
	t.Helper()
	sampler, err := ar.NewSampler[float64](c.Process, n, c.Length, c.Seed, stream)
	if err != nil {
		t.Fatal(err)
	}
	return sampler.Batch(0)
}

// squaredOf are the errors (N, T), mean over coordinates, of what predict makes of
// the states s_1 … s_T (T, d).
func squaredOf(s ar.Batch[float64], predict func(context [][]float64) []float64) []float64 {
	var squared []float64
	for n := range s.N {
		var context [][]float64
		for t := range s.T {
			context = append(context, s.States[(n*(s.T+1)+t)*s.D:][:s.D])
			y, sum := s.States[(n*(s.T+1)+t+1)*s.D:][:s.D], 0.0
			for i, p := range predict(context) {
				sum += (p - y[i]) * (p - y[i]) / float64(s.D)
			}
			squared = append(squared, sum)
		}
	}
	return squared
}

// averages are those of each sequence (N) and of each position (T).
func averages(squared []float64, n, t int) (perSequence, perPosition []float64) {
	perSequence, perPosition = make([]float64, n), make([]float64, t)
	for i, e := range squared {
		perSequence[i/t] += e / float64(t)
		perPosition[i%t] += e / float64(n)
	}
	return perSequence, perPosition
}

func copyPrediction(context [][]float64) []float64 { return context[len(context)-1] }

// correlation is Σ_t s_{t+1} <s_t, s_T>, the step that one gradient step takes.
func correlation(context [][]float64) []float64 {
	last := context[len(context)-1]
	g := make([]float64, len(last))
	for t := 1; t < len(context); t++ {
		product := 0.0
		for i, x := range context[t-1] {
			product += x * last[i]
		}
		for i, x := range context[t] {
			g[i] += product * x
		}
	}
	return g
}

// exact is the prediction of W where it is known: on the span of s_1 … s_{T-1}, of
// which an orthonormal basis u is kept with its images w.
func exact(context [][]float64) []float64 {
	last := context[len(context)-1]
	var u, w [][]float64
	for t := 0; t+1 < len(context) && len(u) < len(last); t++ {
		x, y := slices.Clone(context[t]), slices.Clone(context[t+1])
		for j := range u {
			product := inner(u[j], x)
			for i := range x {
				x[i], y[i] = x[i]-product*u[j][i], y[i]-product*w[j][i]
			}
		}
		length := math.Sqrt(inner(x, x))
		for i := range x {
			x[i], y[i] = x[i]/length, y[i]/length
		}
		u, w = append(u, x), append(w, y)
	}
	prediction := make([]float64, len(last))
	for j := range u {
		product := inner(u[j], last)
		for i := range prediction {
			prediction[i] += product * w[j][i]
		}
	}
	return prediction
}

func inner(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func allNear(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tolerance) {
			t.Errorf("%s: value %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}

// single is the rounding of float32: of models of unit weights on states of length
// 1 whose errors are at most 2.
const single = 2e-6

func TestNetworkThatCopiesIsMeasuredExactly(t *testing.T) {
	c := smallConfig()
	batch := testBatch(t, c, "test", c.Test)
	r, err := measureNetwork(t.Context(), c, written(t, c.Config, copies), experiment.Env{}, batch)
	if err != nil {
		t.Fatal(err)
	}
	squared := squaredOf(batch, copyPrediction)
	perSequence, perPosition := averages(squared, batch.N, batch.T)
	allNear(t, "per sequence", r.PerSequence, perSequence, single)
	allNear(t, "per position", r.PerPosition, perPosition, single)
	near(t, "mse", r.mse(), mean(squared), single)
	bayes := squaredOf(batch, exact)
	gap, gapError := make([]float64, batch.T), make([]float64, batch.T)
	for p := range batch.T {
		var apart []float64
		for n := range batch.N {
			apart = append(apart, squared[n*batch.T+p]-bayes[n*batch.T+p])
		}
		for _, x := range apart {
			gap[p] += x / float64(len(apart))
		}
		for _, x := range apart {
			gapError[p] += (x - gap[p]) * (x - gap[p])
		}
		gapError[p] = math.Sqrt(gapError[p] / float64(len(apart)-1) / float64(len(apart)))
	}
	allNear(t, "gap", r.Gap, gap, single)
	allNear(t, "standard error of the gap", r.GapError, gapError, single)
	if r.Unbiased != nil {
		t.Error("augmented tokens were measured without biases")
	}
}

// A model on plain tokens of random weights and biases, and the same with the
// biases of queries, keys, values and the attention's output written over with 0.
func TestNetworkWithoutBiases(t *testing.T) {
	c := smallConfig()
	plain := plainSetting(outcome.Quick)
	c.Tokens, c.Position, c.Residual, c.Heads = ar.Plain, plain.Position, false, 2
	c.Norm, c.Embed = true, 4
	batch := testBatch(t, c, "test", c.Test)
	measured := func(biases bool) networkResult {
		random := ar.Rand(3, "weights", 0)
		net := written(t, c.Config, func(name string, data []float32) {
			part := strings.Split(strings.TrimSuffix(name, ".bias"), ".")
			before := slices.Contains([]string{"q", "k", "v", "o"}, part[len(part)-1])
			for i := range data {
				data[i] = float32(random.NormFloat64())
				if strings.HasSuffix(name, ".bias") && before && !biases {
					data[i] = 0
				}
			}
		})
		r, err := measureNetwork(t.Context(), c, net, experiment.Env{}, batch)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	with, without := measured(true), measured(false)
	for n, e := range without.PerSequence {
		near(t, "without biases", with.Unbiased[n], e, 1e-3*(1+e)) // float32 against float64
	}
	if with.mse() < 1.05*without.mse() && with.mse() > 0.95*without.mse() {
		t.Error("the biases make no difference, and the test says nothing")
	}
}

// fitted is the least squares fit of the size of a step to the targets.
func fitted(s ar.Batch[float64], from, to int) float64 {
	product, square := 0.0, 0.0
	for n := range s.N {
		var context [][]float64
		for t := range to {
			context = append(context, s.States[(n*(s.T+1)+t)*s.D:][:s.D])
			if g := correlation(context); t >= from {
				product += inner(g, s.States[(n*(s.T+1)+t+1)*s.D:][:s.D])
				square += inner(g, g)
			}
		}
	}
	if square == 0 {
		return 0
	}
	return product / square
}

// The steps are fitted on training sequences, but for the one that has seen the
// test sequences, and all are measured on these.
func TestBaselinesAreRecomputed(t *testing.T) {
	c := smallConfig()
	c.Baselines = true
	r, err := runNetwork(t.Context(), c, experiment.Env{})
	if err != nil {
		t.Fatal(err)
	}
	test, training := testBatch(t, c, "test", c.Test), testBatch(t, c, "train", c.Train)
	perPosition := func(s ar.Batch[float64]) func([][]float64) []float64 {
		var eta []float64
		for p := range s.T {
			eta = append(eta, fitted(s, p, p+1))
		}
		return func(context [][]float64) []float64 {
			g := correlation(context)
			for i := range g {
				g[i] *= eta[len(context)-1]
			}
			return g
		}
	}
	whole := fitted(training, 0, training.T)
	direct := func(e estimator.Estimator, err error) []float64 {
		if err != nil {
			t.Fatal(err)
		}
		errors, err := estimator.MSE(t.Context(), test, e)
		if err != nil {
			t.Fatal(err)
		}
		return errors.Squared
	}
	dense, err := estimator.FitLinearAttention(t.Context(), training, 30, 1e-4)
	normalised, normalisedErr := estimator.FitNormalisedStep(t.Context(), training)
	want := map[string][]float64{
		"zero":      squaredOf(test, func(c [][]float64) []float64 { return make([]float64, 2) }),
		"copy last": squaredOf(test, copyPrediction),
		"one gradient step": squaredOf(test, func(context [][]float64) []float64 {
			g := correlation(context)
			return []float64{whole * g[0], whole * g[1]}
		}),
		"one step, η per position":                    squaredOf(test, perPosition(training)),
		"one step, η per position of these sequences": squaredOf(test, perPosition(test)),
		"least squares (Bayes)":                       squaredOf(test, exact),
		"best dense linear layer":                     direct(dense, err),
		"normalised step":                             direct(normalised, normalisedErr),
	}
	if len(r.Baselines) != len(want) {
		t.Errorf("%d baselines, want %d", len(r.Baselines), len(want))
	}
	for _, b := range r.Baselines {
		sequence, position := averages(want[b.Name], test.N, test.T)
		allNear(t, b.Name+", per sequence", b.PerSequence, sequence, 1e-9)
		allNear(t, b.Name+", per position", b.PerPosition, position, 1e-9)
	}
}
