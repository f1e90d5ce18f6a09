package sander2024

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"icar/ar"
	"icar/experiment"
	"icar/outcome"
	"icar/theory"
)

// d token dimension, H heads, T = 2..Tmax

// augmented trains the one-layer linear attention on augmented tokens and
// holds it against its exact optima: with the paper's block-scalar weights one
// gradient step, and what other weights do better.
func augmented() experiment.Experiment {
	return experiment.Define(experiment.Spec[augmentedConfig, augmentedResult]{
		Name: "augmented", Source: "paper, augmented tokens",
		Summary: "a trained layer on augmented tokens does one gradient step; more heads, dense " +
			"weights and rotations against their own optima",
		Quick: 1700 * time.Millisecond, Paper: 12 * time.Second,
		Trials: augmentedTrials, Run: runAugmented, Collect: collectAugmented,
	})
}

// augmentedModel says which weights a trial trains.
type augmentedModel string

const (
	scalarModel augmentedModel = "block-scalar" // sampled Adam, the paper's assumption
	headsModel  augmentedModel = "heads"        // H diagonal heads, exact descent
	denseModel  augmentedModel = "dense"        // dense blocks, exact descent
	branchModel augmentedModel = "branch"       // η and ζ alone against all six, on rotations
)

type augmentedConfig struct {
	Model     augmentedModel `json:"model"`
	Family    ar.Family      `json:"family"`
	D         int            `json:"d"`
	Heads     int            `json:"heads"`
	Tmax      int            `json:"tmax"`
	Steps     int            `json:"steps"`     // of sampled Adam
	Sequences int            `json:"sequences"` // a step
	Rate      float64        `json:"rate"`      // of Adam at the start
	Starts    int            `json:"starts"`    // of exact descent
	InitScale float64        `json:"init_scale"`
	Seed      uint64         `json:"seed"`
}

// Check implements config.
func (c augmentedConfig) Check() error {
	if _, err := theory.NewBlockScalarPopulation(c.Family, c.D, 2, c.Tmax); err != nil {
		return err
	}
	switch {
	case c.Model != scalarModel && c.Model != headsModel && c.Model != denseModel &&
		c.Model != branchModel:
		return fmt.Errorf("unknown model %q: use %q, %q, %q or %q", c.Model, scalarModel,
			headsModel, denseModel, branchModel)
	case c.Model == branchModel && c.Family != ar.Rotation:
		return fmt.Errorf(
			"the branch is one of the rotation family, not of the %s one: use family = %s",
			c.Family, ar.Rotation)
	case c.Model == headsModel && c.Heads < 1:
		return fmt.Errorf("number of heads H = %d: use heads = 1 or more", c.Heads)
	case c.Model == denseModel && (c.Family != ar.Unitary || c.D < 2):
		return fmt.Errorf(
			"dense weights on %s contexts with d = %d: their optimum is known for the unitary "+
				"family and d ≥ 2", c.Family, c.D)
	case c.Sequences < 2 || c.Steps < 4 || c.Starts < 1 || !(c.Rate > 0) || !(c.InitScale > 0):
		return fmt.Errorf(
			"%d sequences, %d steps, %d starts, rate %g, init_scale %g: use at least 2, 4, 1 and "+
				"positive numbers", c.Sequences, c.Steps, c.Starts, c.Rate, c.InitScale)
	}
	return nil
}

func augmentedTrials(scale outcome.Scale, seed uint64) []augmentedConfig {
	more, starts, widest := 1, 3, 3
	if scale == outcome.Paper {
		more, starts, widest = 8, 10, 4
	}
	base := augmentedConfig{Model: scalarModel, Family: ar.Unitary, D: 5, Heads: 1, Steps: 600,
		Rate: 0.03, Starts: starts, InitScale: 0.03, Seed: seed}
	var trials []augmentedConfig
	for _, t := range []struct{ tmax, sequences int }{{100, 10}, {50, 16}, {20, 32}, {10, 32},
		{5, 32}} { // the longest first, so that workers finish together
		c := base
		c.Tmax, c.Sequences = t.tmax, t.sequences*more
		trials = append(trials, c)
	}
	base.Sequences = 2
	for d := 2; d <= widest; d++ {
		c := base
		c.Model, c.D, c.Tmax, c.InitScale = denseModel, d, 8, 0.1
		trials = append(trials, c)
	}
	for h := 1; h <= 5; h++ {
		c := base
		c.Model, c.Heads, c.Tmax, c.InitScale = headsModel, h, 10, 0.1
		trials = append(trials, c)
	}
	for _, d := range []int{2, 4, 6} {
		c := base
		c.Family, c.D, c.Tmax, c.InitScale = ar.Rotation, d, 10, 0.1
		trials = append(trials, c)
	}
	// five past where it happens
	for _, t := range []struct{ d, tmax int }{{2, 8}, {4, 17}, {6, 35}, {8, 59}} {
		c := base
		c.Model, c.Family, c.D, c.Tmax = branchModel, ar.Rotation, t.d, t.tmax
		trials = append(trials, c)
	}
	return trials
}

type augmentedResult struct {
	Eta float64 `json:"eta"` // m_1 v_0 where exact descent ends
	// the other products of a score with a value scalar there
	Others        []float64 `json:"others"`
	Sampled       float64   `json:"sampled"`        // η where training on drawn sequences ends
	SampledOthers []float64 `json:"sampled_others"` // the other products there
	StandardError float64   `json:"standard_error"` // of Sampled, from the sequences seen
	Losses        []float64 `json:"losses"`         // exact mean loss where each start ends
	Single        []float64 `json:"single"`         // dense, rotation: the same of one diagonal head
	// dense: norms of (M_1, V_0) and of all other blocks
	Blocks [2]float64 `json:"blocks"`
	// branch: first Tmax at which all six weights do better, 0 for none
	Threshold int `json:"threshold"`
}

func runAugmented(ctx context.Context, c augmentedConfig) (augmentedResult, error) {
	switch {
	case c.Model == headsModel:
		return descendHeads(ctx, c)
	case c.Model == denseModel:
		return descendDense(ctx, c)
	case c.Model == branchModel:
		return findThreshold(ctx, c)
	case c.Family == ar.Rotation:
		return descendRotation(ctx, c)
	default:
		return trainScalars(ctx, c)
	}
}

// trained says whether the trial is the paper's setting: block-scalar weights on
// unitary contexts.
func (c augmentedConfig) trained() bool { return c.Model == scalarModel && c.Family == ar.Unitary }

func (c augmentedConfig) stream(what string) string {
	return fmt.Sprintf("augmented/%s/%s/%s/d=%d/H=%d/Tmax=%d", what, c.Model, c.Family, c.D,
		c.Heads, c.Tmax)
}

// contexts is N = Tmax - 1, by which a total loss becomes a mean one.
func (c augmentedConfig) contexts() float64 { return float64(c.Tmax - 1) }

// trainScalars is the paper's setting: block-scalar weights, on their exact loss
// and trained by Adam on fresh sequences of real processes.
func trainScalars(ctx context.Context, c augmentedConfig) (augmentedResult, error) {
	sampler, err := ar.NewSampler[complex128](ar.New(c.Family, c.D), c.Sequences, c.Tmax, c.Seed,
		c.stream("sequences"))
	if err != nil {
		return augmentedResult{}, err
	}
	r, err := descendScalars(ctx, c)
	if err != nil {
		return augmentedResult{}, err
	}
	m := &theory.BlockScalar{D: c.D}
	theory.Initialise(m, ar.Rand(c.Seed, c.stream("weights"), 0), c.InitScale)
	loss := func(step uint64, gradient []float64) float64 {
		return m.SampledLoss(split(sampler.Batch(step)), gradient)
	}
	if err := theory.Fit(ctx, m, loss, theory.Schedule{Steps: c.Steps, Rate: c.Rate}); err != nil {
		return augmentedResult{}, err
	}
	r.Sampled, r.SampledOthers = scalarProducts(m)
	fresh, err := ar.NewSampler[complex128](ar.New(c.Family, c.D), errorSequences, c.Tmax, c.Seed,
		c.stream("error"))
	if err != nil {
		return augmentedResult{}, err
	}
	// The average over the weights is of the last three quarters of the steps.
	r.StandardError = etaError(c.D, split(fresh.Batch(0)), r.Sampled,
		0.75*float64(c.Steps*c.Sequences))
	return r, nil
}

// errorSequences give the standard error itself to a twentieth.
const errorSequences = 256

// scalarProducts are the six products that the loss can tell apart: unitary W
// makes <s_t, s_T> = <s_{t-1}, s_{T-1}> for t ≥ 2, so that m_0 and m_3 act by
// their sum.
func scalarProducts(m *theory.BlockScalar) (eta float64, others []float64) {
	both := m.M[0] + m.M[3]
	return m.M[1] * m.V[0], []float64{both * m.V[0], m.M[2] * m.V[0],
		m.M[1] * m.V[1], m.M[2] * m.V[1], both * m.V[1]}
}

// split returns the sequences of a batch.
func split(b ar.Batch[complex128]) [][]complex128 {
	size := (b.T + 1) * b.D
	sequences := make([][]complex128, b.N)
	for n := range sequences {
		sequences[n] = b.States[n*size : (n+1)*size]
	}
	return sequences
}

// etaError is the standard error of the best η on as many sequences
// as were seen, from the spread of a few of dimension d. The loss of a sequence
// is quadratic in η, so its slopes at 0 and at 1 give the curvature of each, and
// the error of the root of the mean slope is that of the slopes at η over the
// mean curvature.
func etaError(d int, few [][]complex128, eta, seen float64) float64 {
	gradient := make([]float64, 6)
	slope := func(s []complex128, eta float64) float64 {
		m := &theory.BlockScalar{D: d, M: [4]float64{1: eta}, V: [2]float64{1, 0}}
		m.SampledLoss([][]complex128{s}, gradient)
		return gradient[1]
	}
	mean, square, curvature, n := 0.0, 0.0, 0.0, float64(len(few))
	for _, s := range few {
		at := slope(s, eta)
		mean += at / n
		square += at * at / n
		curvature += (slope(s, 1) - slope(s, 0)) / n
	}
	return math.Sqrt(max(0, square-mean*mean)*n/(n-1)/seen) / curvature
}

// descendScalars minimises the exact loss of block-scalar weights.
func descendScalars(ctx context.Context, c augmentedConfig) (augmentedResult, error) {
	population, err := theory.NewBlockScalarPopulation(c.Family, c.D, 2, c.Tmax)
	if err != nil {
		return augmentedResult{}, err
	}
	var best augmentedResult
	losses, err := c.descend(ctx, func() (theory.LinearAttention, func([]float64) float64, error) {
		m := &theory.BlockScalar{D: c.D}
		return m, func(gradient []float64) float64 { return population.Loss(m, gradient) }, nil
	}, func(m theory.LinearAttention) {
		best.Eta, best.Others = scalarProducts(m.(*theory.BlockScalar))
	})
	best.Losses = losses
	return best, err
}

// descendRotation is descendScalars beside one gradient step.
func descendRotation(ctx context.Context, c augmentedConfig) (augmentedResult, error) {
	r, err := descendScalars(ctx, c)
	if err != nil {
		return augmentedResult{}, err
	}
	r.Single, err = descendSingle(ctx, c)
	return r, err
}

// descendSingle minimises the exact loss of a single diagonal head: a diagonal
// of a's times a diagonal of b's about the data, all of which are equal at the
// optimum, one gradient step.
func descendSingle(ctx context.Context, c augmentedConfig) ([]float64, error) {
	c.Heads = 1
	single, err := descendHeads(ctx, c)
	return single.Losses, err
}

// descendHeads minimises the exact loss of H diagonal heads.
func descendHeads(ctx context.Context, c augmentedConfig) (augmentedResult, error) {
	losses, err := c.descend(ctx, func() (theory.LinearAttention, func([]float64) float64, error) {
		m, err := theory.NewDiagonalHeads(c.Heads, c.D)
		return m, func(gradient []float64) float64 {
			return m.PopulationLoss(2, c.Tmax, gradient)
		}, err
	}, func(theory.LinearAttention) {})
	return augmentedResult{Losses: losses}, err
}

// descendDense minimises the exact loss of dense weights, all blocks free.
func descendDense(ctx context.Context, c augmentedConfig) (augmentedResult, error) {
	population, err := theory.NewDensePopulation(c.Family, c.D, 2, c.Tmax)
	if err != nil {
		return augmentedResult{}, err
	}
	var r augmentedResult
	r.Losses, err = c.descend(ctx, func() (theory.LinearAttention, func([]float64) float64, error) {
		m, err := theory.NewDense(c.D)
		return m, func(gradient []float64) float64 { return population.Loss(m, gradient) }, err
	}, func(best theory.LinearAttention) {
		m := best.(*theory.Dense)
		r.Blocks[0] = norm(m.M[1], m.V[0])
		r.Blocks[1] = norm(m.M[0], m.M[2], m.M[3], m.V[1])
	})
	if err != nil {
		return augmentedResult{}, err
	}
	r.Single, err = descendSingle(ctx, c)
	return r, err
}

// descend minimises from every start and returns the mean losses reached;
// keep sees the model of each best one so far.
func (c augmentedConfig) descend(ctx context.Context, model func() (theory.LinearAttention,
	func([]float64) float64, error), keep func(theory.LinearAttention)) ([]float64, error) {
	var losses []float64
	for start := range c.Starts {
		m, loss, err := model()
		if err != nil {
			return nil, err
		}
		theory.Initialise(m, ar.Rand(c.Seed, c.stream("start"), uint64(start)), c.InitScale)
		total, err := theory.Minimise(ctx, m, loss)
		if err != nil {
			return nil, err
		}
		if losses = append(losses, total/c.contexts()); slices.Min(losses) == losses[start] {
			keep(m)
		}
	}
	return losses, nil
}

// findThreshold looks for the first Tmax at which all six block-scalar weights
// do better on rotations than the branch without m_0, m_3 and v_1.
func findThreshold(ctx context.Context, c augmentedConfig) (augmentedResult, error) {
	for tmax := 2; tmax <= c.Tmax && ctx.Err() == nil; tmax++ {
		branch, err := theory.RotationBranch(c.D, tmax)
		if err != nil {
			return augmentedResult{}, err
		}
		optimum, err := theory.RotationOptimum(c.D, tmax)
		if err != nil {
			return augmentedResult{}, err
		}
		if optimum.MeanLoss < branch.MeanLoss*(1-1e-9) {
			return augmentedResult{Threshold: tmax}, nil
		}
	}
	return augmentedResult{}, ctx.Err()
}

// norm is the Frobenius norm of several blocks together.
func norm(blocks ...[]complex128) float64 {
	sum := 0.0
	for _, b := range blocks {
		for _, z := range b {
			sum += real(z)*real(z) + imag(z)*imag(z)
		}
	}
	return math.Sqrt(sum)
}
