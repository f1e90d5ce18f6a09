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
	m, err := c.measure(ctx, one, 1)
	if err != nil {
		f.Detail, f.Wrong = one.Name, err
		return f
	}
	f.Detail = fmt.Sprintf("%s: ready after %.2f s, %.4f ms a step, median of %d, least %.4f",
		one.Name, m.ready.Seconds(), 1e3*median(m.steps), len(m.steps), 1e3*slices.Min(m.steps))
	if c.Against == nil {
		return f
	}
	other, err := c.Against(ctx, one.Name)
	if err != nil {
		f.Wrong = err
		return f
	}
	f.Detail += fmt.Sprintf("; %.4f ms by %s: %.1f times", 1e3*other.Seconds, other.Program,
		other.Seconds/median(m.steps))
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
		median(many.steps)/median(single.steps), 1e3*median(many.steps))}
}

// measured is what runs side by side take.
type measured struct {
	// ready is the time until their kernels are compiled and their weights are there. The
	// driver may have kept kernels of an earlier check.
	ready time.Duration
	steps []float64 // seconds of a step of all, once a round
}

// measure measures so many runs side by side. To begin a course takes a time that does not
// depend on the steps: it cancels between a course and a longer one.
func (c Check) measure(ctx context.Context, one bench.Case, runs int) (m measured, err error) {
	config, err := one.Config.Resolve()
	if err != nil {
		return m, err
	}
	batches, err := train.NewBatches(ctx, config)
	if err != nil {
		return m, err
	}
	batch, err := batches.Batch(ctx, 1)
	if err != nil {
		return m, err
	}
	set, err := cuda.Hold(ctx, c.Device, batch)
	if err != nil {
		return m, err
	}
	last := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, set.Release(last, c.Device)) }()
	models := make([]*nn.Transformer[float32], runs)
	courses := make([]cuda.Course, runs)
	for i := range models {
		if models[i], err = nn.New[float32](config.Config, uint64(i)); err != nil {
			return m, err
		}
		courses[i] = cuda.Course{First: 1, Set: set}
	}
	start := time.Now()
	trainer, err := cuda.NewTrainer(ctx, c.Device,
		cuda.Shape{N: batch.N, T: batch.T, Steps: 2 * c.Steps}, models...)
	if err != nil {
		return m, err
	}
	m.ready = time.Since(start)
	m.steps, err = c.rounds(ctx, trainer, courses, batch.N, config.LearningRate)
	return m, errors.Join(err, trainer.Close(last))
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
