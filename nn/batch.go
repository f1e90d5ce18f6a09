package nn

// Shapes: N batch, T time, c width, C coords.

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Batch is N sequences of T tokens and what follows each token.
type Batch[F Float] struct {
	N, T int
	X    []F // (N, T, c) tokens
	Y    []F // (N, T, C) targets; nil where no loss is asked for
}

// Check returns an error when b is no batch for a model of shape c.
func (b Batch[F]) Check(c Config) error {
	switch {
	case b.N < 1 || b.T < 1:
		return fmt.Errorf("a batch of %d sequences of %d tokens is empty: use 1 or more of each",
			b.N, b.T)
	case b.T > c.Length && c.Position != NoPosition:
		return fmt.Errorf("sequences of %d tokens are longer than the model's %d positions: "+
			"use length %d or more", b.T, c.Length, b.T)
	case len(b.X) != b.N*b.T*c.Width:
		return fmt.Errorf("the tokens are %d numbers: %d sequences of %d tokens of width %d are %d",
			len(b.X), b.N, b.T, c.Width, b.N*b.T*c.Width)
	case b.Y != nil && len(b.Y) != b.N*b.T*c.Coords:
		return fmt.Errorf("the targets are %d numbers: %d sequences of %d targets of %d coordinates "+
			"are %d", len(b.Y), b.N, b.T, c.Coords, b.N*b.T*c.Coords)
	}
	return nil
}

// x and y return the tokens and targets of sequence n.
func (b Batch[F]) x(n int) []F { s := len(b.X) / b.N; return b.X[n*s : (n+1)*s] }
func (b Batch[F]) y(n int) []F { s := len(b.Y) / b.N; return b.Y[n*s : (n+1)*s] }

// blockSize is the number of sequences whose gradients are added up one after
// the other. Blocks run side by side and are added in their order, so the
// bits of a gradient do not depend on the number of processors.
const blockSize = 16

// block is the gradient of one block of sequences.
type block[F Float] struct {
	tensors [][]F // one a parameter
	network network[F]
}

// prepare checks b, makes room for it and lets the mixers place what they do.
func (m *Transformer[F]) prepare(b Batch[F]) error {
	c := m.config
	if err := b.Check(c); err != nil {
		return err
	}
	if b.T != m.length {
		m.length, m.workers, m.places = b.T, nil, nil
	}
	if c.Position == ProductPosition {
		for l, layer := range m.network.layers {
			if l == len(m.places) {
				m.places = append(m.places, new(Memo[F]))
			}
			layer.mixer.(Placer[F]).Place(m.network.pos[:b.T*c.Embed], m.places[l])
		}
	}
	for len(m.workers) < min(runtime.GOMAXPROCS(0), blockCount(b.N)) {
		m.workers = append(m.workers, newWorkspace(c, b.T, m.places))
	}
	return nil
}

func blockCount(n int) int { return (n + blockSize - 1) / blockSize }

// prepareGradients makes room for the gradients of every block of b.
func (m *Transformer[F]) prepareGradients(n int) {
	for len(m.blocks) < blockCount(n) {
		var k block[F]
		for _, p := range m.parameters {
			k.tensors = append(k.tensors, make([]F, len(p.Data)))
		}
		k.network = m.assemble(k.tensors)
		m.blocks = append(m.blocks, k)
	}
}

// each runs f on every block of sequences [from, to) of a batch of n, in
// parallel, each call with a workspace of its own. It returns early, with
// the context's error, when ctx is done.
func (m *Transformer[F]) each(ctx context.Context, n int,
	f func(w *workspace[F], k, from, to int)) error {
	var next atomic.Int64
	var g errgroup.Group
	for _, w := range m.workers[:min(len(m.workers), runtime.GOMAXPROCS(0), blockCount(n))] {
		g.Go(func() error {
			for {
				k := int(next.Add(1) - 1)
				if k >= blockCount(n) {
					return nil
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				f(w, k, k*blockSize, min((k+1)*blockSize, n))
			}
		})
	}
	return g.Wait()
}

// backwardBlock clears the gradient of block k, runs sequence(i) for its
// sequences and then the backward of what was placed for all of them.
func (m *Transformer[F]) backwardBlock(w *workspace[F], k, from, to int,
	sequence func(i int, grad network[F])) {
	c, grad := m.config, m.blocks[k].network
	for _, t := range m.blocks[k].tensors {
		clear(t)
	}
	for _, l := range w.layers {
		l.memo.Sums.clear()
	}
	for i := from; i < to; i++ {
		sequence(i, grad)
	}
	size := m.length * c.Embed
	for l := range m.places {
		placer, pos := m.network.layers[l].mixer.(Placer[F]), m.network.pos[:size]
		placer.PlaceBackward(grad.pos[:size], grad.layers[l].mixer, pos, &w.layers[l].memo)
	}
}
