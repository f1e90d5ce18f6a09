package experiment

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/cmplxs"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"icar/ar"
	"icar/estimator"
	"icar/nn/kernel"
	"icar/theory"
	"icar/train"
)

// N sequences, T positions, d token dimension

// gradient holds trained one-layer models against one step of gradient
// descent: exactly, in the paper's setting; by their sensitivities and errors,
// in that of the experiments, with and without layer norm.
func gradient() Experiment {
	return define(spec[gradientConfig, gradientResult]{
		name: "gradient-step", source: "paper, augmented tokens",
		summary: "trained one-layer models against one step of gradient descent, and what layer norm changes",
		quick:   3200 * time.Millisecond, paper: 9 * time.Minute,
		trials: gradientTrials, train: runGradient, collect: collectGradient,
	})
}

// What a trial of gradient-step trains.
const (
	scalarLayer   = "block-scalar weights" // of package theory, sampled, unitary
	denseLayer1   = "dense weights"        // of package theory, exact descent, unitary
	bareLayer     = "no norm"              // of package nn
	skiplessLayer = "no norm, no skip"     // of package nn
	normedLayer   = "layer norm"           // of package nn
)

// gradientConfig is a model and its process. For those of package theory length
// is Tmax, a step sees batch sequences, and there are as many as
// train.Config.Steps says.
type gradientConfig struct {
	networkConfig
	InitScale float64 `json:"init_scale"` // of the weights of package theory
}

// Check implements config.
func (c gradientConfig) Check() error {
	switch c.Label {
	case scalarLayer, denseLayer1:
		if c.Family != ar.Unitary && (c.Family != ar.Rotation || c.Label == denseLayer1) || c.D < 2 || c.Length < 3 || c.Batch < 2 || c.Train < c.Batch || c.Epochs < 1 || c.Test < 100 || !(c.LearningRate > 0) || !(c.InitScale > 0) {
			return fmt.Errorf("%s: use the unitary family (block-scalar weights also rotation), d ≥ 2, length ≥ 3, batch ≥ 2, train ≥ batch, test ≥ 100 and positive learning_rate and init_scale", c.Label)
		}
		if c.Family == ar.Rotation {
			branch, err := theory.RotationBranch(c.D, c.Length)
			if err != nil {
				return err
			}
			if best, err := theory.RotationOptimum(c.D, c.Length); err != nil || best.MeanLoss < branch.MeanLoss*(1-1e-6) {
				return errors.Join(err, fmt.Errorf("%s on rotations of d = %d, Tmax = %d: η and ζ alone are not the optimum there; use d = 4 with length at most 11, or d = 6 with at most 29", c.Label, c.D, c.Length))
			}
		}
		return nil
	default:
		return c.networkConfig.Check()
	}
}

// gradientResult is how a model stands beside one gradient step.
type gradientResult struct {
	// Of models of package theory: η of the paper's gradient step and ζ of its
	// conjugate correction in the weights, on fresh sequences the mean over T ≥ 2
	// of the relative distance |Γ - Γ*|/|Γ*| and of the cosine of the
	// sensitivities to both parts of the query, Γ* being those of the theory's
	// optimum (for dense weights Γ is the optimum's and Γ* one gradient step's),
	// and the mean loss over T of |ŷ - y|², summed over coordinates.
	// For networks η and ζ are those of their predictions, by regression on the
	// two terms, the cosine is that with the fitted step in the newer part.
	Eta           float64 `json:"eta"`
	Zeta          float64 `json:"zeta"`
	Cosine        float64 `json:"cosine"`
	Distance      float64 `json:"distance"`
	StandardError float64 `json:"standard_error"` // on unitary contexts: of the η that is best on the sequences trained on, relative
	Loss          float64 `json:"loss"`
	LossError     float64 `json:"loss_error"` // standard error

	// Of networks:
	MSE        float64 `json:"mse"`
	Rescaled   float64 `json:"rescaled"`    // MSE if at each position every output had one length, the best there
	Spread     float64 `json:"spread"`      // of the outputs' lengths, mean over positions: standard deviation over mean
	StepMSE    float64 `json:"step_mse"`    // of the gradient step
	NormalMSE  float64 `json:"normal_mse"`  // of the normalised step
	DenseMSE   float64 `json:"dense_mse"`   // of the best dense linear layer without skip and biases
	CosineNorm float64 `json:"cosine_norm"` // of the sensitivities with the normalised step
	BestEta    float64 `json:"best_eta"`    // η and ζ of the regression of the targets
	BestZeta   float64 `json:"best_zeta"`
	Errors     curve   `json:"errors"`        // of the model
	Step       curve   `json:"step_errors"`   // of the gradient step
	Normal     curve   `json:"normal_errors"` // of the normalised step
}

func gradientTrials(scale Scale, seed uint64) []gradientConfig {
	base := train.DefaultConfig()
	base.Process, base.Seed, base.LearningRate = ar.New(ar.Unitary, 5), seed, 0.03
	base.Batch, base.Test, base.Epochs = 32, 400, 1
	tmaxes, rotations, steps, more := []int{20, 10}, []ar.Process{ar.New(ar.Rotation, 4)}, 600, 4
	if scale == Paper {
		tmaxes, more, base.Test = []int{100, 50, 20, 10, 5}, 32, 4000
		rotations = append(rotations, ar.New(ar.Rotation, 6))
	}
	var trials []gradientConfig
	add := func(label string, c train.Config) {
		trials = append(trials, gradientConfig{networkConfig{label, c, kernel.Available()[0].Arithmetic()}, 0.03})
	}
	for _, family := range []ar.Family{ar.Haar, ar.Rotation} {
		seeds := 2
		if scale == Paper {
			seeds = 3
		}
		for s := range uint64(seeds) {
			c := augmentedSetting(scale)
			c.Seed = seed*uint64(seeds) + s
			if scale == Quick {
				c.Epochs, c.Test = 24, 512
			}
			c.Process = ar.New(family, c.D+c.D%2*btoi(family == ar.Rotation))
			add(normedLayer, c)
			c.Norm = false
			add(bareLayer, c)
			if family == ar.Haar {
				c.Residual = false
				add(skiplessLayer, c)
			}
		}
	}
	for _, tmax := range tmaxes {
		// The loss feels the products that should vanish the less the longer the
		// contexts: they need more steps, on as many sequences.
		stretch := max(1, tmax*tmax/1250)
		c := base
		c.Length, c.Batch = tmax, 32*more/stretch
		c.Train = steps * stretch * c.Batch
		add(scalarLayer, c)
	}
	for _, p := range rotations {
		c := base // Tmax = 10, where η and ζ are all of the optimum
		c.Process, c.Length, c.Batch = p, 10, 32*more
		c.Train = steps * c.Batch
		add(scalarLayer, c)
	}
	dense := base
	dense.D, dense.Length, dense.Train, dense.Test = 3, 8, dense.Batch, 20*base.Test
	add(denseLayer1, dense)
	return trials
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func runGradient(ctx context.Context, c gradientConfig, m Means) (gradientResult, error) {
	switch c.Label {
	case scalarLayer:
		return c.runScalar(ctx)
	case denseLayer1:
		return c.runDense(ctx)
	default:
		return c.runLayer(ctx, m)
	}
}

func (c gradientConfig) stream(what string) string {
	return fmt.Sprintf("gradient-step/%s/%s/%s/d=%d/Tmax=%d", what, c.Label, c.Family, c.D, c.Length)
}

// runScalar trains block-scalar weights by Adam on fresh sequences.
func (c gradientConfig) runScalar(ctx context.Context) (gradientResult, error) {
	sequences, err := c.sequences("sequences", c.Batch)
	if err != nil {
		return gradientResult{}, err
	}
	m := &theory.BlockScalar{D: c.D}
	theory.Initialise(m, ar.Rand(c.Seed, c.stream("weights"), 0), c.InitScale)
	loss := func(step uint64, gradient []float64) float64 { return m.SampledLoss(sequences(step), gradient) }
	if err := theory.Fit(ctx, m, loss, theory.Schedule{Steps: c.Steps(), Rate: c.LearningRate}); err != nil {
		return gradientResult{}, err
	}
	optimum, _, err := c.optimum()
	if err != nil {
		return gradientResult{}, err
	}
	r, err := c.beside(m, optimum)
	if err != nil {
		return r, err
	}
	fresh, err := c.sequences("error", errorSequences)
	r.Eta, r.Zeta = m.M[1]*m.V[0], m.M[2]*m.V[0]
	if err == nil && c.Family == ar.Unitary { // with ζ the two vary together
		r.StandardError = etaError(c.D, fresh(0), r.Eta, 0.75*float64(c.Train))
	}
	return r, err
}

// optimum is that of the theory with its mean loss: on unitary contexts the
// paper's gradient step or, of dense weights, package theory's optimum; on
// rotations the step with its conjugate correction.
func (c gradientConfig) optimum() (theory.LinearAttention, float64, error) {
	switch {
	case c.Label == denseLayer1:
		o, err := theory.DenseOptimum(c.D, c.Length)
		return o.Model, o.MeanLoss, err
	case c.Family == ar.Rotation:
		o, err := theory.RotationBranch(c.D, c.Length)
		return &theory.BlockScalar{D: c.D, M: [4]float64{1: o.Eta, 2: o.Zeta}, V: [2]float64{1, 0}}, o.MeanLoss, err
	default:
		η := theory.GradientStep(c.D, c.Length)
		// Σ_n (1 - nη) over n = 1 … N is N(1 - η(N+1)/2).
		return &theory.BlockScalar{D: c.D, M: [4]float64{1: η}, V: [2]float64{1, 0}}, float64(c.D) * (1 - η*float64(c.Length)/2), nil
	}
}

// sequences returns what draws batches of a stream, as complex numbers.
func (c gradientConfig) sequences(stream string, n int) (func(step uint64) [][]complex128, error) {
	if c.Family == ar.Unitary {
		sampler, err := ar.NewSampler[complex128](c.Process, n, c.Length, c.Seed, c.stream(stream))
		return func(step uint64) [][]complex128 { return split(sampler.Batch(step)) }, err
	}
	sampler, err := ar.NewSampler[float64](c.Process, n, c.Length, c.Seed, c.stream(stream))
	return func(step uint64) [][]complex128 {
		b := sampler.Batch(step)
		states := make([]complex128, len(b.States))
		for i, x := range b.States {
			states[i] = complex(x, 0)
		}
		return split(ar.Batch[complex128]{N: b.N, T: b.T, D: b.D, States: states})
	}, err
}

// runDense descends to the optimum of dense weights, the best of three starts.
// The optimum is one up to phases of the coordinates, on which the cosine
// depends: that is taken from the one whose weights are real, the theory's.
func (c gradientConfig) runDense(ctx context.Context) (gradientResult, error) {
	population, err := theory.NewDensePopulation(c.Family, c.D, 2, c.Length)
	if err != nil {
		return gradientResult{}, err
	}
	var best *theory.Dense
	least := math.Inf(1)
	for start := range uint64(3) {
		m, err := theory.NewDense(c.D)
		if err != nil {
			return gradientResult{}, err
		}
		theory.Initialise(m, ar.Rand(c.Seed, c.stream("start"), start), c.InitScale)
		total, err := theory.Minimise(ctx, m, func(gradient []float64) float64 { return population.Loss(m, gradient) })
		if err != nil {
			return gradientResult{}, err
		}
		if total < least {
			best, least = m, total
		}
	}
	step := &theory.BlockScalar{D: c.D, M: [4]float64{1: theory.GradientStep(c.D, c.Length)}, V: [2]float64{1, 0}}
	r, err := c.beside(best, step)
	if err != nil {
		return r, err
	}
	optimum, _, err := c.optimum()
	if err != nil {
		return r, err
	}
	real, err := c.beside(optimum, step)
	r.Cosine, r.Distance = real.Cosine, real.Distance
	return r, err
}

// mapsOver is the number of sequences on which sensitivities are compared: they
// are nearly as alike in every one.
const mapsOver = 40

// beside compares a model of package theory with another, on fresh sequences.
func (c gradientConfig) beside(m, other theory.LinearAttention) (r gradientResult, err error) {
	test, err := c.sequences("test", c.Test)
	if err != nil {
		return r, err
	}
	gradient := make([]float64, len(m.Parameters()))
	var losses []float64
	count := 0.0
	for i, s := range test(0) {
		losses = append(losses, m.SampledLoss([][]complex128{s}, gradient)/float64(c.Length-1))
		if i >= mapsOver {
			continue
		}
		for t := 2; t <= c.Length; t++ {
			maps, others := bothMaps(m, s[:t*c.D]), bothMaps(other, s[:t*c.D])
			r.Cosine += complexCosine(maps, others)
			r.Distance += cmplxs.Distance(maps, others, 2) / cmplxs.Norm(others, 2)
			count++
		}
	}
	r.Cosine /= count
	r.Distance /= count
	r.Loss, r.LossError = stat.MeanStdDev(losses, nil)
	r.LossError = stat.StdErr(r.LossError, float64(len(losses)))
	return r, nil
}

// bothMaps are the sensitivities to both parts of the query, one after the
// other.
func bothMaps(m theory.LinearAttention, s []complex128) []complex128 {
	current, previous := m.InContextMap(s)
	return append(current, previous...)
}

// complexCosine is Re⟨a, b⟩/|a||b|.
func complexCosine(a, b []complex128) float64 {
	product := 0.0
	for i, z := range a {
		product += real(z)*real(b[i]) + imag(z)*imag(b[i])
	}
	return product / (cmplxs.Norm(a, 2) * cmplxs.Norm(b, 2))
}

// runLayer trains a one-layer network and measures it beside the fitted steps.
func (c gradientConfig) runLayer(ctx context.Context, m Means) (gradientResult, error) {
	model, err := m.probed(ctx, c.Config, c.Arithmetic)
	if err != nil {
		return gradientResult{}, err
	}
	test, err := train.Sequences(c.Config, train.TestStream, c.Test)
	if err != nil {
		return gradientResult{}, err
	}
	fitting, err := train.Sequences(c.Config, train.TrainStream, min(c.Train, 1024))
	if err != nil {
		return gradientResult{}, err
	}
	step, err := estimator.FitGradientStep(ctx, fitting)
	if err != nil {
		return gradientResult{}, err
	}
	normalised, err := estimator.FitNormalisedStep(ctx, fitting)
	if err != nil {
		return gradientResult{}, err
	}
	dense, err := estimator.FitLinearAttention(ctx, fitting, 30, 1e-4)
	if err != nil {
		return gradientResult{}, err
	}
	var r gradientResult
	maps, err := model.Maps(ctx, test)
	if err != nil {
		return r, err
	}
	r.lengths(maps.Predictions, test)
	if r.Eta, r.Zeta, err = regress(maps.Predictions, test); err != nil {
		return r, err
	}
	if r.BestEta, r.BestZeta, err = regress(test.Targets(), test); err != nil {
		return r, err
	}
	one, err := maps.Align(ctx, test, step)
	if err != nil {
		return r, err
	}
	other, err := maps.Align(ctx, test, normalised)
	if err != nil {
		return r, err
	}
	best, err := estimator.MSE(ctx, test, dense)
	if err != nil {
		return r, err
	}
	r.Cosine, r.CosineNorm, r.DenseMSE = one.MeanCosine(), other.MeanCosine(), best.Mean()
	for _, e := range []struct {
		of  estimator.Estimator
		mse *float64
		to  *curve
	}{{step, &r.StepMSE, &r.Step}, {normalised, &r.NormalMSE, &r.Normal}} {
		errors, err := estimator.MSE(ctx, test, e.of)
		if err != nil {
			return r, err
		}
		*e.mse = errors.Mean()
		if *e.to, err = newCurve(errors, c.Seed); err != nil {
			return r, err
		}
	}
	errors := errorsOf(maps.Predictions, test)
	r.MSE = errors.Mean()
	r.Errors, err = newCurve(errors, c.Seed)
	return r, err
}

// regress returns the η and ζ with which η Σ_{t<T} s_{t+1} s_tᵀ s_T +
// ζ Σ_{t≤T} s_t s_tᵀ s_{T-1} (s_0 = 0, the terms of theory.RotationBranch) is
// nearest to y (N, T, d).
func regress(y []float64, s ar.Batch[float64]) (eta, zeta float64, err error) {
	d := s.D
	x := mat.NewDense(len(y), 2, nil)
	for n := range s.N {
		states := s.States[n*(s.T+1)*d:]
		token := func(t int) *mat.VecDense { return mat.NewVecDense(d, states[(t-1)*d:t*d]) }
		pairs, gram := mat.NewDense(d, d, nil), mat.NewDense(d, d, nil)
		for t := 1; t <= s.T; t++ {
			gram.RankOne(gram, 1, token(t), token(t))
			if t == 1 {
				continue
			}
			pairs.RankOne(pairs, 1, token(t), token(t-1))
			var step, conjugate mat.VecDense
			step.MulVec(pairs, token(t))
			conjugate.MulVec(gram, token(t-1))
			for i := range d {
				x.SetRow((n*s.T+t-1)*d+i, []float64{step.AtVec(i), conjugate.AtVec(i)})
			}
		}
	}
	var w mat.VecDense
	if err := w.SolveVec(x, mat.NewVecDense(len(y), y)); err != nil {
		return 0, 0, fmt.Errorf("regression on the gradient step and its correction: %w", err)
	}
	return w.AtVec(0), w.AtVec(1), nil
}

// lengths measures how the lengths of predictions (N, T, d) spread at each
// position, and what one length for all of them there would change: with
// ŷ = |ŷ|u the best length is the mean of u·y.
func (r *gradientResult) lengths(predictions []float64, test ar.Batch[float64]) {
	d, targets := test.D, test.Targets()
	for t := range test.T {
		var length, along, energy []float64
		for n := range test.N {
			p := (n*test.T + t) * d
			prediction, target := predictions[p:p+d], targets[p:p+d]
			size := floats.Norm(prediction, 2)
			length, energy = append(length, size), append(energy, floats.Dot(target, target))
			along = append(along, floats.Dot(prediction, target)/max(size, math.SmallestNonzeroFloat64))
		}
		size, deviation := stat.MeanStdDev(length, nil)
		best := max(0, mean(along))
		r.Rescaled += (mean(energy) - best*best) / float64(d*test.T)
		if size > 0 {
			r.Spread += deviation / size / float64(test.T)
		}
	}
}
