package train

// Shapes: N sequences, T length, d token dimension, c token width.

import (
	"context"

	"icar/nn"
	"icar/run"
)

// SquaredErrors returns the squared error of a model's prediction at every
// position of every sequence of b, (N, T), mean over coordinates. The error is
// that of the model's Predict.
func SquaredErrors(ctx context.Context, m nn.Backend, b nn.Batch[float32]) ([]float64, error) {
	predictions, err := m.Predict(ctx, b)
	if err != nil {
		return nil, err
	}
	return squaredErrors(predictions, len(predictions)/(b.N*b.T), b.Y, len(b.Y)/(b.N*b.T)), nil
}

// squaredErrors compares the first d coordinates of predictions (N, T, c)
// with targets (N, T, d).
func squaredErrors(predictions []float32, width int, targets []float32, d int) []float64 {
	errors := make([]float64, len(targets)/d)
	for p := range errors {
		for i, y := range targets[p*d : (p+1)*d] {
			e := float64(predictions[p*width+i]) - float64(y)
			errors[p] += e * e / float64(d)
		}
	}
	return errors
}

// meanSquare is the error of predicting 0: the mean square of targets.
func meanSquare(targets []float32) (mean float64) {
	for _, y := range targets {
		mean += float64(y) * float64(y) / float64(len(targets))
	}
	return mean
}

// evaluate averages squared errors (N, T) over sequences and over positions.
func evaluate(errors []float64, length int) run.Evaluation {
	e := run.Evaluation{PositionMSE: make([]float64, length)}
	n := float64(len(errors) / length)
	for p, v := range errors {
		e.PositionMSE[p%length] += v / n
	}
	for _, v := range e.PositionMSE {
		e.TestMSE += v / float64(length)
	}
	return e
}
