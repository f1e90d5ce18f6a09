package probe

// Shapes: d token dimension.

import (
	"context"
	"fmt"

	"icar/ar"
	"icar/estimator"
)

const (
	fittedOn = 512 // sequences

	// preconditionedUpTo is the largest d for which a step with a matrix is
	// fitted, which costs O(T d⁶).
	preconditionedUpTo = 8

	// attentionUpTo is the same for linear attention, whose equations have (2d)²
	// unknowns.
	attentionUpTo = 12
)

// Estimators returns what a model is compared with: the fixed algorithms, and
// those fitted on sequences of a law with noise of level sigma, of which one is a gradient step and
// those by position end with the length of these sequences.
func Estimators(ctx context.Context, sigma float64,
	fitting ar.Batch[float64]) (estimator.GradientDescent, []estimator.Estimator, error) {
	step, err := estimator.FitGradientStep(ctx, fitting)
	if err != nil {
		return step, nil, err
	}
	positions, err := estimator.FitPerPositionStep(ctx, fitting)
	if err != nil {
		return step, nil, err
	}
	four, err := estimator.FitDescent(ctx, fitting, 4)
	if err != nil {
		return step, nil, err
	}
	normalised, err := estimator.FitNormalisedStep(ctx, fitting)
	if err != nil {
		return step, nil, err
	}
	ridge, err := fitRidge(ctx, fitting)
	if err != nil {
		return step, nil, err
	}
	fixed := unfitted()
	all := append(fixed[:2:2], step)
	if fitting.T > 1 { // of one position it is the step
		all = append(all, positions)
	}
	all = append(all, four, normalised)
	if fitting.D <= attentionUpTo {
		dense, err := estimator.FitLinearAttention(ctx, fitting, 20, 1e-4)
		if err != nil {
			return step, nil, err
		}
		all = append(all, dense)
	}
	all = append(append(all, fixed[2:len(fixed)-1]...), ridge)
	if fitting.D <= preconditionedUpTo {
		preconditioned, err := estimator.FitPreconditionedStep(ctx, fitting)
		if err != nil {
			return step, nil, err
		}
		all = append(all, preconditioned)
	}
	if sigma > 0 {
		all = append(all, estimator.Kalman{Sigma: sigma, Variance: 1 / float64(fitting.D)})
	}
	return step, append(all, fixed[len(fixed)-1]), nil
}

// unfitted are the estimators that have nothing to fit: those that predict without a
// context first, least squares last.
func unfitted() []estimator.Estimator {
	return []estimator.Estimator{estimator.Zero{}, estimator.CopyLast{}, estimator.Kaczmarz{K: 1},
		estimator.NewtonSchulz{K: 4}, estimator.Chebyshev{K: 4}, estimator.ConjugateGradient{K: 2},
		estimator.LeastSquares{}}
}

// fitRidge fits λ and names the estimator after the edge of the range if the
// best λ lies there: at its lower end the fit is least squares.
func fitRidge(ctx context.Context, fitting ar.Batch[float64]) (estimator.Estimator, error) {
	ridge, err := estimator.FitRidge(ctx, fitting)
	if err != nil {
		return nil, err
	}
	low, high := estimator.RidgeRange(fitting)
	switch ridge.Lambda {
	case low:
		return named{ridge, "ridge, λ → 0: least squares"}, nil
	case high:
		return named{ridge, fmt.Sprintf("ridge, λ ≥ %.3g: next to zero", high)}, nil
	}
	return ridge, nil
}

// named is an estimator under another name.
type named struct {
	estimator.Estimator
	name string
}

func (n named) Name() string { return n.name }

// iterations are the columns of the resemblance.
func iterations(ctx context.Context, fitting ar.Batch[float64]) ([]estimator.Estimator, error) {
	all := []estimator.Estimator{estimator.Zero{}}
	for _, k := range []int{1, 2, 4, 8} {
		e, err := estimator.FitDescent(ctx, fitting, k)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	for k := 1; k <= 6; k++ {
		all = append(all, estimator.NewtonSchulz{K: k})
	}
	for k := 1; k <= 3; k++ {
		all = append(all, estimator.ConjugateGradient{K: k})
	}
	return append(all, estimator.LeastSquares{}), nil
}
