package cuda

// Shapes: R runs, K steps, N batch, T time, P parameters.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"icar/nn"
	"icar/nn/cuda/device"
)

// Trainer makes whole runs of steps of Adam on a device, without the host between them,
// for models of one shape side by side: small models leave most of a card idle, and
// runs that differ by seed or learning rate fill it. What comes of a run does not
// depend on the others, bit by bit, and is what [Backend] and [nn.Adam] make of it.
//
// Weights and moments are on the device: they are brought there by Send and back by
// Fetch, and steps change them there alone. At first they are the models' weights, and
// moments of 0.
type Trainer struct {
	runs   *runs
	own    *compiler // that nobody else uses, or nil
	shape  Shape
	graphs map[bool]device.Graph // of a step, by whether a gradient is clipped
	took   time.Duration         // the steps of the last course, without what is sent and read
}

// Shape is what the memory of a Trainer has room for.
type Shape struct {
	N, T  int // of a batch
	Steps int // of a course, the most
}

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

// NewTrainer returns a Trainer of models, which have to be of one shape. If there are
// no kernels for that the error is errors.ErrUnsupported.
func NewTrainer(ctx context.Context, d device.Device, s Shape,
	models ...*nn.Transformer[float32]) (*Trainer, error) {
	own := new(compiler)
	t, err := newTrainer(ctx, d, own, nil, false, s, models)
	if err != nil {
		return nil, errors.Join(err, own.unload(context.WithoutCancel(ctx), d))
	}
	t.own = own
	return t, nil
}

// newTrainer returns one with the kernels of a compiler, those of steps that clip or of steps
// that do not; others is that of [demand].
func newTrainer(ctx context.Context, d device.Device, l *compiler, others func() bool, clip bool,
	s Shape, models []*nn.Transformer[float32]) (*Trainer, error) {
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
	if s.N < 1 || s.T < 1 || s.Steps < 1 {
		return nil, fmt.Errorf("%d steps on batches of %d sequences of %d tokens are none: use 1 "+
			"or more of each", s.Steps, s.N, s.T)
	}
	r := newRuns(d, l, models...)
	r.others = others
	t := &Trainer{runs: &r, shape: s, graphs: map[bool]device.Graph{}}
	err := r.prepare(ctx, s.N, s.T, s.Steps, func(p *plan) [][]call { return p.ofCourse(clip) })
	for i := 0; i < len(models) && err == nil; i++ {
		err = r.sendModel(ctx, i)
	}
	if err != nil {
		return nil, errors.Join(err, t.Close(context.WithoutCancel(ctx)))
	}
	return t, nil
}

// Send brings the weights of a run's model to the device, and the state of its
// optimiser, as [nn.Adam.State] returns it.
func (t *Trainer) Send(ctx context.Context, run int, state []nn.Tensor[float32]) error {
	if err := t.checkState(run, state); err != nil {
		return err
	}
	r, half := t.runs, len(state)/2
	return errors.Join(r.sendModel(ctx, run),
		r.write(ctx, run, r.plan.m, joined(state[:half])),
		r.write(ctx, run, r.plan.v, joined(state[half:])))
}

// Fetch sets the weights of a run's model, and the state of its optimiser, to what the
// steps have made of them. On an error they are as they were.
func (t *Trainer) Fetch(ctx context.Context, run int, state []nn.Tensor[float32]) error {
	if err := t.checkState(run, state); err != nil {
		return err
	}
	made, err := t.copyOf(ctx, run)
	if err != nil {
		return err
	}
	half := len(state) / 2
	share(made[0], nn.Tensors(t.runs.models[run].Parameters()))
	share(made[1], state[:half])
	share(made[2], state[half:])
	return nil
}

// checkState returns what is wrong with the state of an optimiser.
func (t *Trainer) checkState(run int, state []nn.Tensor[float32]) error {
	p := t.runs.models[run].Parameters()
	if len(state) != 2*len(p) {
		return fmt.Errorf("run %d has a state of %d tensors: Adam has %d", run, len(state),
			2*len(p))
	}
	for j, s := range state {
		if want := p[j%len(p)]; len(s.Data) != len(want.Data) {
			return fmt.Errorf("run %d has a state %s of %d numbers: %s has %d", run, s.Name,
				len(s.Data), want.Name, len(want.Data))
		}
	}
	return nil
}

// Steps makes the courses of all runs. After an error of the context or the device what
// is there of the runs is not known, unless Send brings it anew; after one about the
// courses all is as it was.
func (t *Trainer) Steps(ctx context.Context, courses []Course) ([]Outcome, error) {
	steps, err := t.check(courses)
	if err != nil {
		return nil, err
	}
	clip := slices.ContainsFunc(courses, Course.clips)
	for i, c := range courses {
		if len(c.Rates) == 0 {
			err = t.sendIdle(ctx, i, courses)
		} else {
			err = t.sendCourse(ctx, i, c)
		}
		if err != nil {
			return nil, err
		}
	}
	graph, err := t.graph(ctx, clip)
	if err != nil {
		return nil, err
	}
	if err := t.runs.launch(ctx, t.runs.plan.begin); err != nil {
		return nil, err
	}
	start := time.Now()
	if err := t.runs.device.Replay(ctx, graph, steps); err != nil {
		return nil, err
	}
	if _, _, err := t.runs.fate(ctx, 0); err != nil { // waits for the steps
		return nil, err
	}
	t.took = time.Since(start)
	return t.outcomes(ctx, courses)
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

// graph returns a step that is recorded.
func (t *Trainer) graph(ctx context.Context, clip bool) (device.Graph, error) {
	if g, ok := t.graphs[clip]; ok {
		return g, nil
	}
	r, p := t.runs, t.runs.plan
	if err := r.load(ctx, p.kernelsOf(p.ofCourse(clip)...)); err != nil {
		return 0, err
	}
	g, err := r.device.Record(ctx, p.work(r.kernels, r.binding, p.ofStep(clip)...))
	if err == nil {
		t.graphs[clip] = g
	}
	return g, err
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

// Close releases what the Trainer holds of its device. Sets are not its own.
func (t *Trainer) Close(ctx context.Context) error {
	var err error
	for clip, g := range t.graphs {
		err = errors.Join(err, t.runs.device.Forget(ctx, g))
		delete(t.graphs, clip)
	}
	err = errors.Join(err, t.runs.release(ctx))
	if t.own != nil {
		err = errors.Join(err, t.own.unload(ctx, t.runs.device))
	}
	return err
}
