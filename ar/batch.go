package ar

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Shapes: N sequences, T context length, d token dimension, c token width.

// BlockSize is the number of sequences that share a generator. With one a
// batch, sequence n would depend on all before it and workers could not sample
// apart; with one a sequence, making generators would cost as much as drawing
// small contexts. 16 sequences are also the unit of work of training, so a
// worker samples what it trains on.
const BlockSize = 16

// Sampler draws the batches of one stream: N sequences of T+1 states each.
// Sequence n of batch k is a function of the law, T, the seed, the stream, k and
// n alone: not of N, nor of which worker asks, nor when. It keeps no state, so
// any number of goroutines may use it.
type Sampler[S Scalar] struct {
	draw    func(states []S, n int, r *rand.Rand) []Context // see Law
	n, t, d int
	seed    uint64
	stream  string
}

// NewSampler returns the sampler of a stream, such as "train" or "test". States
// in float32 are those of the law rounded; complex ones only a [Process] has. It
// is an error if the law fails its Check, has no states of type S (see
// [Rollout]), or if n or t is not positive.
func NewSampler[S Scalar](law Law, n, t int, seed uint64, stream string) (*Sampler[S], error) {
	if err := law.Check(); err != nil {
		return nil, err
	}
	if d := law.Dim(); d < 1 {
		return nil, fmt.Errorf("the states of the law %T have %d coordinates: use 1 or more",
			law, d)
	}
	draw, err := drawer[S](law)
	if err != nil {
		return nil, err
	}
	if n < 1 {
		return nil, fmt.Errorf("batch of N = %d sequences: use N = 1 or more", n)
	}
	if t < 1 {
		return nil, fmt.Errorf("context length T = %d is not positive: use T = 1 or more", t)
	}
	return &Sampler[S]{draw: draw, n: n, t: t, d: law.Dim(), seed: seed, stream: stream}, nil
}

// Blocks returns the number ⌈N/16⌉ of blocks in a batch.
func (s *Sampler[S]) Blocks() int { return (s.n + BlockSize - 1) / BlockSize }

// Block fills states (n, T+1, d), n ≤ 16, with sequences 16b, …, 16b+n-1 of
// the batch of a step, b = 0, …, Blocks()-1, and returns their contexts, which
// are empty where the law has no hidden matrices.
func (s *Sampler[S]) Block(step uint64, b int, states []S) []Context {
	contexts := s.draw(states, s.t+1, s.rand(step, b))
	if contexts == nil {
		contexts = make([]Context, len(states)/((s.t+1)*s.d))
	}
	return contexts
}

// rand returns the generator of one block.
func (s *Sampler[S]) rand(step uint64, b int) *rand.Rand {
	return Rand(s.seed, blockStream(s.stream, b), step)
}

// Batch returns the batch of a step. It draws on all processors.
func (s *Sampler[S]) Batch(step uint64) Batch[S] {
	size := (s.t + 1) * s.d
	batch := Batch[S]{N: s.n, T: s.t, D: s.d, States: make([]S, s.n*size)}
	blocks := make([][]Context, s.Blocks())
	var next atomic.Int64
	draw := func() {
		for b := int(next.Add(1) - 1); b < len(blocks); b = int(next.Add(1) - 1) {
			first, last := b*BlockSize, min((b+1)*BlockSize, s.n)
			blocks[b] = s.Block(step, b, batch.States[first*size:last*size])
		}
	}
	var others sync.WaitGroup
	for range min(len(blocks), runtime.GOMAXPROCS(0)) - 1 {
		others.Go(draw)
	}
	draw()
	others.Wait()
	batch.Contexts = slices.Concat(blocks...)
	return batch
}

// Batch is N sequences with their hidden matrices.
type Batch[S Scalar] struct {
	N, T, D int
	// States (N, T+1, d), row-major: States[(n*(T+1)+t)*D+i] is coordinate i
	// of s_{t+1} in sequence n. The last state is a target only.
	States []S
	// Contexts (N) holds the hidden matrix of each sequence, if it has one.
	Contexts []Context
}

// Inputs returns the tokens e_1, …, e_T of every sequence, x (N, T, c) with
// c = e.Width(d). The error is that of [Encode].
func (b Batch[S]) Inputs(e Encoding) ([]S, error) {
	size := b.T * e.Width(b.D)
	x := make([]S, b.N*size)
	for n := range b.N {
		if err := Encode(e, x[n*size:(n+1)*size], b.sequence(n), b.D); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// Targets returns what is to be predicted at each position, s_2, …, s_{T+1} of
// every sequence, y (N, T, d).
func (b Batch[S]) Targets() []S {
	y := make([]S, 0, b.N*b.T*b.D)
	for n := range b.N {
		y = append(y, b.sequence(n)[b.D:]...)
	}
	return y
}

// Part returns sequences from, …, to-1, which share the numbers of b.
func (b Batch[S]) Part(from, to int) Batch[S] {
	size := (b.T + 1) * b.D
	part := Batch[S]{N: to - from, T: b.T, D: b.D, States: b.States[from*size : to*size]}
	if len(b.Contexts) == b.N {
		part.Contexts = b.Contexts[from:to]
	}
	return part
}

// sequence returns the states (T+1, d) of sequence n.
func (b Batch[S]) sequence(n int) []S {
	size := (b.T + 1) * b.D
	return b.States[n*size : (n+1)*size]
}
