package devicetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"icar/ar"
	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
)

// drawings are fresh sequences of all dimensions that a device draws, of both families of
// matrices, contracted and not, in all encodings, and of batches that are no whole blocks.
// Those of a card are as large as an experiment's.
func drawings(large bool) (all []nn.Drawing) {
	encodings := []ar.Lagged{ar.Augmented, ar.Plain, ar.Order{P: 3}}
	for d := 1; d <= 11; d++ {
		law := ar.New(ar.Haar, d)
		if d%2 == 0 {
			law.Family = ar.Special
		}
		if d%3 == 0 {
			law.Rho = 0.9
		}
		by := nn.Drawing{Law: law, Tokens: encodings[d%3], N: []int{37, 16, 5, 50}[d%4], T: 1 + d%4,
			Seed: uint64(d), Stream: fmt.Sprint("stream ", d)}
		if large {
			by.N, by.T = 1000+by.N, 50
		}
		all = append(all, by)
	}
	return all
}

// Draws returns an error that names the laws of which d draws other sequences than package ar,
// in some bit, among batches of a few steps. Those of an experiment's size are for cards.
func Draws(ctx context.Context, d device.Device, large bool) error {
	var wrong []error
	for _, by := range drawings(large) {
		first := by.Law.D
		got, err := cuda.Draw(ctx, d, by, first, first+1)
		if err == nil {
			err = Drawn(by, first, got)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s of %d coordinates: %w", by.Law.Family,
				by.Law.D, err))
		}
	}
	return errors.Join(wrong...)
}

// Drawn returns an error that says which number of which of these batches, of steps from the
// first on, is not that which package ar draws, bit by bit.
func Drawn(by nn.Drawing, first int, batches []nn.Batch[float32]) error {
	sampler, err := ar.NewSampler[float32](by.Law, by.N, by.T, by.Seed, by.Stream)
	if err != nil {
		return err
	}
	for i, got := range batches {
		want := sampler.Batch(uint64(first + i))
		x, err := want.Inputs(by.Tokens)
		if err != nil {
			return err
		}
		for part, pair := range [][2][]float32{{got.X, x}, {got.Y, want.Targets()}} {
			if slices.EqualFunc(pair[0], pair[1], sameBits) {
				continue
			}
			return fmt.Errorf("of step %d %s are other bits than the processor draws", first+i,
				[]string{"tokens", "targets"}[part])
		}
	}
	return nil
}

func sameBits(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }
