package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"icar/nn"
	"icar/run"
)

// Options are what a run needs besides its configuration. The zero value
// trains from the weights of the seed and keeps nothing on disk.
type Options struct {
	// Model is trained in place of one with the initial weights of the seed.
	Model *nn.Transformer[float32]
	// Backend makes what the model runs on; nil for an engine on the default
	// kernel of the machine. A model that it cannot run trains on the reference.
	Backend nn.NewBackend
	// Notice, if not nil, is told why a model trains on the reference.
	Notice func(why error)
	// Source is where the sequences come from: the law of the configuration for
	// nil. Tokens have the width of the configuration, targets its coords.
	Source Source
	// Dir records the run; it was created with the resolved configuration.
	Dir *run.Dir
	// Saved is the state to go on from, as run.Open returns it; nil at the
	// start of a run.
	Saved *run.Saved
	// CheckpointEvery is the longest time without a checkpoint, besides those
	// of the configuration; 0 for any. It changes no result.
	CheckpointEvery time.Duration
	// Observe is called after every step.
	Observe func(run.Metric)
}

// Train trains a model of c to the end and returns it with the history. The
// result is a function of c, the initial weights, the sequences if they are none
// of c, and the arithmetic of the backend, bit by bit.
//
// When ctx is done it stops between two steps, an evaluation belonging to its
// step, and saves a checkpoint; the error is then the context's cause. Other
// errors are that of [Config.Resolve], a DivergedError, which the directory keeps
// on record, or one of the directory, such as a full disk. With an error come the model and the
// history up to the last whole step, if training had begun.
func Train(ctx context.Context, c Config, o Options) (_ *nn.Transformer[float32], _ History,
	err error) {
	c, err = c.Resolve()
	if err != nil {
		return nil, nil, err
	}
	t := trainer{config: c, Options: o}
	if t.Model == nil {
		if t.Model, err = nn.New[float32](c.Config, c.Seed); err != nil {
			return nil, nil, err
		}
	}
	if t.Model.Config() != c.Config {
		return nil, nil, fmt.Errorf("the model %+v is not that of the configuration, %+v: "+
			"make it from the resolved one", t.Model.Config(), c.Config)
	}
	if t.backend, err = nn.OrReference(backend(o.Backend), o.Notice)(t.Model); err != nil {
		return nil, nil, err
	}
	defer func() {
		if given := nn.Release(ctx, t.backend); err == nil {
			err = given // else it says again what has failed
		}
	}()
	if t.descent, err = newDescent(c, t.Model.Parameters(), t.backend); err != nil {
		return nil, nil, err
	}
	if err := t.restore(); err != nil {
		return nil, nil, err
	}
	err = t.run(ctx)
	return t.Model, t.history, err
}

// backend returns build, or what nil stands for.
func backend(build nn.NewBackend) nn.NewBackend {
	if build == nil {
		return usual()
	}
	return build
}

// Arithmetic returns that of a run of c whose Options have this Backend: the
// backend's, or the reference's where it cannot run a model of c. The error is
// that of [Config.Resolve] or of the backend.
func (c Config) Arithmetic(build nn.NewBackend) (string, error) {
	c, err := c.Resolve()
	if err != nil {
		return "", err
	}
	model, err := nn.New[float32](c.Config, c.Seed)
	if err != nil {
		return "", err
	}
	b, err := nn.OrReference(backend(build), nil)(model)
	if err != nil {
		return "", err
	}
	return b.Arithmetic(), nn.Release(context.Background(), b)
}

// restore takes the state from Options.Saved.
func (t *trainer) restore() error {
	if t.Saved == nil || t.Saved.Checkpoint.Weights == nil { // killed before its first checkpoint
		return nil
	}
	c := t.Saved.Checkpoint
	t.first, t.history = c.Step, t.Saved.Metrics
	return errors.Join(
		nn.Import(nn.Tensors(t.Model.Parameters()), c.Weights),
		nn.Import(t.descent.optimiser.State(), c.State))
}

// trainer is a run in progress.
type trainer struct {
	config Config
	Options
	first   int // steps made before
	saved   time.Time
	test    nn.Batch[float32]
	zero    float64 // error of predicting 0 on it
	backend nn.Backend
	descent *descent
	history History
}

// run draws the data and makes all steps.
func (t *trainer) run(ctx context.Context) (err error) {
	steps := t.config.Steps()
	if t.first == 0 { // a disk that cannot be written shows before any work
		if err := errors.Join(t.keep(0), t.checkpoint(0)); err != nil {
			return err
		}
	}
	t.saved = time.Now()
	if t.Source == nil {
		t.Source, err = NewBatches(ctx, t.config)
	}
	if err == nil {
		t.test, err = t.Source.Test(ctx)
	}
	if err != nil {
		return t.stop(ctx, t.first, err)
	}
	t.zero = meanSquare(t.test.Y)
	for k := t.first + 1; k <= steps; k++ {
		start := time.Now()
		metric, err := t.step(ctx, k)
		if err != nil {
			return t.stop(ctx, k-1, err)
		}
		err = errors.Join(t.record(metric, time.Since(start)), t.keep(k))
		if excess := t.excess(metric); err == nil && excess != nil {
			return t.diverged(k, excess)
		}
		if err == nil && (k == steps || due(k, t.config.CheckpointEvery) || t.overdue()) {
			err = t.checkpoint(k)
		}
		if err != nil {
			return fmt.Errorf("after step %d: %w", k, err)
		}
	}
	if t.Dir != nil {
		return t.Dir.Done(steps)
	}
	return nil
}

// step makes step k and the evaluation that may be due after it.
func (t *trainer) step(ctx context.Context, k int) (run.Metric, error) {
	m := run.Metric{Step: k, LearningRate: t.config.rate(k)}
	if ctx.Err() != nil {
		return m, context.Cause(ctx)
	}
	batch, err := t.Source.Batch(ctx, k)
	if err != nil {
		return m, err
	}
	if m.Loss, err = t.descent.step(ctx, k, batch); err != nil {
		return m, err
	}
	if k == t.config.Steps() || due(k, t.config.EvalEvery) {
		// Step k is made: it has to be recorded with all that belongs to it.
		errors, err := SquaredErrors(context.WithoutCancel(ctx), t.backend, t.test)
		if err != nil {
			return m, err
		}
		e := evaluate(errors, t.config.Length)
		m.Evaluation = &e
	}
	return m, nil
}

// overdue reports whether the last checkpoint was too long ago.
func (t *trainer) overdue() bool {
	return t.CheckpointEvery > 0 && time.Since(t.saved) >= t.CheckpointEvery
}

// due reports whether step k is one of every so many; 0 is never.
func due(k, every int) bool { return every > 0 && k%every == 0 }

// stop ends a run whose step after step k has failed.
func (t *trainer) stop(ctx context.Context, k int, err error) error {
	var bad nn.NonFiniteError
	if errors.As(err, &bad) {
		return t.overAt(k+1, bad)
	}
	if ctx.Err() == nil {
		return fmt.Errorf("step %d: %w", k+1, err)
	}
	if saving := t.checkpoint(k); saving != nil {
		return fmt.Errorf("stopped after step %d (%v), which could not be saved: %w",
			k, err, saving)
	}
	return fmt.Errorf("stopped after step %d of %d: %w", k, t.config.Steps(), err)
}

func (t *trainer) record(m run.Metric, took time.Duration) error {
	t.history = append(t.history, m)
	if t.Observe != nil {
		t.Observe(m)
	}
	if t.Dir == nil {
		return nil
	}
	return t.Dir.Record(m, run.Timing{Step: m.Step, Seconds: took.Seconds()})
}

// keep saves the weights after step k for good, if that is due: before the checkpoint
// of the step, so that a run which goes on from that has it.
func (t *trainer) keep(k int) error {
	if t.Dir == nil || !due(k, t.config.KeepEvery) {
		return nil
	}
	return t.Dir.Keep(k, nn.Export(nn.Tensors(t.Model.Parameters())))
}

// checkpoint saves the state after step k.
func (t *trainer) checkpoint(k int) error {
	if t.Dir == nil {
		return nil
	}
	err := t.Dir.Checkpoint(run.Checkpoint{
		Step:    k,
		Weights: nn.Export(nn.Tensors(t.Model.Parameters())),
		State:   nn.Export(t.descent.optimiser.State()),
	})
	t.saved = time.Now()
	return err
}
