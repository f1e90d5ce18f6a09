package cardcheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"icar/bench"
	"icar/nn"
	"icar/nn/cuda"
	"icar/train"
)

// time measures a case and, if that is asked for, another program on it.
func (c Check) time(ctx context.Context, one bench.Case) Finding {
	f := Finding{What: "time"}
	all, err := c.measure(ctx, one, 1)
	if err != nil {
		f.Detail, f.Wrong = one.Name, err
		return f
	}
	f.Detail = fmt.Sprintf("%s: %.4f ms a step, median of %d, least %.4f", one.Name,
		1e3*median(all), len(all), 1e3*slices.Min(all))
	if c.Against == nil {
		return f
	}
	other, err := c.Against(ctx, one.Name)
	if err != nil {
		f.Wrong = err
		return f
	}
	f.Detail += fmt.Sprintf("; %.4f ms by %s: %.1f times", 1e3*other.Seconds, other.Program,
		other.Seconds/median(all))
	return f
}

// seeds measures many runs of a case side by side.
func (c Check) seeds(ctx context.Context, one bench.Case) Finding {
	single, err := c.measure(ctx, one, 1)
	many, err2 := c.measure(ctx, one, c.Seeds)
	if err := errors.Join(err, err2); err != nil {
		return Finding{"seeds", one.Name, err}
	}
	return Finding{What: "seeds", Detail: fmt.Sprintf(
		"%d runs of %s side by side take %.2f times one: %.4f ms a step of all", c.Seeds, one.Name,
		median(many)/median(single), 1e3*median(many))}
}

// measure returns the seconds of a step of so many runs side by side, once a round. To
// begin a course takes a time that does not depend on the steps: it cancels between a
// course and a longer one.
func (c Check) measure(ctx context.Context, one bench.Case, runs int) (seconds []float64,
	err error) {
	config, err := one.Config.Resolve()
	if err != nil {
		return nil, err
	}
	batches, err := train.NewBatches(ctx, config)
	if err != nil {
		return nil, err
	}
	batch, err := batches.Batch(ctx, 1)
	if err != nil {
		return nil, err
	}
	set, err := cuda.Hold(ctx, c.Device, batch)
	if err != nil {
		return nil, err
	}
	last := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, set.Release(last, c.Device)) }()
	models := make([]*nn.Transformer[float32], runs)
	courses := make([]cuda.Course, runs)
	for i := range models {
		if models[i], err = nn.New[float32](config.Config, uint64(i)); err != nil {
			return nil, err
		}
		courses[i] = cuda.Course{First: 1, Set: set}
	}
	trainer, err := cuda.NewTrainer(ctx, c.Device,
		cuda.Shape{N: batch.N, T: batch.T, Steps: 2 * c.Steps}, models...)
	if err != nil {
		return nil, err
	}
	seconds, err = c.rounds(ctx, trainer, courses, batch.N, config.LearningRate)
	return seconds, errors.Join(err, trainer.Close(last))
}

// rounds times pairs of courses of Steps and of 2 Steps on n sequences. The first pair, for
// which the step is recorded, does not count.
func (c Check) rounds(ctx context.Context, trainer *cuda.Trainer, courses []cuda.Course,
	n int, rate float64) (seconds []float64, err error) {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	course := func(steps int) (time.Duration, error) {
		for i := range courses {
			courses[i].Rates = slices.Repeat([]float64{rate}, steps)
			courses[i].Order = slices.Repeat([][]int{all}, steps)
		}
		start := time.Now()
		outcomes, err := trainer.Steps(ctx, courses)
		took := time.Since(start)
		for i := range outcomes {
			if made := len(outcomes[i].Losses); made < steps {
				err = errors.Join(err, fmt.Errorf("run %d is not finite after step %d", i,
					courses[i].First+made-1))
			}
			courses[i].First += steps
		}
		return took, err
	}
	for round := range c.Rounds + 1 {
		long, err := course(2 * c.Steps)
		if err != nil {
			return nil, err
		}
		short, err := course(c.Steps)
		if err != nil {
			return nil, err
		}
		if round > 0 {
			seconds = append(seconds, (long-short).Seconds()/float64(c.Steps))
		}
	}
	return seconds, nil
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
