package cuda

// Shapes: R runs, K steps, N batch, T time, P parameters.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Course is the steps that one run is to make.
type Course struct {
	// First is the number of the first step, 1 at the start of training.
	First int
	// Rates are the learning rates η of the steps. A course of none leaves its run as it
	// is; all others have as many.
	Rates []float64
	// Decay is the weight decay λ of AdamW, 0 for Adam.
	Decay float64
	// Clip is the largest norm of a gradient, see [nn.Clip]; 0 for any. The squares are
	// summed in another order here, which the scale, a float32, hardly ever notices.
	Clip float64
	// Set is the sequences, which courses may share.
	Set *Set
	// Order (K, N) are the numbers of the sequences in Set that the steps are on.
	Order [][]int
}

func (c Course) clips() bool { return c.Clip > 0 }

// Outcome is what came of a course.
type Outcome struct {
	// Losses are those of the steps that were made, each before the step. If there are
	// fewer than were to be made, a loss or a gradient of the next was not finite, and
	// weights and moments are as they were before it.
	Losses []float64
}

// check returns the number of steps, or what is wrong with courses.
func (t *Trainer) check(courses []Course) (steps int, err error) {
	if len(courses) != len(t.runs.models) {
		return 0, fmt.Errorf("there are %d courses for %d models: give one each", len(courses),
			len(t.runs.models))
	}
	for i, c := range courses {
		if len(c.Rates) == 0 {
			continue
		}
		if steps == 0 {
			steps = len(c.Rates)
		}
		if err := t.checkCourse(c, steps); err != nil {
			return 0, fmt.Errorf("course %d %w", i, err)
		}
	}
	if steps == 0 {
		return 0, errors.New("no course has a step: give one or more learning rates")
	}
	return steps, nil
}

// checkCourse returns what is wrong with one, to be read after its number.
func (t *Trainer) checkCourse(c Course, steps int) error {
	switch {
	case len(c.Rates) != steps || len(c.Order) != steps:
		return fmt.Errorf("has %d steps on %d batches, where others have %d: runs side by side "+
			"need as many", len(c.Rates), len(c.Order), steps)
	case steps > t.shape.Steps:
		return fmt.Errorf("has %d steps: there is room for %d", steps, t.shape.Steps)
	case c.Set == nil || c.Set.t != t.shape.T:
		return fmt.Errorf("has no sequences of %d tokens: Hold brings a set to the device",
			t.shape.T)
	case c.Set.y.bytes == 0:
		return fmt.Errorf("cannot be made: %w", errNoTargets)
	}
	for _, step := range c.Order {
		if len(step) != t.shape.N {
			return fmt.Errorf("has a step on %d sequences: a batch is %d", len(step), t.shape.N)
		}
		for _, s := range step {
			if s < 0 || s >= c.Set.n {
				return fmt.Errorf("has a step on sequence %d of %d: they are counted from 0", s,
					c.Set.n)
			}
		}
	}
	return nil
}

// sendCourse brings to the device what the steps of a run need besides weights and
// moments.
func (t *Trainer) sendCourse(ctx context.Context, run int, c Course) error {
	table := make([]float32, 0, rates*len(c.Rates))
	for k, eta := range c.Rates {
		step, row := float64(c.First+k), [rates]float32{}
		row[rateStep] = float32(eta / (1 - math.Pow(beta1, step)))
		row[rateRoot] = float32(math.Sqrt(1 - math.Pow(beta2, step)))
		row[rateKeep] = float32(1 - float64(eta*c.Decay))
		table = append(table, row[:]...)
	}
	return t.runs.sendBearings(ctx, run, bearings{t.runs.state(run, false), c.Clip, c.Set, table,
		c.Order})
}

// sendIdle has a run that makes no step be stopped before it begins. What it computes is
// for nothing, on any sequence of another's.
func (t *Trainer) sendIdle(ctx context.Context, run int, courses []Course) error {
	other := slices.IndexFunc(courses, func(c Course) bool { return len(c.Rates) > 0 })
	return t.runs.sendBearings(ctx, run, bearings{t.runs.state(run, true), 0, courses[other].Set,
		nil, [][]int{make([]int, t.shape.N)}})
}

// outcomes returns what came of the courses.
func (t *Trainer) outcomes(ctx context.Context, courses []Course) ([]Outcome, error) {
	all := make([]Outcome, len(courses))
	for i, c := range courses {
		if len(c.Rates) == 0 {
			continue
		}
		steps, _, err := t.runs.fate(ctx, i)
		if err == nil {
			all[i].Losses, err = t.runs.lossesOf(ctx, i, steps)
			t.runs.side[i] = (t.runs.side[i] + steps) & t.runs.plan.sides()
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
