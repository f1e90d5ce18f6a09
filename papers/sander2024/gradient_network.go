package sander2024

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"icar/ar"
	"icar/estimator"
	"icar/experiment"
	"icar/probe"
	"icar/train"
)

// N sequences, T positions, d token dimension

// runLayer trains a one-layer network and measures it beside the fitted steps.
func (c gradientConfig) runLayer(ctx context.Context, m experiment.Env) (layerResult, error) {
	model, err := probed(ctx, m, c.Config)
	if err != nil {
		return layerResult{}, err
	}
	return c.measureLayer(ctx, model)
}

// measureLayer looks into a network of one layer.
func (c gradientConfig) measureLayer(ctx context.Context,
	model *probe.Model) (layerResult, error) {
	test, err := train.Sequences(c.Config, train.TestStream, c.Test)
	if err != nil {
		return layerResult{}, err
	}
	fitting, err := train.Sequences(c.Config, train.TrainStream, min(c.Train, 1024))
	if err != nil {
		return layerResult{}, err
	}
	step, err := estimator.FitGradientStep(ctx, fitting)
	if err != nil {
		return layerResult{}, err
	}
	normalised, err := estimator.FitNormalisedStep(ctx, fitting)
	if err != nil {
		return layerResult{}, err
	}
	dense, err := estimator.FitLinearAttention(ctx, fitting, 30, 1e-4)
	if err != nil {
		return layerResult{}, err
	}
	var r layerResult
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
	errors := estimator.ErrorsOf(maps.Predictions, test)
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
func (r *layerResult) lengths(predictions []float64, test ar.Batch[float64]) {
	d, targets := test.D, test.Targets()
	for t := range test.T {
		var length, along, energy []float64
		for n := range test.N {
			p := (n*test.T + t) * d
			prediction, target := predictions[p:p+d], targets[p:p+d]
			size := floats.Norm(prediction, 2)
			length, energy = append(length, size), append(energy, floats.Dot(target, target))
			along = append(along, floats.Dot(prediction, target)/max(size,
				math.SmallestNonzeroFloat64))
		}
		size, deviation := stat.MeanStdDev(length, nil)
		best := max(0, mean(along))
		r.Rescaled += (mean(energy) - best*best) / float64(d*test.T)
		if size > 0 {
			r.Spread += deviation / size / float64(test.T)
		}
	}
}
