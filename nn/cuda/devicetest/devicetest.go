// Package devicetest holds devices to the bits that are on record: what training steps
// on models of all kinds come to, on the emulator and on every card.
package devicetest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math"
	"slices"

	"icar/ar"
	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
)

// batches is how many there are, which steps take in turns.
const batches = 3

// rates are the learning rates of the steps.
func (c Case) rates() []float64 {
	turns := slices.Repeat([]float64{1e-2, 3e-3, 1e-2}, c.Steps/batches+1)
	return turns[:max(c.Steps, batches)]
}

// Run trains the model of c on d and returns the digest of what that comes to.
func Run(ctx context.Context, d device.Device, c Case) (string, error) {
	m, err := nn.New[float32](c.Config, 1)
	if err != nil {
		return "", err
	}
	adam, err := nn.NewOptimiser(nn.AdamName, m.Parameters())
	if err != nil {
		return "", err
	}
	losses, err := train(ctx, d, c, m, adam.State())
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, loss := range losses {
		write(sum, math.Float64bits(loss))
	}
	for _, t := range append(nn.Tensors(m.Parameters()), adam.State()...) {
		for _, v := range t.Data {
			write(sum, uint64(math.Float32bits(v)))
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// write adds a number to a sum, whose Write returns no error.
func write(sum hash.Hash, v uint64) { sum.Write(binary.LittleEndian.AppendUint64(nil, v)) }

// train makes the steps and returns their losses.
func train(ctx context.Context, d device.Device, c Case, m *nn.Transformer[float32],
	state []nn.Tensor[float32]) (losses []float64, err error) {
	set, err := cuda.Hold(ctx, d, sequences(c))
	if err != nil {
		return nil, err
	}
	last := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, set.Release(last, d)) }()
	steps := c.rates()
	trainer, err := cuda.NewTrainer(ctx, d, cuda.Shape{N: c.N, T: c.T, Steps: len(steps)}, m)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, trainer.Close(last)) }()
	course := cuda.Course{First: 1, Rates: steps, Clip: c.Clip, Set: set,
		Order: make([][]int, len(steps))}
	for i := range course.Order {
		for n := range c.N {
			course.Order[i] = append(course.Order[i], i%batches*c.N+n)
		}
	}
	outcomes, err := trainer.Steps(ctx, []cuda.Course{course})
	if err != nil {
		return nil, err
	}
	if losses = outcomes[0].Losses; len(losses) < len(steps) {
		return nil, fmt.Errorf("step %d comes to what is not finite", len(losses)+1)
	}
	return losses, trainer.Fetch(ctx, 0, state)
}

// sequences are those of all batches, drawn anew for every case.
func sequences(c Case) nn.Batch[float32] {
	r := ar.Rand(1, "devicetest", 0)
	all := nn.Batch[float32]{N: batches * c.N, T: c.T}
	for range batches {
		for range c.N * c.T * c.Config.Width {
			all.X = append(all.X, float32(r.Float64()*2-1))
		}
		for range c.N * c.T * c.Config.Coords {
			all.Y = append(all.Y, float32(r.Float64()*2-1))
		}
	}
	return all
}

// Bits returns an error that names the cases which on d come to other bits than those on
// record. Without slow it leaves out the slow ones.
func Bits(ctx context.Context, d device.Device, slow bool) error {
	return hold(ctx, d, Cases(), slow)
}

// hold is that of some cases.
func hold(ctx context.Context, d device.Device, cases []Case, slow bool) error {
	var wrong []error
	for _, c := range cases {
		if c.Slow && !slow {
			continue
		}
		got, err := Run(ctx, d, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		if got != c.Digest {
			wrong = append(wrong, fmt.Errorf("%s comes to %s on %s, on record is %s", c.Name, got,
				d.Properties().Name, c.Digest))
		}
	}
	return errors.Join(wrong...)
}
