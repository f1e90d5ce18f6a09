package cardcheck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"icar/bench"
	"icar/nn"
	"icar/nn/cuda"
	"icar/train"
)

// fresh measures the steps of whole runs of a case, on sequences that are drawn anew for every
// step and on the same ones: the difference is what drawing takes. That the device leaves it to
// the processor is wrong.
func (c Check) fresh(ctx context.Context, one bench.Case) Finding {
	f := Finding{What: "fresh", Detail: one.Name}
	var medians [2]float64
	for i, fresh := range []bool{true, false} {
		one.Config.Fresh, one.Config.Train = fresh, one.Config.Batch
		all, err := c.descend(ctx, one.Config)
		if err != nil {
			f.Wrong = err
			return f
		}
		medians[i] = median(all)
	}
	f.Detail = fmt.Sprintf("%s on fresh sequences: %.4f ms a step of a run, %.4f on a set",
		one.Name, 1e3*medians[0], 1e3*medians[1])
	return f
}

// descend returns the seconds of a step of a run, once a round.
func (c Check) descend(ctx context.Context, config train.Config) (seconds []float64, err error) {
	if config, err = config.Resolve(); err != nil {
		return nil, err
	}
	batches, err := train.NewBatches(ctx, config)
	if err != nil {
		return nil, err
	}
	model, err := nn.New[float32](config.Config, config.Seed)
	if err != nil {
		return nil, err
	}
	backend, err := cuda.On(c.Device)(model)
	if err != nil {
		return nil, err
	}
	last := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, nn.Release(last, backend)) }()
	adam, err := nn.NewOptimiser(nn.AdamName, model.Parameters())
	if err != nil {
		return nil, err
	}
	var slower error // why the host draws
	rounds := c.Rounds + 2
	stepper, err := nn.Descend(ctx, backend, model.Parameters(), nn.Descent{Feed: batches,
		Optimiser: adam, Last: rounds * c.Steps,
		Rate:   func(int) float64 { return config.LearningRate },
		Notice: func(why error) { slower = why }})
	if err != nil {
		return nil, err
	}
	for round := range rounds {
		start := time.Now()
		if err = steps(ctx, stepper, round*c.Steps+1, c.Steps); err != nil {
			break
		}
		if round > 1 { // before that courses grow to their length
			seconds = append(seconds, time.Since(start).Seconds()/float64(c.Steps))
		}
	}
	return seconds, errors.Join(err, slower, stepper.Close(last))
}

// steps makes n steps from k on.
func steps(ctx context.Context, s nn.Stepper, k, n int) error {
	for made := 0; made < n; {
		losses, err := s.Steps(ctx, k+made, n-made)
		if err != nil {
			return err
		}
		made += len(losses)
	}
	return nil
}
