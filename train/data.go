package train

// Shapes: N batch, T length, D token dimension, C token width; states (N, T+1, D).

import (
	"context"
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

// Batches are the training batches of a configuration. It may be used from
// one goroutine at a time.
type Batches struct {
	config  Config
	sampler *ar.Sampler[float32] // of a batch, or of the whole training set
	states  []float32            // (train, T+1, D); nil if sequences are fresh
	epoch   int
	order   []int // of the training sequences in that epoch
}

// NewBatches draws the training sequences of c, unless they are fresh each
// step. The error is that of [Config.Resolve] or the context's.
func NewBatches(ctx context.Context, c Config) (*Batches, error) {
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	b := &Batches{config: c, epoch: -1}
	n := c.Train
	if c.Fresh {
		n = c.Batch
	}
	b.sampler, err = ar.NewSampler[float32](c.Process, n, c.Length, c.Seed, TrainStream)
	if err == nil && !c.Fresh {
		b.states, err = draw(ctx, c, b.sampler, n, 0)
	}
	return b, err
}

// draw returns the states (n, T+1, D) of a batch of a sampler, its blocks side
// by side.
func draw(ctx context.Context, c Config, s *ar.Sampler[float32], n int, step uint64) ([]float32, error) {
	size := (c.Length + 1) * c.D
	states := make([]float32, n*size)
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for b := range s.Blocks() {
		if ctx.Err() != nil {
			break
		}
		first, last := b*ar.BlockSize, min((b+1)*ar.BlockSize, n)
		g.Go(func() error {
			s.Block(step, b, states[first*size:last*size])
			return nil
		})
	}
	g.Wait() // no block fails
	return states, context.Cause(ctx)
}

// Batch returns the batch of step k = 1, 2, …, a function of the configuration
// and k alone. With a training set drawn once, the batches of an epoch are its
// sequences in a random order, a function of the seed and the epoch. The error
// is the context's.
func (b *Batches) Batch(ctx context.Context, k int) (nn.Batch[float32], error) {
	c := b.config
	if c.Fresh {
		states, err := draw(ctx, c, b.sampler, c.Batch, uint64(k))
		if err != nil {
			return nn.Batch[float32]{}, err
		}
		return encode(c, c.Batch, states)
	}
	perEpoch := c.Train / c.Batch
	if epoch := (k - 1) / perEpoch; epoch != b.epoch {
		b.epoch = epoch
		b.order = ar.Rand(c.Seed, shuffleStream, uint64(epoch)).Perm(c.Train)
	}
	size := (c.Length + 1) * c.D
	states := make([]float32, 0, c.Batch*size)
	first := (k - 1) % perEpoch * c.Batch
	for _, n := range b.order[first : first+c.Batch] {
		states = append(states, b.states[n*size:(n+1)*size]...)
	}
	return encode(c, c.Batch, states)
}

// TestSet returns the test sequences of c, which no training batch holds. The
// error is that of [Config.Resolve] or the context's.
func TestSet(ctx context.Context, c Config) (nn.Batch[float32], error) {
	c, err := c.Resolve()
	if err != nil {
		return nn.Batch[float32]{}, err
	}
	sampler, err := ar.NewSampler[float32](c.Process, c.Test, c.Length, c.Seed, TestStream)
	if err != nil {
		return nn.Batch[float32]{}, err
	}
	states, err := draw(ctx, c, sampler, c.Test, 0)
	if err != nil {
		return nn.Batch[float32]{}, err
	}
	return encode(c, c.Test, states)
}

// Sequences returns the first n sequences of TrainStream or TestStream in
// float64, of which those that the run trains or is tested on are the
// roundings. The error is that of [ar.NewSampler].
func Sequences(c Config, stream string, n int) (ar.Batch[float64], error) {
	sampler, err := ar.NewSampler[float64](c.Process, n, c.Length, c.Seed, stream)
	if err != nil {
		return ar.Batch[float64]{}, err
	}
	return sampler.Batch(0), nil
}

// encode turns states (n, T+1, D) into tokens and targets.
func encode(c Config, n int, states []float32) (nn.Batch[float32], error) {
	b := ar.Batch[float32]{N: n, T: c.Length, D: c.D, States: states}
	x, err := b.Inputs(c.Tokens)
	return nn.Batch[float32]{N: n, T: c.Length, X: x, Y: b.Targets()}, err
}
