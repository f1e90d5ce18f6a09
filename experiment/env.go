package experiment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"icar/nn"
	"icar/nn/kernel"
	"icar/run"
	"icar/train"
)

// Env is the environment of a trial: what it is run with and changes no result.
type Env struct {
	// Processor is preferred among those of the trial's arithmetic; zero for any
	// kernel. A trial is given one of that arithmetic.
	Processor nn.Processor
	// Directory is where a trial that takes long keeps what it can go on from
	// when it is stopped, and finds it; "" for nowhere.
	Directory string
	// CheckpointEvery is the longest time of training that a kill costs; 0 for
	// half a minute.
	CheckpointEvery time.Duration
	// Notice is told, from any goroutine, what was kept and cannot be used, and what a trial
	// does more slowly than it could.
	Notice func(message string)
	// Step, if not nil, is called after every step of training, from any
	// goroutine.
	Step func()
}

// observe tells Step.
func (e Env) observe(run.Metric) {
	if e.Step != nil {
		e.Step()
	}
}

// on returns the environment with a processor of an arithmetic; as it is for "".
func (e Env) on(arithmetic string) (Env, error) {
	arithmetic = run.Arithmetic(arithmetic)
	if arithmetic == "" || e.Processor.Arithmetic == arithmetic {
		return e, nil
	}
	for _, k := range kernel.Available() {
		if k.Arithmetic() == arithmetic {
			e.Processor = nn.OnLoops(k)
			return e, nil
		}
	}
	return e, fmt.Errorf("no kernel here has the arithmetic %q: this machine's is %s",
		arithmetic, kernel.Available()[0].Arithmetic())
}

// Backend makes what the trial's networks run on: that of the Processor, or the
// reference where there is no fast form.
func (e Env) Backend() nn.NewBackend { return nn.OrReference(e.Processor.Or().New, nil) }

// Train trains a model of c, in the directory if there is one, from where an
// earlier call was stopped.
func (e Env) Train(ctx context.Context,
	c train.Config) (*nn.Transformer[float32], train.History, error) {
	o := train.Options{Backend: e.Backend(), Observe: e.observe}
	if e.Notice != nil {
		o.Notice = func(why error) { e.Notice(why.Error()) }
	}
	if e.Directory == "" {
		return train.Train(ctx, c, o)
	}
	arithmetic, err := c.Arithmetic(o.Backend)
	if err != nil {
		return nil, nil, err
	}
	o.CheckpointEvery = cmp.Or(e.CheckpointEvery, 30*time.Second)
	if o.Dir, o.Saved, err = e.open(c, arithmetic); err != nil {
		return nil, nil, err
	}
	model, history, err := train.Train(ctx, c, o)
	if o.Dir != nil {
		err = errors.Join(err, o.Dir.Close())
	}
	return model, history, err
}

// open opens the directory of a run of c, anew if there is none that it could
// go on with. It is nil for a run that is complete.
func (e Env) open(c train.Config, arithmetic string) (*run.Dir, *run.Saved, error) {
	c, err := c.Resolve()
	if err != nil {
		return nil, nil, err
	}
	dir, saved, err := run.Open(e.Directory, arithmetic, false)
	if err == nil && !saved.Info.Ours() {
		err = errors.New("it is another program's")
		if dir != nil {
			err = errors.Join(err, dir.Close())
		}
		err = fmt.Errorf("%s cannot be gone on with: %w", e.Directory, err)
	}
	switch {
	case err == nil:
		if saved.Damaged != nil {
			e.Notice(fmt.Sprintf("%s: %v; going on from the checkpoint before it, of step %d",
				e.Directory, saved.Damaged, saved.Checkpoint.Step))
		}
		return dir, &saved, nil
	case errors.Is(err, run.ErrRunning), errors.Is(err, run.ErrUnwritable), errors.Is(err,
		fs.ErrPermission):
		return nil, nil, err
	}
	if _, missing := os.Stat(e.Directory); !errors.Is(missing, fs.ErrNotExist) {
		e.Notice(fmt.Sprintf("%v: trained from the start", err))
		if err := os.RemoveAll(e.Directory); err != nil {
			return nil, nil, err
		}
	}
	dir, err = run.Create(e.Directory, c.YAML(), run.NewInfo(c.Seed, arithmetic))
	return dir, nil, err
}
