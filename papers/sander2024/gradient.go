package sander2024

import (
	"context"
	"errors"
	"fmt"
	"time"

	"icar/ar"
	"icar/experiment"
	"icar/outcome"
	"icar/theory"
	"icar/train"
)

// N sequences, T positions, d token dimension

// gradient holds trained one-layer models against one step of gradient
// descent: exactly, in the paper's setting; by their sensitivities and errors,
// in that of the experiments, with and without layer norm.
func gradient() experiment.Experiment {
	return experiment.Define(experiment.Spec[gradientConfig, gradientResult]{
		Name: "gradient-step", Source: "paper, augmented tokens",
		Summary: "trained one-layer models against one step of gradient descent, and what layer " +
			"norm changes",
		Quick: 4200 * time.Millisecond, Paper: 15 * time.Minute,
		Trials: gradientTrials, Train: runGradient, Collect: collectGradient,
	})
}

// gradientModel is what a trial of gradient-step trains.
type gradientModel string

const (
	scalarLayer   gradientModel = "block-scalar weights" // of package theory, sampled, unitary
	denseLayer1   gradientModel = "dense weights"        // of package theory, exact descent, unitary
	bareLayer     gradientModel = "no norm"              // of package nn
	skiplessLayer gradientModel = "no norm, no skip"     // of package nn
	normedLayer   gradientModel = "layer norm"           // of package nn
)

// gradientConfig is a model and its process. For those of package theory length
// is Tmax, a step sees batch sequences, and there are as many as
// train.Config.Steps says.
type gradientConfig struct {
	networkConfig
	Model     gradientModel `json:"model"`
	InitScale float64       `json:"init_scale"` // of the weights of package theory
}

// Check implements config.
func (c gradientConfig) Check() error {
	switch c.Model {
	case scalarLayer, denseLayer1:
		if c.Family != ar.Unitary && (c.Family != ar.Rotation || c.Model == denseLayer1) ||
			c.D < 2 || c.Length < 3 || c.Batch < 2 || c.Train < c.Batch || c.Epochs < 1 ||
			c.Test < 100 || !(c.LearningRate > 0) || !(c.InitScale > 0) {
			return fmt.Errorf(
				"%s: use the unitary family (block-scalar weights also rotation), d ≥ 2, length "+
					"≥ 3, batch ≥ 2, train ≥ batch, test ≥ 100 and positive learning_rate and "+
					"init_scale", c.Label)
		}
		if c.Family == ar.Rotation {
			branch, err := theory.RotationBranch(c.D, c.Length)
			if err != nil {
				return err
			}
			if best, err := theory.RotationOptimum(c.D, c.Length); err != nil ||
				best.MeanLoss < branch.MeanLoss*(1-1e-6) {
				return errors.Join(err,
					fmt.Errorf(
						"%s on rotations of d = %d, Tmax = %d: η and ζ alone are not the optimum "+
							"there; use d = 4 with length at most 11, or d = 6 with at most 29",
						c.Label,
						c.D, c.Length))
			}
		}
		return nil
	case bareLayer, skiplessLayer, normedLayer:
		return c.networkConfig.Check()
	default:
		models := []gradientModel{scalarLayer, denseLayer1, bareLayer, skiplessLayer, normedLayer}
		return fmt.Errorf("model %q is none of gradient-step: use one of %q", c.Model, models)
	}
}

// gradientResult is how a model stands beside one gradient step: one of the two.
type gradientResult struct {
	Exact exactResult `json:"exact,omitzero"` // of a model of package theory
	Layer layerResult `json:"layer,omitzero"` // of a network
}

// exactResult is of a model of package theory. On fresh sequences Γ is beside the
// Γ* of the theory's optimum; for dense weights Γ is the optimum's and Γ* one
// gradient step's.
type exactResult struct {
	Eta  float64 `json:"eta"`  // of the paper's gradient step in the weights
	Zeta float64 `json:"zeta"` // of its conjugate correction
	// of the sensitivities to both parts of the query, mean over T ≥ 2
	Cosine   float64 `json:"cosine"`
	Distance float64 `json:"distance"` // |Γ - Γ*|/|Γ*|, mean over T ≥ 2
	// on unitary contexts: of the η that is best on the sequences trained on, relative
	StandardError float64 `json:"standard_error"`
	Loss          float64 `json:"loss"`       // |ŷ - y|² summed over coordinates, mean over T
	LossError     float64 `json:"loss_error"` // standard error
}

// layerResult is of a trained network of one layer on its test sequences.
type layerResult struct {
	// η and ζ of the predictions, by regression on the two terms
	Eta      float64 `json:"eta"`
	Zeta     float64 `json:"zeta"`      //
	BestEta  float64 `json:"best_eta"`  // those of the regression of the targets
	BestZeta float64 `json:"best_zeta"` //
	// of the sensitivities with the fitted step in the newer part
	Cosine     float64 `json:"cosine"`
	CosineNorm float64 `json:"cosine_norm"` // with the normalised step
	MSE        float64 `json:"mse"`
	// MSE if at each position every output had one length, the best there
	Rescaled float64 `json:"rescaled"`
	// of the outputs' lengths, mean over positions: standard deviation over mean
	Spread    float64 `json:"spread"`
	StepMSE   float64 `json:"step_mse"`      // of the gradient step
	NormalMSE float64 `json:"normal_mse"`    // of the normalised step
	DenseMSE  float64 `json:"dense_mse"`     // of the best dense linear layer without skip and biases
	Errors    curve   `json:"errors"`        // of the model
	Step      curve   `json:"step_errors"`   // of the gradient step
	Normal    curve   `json:"normal_errors"` // of the normalised step
}

func gradientTrials(scale outcome.Scale, seed uint64) []gradientConfig {
	base := train.DefaultConfig()
	base.Process, base.Seed, base.LearningRate = ar.New(ar.Unitary, 5), seed, 0.03
	base.Batch, base.Test, base.Epochs = 32, 400, 1
	tmaxes, rotations, steps, more := []int{20, 10}, []ar.Process{ar.New(ar.Rotation, 4)}, 600, 4
	if scale == outcome.Paper {
		tmaxes, more, base.Test = []int{100, 50, 20, 10, 5}, 32, 4000
		rotations = append(rotations, ar.New(ar.Rotation, 6))
	}
	var trials []gradientConfig
	add := func(model gradientModel, c train.Config) {
		trials = append(trials, gradientConfig{networkConfig{Label: string(model), Scale: scale,
			Config: c}, model, 0.03})
	}
	for _, family := range []ar.Family{ar.Haar, ar.Rotation} {
		for s := range uint64(comparedSeeds) {
			if scale == outcome.Quick && family == ar.Rotation && s > 0 {
				break // no claim is about rotations: one is enough to look at
			}
			c := augmentedSetting(scale)
			c.Seed = seed*comparedSeeds + s
			if scale == outcome.Quick {
				// the larger d, the nearer are the two steps
				c.D, c.Epochs, c.Train, c.Test = 4, 32, 2048, 256
			}
			c.Process = ar.New(family, c.D+c.D%2*btoi(family == ar.Rotation))
			add(normedLayer, c)
			c.Norm = false
			add(bareLayer, c)
			if family == ar.Haar && (scale == outcome.Paper || s == 0) {
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

func runGradient(ctx context.Context, c gradientConfig,
	m experiment.Env) (r gradientResult, err error) {
	switch c.Model {
	case scalarLayer:
		r.Exact, err = c.runScalar(ctx)
	case denseLayer1:
		r.Exact, err = c.runDense(ctx)
	default:
		r.Layer, err = c.runLayer(ctx, m)
	}
	return r, err
}

func (c gradientConfig) stream(what string) string {
	return fmt.Sprintf("gradient-step/%s/%s/%s/d=%d/Tmax=%d", what, c.Label, c.Family, c.D,
		c.Length)
}
