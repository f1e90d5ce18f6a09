package estimator

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
)

// Shapes: N sequences, T context lengths, D token dimension.

// Errors are the squared errors of an estimator, each the mean over the D
// coordinates.
type Errors struct {
	N, T int
	// Squared (N, T), row-major: Squared[n*T+t] is |prediction - target|²/D
	// of sequence n at context length t+1.
	Squared []float64
}

// PerPosition returns the mean over sequences at each context length (T).
func (e Errors) PerPosition() []float64 {
	mean := make([]float64, e.T)
	for n := range e.N {
		floats.Add(mean, e.Squared[n*e.T:(n+1)*e.T])
	}
	floats.Scale(1/float64(e.N), mean)
	return mean
}

// PerSequence returns the mean over context lengths of each sequence (N). The
// sequences are independent, the positions of one are not: these are what
// [Bootstrap] resamples.
func (e Errors) PerSequence() []float64 {
	mean := make([]float64, e.N)
	for n := range mean {
		mean[n] = floats.Sum(e.Squared[n*e.T:(n+1)*e.T]) / float64(e.T)
	}
	return mean
}

// Mean returns the mean squared error over everything.
func (e Errors) Mean() float64 { return floats.Sum(e.Squared) / float64(len(e.Squared)) }

// MSE runs an estimator on a batch. It is an error if the estimator does not
// fit the batch, or if the context is cancelled.
func MSE(ctx context.Context, batch ar.Batch[float64], e Estimator) (Errors, error) {
	measured := Errors{N: batch.N, T: batch.T, Squared: make([]float64, batch.N*batch.T)}
	err := walk(ctx, batch, e, func(n, t int, prediction, target []float64) {
		sum := 0.0
		for i, p := range prediction {
			sum += (p - target[i]) * (p - target[i])
		}
		measured.Squared[n*batch.T+t] = sum / float64(batch.D)
	})
	return measured, err
}

// Predict returns the predictions (N, T, D) of an estimator of s_{T+1} on a
// batch, at every context length. The errors are those of [MSE].
func Predict(ctx context.Context, batch ar.Batch[float64], e Estimator) ([]float64, error) {
	all := make([]float64, 0, batch.N*batch.T*batch.D)
	err := walk(ctx, batch, e, func(_, _ int, prediction, _ []float64) { all = append(all, prediction...) })
	return all, err
}

// walk visits the predictions of an estimator of s_{t+2} at each t = 0, …, T-1
// of each sequence n.
func walk(ctx context.Context, batch ar.Batch[float64], e Estimator, visit func(n, t int, prediction, target []float64)) error {
	d := batch.D
	prediction := make([]float64, d)
	for n := range batch.N {
		if err := ctx.Err(); err != nil {
			return err
		}
		stream, err := e.Start(Sequence{D: d, T: batch.T, W: batch.Contexts[n].W})
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
		for t, states := 0, states(batch, n); t < batch.T; t, states = t+1, states[d:] {
			stream.Next(prediction, states[:d])
			visit(n, t, prediction, states[d:2*d])
		}
	}
	return nil
}

// states returns the states (T+1, D) of sequence n.
func states(batch ar.Batch[float64], n int) []float64 {
	size := (batch.T + 1) * batch.D
	return batch.States[n*size : (n+1)*size]
}
