package nn

// Shapes: N batch, S sequences of a set.

import (
	"context"
	"errors"
)

// Feed is where the batches of a training come from.
type Feed interface {
	// Batch returns the batch of step k = 1, 2, …, a function of k alone, which the
	// next call may overwrite. The error is the context's or the feed's own.
	Batch(ctx context.Context, k int) (Batch[float32], error)
}

// Deck is a Feed whose batches are of one set of sequences, which a device can keep. It is
// used from one goroutine at a time.
type Deck interface {
	Feed
	// All returns the S sequences of the set, none if the batches of this Deck are of no
	// set after all. The caller keeps what it needs of them.
	All(ctx context.Context) (Batch[float32], error)
	// Order returns the numbers (N) in the set of the sequences of batch k, in the order
	// in which Batch has them. The next call may overwrite it.
	Order(k int) []int
}

// Descent is how a model is trained.
type Descent struct {
	Feed      Feed
	Optimiser Optimiser[float32]  // of the parameters of the model
	Rate      func(k int) float64 // the learning rate of step k = 1, 2, …
	Clip      float64             // the largest norm of a gradient, see [Clip]; 0 for any
	Last      int                 // the number of the last step: Feed is asked for none beyond
	// Notice, if not nil, is told in one line, from any goroutine, why what a device could do
	// is left to the host. It changes no bits.
	Notice func(why error)
}

// Stepper makes the steps of a Descent. It is used from one goroutine at a time, and holds
// a device's memory until Close.
type Stepper interface {
	// Steps makes steps k, k+1, … of the training, at least one and at most n of them,
	// as many as suit it, and returns the losses of their batches before them. On an
	// error those of the steps before it are made and are what is returned: the
	// context's cause, a [NonFiniteError] of the step after them, or the feed's or the
	// device's.
	Steps(ctx context.Context, k, n int) (losses []float64, err error)
	// Sync sets the model and the state of the optimiser to what the steps have made of
	// them. Before it they may be older.
	Sync(ctx context.Context) error
	// Close ends the use of the Stepper.
	Close(ctx context.Context) error
}

// Descender is a Backend that makes steps by itself, many in a row, where the weights are.
type Descender interface {
	Backend
	// Descend returns what makes the steps of d, from the model and the state of the
	// optimiser as they are. About a descent that it leaves to the host the error is
	// [errors.ErrUnsupported].
	Descend(ctx context.Context, d Descent) (Stepper, error)
}

// Descend returns what makes the steps of d on the model of a backend with these
// parameters: the backend itself, if it can, or the host by the backend's gradients.
func Descend(ctx context.Context, b Backend, p []Parameter[float32], d Descent) (Stepper, error) {
	if own, ok := b.(Descender); ok {
		s, err := own.Descend(ctx, d)
		if !errors.Is(err, errors.ErrUnsupported) {
			return s, err
		}
	}
	return &onHost{b, p, d}, nil
}

// onHost makes one step after the other.
type onHost struct {
	backend    Backend
	parameters []Parameter[float32]
	Descent
}

// Steps implements Stepper: it makes one step.
func (h *onHost) Steps(ctx context.Context, k, _ int) ([]float64, error) {
	batch, err := h.Feed.Batch(ctx, k)
	if err != nil {
		return nil, err
	}
	loss, err := h.backend.Gradient(ctx, batch)
	if err != nil {
		return nil, err
	}
	if h.Clip > 0 {
		Clip(h.parameters, h.Clip)
	}
	h.Optimiser.Step(k, h.Rate(k))
	return []float64{loss}, nil
}

// Sync implements Stepper: model and optimiser are what the steps are made on.
func (h *onHost) Sync(context.Context) error { return nil }

// Close implements Stepper: there is nothing to give back.
func (h *onHost) Close(context.Context) error { return nil }
