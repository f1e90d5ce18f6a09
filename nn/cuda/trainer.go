package cuda

// Shapes: R runs, K steps, N batch, T time, P parameters.

import (
	"context"
	"errors"
	"fmt"
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
