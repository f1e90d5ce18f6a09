package sander2024

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"icar/ar"
	"icar/estimator"
	"icar/experiment"
	"icar/outcome"
	"icar/probe"
	"icar/train"
)

// N test sequences, T positions, d token dimension, κ condition number of the
// Gram matrix of a context's keys

// depth holds trained models of growing depth against growing numbers of
// iterations of each algorithm.
func depth() experiment.Experiment {
	return experiment.Define(experiment.Spec[depthConfig, []depthResult]{
		Name: "depth", Source: "after Fu et al. 2024",
		Summary: "L layers against k iterations of each algorithm: whose predictions are " +
			"nearest, how far both are from the Bayes floor, and what ill-conditioned contexts " +
			"cost them",
		Quick: 4 * time.Second, Paper: 25 * time.Minute,
		Trials: func(scale outcome.Scale, seed uint64) (trials []depthConfig) {
			seeds, layers, change := comparedSeeds, []int{6, 3, 2, 1}, trainWell
			if scale == outcome.Quick {
				seeds, layers = scatteredSeeds, []int{2, 1}
				change = func(c *train.Config) { c.Test = 2048 } // for errors within quarters
			}
			for _, c := range depthTrials(scale, seed, seeds, change, layers[0]) {
				trials = append(trials, depthConfig{c, layers})
			}
			return trials
		},
		Train: runDepth,
		Collect: func(all []experiment.Done[depthConfig, []depthResult]) (experiment.Findings, error) {
			return collectDepth(byModel(all))
		},
	})
}

// depthConfig is models of one seed that differ in their depth. The algorithms
// that they are held beside take longer than training small ones, and are the same
// for all.
type depthConfig struct {
	networkConfig
	Layers []int `json:"layers"` // of each model, in the place of depth
}

// Check implements experiment.Config.
func (c depthConfig) Check() error {
	if len(c.Layers) == 0 {
		return errors.New("layers names no model: use layers=[2,1]")
	}
	for _, model := range c.models() {
		if err := model.Check(); err != nil {
			return err
		}
	}
	return nil
}

// models are the configurations of each.
func (c depthConfig) models() (models []networkConfig) {
	for _, layers := range c.Layers {
		model := c.networkConfig
		model.Label, model.Depth = depthLabel(layers), layers
		models = append(models, model)
	}
	return models
}

// byModel are the results of each model by itself.
func byModel(
	all []experiment.Done[depthConfig, []depthResult],
) (models []experiment.Done[networkConfig, depthResult]) {
	for _, t := range all {
		for i, c := range t.Config.models() {
			models = append(models, experiment.Done[networkConfig, depthResult]{Config: c,
				Found: t.Found[i]})
		}
	}
	return models
}

// last is the largest number of iterations of an algorithm.
const last = 20

// quarters are the parts that contexts of T > d tokens are divided into by
// their κ, from the best conditioned to the worst.
const quarters = 4

// depthResult is a model beside the iterations of algorithms on the same
// sequences.
type depthResult struct {
	Model   depthPredictor   `json:"model"`
	Iterate []depthPredictor `json:"iterate"`
	Floor   float64          `json:"floor"` // of Bayes
	Kappa   []float64        `json:"kappa"` // (quarters) median of κ
	// Within are the model's errors on the quarters of all test sequences: what
	// happens within quarters needs more of them than distances do. (quarters)
	Within []float64 `json:"within"`
	// Margin is by how much the nearest gradient descent is farther from the
	// model than the nearest Newton-Schulz, over the distance of that.
	Margin float64 `json:"margin"`
}

// depthPredictor is a model or an iterate of an algorithm.
type depthPredictor struct {
	Name  string    `json:"name"`
	K     int       `json:"k"`     // iterations or layers
	MSE   float64   `json:"mse"`   // mean squared error
	Kappa []float64 `json:"kappa"` // (quarters) MSE of contexts by κ, where Bayes has none
	Apart float64   `json:"apart"` // median of |ŷ - ŷ'|/√d between its predictions and the model's
}

func runDepth(ctx context.Context, c depthConfig, m experiment.Env) ([]depthResult, error) {
	beside, err := c.networkConfig.algorithms(ctx)
	if err != nil {
		return nil, err
	}
	var all []depthResult
	for i, own := range c.models() {
		env := m
		if m.Directory != "" && i > 0 { // the folder is the first model's run, the others' are in it
			env.Directory = filepath.Join(m.Directory, "model-"+strconv.Itoa(i+1))
		}
		model, err := probed(ctx, env, own.Config)
		if err != nil {
			return nil, err
		}
		r, err := beside.measure(ctx, own, model)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// algorithms are the iterations of every algorithm on test sequences that models
// of one seed share.
type algorithms struct {
	test        ar.Batch[float64]
	floor       float64
	byKappa     byKappa // of test
	within      byKappa // of all test sequences
	iterates    []iterate
	predictions [][]float64 // of each iterate (N, T, d)
}

func (c networkConfig) algorithms(ctx context.Context) (a algorithms, err error) {
	a.test, err = train.Sequences(c.Config, train.TestStream,
		min(c.Test, comparedSequences(c.Scale)))
	if err != nil {
		return a, err
	}
	floor, err := estimator.BayesFloor(c.Process, c.Length)
	if err != nil {
		return a, err
	}
	a.floor = mean(floor)
	if a.byKappa, err = conditioning(a.test); err != nil {
		return a, err
	}
	all, err := train.Sequences(c.Config, train.TestStream, c.Test)
	if err != nil {
		return a, err
	}
	if a.within, err = conditioning(all); err != nil {
		return a, err
	}
	if a.iterates, err = c.iterates(ctx); err != nil {
		return a, err
	}
	for _, i := range a.iterates {
		own, err := estimator.Predict(ctx, a.test, i.Estimator)
		if err != nil {
			return a, fmt.Errorf("%s: %w", i.Name(), err)
		}
		a.predictions = append(a.predictions, own)
	}
	return a, nil
}

// measure holds a model of c beside the iterations of every algorithm.
func (a algorithms) measure(ctx context.Context, c networkConfig,
	model *probe.Model) (r depthResult, err error) {
	predictions, err := model.Predict(ctx, a.test)
	if err != nil {
		return r, err
	}
	r.Floor, r.Kappa = a.floor, a.byKappa.median
	measure := func(name string, k int, own []float64) depthPredictor {
		e := estimator.ErrorsOf(own, a.test)
		return depthPredictor{Name: name, K: k, MSE: e.Mean(), Kappa: a.byKappa.means(e),
			Apart: distance(own, predictions, a.test.D)}
	}
	r.Model = measure(c.Label, c.Depth, predictions)
	if r.Within, err = a.quarterErrors(ctx, c, model); err != nil {
		return r, err
	}
	for i, own := range a.predictions {
		r.Iterate = append(r.Iterate, measure(a.iterates[i].name, a.iterates[i].k, own))
	}
	r.Margin = r.nearest(descentAlgorithm).Apart/r.nearest(newtonAlgorithm).Apart - 1
	return r, nil
}

// quarterErrors are the Within of a model.
func (a algorithms) quarterErrors(ctx context.Context, c networkConfig,
	model *probe.Model) ([]float64, error) {
	test, err := train.Sequences(c.Config, train.TestStream, c.Test)
	if err != nil {
		return nil, err
	}
	predictions, err := model.Predict(ctx, test)
	if err != nil {
		return nil, err
	}
	return a.within.means(estimator.ErrorsOf(predictions, test)), nil
}

// comparedSequences are the test sequences on which predictions are compared.
func comparedSequences(scale outcome.Scale) int {
	if scale == outcome.Quick {
		return 64
	}
	return 512
}

// distance is the median over predictions a, b (…, d) of |a - b|/√d. Their mean
// would be that of a few contexts on which descent diverges, whose size of step
// was the best on others.
func distance(a, b []float64, d int) float64 {
	var apart []float64
	for i := 0; i < len(a); i += d {
		apart = append(apart, floats.Distance(a[i:i+d], b[i:i+d], 2)/math.Sqrt(float64(d)))
	}
	slices.Sort(apart)
	return stat.Quantile(0.5, stat.Empirical, apart, nil)
}

// iterate is an algorithm after k iterations.
type iterate struct {
	estimator.Estimator
	name string
	k    int
}

// iterates returns every algorithm at k = 1 … last. The step sizes of
// gradient descent, one for each k, are fitted on a part of the training
// sequences: one number needs no more. The largest that do well diverge on rare
// contexts whose G is larger.
func (c networkConfig) iterates(ctx context.Context) ([]iterate, error) {
	fitting, err := train.Sequences(c.Config, train.TrainStream, max(1, c.Train/160))
	if err != nil {
		return nil, err
	}
	var all []iterate
	for k := 1; k <= last; k++ {
		descent, err := estimator.FitDescent(ctx, fitting, k)
		if err != nil {
			return nil, err
		}
		all = append(all, iterate{descent, descentAlgorithm, k},
			iterate{estimator.NewtonSchulz{K: k}, newtonAlgorithm, k},
			iterate{estimator.Chebyshev{K: k}, chebyshevAlgorithm, k},
			iterate{estimator.ConjugateGradient{K: k}, conjugateAlgorithm, k})
	}
	return all, nil
}

// The algorithms, by name.
const (
	descentAlgorithm   = "gradient descent"
	newtonAlgorithm    = "Newton-Schulz"
	chebyshevAlgorithm = "Chebyshev"
	conjugateAlgorithm = "conjugate gradient"
)

var depthAlgorithms = [...]string{descentAlgorithm, newtonAlgorithm, chebyshevAlgorithm,
	conjugateAlgorithm}

// nearest returns the iterate of an algorithm whose predictions are nearest to
// the model's.
func (r depthResult) nearest(name string) (best depthPredictor) {
	for _, p := range r.Iterate {
		if p.Name == name && (best.K == 0 || p.Apart < best.Apart) {
			best = p
		}
	}
	return best
}

// steps is the number of iterations of an algorithm that is nearest to the model,
// between whole numbers: where the parabola through the nearest and its two
// neighbours is least, or the nearest itself at either end.
func (r depthResult) steps(name string) float64 {
	apart := map[int]float64{}
	for _, p := range r.Iterate {
		if p.Name == name {
			apart[p.K] = p.Apart
		}
	}
	k := r.nearest(name).K
	before, some := apart[k-1]
	after, more := apart[k+1]
	if !some || !more {
		return float64(k)
	}
	// The neighbours are no nearer, so the parabola opens upwards, unless all three
	// are equal.
	if curvature := before - 2*apart[k] + after; curvature > 0 {
		return float64(k) + (before-after)/(2*curvature)
	}
	return float64(k)
}

// byKappa divides the contexts of more than d tokens into quarters.
type byKappa struct {
	quarter []int     // (N·T) of each context, -1 of those that are too short
	median  []float64 // (quarters) of κ
}

// conditioning computes κ of every context s_1 … s_T: λ_max/λ_min of
// Σ_{t<T} s_t s_tᵀ, which T > d makes regular almost surely.
func conditioning(s ar.Batch[float64]) (byKappa, error) {
	d := s.D
	kappa := make([]float64, s.N*s.T)
	var regular []float64
	for n := range s.N {
		g := mat.NewSymDense(d, nil)
		for t := range s.T {
			if t >= d {
				var eigen mat.EigenSym
				if !eigen.Factorize(g, false) {
					return byKappa{}, fmt.Errorf(
						"the eigenvalues of context %d of %d tokens did not converge", n, t+1)
				}
				values := eigen.Values(nil)
				kappa[n*s.T+t] = math.Inf(1) // where rounding leaves no smallest eigenvalue
				if values[0] > 0 {
					kappa[n*s.T+t] = values[d-1] / values[0]
				}
				regular = append(regular, kappa[n*s.T+t])
			}
			g.SymRankOne(g, 1, mat.NewVecDense(d, s.States[(n*(s.T+1)+t)*d:][:d]))
		}
	}
	b := byKappa{quarter: make([]int, len(kappa))}
	if len(regular) < quarters {
		return b, fmt.Errorf(
			"contexts of %d tokens of dimension %d are too short to be regular: use length > d",
			s.T, d)
	}
	slices.Sort(regular)
	for i, k := range kappa {
		rank, _ := slices.BinarySearch(regular, k)
		if b.quarter[i] = min(quarters-1, rank*quarters/len(regular)); k == 0 {
			b.quarter[i] = -1
		}
	}
	for q := range quarters {
		b.median = append(b.median, stat.Quantile((float64(q)+0.5)/quarters, stat.Empirical,
			regular, nil))
	}
	return b, nil
}

// means are the mean squared errors of the quarters.
func (b byKappa) means(e estimator.Errors) []float64 {
	sum, count := make([]float64, quarters), make([]float64, quarters)
	for i, q := range b.quarter {
		if q >= 0 {
			sum[q] += e.Squared[i]
			count[q]++
		}
	}
	floats.Div(sum, count)
	return sum
}
