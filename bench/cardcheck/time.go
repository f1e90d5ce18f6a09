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
// bring the data to the card and the results back takes a time that does not depend on the
// steps: it cancels between a course and a longer one.
func (c Check) measure(ctx context.Context, one bench.Case, runs int) ([]float64, error) {
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
	data := []nn.Batch[float32]{batch}
	models := make([]*nn.Transformer[float32], runs)
	courses := make([]cuda.Course, runs)
	for i := range models {
		if models[i], err = nn.New[float32](config.Config, uint64(i)); err != nil {
			return nil, err
		}
		adam, err := nn.NewOptimiser(nn.AdamName, models[i].Parameters())
		if err != nil {
			return nil, err
		}
		courses[i] = cuda.Course{First: 1, Batches: data, State: adam.State()}
	}
	trainer, err := cuda.NewTrainer(c.Device, models...)
	if err != nil {
		return nil, err
	}
	seconds, err := c.rounds(ctx, trainer, courses, config.LearningRate)
	return seconds, errors.Join(err, trainer.Close(context.WithoutCancel(ctx)))
}

// rounds times pairs of courses of Steps and of 2 Steps. The first pair, for which memory is
// found and kernels are compiled, does not count.
func (c Check) rounds(ctx context.Context, trainer *cuda.Trainer, courses []cuda.Course,
	rate float64) (seconds []float64, err error) {
	course := func(steps int) (time.Duration, error) {
		for i := range courses {
			courses[i].Rates = slices.Repeat([]float64{rate}, steps)
		}
		start := time.Now()
		outcomes, err := trainer.Steps(ctx, courses)
		took := time.Since(start)
		for i := range outcomes {
			err = errors.Join(err, outcomes[i].Err)
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
