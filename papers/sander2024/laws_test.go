package sander2024

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"icar/ar"
	"icar/outcome"
	"icar/probe"
	"icar/theory"
	"icar/train"
)

// constructedConfig is the model that construct writes down.
func constructedConfig(d, heads int) networkConfig {
	c := plainSetting(outcome.Quick)
	c.Process, c.Norm, c.Heads, c.Embed = ar.New(ar.Rotation, d), false, heads, d
	c.Length, c.Test = 8, 64
	return networkConfig{Label: "constructed", Config: c}
}

// constructed returns the model written down for c with its squared errors.
func constructed(t *testing.T, c networkConfig) (*probe.Model, []float64) {
	t.Helper()
	resolved, err := c.Config.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	model, err := construct(resolved)
	if err != nil {
		t.Fatal(err)
	}
	s, err := train.Sequences(c.Config, train.TestStream, c.Test)
	if err != nil {
		t.Fatal(err)
	}
	squared, err := squaredErrors(t.Context(), model, s)
	if err != nil {
		t.Fatal(err)
	}
	return model, squared
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// Of four coordinates, in pairs of squared length 2, two heads serve one pair:
// the loss is 2 in each sequence, a head is worth a coordinate, so that both
// are worth 2, and without the biases of values all is predicted to be 0.
func TestHeadsOfAConstructedModel(t *testing.T) {
	c := constructedConfig(4, 2)
	model, squared := constructed(t, c)
	r, err := measureHeads(t.Context(), c, model, squared)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Loss) != c.Test || len(r.Unbiased) != c.Test || len(r.Removed) != 2 {
		t.Fatalf("%d losses, %d without biases, %d heads", len(r.Loss), len(r.Unbiased),
			len(r.Removed))
	}
	for n := range r.Loss {
		near(t, "loss", r.Loss[n], 2, 1e-12)
		near(t, "without biases", r.Unbiased[n], 1, 1e-12)
	}
	near(t, "served", r.Constructed, 0, 1e-25)
	if r.Removed[0] < r.Removed[1] {
		t.Errorf("heads are not in order: %v", r.Removed)
	}
	// Without a head its coordinate is predicted to be 0, at T = 1 too.
	s, err := train.Sequences(c.Config, train.TestStream, c.Test)
	if err != nil {
		t.Fatal(err)
	}
	predictions, err := model.Predict(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	rise := []float64{0, 0} // |y|² less |y - ŷ|² of either coordinate
	for i, y := range s.Targets() {
		if i%4 < 2 {
			rise[i%4] += (y*y - (y-predictions[i])*(y-predictions[i])) / float64(s.N*s.T)
		}
	}
	slices.Sort(rise)
	near(t, "first head", r.Removed[0], rise[1], 1e-12)
	near(t, "second head", r.Removed[1], rise[0], 1e-12)
}

// Every number of heads serves as many coordinates, and leaves the others 0.
func TestConstructedHeadsServeTheirCoordinates(t *testing.T) {
	for h := 1; h <= 4; h++ {
		c := constructedConfig(4, h)
		model, _ := constructed(t, c)
		s, err := train.Sequences(c.Config, train.TestStream, c.Test)
		if err != nil {
			t.Fatal(err)
		}
		predictions, err := model.Predict(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		for i, y := range s.Targets() {
			if i/4%s.T == 0 {
				continue
			}
			want := y
			if i%4 >= h {
				want = 0
			}
			if math.Abs(predictions[i]-want) > 1e-13 {
				t.Fatalf("H = %d, coordinate %d: %v, want %v", h, i%4, predictions[i], want)
			}
		}
		near(t, "served", served(predictions, s.Targets(), s.T, 4, h), 0, 1e-25)
	}
	if _, err := construct(constructedConfig(4, 5).Config); err == nil {
		t.Error("five heads were constructed on four coordinates")
	}
}

// Two sequences of three positions and two coordinates: of the first coordinate
// at the last two positions the targets are 1, 2 and 3, 4.
func TestServedLeavesOutTheFirstPosition(t *testing.T) {
	targets := []float64{9, 9, 1, 9, 2, 9, 9, 9, 3, 9, 4, 9}
	near(t, "first coordinate", served(make([]float64, 12), targets, 3, 2, 1), (1.+4+9+16)/4, 1e-15)
	near(t, "both", served(make([]float64, 12), targets, 3, 2, 2), (30+4*81.)/8, 1e-13)
}

// A head of the constructed model looks at s_2 alone; the closed form beside it
// is that of the longest context.
func TestPositionOfAConstructedModel(t *testing.T) {
	c := constructedConfig(2, 2)
	c.Mu = 50 // where a thousand iterations are not the limit
	model, squared := constructed(t, c)
	r, err := measurePosition(t.Context(), c, model, squared)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Heads) != 2 {
		t.Fatalf("%d heads", len(r.Heads))
	}
	for _, p := range r.Heads {
		for i, v := range p {
			near(t, "weight", v, float64(btoi(i == 1)), 1e-12)
		}
		near(t, "early", early(p), 1, 1e-12)
	}
	s, err := train.Sequences(c.Config, train.TestStream, c.Test)
	if err != nil {
		t.Fatal(err)
	}
	copied := 0.0
	for i, y := range s.Targets() {
		last := s.States[i/(s.T*2)*(s.T+1)*2+i%(s.T*2)]
		copied += (y - last) * (y - last) / float64(s.N*s.T*2)
	}
	near(t, "copying", r.CopyLast, copied, 1e-12)
	near(t, "error", r.MSE, mean(squared), 1e-15)
	descent, err := theory.NewPositionDescent(theory.Position{Tmax: 8, Mu: 50, Rho: 1}.Rows(), 0.5)
	if err != nil {
		t.Fatal(err)
	}
	all := descent.At(1000)
	if len(all) != 8*8 || !slices.Equal(r.Theory, all[48:56]) {
		t.Errorf("%v, want %v", r.Theory, all[48:56]) // row T - 2 of an (8, 8) matrix
	}
	near(t, "half early", early([]float64{1, 2, 3, 0}), 0.5, 1e-15)
}

// stepModel does one gradient step of size eta by construction.
func stepModel(t *testing.T, eta float64) (*probe.Model, networkConfig) {
	t.Helper()
	c := augmentedSetting(outcome.Quick)
	c.Process, c.Norm, c.Length, c.Test, c.Train, c.Batch = ar.New(ar.Haar, 4), false, 8, 40, 64, 32
	c.Warmup = 0
	untrained, err := probe.Untrained(c)
	if err != nil {
		t.Fatal(err)
	}
	model, err := untrained.OneStep(eta)
	if err != nil {
		t.Fatal(err)
	}
	return model, networkConfig{Label: "one step", Config: model.Config}
}

// plainStep is Σ_{t=2}^T s_t ⟨s_{t-1}, s_T⟩ and ridge regression's prediction
// for the states (T, d), by normal equations.
func plainStep(states []float64, d int, lambda float64) (step, ridge []float64) {
	length := len(states) / d
	query := states[(length-1)*d:]
	step, gram, cross := make([]float64, d), mat.NewDense(d, d, nil), mat.NewDense(d, d, nil)
	for i := range d {
		gram.Set(i, i, lambda)
	}
	for t := 1; t < length; t++ {
		key, value, score := states[(t-1)*d:t*d], states[t*d:(t+1)*d], 0.0
		for i := range d {
			score += key[i] * query[i]
		}
		for i := range d {
			step[i] += score * value[i]
		}
		gram.RankOne(gram, 1, mat.NewVecDense(d, key), mat.NewVecDense(d, key))
		cross.RankOne(cross, 1, mat.NewVecDense(d, value), mat.NewVecDense(d, key))
	}
	var x, y mat.VecDense
	if lambda > 0 {
		if err := x.SolveVec(gram, mat.NewVecDense(d, query)); err == nil {
			y.MulVec(cross, &x)
			ridge = y.RawVector().Data
		}
	}
	return step, ridge
}

// The errors of a model that does one step, and of ridge regression and the
// Kalman filter, are those of a few lines of arithmetic on the same sequences.
func TestTransferOfAConstructedModel(t *testing.T) {
	const eta, sigma = 0.07, 0.3
	model, c := stepModel(t, eta)
	noisy := c.Process
	noisy.Sigma = sigma
	l := law{"noise, long", noisy, 12}
	r, err := measureTransfer(t.Context(), c, model, []law{l})
	if err != nil || len(r.Tests) != 1 {
		t.Fatalf("%d tests, %v", len(r.Tests), err)
	}
	got, err := r.test(l.name)
	if err != nil {
		t.Fatal(err)
	}
	sampler, err := ar.NewSampler[float64](noisy, c.Test, 12, c.Seed, "transfer/"+l.name)
	if err != nil {
		t.Fatal(err)
	}
	s, d := sampler.Batch(0), c.D
	energy, count := 0.0, 0.0
	for _, y := range s.Targets() {
		energy, count = energy+y*y, count+1
	}
	energy /= count
	perPosition := make([]float64, 12)
	for n := range s.N {
		states := s.States[n*13*d:]
		var model, ridge [12]float64
		for T := 1; T <= 12; T++ {
			step, other := plainStep(states[:T*d], d, sigma*sigma*float64(d))
			for i := range d {
				y := states[T*d+i]
				model[T-1] += (y - eta*step[i]) * (y - eta*step[i]) / float64(d) / energy
				ridge[T-1] += (y - other[i]) * (y - other[i]) / float64(d) / energy
			}
			perPosition[T-1] += model[T-1] / float64(s.N)
		}
		near(t, "model", got.Model.PerSequence[n], mean(model[:]), 1e-9)
		near(t, "past training", got.Model.PastTraining[n], mean(model[8:])-mean(model[6:8]), 1e-9)
		near(t, "ridge", got.of(ridgeName).PerSequence[n], mean(ridge[:]), 1e-9)
		near(t, "Kalman", got.of(kalmanName).PerSequence[n], mean(ridge[:]), 1e-9)
	}
	for i := range perPosition {
		near(t, "by position", got.Model.PerPosition.Mean[i], perPosition[i], 1e-9)
	}
	if !math.IsNaN(got.of("nobody").mean()) {
		t.Error("an estimator that was not measured has an error")
	}
	// Steps are fitted on the sequences trained on.
	fitting, err := train.Sequences(c.Config, train.TrainStream, c.Train)
	if err != nil {
		t.Fatal(err)
	}
	along, square := 0.0, 0.0
	for n := range fitting.N {
		for T := 1; T <= fitting.T; T++ {
			states := fitting.States[n*(fitting.T+1)*d:]
			step, _ := plainStep(states[:T*d], d, 0)
			for i := range d {
				along, square = along+step[i]*states[T*d+i], square+step[i]*step[i]
			}
		}
	}
	best := along / square
	for n := range 3 {
		sum := 0.0
		for T := 1; T <= 12; T++ {
			states := s.States[n*13*d:]
			step, _ := plainStep(states[:T*d], d, 0)
			for i := range d {
				delta := states[T*d+i] - best*step[i]
				sum += delta * delta / float64(d*12) / energy
			}
		}
		near(t, "fitted step", got.of("gradient descent, k = 1").PerSequence[n], sum, 1e-9)
	}
}

// The laws are what their names say.
func TestOtherLaws(t *testing.T) {
	c := networkConfig{Config: augmentedSetting(outcome.Quick)}
	c.Process, c.Length = ar.New(ar.Haar, 4), 16
	want := map[string]struct {
		family     ar.Family
		rho, sigma float64
		length     int
	}{
		"its own": {ar.Haar, 1, 0, 16}, "SO(d)": {ar.Special, 1, 0, 16},
		"twice as long":  {ar.Haar, 1, 0, 32},
		"noise σ = 0.05": {ar.Haar, 1, 0.05, 16}, "contraction ρ = 0.95": {ar.Haar, 0.95, 0, 16},
		"rotations": {ar.Rotation, 1, 0, 16},
	}
	laws := otherLaws(c)
	if len(laws) != len(want) {
		t.Errorf("%d laws, want %d", len(laws), len(want))
	}
	for _, l := range laws {
		w, p := want[l.name], l.process
		if p.Family != w.family || p.Rho != w.rho || p.Sigma != w.sigma || l.length != w.length ||
			p.D != 4 {
			t.Errorf("%s: %+v of length %d", l.name, p, l.length)
		}
	}
	c.D = 3
	if len(otherLaws(c)) != len(want)-1 {
		t.Error("rotations of an odd dimension")
	}
	if noiseLevels != [2]float64{0.1, 0.3} {
		t.Errorf("noise levels %v", noiseLevels)
	}
}

// growth and leaning are of means: growths of 1 and 5, ratios of 6/2 and 2/1.
func TestGrowthAndLeaning(t *testing.T) {
	errorsOf := func(name string, x ...float64) transferErrors {
		return transferErrors{Name: name, PerSequence: x, PastTraining: x}
	}
	r := transferResult{Tests: []transferTest{
		{Name: longerLaw, Model: errorsOf("model", 0, 2), Beside: []transferErrors{
			errorsOf(copyLast, 100), errorsOf("gradient descent, k = 1", 4, 6)}},
		{Name: ownLaw, Model: errorsOf("model", 1, 3),
			Beside: []transferErrors{errorsOf(leastSquaresName, 1, 1)}},
		{Name: rotationLaw, Model: errorsOf("model", 5, 7),
			Beside: []transferErrors{errorsOf(leastSquaresName, 1, 3)}},
	}}
	g, err := r.growth()
	if err != nil || g != 1-5 {
		t.Errorf("growth %v, %v", g, err)
	}
	l, ok, err := r.leaning()
	if near(t, "leaning", l, math.Log((6./2)/(2./1)), 1e-15); err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
	r.Tests = r.Tests[:2]
	if _, ok, err := r.leaning(); ok || err != nil {
		t.Errorf("rotations were not tested: %v, %v", ok, err)
	}
}

// A network that does one step has its η, no ζ, the step's sensitivities and
// the step's error.
func TestGradientOfAConstructedModel(t *testing.T) {
	const eta = 0.07
	model, c := stepModel(t, eta)
	g := gradientConfig{networkConfig: c}
	r, err := g.measureLayer(t.Context(), model)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "η", r.Eta, eta, 1e-10)
	near(t, "ζ", r.Zeta, 0, 1e-10)
	near(t, "cosine", r.Cosine, 1, 1e-10)
	if r.CosineNorm > 0.999 {
		t.Errorf("a step has a cosine of %v with a normalised one", r.CosineNorm)
	}
	test, err := train.Sequences(c.Config, train.TestStream, c.Test)
	if err != nil {
		t.Fatal(err)
	}
	fitting, err := train.Sequences(c.Config, train.TrainStream, c.Train)
	if err != nil {
		t.Fatal(err)
	}
	// regression of targets on the step alone, in plain sums
	fit := func(s ar.Batch[float64]) (along, square float64, squared func(eta float64) float64) {
		var steps, targets []float64
		for n := range s.N {
			states := s.States[n*(s.T+1)*s.D:]
			for T := 1; T <= s.T; T++ {
				step, _ := plainStep(states[:T*s.D], s.D, 0)
				steps, targets = append(steps, step...), append(targets, states[T*s.D:(T+1)*s.D]...)
			}
		}
		for i, x := range steps {
			along, square = along+x*targets[i], square+x*x
		}
		return along, square, func(eta float64) float64 {
			sum := 0.0
			for i, x := range steps {
				sum += (targets[i] - eta*x) * (targets[i] - eta*x)
			}
			return sum / float64(len(steps))
		}
	}
	_, _, squared := fit(test)
	near(t, "error", r.MSE, squared(eta), 1e-10)
	along, square, _ := fit(fitting)
	near(t, "error of the fitted step", r.StepMSE, squared(along/square), 1e-10)
	near(t, "mean of the curve", mean(r.Errors.Mean), r.MSE, 1e-12)
	near(t, "mean of the step's curve", mean(r.Step.Mean), r.StepMSE, 1e-12)
	near(t, "mean of the normalised step's curve", mean(r.Normal.Mean), r.NormalMSE, 1e-12)
}

// y built of the step and its conjugate correction gives back both sizes.
func TestRegressFindsBothTerms(t *testing.T) {
	sampler, err := ar.NewSampler[float64](ar.New(ar.Rotation, 4), 5, 6, 1, "regress")
	if err != nil {
		t.Fatal(err)
	}
	s := sampler.Batch(0)
	var y []float64
	for n := range s.N {
		states := s.States[n*7*4:]
		state := func(t int) []float64 { return states[(t-1)*4 : t*4] }
		for T := 1; T <= 6; T++ {
			out := make([]float64, 4)
			for u := 1; u <= T; u++ {
				step, conjugate := 0.0, 0.0
				for i := range 4 {
					if u < T {
						step += state(u)[i] * state(T)[i]
					}
					if T > 1 {
						conjugate += state(u)[i] * state(T - 1)[i]
					}
				}
				for i := range 4 {
					if u < T {
						out[i] += 0.3 * step * state(u + 1)[i]
					}
					out[i] -= 0.05 * conjugate * state(u)[i]
				}
			}
			y = append(y, out...)
		}
	}
	eta, zeta, err := regress(y, s)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "η", eta, 0.3, 1e-12)
	near(t, "ζ", zeta, -0.05, 1e-12)
}

// At T = 1 predictions (3, 0) and (0, 1) of targets (2, 0) and (0, 4): lengths
// 3 and 1, the best one length 3, with errors of 1 and 1 over two coordinates.
func TestLengths(t *testing.T) {
	s := ar.Batch[float64]{N: 2, T: 1, D: 2, States: []float64{9, 9, 2, 0, 9, 9, 0, 4}}
	var r layerResult
	r.lengths([]float64{3, 0, 0, 1}, s)
	near(t, "rescaled", r.Rescaled, 0.5, 1e-15)
	near(t, "spread", r.Spread, math.Sqrt2/2, 1e-15)
}

// The optimum's loss is that of the population at the optimum's weights.
func TestOptimumLossIsThePopulations(t *testing.T) {
	for _, p := range []struct {
		family ar.Family
		d, T   int
	}{{ar.Unitary, 5, 20}, {ar.Unitary, 3, 7}, {ar.Rotation, 4, 10}, {ar.Rotation, 6, 10}} {
		var c gradientConfig
		c.Model, c.Process, c.Length = scalarLayer, ar.New(p.family, p.d), p.T
		o, loss, err := c.optimum()
		if err != nil {
			t.Fatal(err)
		}
		population, err := theory.NewBlockScalarPopulation(p.family, p.d, 2, p.T)
		if err != nil {
			t.Fatal(err)
		}
		m := o.(*theory.BlockScalar)
		total := population.Loss(m, make([]float64, 6))
		near(t, string(p.family), total/float64(p.T-1), loss, 1e-9)
	}
}

// A step beside itself, and beside one twice as long.
func TestBesideItself(t *testing.T) {
	var c gradientConfig
	c.Model, c.Process, c.Length, c.Test = scalarLayer, ar.New(ar.Unitary, 3), 6, 100
	step := func(eta float64) *theory.BlockScalar {
		return &theory.BlockScalar{D: 3, M: [4]float64{1: eta}, V: [2]float64{1, 0}}
	}
	same, err := c.beside(step(0.1), step(0.1))
	if err != nil {
		t.Fatal(err)
	}
	half, err := c.beside(step(0.1), step(0.2))
	if err != nil {
		t.Fatal(err)
	}
	against, err := c.beside(step(-0.1), step(0.2))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "cosine with itself", same.Cosine, 1, 1e-12)
	near(t, "distance from itself", same.Distance, 0, 1e-12)
	near(t, "cosine with twice", half.Cosine, 1, 1e-12)
	near(t, "distance from twice", half.Distance, 0.5, 1e-12)
	near(t, "cosine with the opposite", against.Cosine, -1, 1e-12)
	near(t, "distance from the opposite", against.Distance, 1.5, 1e-12)
	population, err := theory.NewBlockScalarPopulation(ar.Unitary, 3, 2, 6)
	if err != nil {
		t.Fatal(err)
	}
	want := population.Loss(step(0.1), make([]float64, 6)) / 5
	near(t, "loss", same.Loss, want, 4.5*same.LossError)
	if same.LossError <= 0 || same.LossError > 0.1 {
		t.Errorf("standard error %v", same.LossError)
	}
}
