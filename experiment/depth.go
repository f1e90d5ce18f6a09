package experiment

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"icar/ar"
	"icar/estimator"
	"icar/train"
)

// N test sequences, T positions, d token dimension, κ condition number of the
// Gram matrix of a context's keys

// depth holds trained models of growing depth against growing numbers of
// iterations of each algorithm.
func depth() Experiment {
	return define(spec[networkConfig, depthResult]{
		name: "depth", source: "after Fu et al. 2024",
		summary: "L layers against k iterations of each algorithm: whose predictions are nearest, how far both are from the Bayes floor, and what ill-conditioned contexts cost them",
		quick:   3400 * time.Millisecond, paper: 16 * time.Minute,
		trials: func(scale Scale, seed uint64) []networkConfig {
			depths, seeds := []int{3, 2, 1}, 1
			if scale == Paper {
				depths, seeds = []int{6, 5, 4, 3, 2, 1}, 3
			}
			return depthTrials(scale, seed, seeds, func(*train.Config) {}, depths...)
		},
		train: runDepth, collect: collectDepth,
	})
}

// iterations is the largest number of iterations of an algorithm.
const iterations = 20

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
	// Contrast is the model's error on the best conditioned quarter over that on
	// the others.
	Contrast float64 `json:"contrast"`
	// Margin is by how much the nearest gradient descent is farther from the
	// model than the nearest Newton-Schulz, over the distance of that, with the
	// lower end of its bootstrap interval over sequences.
	Margin    float64 `json:"margin"`
	MarginLow float64 `json:"margin_low"`
}

// depthPredictor is a model or an iterate of an algorithm.
type depthPredictor struct {
	Name  string    `json:"name"`
	K     int       `json:"k"`     // iterations or layers
	MSE   float64   `json:"mse"`   // mean squared error
	Low   float64   `json:"low"`   // of its 95 % bootstrap interval over sequences
	High  float64   `json:"high"`  // of the same
	Kappa []float64 `json:"kappa"` // (quarters) MSE of contexts by κ, where Bayes has none
	Apart float64   `json:"apart"` // mean of |ŷ - ŷ'|/√d between its predictions and the model's
	apart []float64 // (N) of each sequence
}

func runDepth(ctx context.Context, c networkConfig, m Means) (r depthResult, err error) {
	model, err := m.probed(ctx, c.Config, c.Arithmetic)
	if err != nil {
		return r, err
	}
	test, err := train.Sequences(c.Config, train.TestStream, min(c.Test, 256))
	if err != nil {
		return r, err
	}
	predictions, err := model.Predict(ctx, test)
	if err != nil {
		return r, err
	}
	floor, err := estimator.BayesFloor(c.Process, c.Length)
	if err != nil {
		return r, err
	}
	r.Floor = mean(floor)
	byKappa, err := conditioning(test)
	if err != nil {
		return r, err
	}
	r.Kappa = byKappa.median
	algorithms, err := c.iterates(ctx)
	if err != nil {
		return r, err
	}
	measure := func(name string, k int, own []float64) (depthPredictor, error) {
		p := depthPredictor{Name: name, K: k, apart: make([]float64, test.N)}
		e := errorsOf(own, test)
		p.MSE, p.Kappa = e.Mean(), byKappa.means(e)
		for i := range own[:len(own)/test.D] {
			p.apart[i/test.T] += floats.Distance(own[i*test.D:(i+1)*test.D], predictions[i*test.D:(i+1)*test.D], 2) / (math.Sqrt(float64(test.D)) * float64(test.T))
		}
		p.Apart = mean(p.apart)
		interval, err := estimator.Bootstrap(e.PerSequence(), 0.95, 1000, ar.Rand(c.Seed, "bootstrap/depth/"+name, uint64(k)))
		p.Low, p.High = interval.Low, interval.High
		return p, err
	}
	if r.Model, err = measure(c.Label, c.Depth, predictions); err != nil {
		return r, err
	}
	r.Contrast = r.Model.Kappa[0] / mean(r.Model.Kappa[1:])
	for _, a := range algorithms {
		own, err := estimator.Predict(ctx, test, a.Estimator)
		if err != nil {
			return r, fmt.Errorf("%s: %w", a.Name(), err)
		}
		p, err := measure(a.name, a.k, own)
		if err != nil {
			return r, err
		}
		r.Iterate = append(r.Iterate, p)
	}
	descent, newton := r.nearest(descentAlgorithm), r.nearest(newtonAlgorithm)
	r.Margin, r.MarginLow = descent.Apart/newton.Apart-1, r.marginLow(test.N, ar.Rand(c.Seed, "bootstrap/depth/margin", 0))
	return r, nil
}

// marginLow is the lower end of the 99.98 % bootstrap interval of Margin over n
// sequences. Each resample chooses the nearest iterates anew.
func (r depthResult) marginLow(n int, random *rand.Rand) float64 {
	const resamples = 10_001
	apart := mat.NewDense(n, len(r.Iterate), nil)
	for j, p := range r.Iterate {
		apart.SetCol(j, p.apart)
	}
	var means mat.Dense
	means.Mul(estimator.Resamples(n, resamples, random), apart)
	margins := make([]float64, resamples)
	for i := range margins {
		least := map[string]float64{}
		for j, p := range r.Iterate {
			if now, found := least[p.Name]; !found || means.At(i, j) < now {
				least[p.Name] = means.At(i, j)
			}
		}
		margins[i] = least[descentAlgorithm]/least[newtonAlgorithm] - 1
	}
	slices.Sort(margins)
	return stat.Quantile(0.0001, stat.LinInterp, margins, nil)
}

// iterate is an algorithm after k iterations.
type iterate struct {
	estimator.Estimator
	name string
	k    int
}

// iterates returns every algorithm at k = 1 … iterations. The step sizes of
// gradient descent, one for each k, are fitted on a part of the training
// sequences: one number needs no more. The largest that do well diverge on rare
// contexts whose G is larger.
func (c networkConfig) iterates(ctx context.Context) ([]iterate, error) {
	fitting, err := train.Sequences(c.Config, train.TrainStream, max(1, c.Train/64))
	if err != nil {
		return nil, err
	}
	var all []iterate
	for k := 1; k <= iterations; k++ {
		descent, err := estimator.FitDescent(ctx, fitting, k)
		if err != nil {
			return nil, err
		}
		all = append(all, iterate{descent, descentAlgorithm, k}, iterate{estimator.NewtonSchulz{K: k}, newtonAlgorithm, k},
			iterate{estimator.Chebyshev{K: k}, chebyshevAlgorithm, k}, iterate{estimator.ConjugateGradient{K: k}, conjugateAlgorithm, k})
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

var depthAlgorithms = [...]string{descentAlgorithm, newtonAlgorithm, chebyshevAlgorithm, conjugateAlgorithm}

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
					return byKappa{}, fmt.Errorf("the eigenvalues of context %d of %d tokens did not converge", n, t+1)
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
		return b, fmt.Errorf("contexts of %d tokens of dimension %d are too short to be regular: use length > d", s.T, d)
	}
	slices.Sort(regular)
	for i, k := range kappa {
		rank, _ := slices.BinarySearch(regular, k)
		if b.quarter[i] = min(quarters-1, rank*quarters/len(regular)); k == 0 {
			b.quarter[i] = -1
		}
	}
	for q := range quarters {
		b.median = append(b.median, stat.Quantile((float64(q)+0.5)/quarters, stat.Empirical, regular, nil))
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
