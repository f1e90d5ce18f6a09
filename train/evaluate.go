package train

// Shapes: N sequences, T length, d token dimension, c token width.

import (
	"context"
	"runtime"
	"sync"

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
	alongside(len(errors), func(from, to int) {
		for p := from; p < to; p++ {
			for i, y := range targets[p*d : (p+1)*d] {
				e := float64(predictions[p*width+i]) - float64(y)
				errors[p] += e * e / float64(d)
			}
		}
	})
	return errors
}

// alongside calls f on a run of [0, n) for every processor, side by side.
func alongside(n int, f func(from, to int)) {
	var g sync.WaitGroup
	workers := min(n, runtime.GOMAXPROCS(0))
	for w := range workers {
		g.Go(func() { f(w*n/workers, (w+1)*n/workers) })
	}
	g.Wait()
}

// meanSquare is the error of predicting 0: the mean square of targets.
func meanSquare(targets []float32) (mean float64) {
	for _, y := range targets {
		mean += float64(y) * float64(y) / float64(len(targets))
	}
	return mean
}

// evaluate averages squared errors (N, T) over sequences, in their order, and over
// positions.
func evaluate(errors []float64, length int) run.Evaluation {
	e := run.Evaluation{PositionMSE: make([]float64, length)}
	n := float64(len(errors) / length)
	alongside(length, func(from, to int) {
		for first := 0; first < len(errors); first += length {
			for p := from; p < to; p++ {
				e.PositionMSE[p] += errors[first+p] / n
			}
		}
	})
	for _, v := range e.PositionMSE {
		e.TestMSE += v / float64(length)
	}
	return e
}
