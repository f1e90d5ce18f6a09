package train

import (
	"context"
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
	// Notice, if not nil, is told in one line, from any goroutine, what is done more slowly
	// than it could be, and why: a model trains on the reference, or a processor draws for a
	// card. It changes no bits but those that the arithmetic has a name for.
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
	if t.backend, err = nn.OrReference(backend(o.Backend), o.onReference)(t.Model); err != nil {
		return nil, nil, err
	}
	defer func() {
		if given := nn.Release(ctx, t.backend); err == nil {
			err = given // else it says again what has failed
		}
	}()
	if t.optimiser, err = c.optimiser(t.Model.Parameters()); err != nil {
		return nil, nil, err
	}
	if err := t.restore(); err != nil {
		return nil, nil, err
	}
	err = t.run(ctx)
	return t.Model, t.history, err
}

// onReference tells Notice why a model trains there.
func (o Options) onReference(why error) {
	if o.Notice != nil {
		o.Notice(fmt.Errorf("training on the reference, which is slow: %w", why))
	}
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
