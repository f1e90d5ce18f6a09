package cuda

// Shapes: R runs, K steps, B batches, P parameters.

import (
	"context"
	"errors"
	"fmt"
	"math"

	"icar/nn"
	"icar/nn/cuda/device"
)

// Trainer makes whole runs of steps of Adam on a device, without the host between them,
// for models of one shape side by side: small models leave most of a card idle, and
// runs that differ by seed or learning rate fill it. What comes of a run does not
// depend on the others, bit by bit, and is what [Backend] and [nn.Adam] make of it.
type Trainer struct {
	runs *runs
}

// Course is the steps that one run is to make.
type Course struct {
	// First is the number of the first step, 1 at the start of training.
	First int
	// Rates are the learning rates η of the steps; all courses have as many.
	Rates []float64
	// Decay is the weight decay λ of AdamW, 0 for Adam.
	Decay float64
	// Batches are taken in turns, from the first. All courses have as many, of one
	// shape. Courses with the same slice share them on the device.
	Batches []nn.Batch[float32]
	// State is that of the optimiser, as [nn.Adam.State] returns it; it is read and
	// written.
	State []nn.Tensor[float32]
}

// Outcome is what came of a course.
type Outcome struct {
	// Losses are those of the steps that were made, each before the step.
	Losses []float64
	// Err is a [nn.NonFiniteError] if there are fewer than were to be made; model and
	// state are then as they were before the step that failed.
	Err error
}

// NewTrainer returns a Trainer of models, which have to be of one shape. If there are
// no kernels for that the error is errors.ErrUnsupported.
func NewTrainer(d device.Device, models ...*nn.Transformer[float32]) (*Trainer, error) {
	if len(models) == 0 {
		return nil, errors.New("there are no models to train: give one or more")
	}
	for i, m := range models {
		if m.Config() != models[0].Config() {
			return nil, fmt.Errorf("model %d is %+v, the first is %+v: "+
				"runs side by side need one shape", i, m.Config(), models[0].Config())
		}
	}
	if err := supported(models[0].Config()); err != nil {
		return nil, err
	}
	r := newRuns(d, models...)
	return &Trainer{&r}, nil
}

// Steps runs the courses of all models, which they change with the states of their
// optimisers. On an error, a misshapen course, the context's or the device's, models and
// states are as they were.
func (t *Trainer) Steps(ctx context.Context, courses []Course) ([]Outcome, error) {
	if err := t.check(courses); err != nil {
		return nil, err
	}
	steps, first := len(courses[0].Rates), courses[0].Batches[0]
	if err := t.runs.prepare(ctx, first.N, first.T, steps); err != nil {
		return nil, err
	}
	batches := make([][]nn.Batch[float32], 0, len(courses))
	for i, c := range courses {
		if err := t.sendCourse(ctx, i, c); err != nil {
			return nil, err
		}
		if i == 0 || &c.Batches[0] != &courses[0].Batches[0] {
			batches = append(batches, c.Batches)
		}
	}
	if len(batches) > 1 && len(batches) < len(courses) { // some share, some do not
		batches = batches[:0]
		for _, c := range courses {
			batches = append(batches, c.Batches)
		}
	}
	if err := t.runs.send(ctx, batches); err != nil {
		return nil, err
	}
	if err := t.replay(ctx, steps); err != nil {
		return nil, err
	}
	return t.collect(ctx, courses)
}

// check returns what is wrong with courses.
func (t *Trainer) check(courses []Course) error {
	if len(courses) != len(t.runs.models) {
		return fmt.Errorf("there are %d courses for %d models: give one each", len(courses),
			len(t.runs.models))
	}
	for i, c := range courses {
		if len(c.Rates) == 0 || len(c.Batches) == 0 {
			return fmt.Errorf("course %d has %d steps on %d batches: give one or more of each", i,
				len(c.Rates), len(c.Batches))
		}
		like := courses[0]
		if len(c.Rates) != len(like.Rates) || len(c.Batches) != len(like.Batches) {
			return fmt.Errorf("course %d has %d steps on %d batches, the first %d on %d: "+
				"runs side by side need as many", i, len(c.Rates), len(c.Batches), len(like.Rates),
				len(like.Batches))
		}
		for _, b := range c.Batches {
			if err := b.Check(t.runs.models[i].Config()); err != nil {
				return fmt.Errorf("course %d: %w", i, err)
			}
			if b.Y == nil {
				return fmt.Errorf("course %d: %w", i, errNoTargets)
			}
			if a := like.Batches[0]; a.N != b.N || a.T != b.T {
				return fmt.Errorf("course %d has batches of %d sequences of length %d and of %d "+
					"of %d: runs side by side need one shape", i, a.N, a.T, b.N, b.T)
			}
		}
		if n := len(t.runs.models[i].Parameters()); len(c.State) != 2*n {
			return fmt.Errorf("course %d has a state of %d tensors: Adam has %d", i,
				len(c.State), 2*n)
		}
		for j, s := range c.State {
			p := t.runs.models[i].Parameters()
			if want := p[j%len(p)]; len(s.Data) != len(want.Data) {
				return fmt.Errorf("course %d has a state %s of %d numbers: %s has %d", i, s.Name,
					len(s.Data), want.Name, len(want.Data))
			}
		}
	}
	return nil
}

// sendCourse brings a model, the state of its optimiser and its rates to the device.
func (t *Trainer) sendCourse(ctx context.Context, run int, c Course) error {
	r := t.runs
	if err := r.sendModel(ctx, run); err != nil {
		return err
	}
	half := len(c.State) / 2
	for i, to := range []span{r.plan.m, r.plan.v} {
		var moments []float32
		for _, s := range c.State[i*half : (i+1)*half] {
			moments = append(moments, s.Data...)
		}
		if err := r.write(ctx, run, to, moments); err != nil {
			return err
		}
	}
	table := make([]float32, rates*len(c.Rates))
	for k, eta := range c.Rates {
		row, step := table[rates*k:], float64(c.First+k)
		row[rateStep] = float32(eta / (1 - math.Pow(beta1, step)))
		row[rateRoot] = float32(math.Sqrt(1 - math.Pow(beta2, step)))
		row[rateKeep] = float32(1 - float64(eta*c.Decay))
	}
	return r.write(ctx, run, r.plan.rates, table)
}

// replay makes the steps.
func (t *Trainer) replay(ctx context.Context, steps int) error {
	r, p := t.runs, t.runs.plan
	work := p.work(r.kernels, r.binding, p.forward, p.backward, p.descend)
	graph, err := r.device.Record(ctx, work)
	if err != nil {
		return err
	}
	return errors.Join(r.device.Replay(ctx, graph, steps),
		r.device.Forget(context.WithoutCancel(ctx), graph))
}

// collect takes what came of the courses from the device, all of it before it changes
// anything.
func (t *Trainer) collect(ctx context.Context, courses []Course) ([]Outcome, error) {
	r := t.runs
	outcomes, memories := make([]Outcome, len(courses)), make([][3][]float32, len(courses))
	for i := range courses {
		steps, _, err := r.fate(ctx, i)
		if err != nil {
			return nil, err
		}
		if outcomes[i].Losses, err = r.lossesOf(ctx, i, steps); err != nil {
			return nil, err
		}
		for j, s := range []span{r.plan.theta, r.plan.m, r.plan.v} {
			if memories[i][j], err = r.read(ctx, i, s); err != nil {
				return nil, err
			}
		}
	}
	for i, c := range courses {
		half := len(c.State) / 2
		theta, m, v := memories[i][0], memories[i][1], memories[i][2]
		for j, p := range r.models[i].Parameters() {
			theta = theta[copy(p.Data, theta):]
			m = m[copy(c.State[j].Data, m):]
			v = v[copy(c.State[half+j].Data, v):]
		}
		if made := len(outcomes[i].Losses); made < len(c.Rates) {
			outcomes[i].Err = t.name(ctx, i, c.Batches[made%len(c.Batches)])
		}
	}
	return outcomes, nil
}

// name says what is not finite in the step of a run on a batch, by the reference, whose
// rounding is another: if there all is finite, it is the gradient here that isn't.
func (t *Trainer) name(ctx context.Context, run int, b nn.Batch[float32]) error {
	if _, err := t.runs.models[run].Gradient(ctx, b); err != nil {
		return err
	}
	return nn.NonFiniteError{Tensor: "loss"}
}

// Close releases what the Trainer holds of its device.
func (t *Trainer) Close(ctx context.Context) error { return t.runs.release(ctx) }
