package nn

// Shapes: N batch, T time, c width, C coords.

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// errNoTargets is a Batch without Y where a loss is asked for.
var errNoTargets = errors.New("the batch has no targets: a loss needs Y")

// Arithmetic implements Backend. Every product is rounded before it is added, so
// the bits do not depend on the machine, as far as the float64 exponential of
// package math does not: in float32 that shows once in 2²⁸ softmaxed scores.
func (m *Transformer[F]) Arithmetic() string { return "reference" }

// Predict returns what [Backend] says, in either float type.
func (m *Transformer[F]) Predict(ctx context.Context, b Batch[F]) ([]F, error) {
	b.Y = nil
	if err := m.prepare(b); err != nil {
		return nil, err
	}
	out := make([]F, len(b.X))
	size := b.T * m.config.Width
	err := m.each(ctx, b.N, func(w *workspace[F], _, from, to int) {
		for i := from; i < to; i++ {
			m.forward(w, b.x(i), AllPaths)
			copy(out[i*size:], w.output)
		}
	})
	if err != nil {
		return nil, err
	}
	if i := nonFinite(out); i >= 0 {
		return nil, m.diagnose(b, i/size, NonFiniteError{"out", i % size})
	}
	return out, nil
}

// Loss returns what [Backend] says, in either float type.
func (m *Transformer[F]) Loss(ctx context.Context, b Batch[F]) (float64, error) {
	if b.Y == nil {
		return 0, errNoTargets
	}
	if err := m.prepare(b); err != nil {
		return 0, err
	}
	m.losses = slices.Grow(m.losses[:0], b.N)[:b.N]
	err := m.each(ctx, b.N, func(w *workspace[F], _, from, to int) {
		for i := from; i < to; i++ {
			m.forward(w, b.x(i), AllPaths)
			m.losses[i] = squaredError(w.output, b.y(i), m.config.Width, m.config.Coords)
		}
	})
	if err != nil {
		return 0, err
	}
	return m.meanLoss(b)
}

// Gradient returns what [Backend] says, in either float type.
func (m *Transformer[F]) Gradient(ctx context.Context, b Batch[F]) (float64, error) {
	if b.Y == nil {
		return 0, errNoTargets
	}
	if err := m.prepare(b); err != nil {
		return 0, err
	}
	m.prepareGradients(b.N)
	m.losses = slices.Grow(m.losses[:0], b.N)[:b.N]
	c := m.config
	scale := F(1 / float64(len(b.Y)))
	err := m.each(ctx, b.N, func(w *workspace[F], k, from, to int) {
		m.backwardBlock(w, k, from, to, func(i int, grad network[F]) {
			m.forward(w, b.x(i), AllPaths)
			m.losses[i] = squaredError(w.output, b.y(i), c.Width, c.Coords)
			clear(w.doutput)
			squaredErrorBackward(w.doutput, w.output, b.y(i), c.Width, c.Coords, scale)
			m.backward(w, grad, nil, AllPaths)
		})
	})
	if err != nil {
		return 0, err
	}
	loss, err := m.meanLoss(b)
	if err != nil {
		return 0, err
	}
	m.reduce(b.N)
	for _, p := range m.parameters {
		if i := nonFinite(p.Grad); i >= 0 {
			return 0, m.diagnose(b, 0, NonFiniteError{"gradient of " + p.Name, i})
		}
	}
	return loss, nil
}

// reduce sets the parameters' gradients to the sum over the blocks of n
// sequences, in their order.
func (m *Transformer[F]) reduce(n int) {
	for j, p := range m.parameters {
		clear(p.Grad)
		for _, k := range m.blocks[:blockCount(n)] {
			axpy(p.Grad, 1, k.tensors[j])
		}
	}
}

// meanLoss averages the losses of the sequences of b.
func (m *Transformer[F]) meanLoss(b Batch[F]) (float64, error) {
	if i := nonFinite(m.losses); i >= 0 {
		return 0, m.diagnose(b, i, NonFiniteError{"loss", i})
	}
	sum := 0.0
	for _, l := range m.losses {
		sum += l
	}
	return sum / float64(len(b.Y)), nil
}

// Pullback returns the gradient (N, T, c) with respect to the tokens of
// Σ doutput·prediction, doutput (N, T, c), along the given paths: with a one
// in a single place of doutput, a row of the Jacobian of the prediction. It
// leaves the gradients of the parameters alone. The error is a misshapen
// batch, the context's, or a NonFiniteError.
func (m *Transformer[F]) Pullback(ctx context.Context, b Batch[F], doutput []F,
	path Path) ([]F, error) {
	b.Y = nil
	if err := m.prepare(b); err != nil {
		return nil, err
	}
	if len(doutput) != len(b.X) {
		return nil, fmt.Errorf("the gradient of the predictions is %d numbers: the predictions are %d",
			len(doutput), len(b.X))
	}
	m.prepareGradients(b.N)
	dx := make([]F, len(b.X))
	broken := make([]bool, b.N) // a relu may hide a NaN of the forward from the backward
	size := b.T * m.config.Width
	err := m.each(ctx, b.N, func(w *workspace[F], k, from, to int) {
		m.backwardBlock(w, k, from, to, func(i int, grad network[F]) {
			m.forward(w, b.x(i), AllPaths)
			broken[i] = nonFinite(w.output) >= 0
			copy(w.doutput, doutput[i*size:])
			m.backward(w, grad, dx[i*size:(i+1)*size], path)
		})
	})
	if err != nil {
		return nil, err
	}
	if n := slices.Index(broken, true); n >= 0 {
		return nil, m.diagnose(b, n, NonFiniteError{"out", 0})
	}
	if i := nonFinite(dx); i >= 0 {
		return nil, m.diagnose(b, i/size, NonFiniteError{"gradient of x", i % size})
	}
	return dx, nil
}
