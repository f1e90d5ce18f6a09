package estimator

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
)

// FitGradientStep returns the K = 1 gradient descent whose one step size has
// the least mean squared error on the sequences, η = Σ⟨target, Ss⟩/Σ|Ss|² over
// all positions. (On the unitary family the mean over W gives
// η* = 3/(2Tmax + 3d - 4).)
func FitGradientStep(ctx context.Context, batch ar.Batch[float64]) (GradientDescent, error) {
	eta, err := fitScale(ctx, batch, GradientDescent{K: 1, Eta: []float64{1}}, false)
	return GradientDescent{K: 1, Eta: eta}, err
}

// FitPerPositionStep is [FitGradientStep] with a step of its own for each
// context length. η_1 = 0: there is no pair yet.
func FitPerPositionStep(ctx context.Context, batch ar.Batch[float64]) (GradientDescent, error) {
	eta, err := fitScale(ctx, batch, GradientDescent{K: 1, Eta: []float64{1}}, true)
	return GradientDescent{K: 1, Eta: eta}, err
}

// FitNormalisedStep returns the normalised step whose one norm has the least
// mean squared error on the sequences, Σ⟨target, u⟩/Σ|u|² with u = Ss/|Ss|.
func FitNormalisedStep(ctx context.Context, batch ar.Batch[float64]) (NormalisedStep, error) {
	norm, err := fitScale(ctx, batch, NormalisedStep{Norm: 1}, false)
	if err != nil {
		return NormalisedStep{}, err
	}
	return NormalisedStep{Norm: norm[0]}, nil
}

// fitScale returns the factors that bring the predictions of an estimator
// closest to the targets, one for all positions or one for each. Where all
// predictions are 0 the factor is 0.
func fitScale(ctx context.Context, batch ar.Batch[float64], e Estimator,
	byPosition bool) ([]float64, error) {
	group := func(int) int { return 0 }
	scale := make([]float64, 1)
	if byPosition {
		group, scale = func(t int) int { return t }, make([]float64, batch.T)
	}
	square := make([]float64, len(scale))
	err := walk(ctx, batch, e, func(_, t int, prediction, target []float64) {
		scale[group(t)] += floats.Dot(target, prediction)
		square[group(t)] += floats.Dot(prediction, prediction)
	})
	for g := range scale {
		if square[g] > 0 {
			scale[g] /= square[g]
		}
	}
	return scale, err
}

// FitDescent returns the K-step gradient descent whose one step size has the
// least mean squared error on the sequences, by golden section.
func FitDescent(ctx context.Context, batch ar.Batch[float64], k int) (GradientDescent, error) {
	return fitDescent(ctx, batch, k, false)
}

// FitPerPositionDescent is [FitDescent] with a step of its own for each context
// length.
func FitPerPositionDescent(ctx context.Context, batch ar.Batch[float64],
	k int) (GradientDescent, error) {
	return fitDescent(ctx, batch, k, true)
}

// Steps are searched on a grid of log η, then by golden section between the
// neighbours of its best point, down to a bracket of width searchWidth.
const (
	searchGrid  = 20
	searchWidth = 1e-3
)

// fitDescent minimises the error over log η, for all positions together or for
// each by itself: every evaluation runs the batch once and gives the errors of
// all positions, so the searches go on side by side. The error of K > 1 steps
// is not convex in η: what is found is a minimum in the best cell of the grid.
//
// With m the mean of |s_t|², tr G ≈ (T-1)m and λ_max(G) is between that and its
// d-th part. So the grid runs from η(T-1)m = 0.1, where a step does next to
// nothing, to 2d, above which it diverges.
func fitDescent(ctx context.Context, batch ar.Batch[float64], k int,
	byPosition bool) (GradientDescent, error) {
	if k < 1 {
		return GradientDescent{}, fmt.Errorf("number of iterations K = %d to fit: use K = 1 or more", k)
	}
	m := floats.Dot(batch.States, batch.States) / float64(batch.N*(batch.T+1))
	if m == 0 {
		return GradientDescent{}, errors.New("every state is 0: a step size cannot be fitted")
	}
	low, high := math.Log(0.1/m), math.Log(2*float64(batch.D)/m)
	s := search{ctx, batch, func(eta []float64) Estimator { return GradientDescent{K: k, Eta: eta} },
		byPosition}
	var lows, highs []float64
	if !byPosition {
		lows, highs = []float64{low - math.Log(float64(max(1, batch.T-1)))}, []float64{high}
	} else {
		for t := range batch.T {
			pairs := math.Log(float64(max(1, t)))
			lows, highs = append(lows, low-pairs), append(highs, high-pairs)
		}
	}
	eta, err := s.minimise(lows, highs)
	return GradientDescent{K: k, Eta: eta}, err
}

// FitRidge returns the ridge regression whose λ has the least mean squared error
// on the sequences, by golden section over [RidgeRange]. Where no λ inside is
// better than an end by more than rounding it is that end itself, so that a
// caller can tell: without noise the best λ is the lowest, and that is least
// squares.
func FitRidge(ctx context.Context, batch ar.Batch[float64]) (Ridge, error) {
	low, high := RidgeRange(batch)
	if high == 0 {
		return Ridge{}, errors.New("every state is 0: λ cannot be fitted")
	}
	s := search{ctx, batch, func(λ []float64) Estimator { return Ridge{Lambda: λ[0]} }, false}
	λ, err := s.minimise([]float64{math.Log(low)}, []float64{math.Log(high)})
	if err != nil {
		return Ridge{}, err
	}
	best, least := Ridge{}, math.Inf(1)
	for _, λ := range []float64{low, high, λ[0]} {
		measured, err := MSE(ctx, batch, Ridge{Lambda: λ})
		if err != nil {
			return Ridge{}, err
		}
		if e := measured.Mean(); e < least*(1-ridgeGain) {
			best, least = Ridge{Lambda: λ}, e
		}
	}
	return best, nil
}

// ridgeGain is the share of the error that an inner λ has to gain over an end of
// the range, above the rounding of a mean of thousands of squares.
const ridgeGain = 1e-12

// RidgeRange returns the ends of what FitRidge searches: 1e-8 and 10 times the
// mean of |s_t|² over the sequences.
func RidgeRange(batch ar.Batch[float64]) (low, high float64) {
	m := floats.Dot(batch.States, batch.States) / float64(batch.N*(batch.T+1))
	return 1e-8 * m, 10 * m
}

// search minimises the error of an estimator over the logarithms of positive
// parameters, one, or one by position.
type search struct {
	ctx        context.Context
	batch      ar.Batch[float64]
	of         func(values []float64) Estimator
	byPosition bool
}

// loss returns the mean squared error of each parameter.
func (s search) loss(logs []float64) ([]float64, error) {
	measured, err := MSE(s.ctx, s.batch, s.of(exponentials(logs)))
	if err != nil || s.byPosition {
		return measured.PerPosition(), err
	}
	return []float64{measured.Mean()}, nil
}

func exponentials(logs []float64) []float64 {
	values := make([]float64, len(logs))
	for g, x := range logs {
		values[g] = math.Exp(x)
	}
	return values
}

// minimise searches every [low, high] at once and returns the parameters.
func (s search) minimise(low, high []float64) ([]float64, error) {
	x, least, point := make([]float64, len(low)), make([]float64, len(low)), make([]int, len(low))
	for i := range searchGrid {
		for g := range x {
			x[g] = low[g] + (high[g]-low[g])*float64(i)/(searchGrid-1)
		}
		f, err := s.loss(x)
		if err != nil {
			return nil, err
		}
		for g := range f {
			if i == 0 || f[g] < least[g] {
				least[g], point[g] = f[g], i
			}
		}
	}
	a, b := make([]float64, len(low)), make([]float64, len(low))
	for g := range a {
		cell := (high[g] - low[g]) / (searchGrid - 1)
		a[g] = low[g] + cell*float64(max(0, point[g]-1))
		b[g] = low[g] + cell*float64(min(searchGrid-1, point[g]+1))
	}
	return s.golden(a, b)
}

// golden shrinks every bracket [a, b] by the golden ratio until the widest is
// below searchWidth (Kiefer 1953, doi:10.2307/2032161): of the two points
// inside, the one that stays inside is the other's next, so that each turn asks
// for one loss of every bracket.
func (s search) golden(a, b []float64) ([]float64, error) {
	const ratio = math.Phi - 1
	left, right := make([]float64, len(a)), make([]float64, len(a))
	for g := range a {
		left[g], right[g] = b[g]-ratio*(b[g]-a[g]), a[g]+ratio*(b[g]-a[g])
	}
	f, err := s.loss(left)
	if err != nil {
		return nil, err
	}
	h, err := s.loss(right)
	if err != nil {
		return nil, err
	}
	asked := make([]float64, len(a))
	for floats.Distance(a, b, math.Inf(1)) > searchWidth {
		lower := make([]bool, len(a))
		for g := range a {
			if lower[g] = f[g] < h[g]; lower[g] {
				b[g], right[g], h[g] = right[g], left[g], f[g]
				left[g] = b[g] - ratio*(b[g]-a[g])
				asked[g] = left[g]
			} else {
				a[g], left[g], f[g] = left[g], right[g], h[g]
				right[g] = a[g] + ratio*(b[g]-a[g])
				asked[g] = right[g]
			}
		}
		found, err := s.loss(asked)
		if err != nil {
			return nil, err
		}
		for g, v := range found {
			if lower[g] {
				f[g] = v
			} else {
				h[g] = v
			}
		}
	}
	return exponentials(left), nil
}
