package estimator

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
)

// Shapes: N sequences, T context lengths, d token dimension.

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

// ErrorsOf measures predictions (N, T, d), of whatever model, of the tokens that
// follow in a batch.
func ErrorsOf(predictions []float64, batch ar.Batch[float64]) Errors {
	e := Errors{N: batch.N, T: batch.T, Squared: make([]float64, batch.N*batch.T)}
	for i, y := range batch.Targets() {
		delta := predictions[i] - y
		e.Squared[i/batch.D] += delta * delta / float64(batch.D)
	}
	return e
}

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

// Predict returns the predictions (N, T, d) of an estimator of s_{T+1} on a
// batch, at every context length. The errors are those of [MSE].
func Predict(ctx context.Context, batch ar.Batch[float64], e Estimator) ([]float64, error) {
	all := make([]float64, 0, batch.N*batch.T*batch.D)
	err := walk(ctx, batch, e, func(_, _ int,
		prediction, _ []float64) {
		all = append(all, prediction...)
	})
	return all, err
}

// walk visits the predictions of an estimator of s_{t+2} at each t = 0, …, T-1
// of each sequence n.
func walk(ctx context.Context, batch ar.Batch[float64], e Estimator,
	visit func(n, t int, prediction, target []float64)) error {
	d := batch.D
	for n := range batch.N {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		s := states(batch, n)
		err := Walk(e, Sequence{D: d, T: batch.T, W: batch.Contexts[n].W}, s,
			func(t int, prediction []float64, _ Stream) {
				visit(n, t, prediction, s[(t+1)*d:(t+2)*d])
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// Walk runs an estimator along the first q.T tokens of a sequence, states
// (q.T or more, d), and visits its prediction of s_{t+2} after each token,
// t = 0, …, q.T-1, with the stream, whose Map is then that of the prediction.
// The prediction is overwritten by the next. It is an error if the estimator
// does not fit the sequence.
func Walk(e Estimator, q Sequence, states []float64,
	visit func(t int, prediction []float64, s Stream)) error {
	stream, err := e.Start(q)
	if err != nil {
		return fmt.Errorf("%s: %w", e.Name(), err)
	}
	prediction := make([]float64, q.D)
	for t := range q.T {
		stream.Next(prediction, states[t*q.D:(t+1)*q.D])
		visit(t, prediction, stream)
	}
	return nil
}

// states returns the states (T+1, d) of sequence n.
func states(batch ar.Batch[float64], n int) []float64 {
	size := (batch.T + 1) * batch.D
	return batch.States[n*size : (n+1)*size]
}
