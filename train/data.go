package train

// Shapes: N batch, T length, d token dimension, c token width; states (N, T+1, d).

import (
	"context"
	"errors"
	"runtime"

	"golang.org/x/sync/errgroup"

	"icar/ar"
	"icar/nn"
)

// The streams of randomness of a run; package nn draws the initial weights
// from its own.
const (
	TrainStream   = "train"
	TestStream    = "test"
	shuffleStream = "shuffle"
)

// Source is where the sequences of a run come from: [Batches] draws them from the
// law of its configuration, or takes them from its files. A run goes on to the same
// bits only if batch k is a function of k alone.
type Source interface {
	// Feed has the batches of the steps: tokens X (N, T, c) and targets Y (N, T, d). A
	// device keeps the sequences of an [nn.Deck].
	nn.Feed
	// Test returns the test sequences.
	Test(ctx context.Context) (nn.Batch[float32], error)
}

var (
	_ Source   = (*Batches)(nil)
	_ nn.Deck  = (*Batches)(nil)
	_ nn.Drawn = (*Batches)(nil)
)

// Batches are the training batches of a configuration. It may be used from
// one goroutine at a time.
type Batches struct {
	config  Config
	tokens  ar.Encoding
	sampler *ar.Sampler[float32] // of a batch, or of the whole training set; nil with files
	states  []float32            // (train, T+1, D); nil if sequences are fresh
	held    []float32            // (test, T+1, D) of files; nil without
	epoch   int
	order   []int // of the training sequences in that epoch

	drawn []float32 // (N, T+1, d) states of the last batch, if they are fresh
	last  nn.Batch[float32]
}

// NewBatches draws the training sequences of c, unless they are fresh each
// step, or reads them from its files. The error is that of [Config.Resolve], a
// FileError, or the context's.
func NewBatches(ctx context.Context, c Config) (*Batches, error) {
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	b := &Batches{config: c, epoch: -1, last: newBatch(c, c.Batch)}
	n := c.Train
	if c.Fresh {
		n, b.drawn = c.Batch, make([]float32, c.states(c.Batch))
	}
	if b.tokens, err = c.Encoding(); err == nil && c.Data != "" {
		training, test, err := c.own()
		b.states, b.held = rounded(training.States), rounded(test.States)
		return b, err
	}
	if err == nil {
		b.sampler, err = newSampler[float32](c, n, TrainStream)
	}
	if err == nil && !c.Fresh {
		b.states = make([]float32, c.states(n))
		err = draw(ctx, c, b.sampler, b.states, 0)
	}
	return b, err
}

// newSampler returns the sampler of n sequences of the law of c.
func newSampler[S ar.Scalar](c Config, n int, stream string) (*ar.Sampler[S], error) {
	law, err := c.law()
	if err != nil {
		return nil, err
	}
	return ar.NewSampler[S](law, n, c.Length, c.Seed, stream)
}

// states returns the numbers in the states of n sequences.
func (c Config) states(n int) int { return n * (c.Length + 1) * c.D }

// draw fills states (n, T+1, d) with a batch of a sampler, its blocks side by
// side.
func draw(ctx context.Context, c Config, s *ar.Sampler[float32], states []float32,
	step uint64) error {
	size := c.states(ar.BlockSize)
	return share(s.Blocks(), func(from, to int) error {
		for b := from; b < to && ctx.Err() == nil; b++ {
			s.Block(step, b, states[b*size:min((b+1)*size, len(states))])
		}
		return context.Cause(ctx)
	})
}

// share cuts [0, n) into a run for every processor and calls f on all of them
// side by side.
func share(n int, f func(from, to int) error) error {
	var g errgroup.Group
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		g.Go(func() error { return f(w*n/workers, (w+1)*n/workers) })
	}
	return g.Wait()
}

// Batch returns the batch of step k = 1, 2, …, a function of the configuration
// and k alone. With a training set drawn once, the batches of an epoch are its
// sequences in a random order, a function of the seed and the epoch. The batch
// is overwritten by the next call. The error is the context's.
func (b *Batches) Batch(ctx context.Context, k int) (nn.Batch[float32], error) {
	if b.config.Fresh {
		return b.last, b.fresh(ctx, uint64(k))
	}
	of := b.Order(k)
	return b.last, encodeSome(b.config, b.tokens, b.last, b.states,
		func(n int) int { return of[n] })
}

// All implements nn.Deck: it returns the training sequences, none if they are fresh.
func (b *Batches) All(ctx context.Context) (nn.Batch[float32], error) {
	if b.config.Fresh {
		return nn.Batch[float32]{}, nil
	}
	all := newBatch(b.config, b.config.Train)
	return all, errors.Join(context.Cause(ctx), encode(b.config, b.tokens, all, b.states))
}

// Order implements nn.Deck, for sequences that are not fresh.
func (b *Batches) Order(k int) []int {
	c := b.config
	perEpoch := c.Train / c.Batch
	if epoch := (k - 1) / perEpoch; epoch != b.epoch {
		b.epoch = epoch
		b.order = ar.Rand(c.Seed, shuffleStream, uint64(epoch)).Perm(c.Train)
	}
	first := (k - 1) % perEpoch * c.Batch
	return b.order[first : first+c.Batch]
}

// Drawing implements nn.Drawn, for fresh sequences of the process in tokens of past states.
func (b *Batches) Drawing() (nn.Drawing, bool) {
	c := b.config
	tokens, lagged := b.tokens.(ar.Lagged)
	return nn.Drawing{Law: c.Process, Tokens: tokens, N: c.Batch, T: c.Length, Seed: c.Seed,
		Stream: TrainStream}, c.Fresh && c.OfProcess() && lagged
}

// fresh draws the batch of step k and encodes each block of it while it is in the cache.
func (b *Batches) fresh(ctx context.Context, k uint64) error {
	c := b.config
	return share(b.sampler.Blocks(), func(from, to int) error {
		for block := from; block < to && ctx.Err() == nil; block++ {
			first, last := block*ar.BlockSize, min((block+1)*ar.BlockSize, c.Batch)
			b.sampler.Block(k, block, b.drawn[c.states(first):c.states(last)])
			for n := first; n < last; n++ {
				s := b.drawn[c.states(n):c.states(n+1)]
				if err := encodeOne(c, b.tokens, b.last, n, s); err != nil {
					return err
				}
			}
		}
		return context.Cause(ctx)
	})
}

// rounded returns states in the arithmetic of training.
func rounded(states []float64) []float32 {
	all := make([]float32, len(states))
	for i, x := range states {
		all[i] = float32(x)
	}
	return all
}

// Test is [TestSet] of the configuration.
func (b *Batches) Test(ctx context.Context) (nn.Batch[float32], error) {
	if b.held != nil {
		test := newBatch(b.config, b.config.Test)
		return test, encode(b.config, b.tokens, test, b.held)
	}
	return TestSet(ctx, b.config)
}

// TestSet returns the test sequences of c, which no training batch holds. The
// error is that of [Config.Resolve], a FileError, or the context's.
func TestSet(ctx context.Context, c Config) (nn.Batch[float32], error) {
	c, err := c.Resolve()
	if err != nil {
		return nn.Batch[float32]{}, err
	}
	tokens, err := c.Encoding()
	if err != nil {
		return nn.Batch[float32]{}, err
	}
	test := newBatch(c, c.Test)
	if c.Data != "" {
		_, held, err := c.own()
		if err != nil {
			return test, err
		}
		return test, encode(c, tokens, test, rounded(held.States))
	}
	sampler, err := newSampler[float32](c, c.Test, TestStream)
	if err != nil {
		return nn.Batch[float32]{}, err
	}
	states := make([]float32, c.states(c.Test))
	if err := draw(ctx, c, sampler, states, 0); err != nil {
		return nn.Batch[float32]{}, err
	}
	return test, encode(c, tokens, test, states)
}

// Sequences returns the first n sequences of TrainStream or TestStream in
// float64, of which those that the run trains or is tested on are the
// roundings. The error is that of [ar.NewSampler], or about the name of the law.
//
// Sequences in files have these two streams only, whose hidden matrices are not
// known, and there are at most as many as the settings say. The error is a FileError.
func Sequences(c Config, stream string, n int) (ar.Batch[float64], error) {
	if c.Data != "" {
		return c.ownSequences(stream, n)
	}
	sampler, err := newSampler[float64](c, n, stream)
	if err != nil {
		return ar.Batch[float64]{}, err
	}
	return sampler.Batch(0), nil
}

// newBatch makes room for n sequences.
func newBatch(c Config, n int) nn.Batch[float32] {
	return nn.Batch[float32]{N: n, T: c.Length, X: make([]float32, n*c.Length*c.Width),
		Y: make([]float32, n*c.Length*c.D)}
}

// encode fills b with the tokens and targets of states (N, T+1, d).
func encode(c Config, tokens ar.Encoding, b nn.Batch[float32], states []float32) error {
	return encodeSome(c, tokens, b, states, func(n int) int { return n })
}

// encodeSome fills b with the tokens and targets of sequences of(0), of(1), … of states
// (any number, T+1, d), side by side.
func encodeSome(c Config, tokens ar.Encoding, b nn.Batch[float32], states []float32,
	of func(n int) int) error {
	return share(b.N, func(from, to int) error {
		for n := from; n < to; n++ {
			s := states[c.states(of(n)):c.states(of(n)+1)]
			if err := encodeOne(c, tokens, b, n, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// encodeOne sets the tokens and targets of sequence n of b from its states (T+1, d).
func encodeOne(c Config, tokens ar.Encoding, b nn.Batch[float32], n int, states []float32) error {
	inputs, targets := b.T*c.Width, b.T*c.D
	copy(b.Y[n*targets:(n+1)*targets], states[c.D:])
	return ar.Encode(tokens, b.X[n*inputs:(n+1)*inputs], states, c.D)
}
