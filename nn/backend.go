package nn

import (
	"context"
	"errors"

	"icar/nn/kernel"
)

// Backend computes what training asks of a model. Its results may depend on its
// arithmetic and on nothing else about the machine, such as the number of its
// processors. A Backend is used from one goroutine at a time.
//
// Batches that are no batches for the model are refused, a context that is done
// ends a call with its cause, and what is not finite is a NonFiniteError.
//
// Package backendtest checks an implementation.
type Backend interface {
	// Arithmetic names the bits: backends of one arithmetic give the same.
	Arithmetic() string
	// Gradient returns the loss of b, see Loss, and sets the Grad of every
	// parameter of the model. After an error gradients have no meaning.
	Gradient(ctx context.Context, b Batch[float32]) (float64, error)
	// Loss returns the mean over sequences, positions and coordinates of the
	// squared error of the predictions' first C coordinates against b.Y.
	Loss(ctx context.Context, b Batch[float32]) (float64, error)
	// Predict returns the predictions (N, T, c) for the tokens of b, at every
	// position from the tokens up to it.
	Predict(ctx context.Context, b Batch[float32]) ([]float32, error)
}

var (
	_ Backend = (*Transformer[float32])(nil)
	_ Backend = (*Engine)(nil)
)

// NewBackend makes a Backend of a model, whose parameters it reads at every
// call. About a model that it cannot run the error is [errors.ErrUnsupported].
type NewBackend func(model *Transformer[float32]) (Backend, error)

// Holder is a Backend that holds what others may need, such as memory of a card.
type Holder interface {
	Backend
	// Close gives it back, whatever has failed before.
	Close(ctx context.Context) error
}

// Release ends the use of a backend, also when ctx is done: a Holder is closed, others
// are left to the garbage collector.
func Release(ctx context.Context, b Backend) error {
	if h, ok := b.(Holder); ok {
		return h.Close(context.WithoutCancel(ctx))
	}
	return nil
}

// OnKernel makes an Engine on the loops of k.
func OnKernel(k kernel.Kernel) NewBackend {
	return func(model *Transformer[float32]) (Backend, error) {
		e, err := NewEngine(model, k)
		if err != nil {
			return nil, err
		}
		return e, nil
	}
}

// OrReference makes what build makes or, of a model that it cannot run, the
// reference, which runs every model and is slow. The reason is then told to
// notice, unless that is nil.
func OrReference(build NewBackend, notice func(why error)) NewBackend {
	return func(model *Transformer[float32]) (Backend, error) {
		b, err := build(model)
		if !errors.Is(err, errors.ErrUnsupported) {
			return b, err
		}
		if notice != nil {
			notice(err)
		}
		return model, nil
	}
}
