package sander2024

import (
	"context"
	"math"

	"gonum.org/v1/gonum/cmplxs"
	"gonum.org/v1/gonum/stat"

	"icar/ar"
	"icar/theory"
)

// N sequences, T positions, d token dimension

// runScalar trains block-scalar weights by Adam on fresh sequences.
func (c gradientConfig) runScalar(ctx context.Context) (exactResult, error) {
	sequences, err := c.sequences("sequences", c.Batch)
	if err != nil {
		return exactResult{}, err
	}
	m := &theory.BlockScalar{D: c.D}
	theory.Initialise(m, ar.Rand(c.Seed, c.stream("weights"), 0), c.InitScale)
	loss := func(step uint64, gradient []float64) float64 {
		return m.SampledLoss(sequences(step), gradient)
	}
	if err := theory.Fit(ctx, m, loss, theory.Schedule{Steps: c.Steps(),
		Rate: c.LearningRate}); err != nil {
		return exactResult{}, err
	}
	optimum, _, err := c.optimum()
	if err != nil {
		return exactResult{}, err
	}
	r, err := c.beside(m, optimum)
	if err != nil {
		return r, err
	}
	fresh, err := c.sequences("error", errorSequences)
	r.Eta, r.Zeta = m.M[1]*m.V[0], m.M[2]*m.V[0]
	if err == nil && c.Family == ar.Unitary { // with ζ the two vary together
		r.StandardError = etaError(c.D, fresh(0), r.Eta, 0.75*float64(c.Steps()*c.Batch)) / r.Eta
	}
	return r, err
}

// optimum is that of the theory with its mean loss: on unitary contexts the
// paper's gradient step or, of dense weights, package theory's optimum; on
// rotations the step with its conjugate correction.
func (c gradientConfig) optimum() (theory.LinearAttention, float64, error) {
	switch {
	case c.Model == denseLayer1:
		o, err := theory.DenseOptimum(c.D, c.Length)
		return o.Model, o.MeanLoss, err
	case c.Family == ar.Rotation:
		o, err := theory.RotationBranch(c.D, c.Length)
		return &theory.BlockScalar{D: c.D, M: [4]float64{1: o.Eta, 2: o.Zeta},
			V: [2]float64{1, 0}}, o.MeanLoss, err
	default:
		η := theory.GradientStep(c.D, c.Length)
		// Σ_n (1 - nη) over n = 1 … N is N(1 - η(N+1)/2).
		return &theory.BlockScalar{D: c.D, M: [4]float64{1: η},
			V: [2]float64{1, 0}}, float64(c.D) * (1 - η*float64(c.Length)/2), nil
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
func (c gradientConfig) runDense(ctx context.Context) (exactResult, error) {
	population, err := theory.NewDensePopulation(c.Family, c.D, 2, c.Length)
	if err != nil {
		return exactResult{}, err
	}
	var best *theory.Dense
	least := math.Inf(1)
	for start := range uint64(3) {
		m, err := theory.NewDense(c.D)
		if err != nil {
			return exactResult{}, err
		}
		theory.Initialise(m, ar.Rand(c.Seed, c.stream("start"), start), c.InitScale)
		total, err := theory.Minimise(ctx, m,
			func(gradient []float64) float64 { return population.Loss(m, gradient) })
		if err != nil {
			return exactResult{}, err
		}
		if total < least {
			best, least = m, total
		}
	}
	step := &theory.BlockScalar{D: c.D, M: [4]float64{1: theory.GradientStep(c.D, c.Length)},
		V: [2]float64{1, 0}}
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
func (c gradientConfig) beside(m, other theory.LinearAttention) (r exactResult, err error) {
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
