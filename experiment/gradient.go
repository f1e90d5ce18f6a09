package experiment

import (
	"context"
	"fmt"
	"math"
	"time"

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
		quick:   3 * time.Second, paper: 3 * time.Minute,
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
		if _, err := theory.NewDensePopulation(c.Family, c.D, 2, c.Length); err != nil {
			return err
		}
		if c.Family != ar.Unitary || c.D < 2 || c.Length < 3 || c.Batch < 2 || c.Train < c.Batch || c.Epochs < 1 || c.Test < 100 || !(c.LearningRate > 0) || !(c.InitScale > 0) {
			return fmt.Errorf("%s: use the unitary family, d ≥ 2, length ≥ 3, batch ≥ 2, train ≥ batch, test ≥ 100 and positive learning_rate and init_scale", c.Label)
		}
		return nil
	default:
		return c.networkConfig.Check()
	}
}

// gradientResult is how a model stands beside one gradient step of the best η.
type gradientResult struct {
	Eta    float64 `json:"eta"`    // of the model, or fitted on its training sequences
	Cosine float64 `json:"cosine"` // of the sensitivities Γ, mean over sequences and T ≥ 2
	// Loss is the mean over T = 2 … Tmax of |ŷ - y|² summed over coordinates of
	// models of package theory, on fresh sequences, with its standard error.
	Loss      float64 `json:"loss"`
	LossError float64 `json:"loss_error"`

	// Of networks:
	MSE          float64   `json:"mse"`
	Rescaled     float64   `json:"rescaled"`      // MSE if every output had one length, the best
	Spread       float64   `json:"spread"`        // of the outputs' lengths: standard deviation over mean
	StepMSE      float64   `json:"step_mse"`      // of the gradient step
	NormalMSE    float64   `json:"normal_mse"`    // of the normalised step
	DenseMSE     float64   `json:"dense_mse"`     // of the best dense linear layer without skip and biases
	CosineNorm   float64   `json:"cosine_norm"`   // of the sensitivities with the normalised step
	Errors       []float64 `json:"errors"`        // (T) of the model
	StepErrors   []float64 `json:"step_errors"`   // (T) of the gradient step
	NormalErrors []float64 `json:"normal_errors"` // (T) of the normalised step
}

func gradientTrials(scale Scale, seed uint64) []gradientConfig {
	base := train.DefaultConfig()
	base.Process, base.Seed, base.LearningRate = ar.New(ar.Unitary, 5), seed, 0.03
	base.Batch, base.Test, base.Epochs = 32, 400, 1
	tmaxes, steps, more := []int{20, 10}, 600, 2
	if scale == Paper {
		tmaxes, more, base.Test = []int{100, 50, 20, 10, 5}, 32, 4000
	}
	var trials []gradientConfig
	add := func(label string, c train.Config) {
		trials = append(trials, gradientConfig{networkConfig{label, c, kernel.Available()[0].Arithmetic()}, 0.03})
	}
	for _, family := range []ar.Family{ar.Haar, ar.Rotation} {
		seeds := 1
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
		c := base
		c.Length, c.Batch = tmax, 32*more
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
	return fmt.Sprintf("gradient-step/%s/%s/d=%d/Tmax=%d", what, c.Label, c.D, c.Length)
}

// runScalar trains block-scalar weights by Adam on fresh sequences.
func (c gradientConfig) runScalar(ctx context.Context) (gradientResult, error) {
	sampler, err := ar.NewSampler[complex128](c.Process, c.Batch, c.Length, c.Seed, c.stream("sequences"))
	if err != nil {
		return gradientResult{}, err
	}
	m := &theory.BlockScalar{D: c.D}
	theory.Initialise(m, ar.Rand(c.Seed, c.stream("weights"), 0), c.InitScale)
	loss := func(step uint64, gradient []float64) float64 {
		return m.SampledLoss(split(sampler.Batch(step)), gradient)
	}
	if err := theory.Fit(ctx, m, loss, theory.Schedule{Steps: c.Steps(), Rate: c.LearningRate}); err != nil {
		return gradientResult{}, err
	}
	return c.besideStep(m, m.M[1]*m.V[0])
}

// runDense descends to the optimum of dense weights, the best of three starts.
// The optimum is one up to phases of the coordinates, on which the cosine
// depends: that is taken from the one whose weights are real.
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
	optimum, err := theory.DenseOptimum(c.D, c.Length)
	if err != nil {
		return gradientResult{}, err
	}
	real, err := c.besideStep(optimum.Model, 0)
	if err != nil {
		return gradientResult{}, err
	}
	r, err := c.besideStep(best, 0)
	r.Cosine = real.Cosine
	return r, err
}

// besideStep compares a model of package theory with the paper's gradient step,
// whose map is η Σ_{t=2}^T s_t s_{t-1}ᴴ, on fresh sequences.
func (c gradientConfig) besideStep(m theory.LinearAttention, eta float64) (gradientResult, error) {
	sampler, err := ar.NewSampler[complex128](c.Process, c.Test, c.Length, c.Seed, c.stream("test"))
	if err != nil {
		return gradientResult{}, err
	}
	step := &theory.BlockScalar{D: c.D, M: [4]float64{1: theory.GradientStep(c.D, c.Length)}, V: [2]float64{1, 0}}
	r := gradientResult{Eta: eta}
	gradient := make([]float64, len(m.Parameters()))
	count, square := 0.0, 0.0
	for i, s := range split(sampler.Batch(0)) {
		l := m.SampledLoss([][]complex128{s}, gradient) / float64(c.Length-1)
		r.Loss += l / float64(c.Test)
		square += l * l / float64(c.Test)
		if i >= 40 { // maps are costly, and their cosine is nearly the same in every sequence
			continue
		}
		for t := 2; t <= c.Length; t++ {
			gamma, _ := m.InContextMap(s[:t*c.D])
			other, _ := step.InContextMap(s[:t*c.D])
			r.Cosine += complexCosine(gamma, other)
			count++
		}
	}
	r.Cosine /= count
	r.LossError = math.Sqrt(max(0, square-r.Loss*r.Loss) / float64(c.Test-1))
	return r, nil
}

// complexCosine is Re⟨a, b⟩/|a||b|.
func complexCosine(a, b []complex128) float64 {
	product := 0.0
	for i, z := range a {
		product += real(z)*real(b[i]) + imag(z)*imag(b[i])
	}
	return product / (norm(a) * norm(b))
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
	r := gradientResult{Eta: step.Eta[0]}
	maps, err := model.Maps(ctx, test)
	if err != nil {
		return r, err
	}
	r.lengths(maps.Predictions, test)
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
	r.Cosine, r.CosineNorm, r.StepErrors, r.NormalErrors = one.MeanCosine(), other.MeanCosine(), one.Error, other.Error
	r.StepMSE, r.NormalMSE, r.DenseMSE = mean(one.Error), mean(other.Error), best.Mean()
	return r, nil
}

// lengths measures predictions (N, T, d) and what one length for all of them
// would change: with ŷ = |ŷ|u the best length is the mean of u·y.
func (r *gradientResult) lengths(predictions []float64, test ar.Batch[float64]) {
	d, targets := test.D, test.Targets()
	r.Errors = make([]float64, test.T)
	var length, square, along, energy float64
	n := float64(len(targets) / d)
	for p := range len(targets) / d {
		prediction, target := predictions[p*d:(p+1)*d], targets[p*d:(p+1)*d]
		size, product := 0.0, 0.0
		for i, y := range target {
			e := prediction[i] - y
			r.Errors[p%test.T] += e * e / float64(d*test.N)
			size += prediction[i] * prediction[i]
			product += prediction[i] * y
			energy += y * y
		}
		size = math.Sqrt(size)
		length += size / n
		square += size * size / n
		if size > 0 {
			along += product / size / n
		}
	}
	r.MSE = mean(r.Errors)
	r.Spread = math.Sqrt(max(0, square-length*length)) / length
	r.Rescaled = (energy/n - along*along) / float64(d)
}
