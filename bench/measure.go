package bench

import (
	"context"
	"fmt"
	"time"

	"icar/nn"
	"icar/train"
)

// Sample is what a process measured of one case.
type Sample struct {
	Seconds []float64 `json:"seconds"` // of every step
	// largest resident set of the process; nil where the system does not tell
	PeakMiB *float64 `json:"peak_mib"`
	Kernel  string   `json:"kernel"` // what it ran on
}

// Measure makes so many steps of c on p, after one that is not counted. The
// peak is that of the process. The error is the context's or that of a case
// that does not fit in the machine's numbers.
func Measure(ctx context.Context, c Case, p nn.Processor, steps int) (Sample, error) {
	step, ran, err := c.stepper(ctx, p)
	if err != nil {
		return Sample{}, err
	}
	s := Sample{Kernel: ran}
	for i := range steps + 1 {
		start := time.Now()
		if err := step(i + 1); err != nil {
			return Sample{}, fmt.Errorf("%s, step %d: %w", c.Name, i+1, err)
		}
		if i > 0 {
			s.Seconds = append(s.Seconds, time.Since(start).Seconds())
		}
	}
	s.PeakMiB = peak()
	return s, nil
}

// stepper prepares c and returns what makes step t = 1, 2, … and the name of what that
// runs on.
func (c Case) stepper(ctx context.Context, p nn.Processor) (step func(t int) error, ran string,
	err error) {
	config, err := c.resolve()
	if err != nil {
		return nil, "", err
	}
	if c.Name == Sampling {
		batches, err := train.NewBatches(ctx, config)
		return func(t int) error {
			_, err := batches.Batch(ctx, t)
			return err
		}, p.Loops.Name(), err
	}
	model, batch, err := c.start(ctx)
	if err != nil {
		return nil, "", err
	}
	adam, err := nn.NewOptimiser(nn.AdamName, model.Parameters())
	if err != nil {
		return nil, "", err
	}
	backend, err := p.New(model)
	if err != nil {
		return nil, "", err
	}
	ran = p.Name
	if backend.Arithmetic() != p.Arithmetic { // the card leaves the model to the loops
		ran = p.Loops.Name()
	}
	return func(t int) error {
		_, err := backend.Gradient(ctx, batch)
		adam.Step(t, config.LearningRate)
		return err
	}, ran, nil
}
