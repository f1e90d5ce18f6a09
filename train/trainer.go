package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"icar/nn"
	"icar/run"
)

// trainer is a run in progress.
type trainer struct {
	config Config
	Options
	made      int // steps
	saved     time.Time
	test      nn.Batch[float32]
	zero      float64 // error of predicting 0 on it
	backend   nn.Backend
	optimiser nn.Optimiser[float32]
	stepper   nn.Stepper // of the model and the optimiser
	history   History
}

// run draws the data and makes all steps.
func (t *trainer) run(ctx context.Context) (err error) {
	if t.made == 0 { // a disk that cannot be written shows before any work
		if err := errors.Join(t.keep(ctx), t.checkpoint(ctx)); err != nil {
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
		return t.stop(ctx, err)
	}
	t.zero = meanSquare(t.test.Y)
	p := t.Model.Parameters()
	if t.stepper, err = nn.Descend(ctx, t.backend, p, t.descent()); err != nil {
		return err
	}
	err = t.steps(ctx)
	if given := t.stepper.Close(context.WithoutCancel(ctx)); err == nil {
		err = given // else it says again what has failed
	}
	return err
}

// steps makes the steps that are left.
func (t *trainer) steps(ctx context.Context) error {
	steps := t.config.Steps()
	for t.made < steps {
		if err := t.course(ctx); err != nil {
			return err
		}
		err := t.keep(ctx)
		if excess := t.excess(t.history[len(t.history)-1]); err == nil && excess != nil {
			return t.diverged(ctx, excess)
		}
		if k := t.made; err == nil && (k == steps || due(k, t.config.CheckpointEvery) ||
			t.overdue()) {
			err = t.checkpoint(ctx)
		}
		if err != nil {
			return fmt.Errorf("after step %d: %w", t.made, err)
		}
	}
	if err := t.sync(ctx); err != nil || t.Dir == nil {
		return err
	}
	return t.Dir.Done(steps)
}

// course makes steps up to the next after which there is something to be done, or fewer,
// and the evaluation that may be due after the last, and records them.
func (t *trainer) course(ctx context.Context) error {
	if ctx.Err() != nil {
		return t.stop(ctx, context.Cause(ctx))
	}
	start := time.Now()
	losses, failed := t.stepper.Steps(ctx, t.made+1, t.ahead())
	each := time.Since(start) / time.Duration(max(1, len(losses)))
	for i, loss := range losses {
		k := t.made + 1
		m, took := run.Metric{Step: k, Loss: loss, LearningRate: t.config.rate(k)}, each
		if i == len(losses)-1 && t.judged(k) {
			start := time.Now()
			if err := t.evaluate(ctx, &m); err != nil {
				return t.stop(context.WithoutCancel(ctx), err)
			}
			took += time.Since(start)
		}
		t.made = k
		if err := t.record(m, took); err != nil {
			return fmt.Errorf("after step %d: %w", k, err)
		}
	}
	if failed != nil {
		return t.stop(ctx, failed)
	}
	return nil
}

// ahead is the number of steps up to the next after which there is something to be done.
func (t *trainer) ahead() int {
	c, last := t.config, t.config.Steps()
	for _, every := range []int{c.EvalEvery, c.CheckpointEvery, c.KeepEvery} {
		if every > 0 {
			last = min(last, (t.made/every+1)*every)
		}
	}
	return last - t.made
}

// judged returns whether the model is evaluated after step k.
func (t *trainer) judged(k int) bool {
	return k == t.config.Steps() || due(k, t.config.EvalEvery)
}

// evaluate measures the model after a step. That is made: it has to be recorded with all
// that belongs to it.
func (t *trainer) evaluate(ctx context.Context, m *run.Metric) error {
	ctx = context.WithoutCancel(ctx)
	if err := t.sync(ctx); err != nil {
		return err
	}
	errors, err := SquaredErrors(ctx, t.backend, t.test)
	if err != nil {
		return err
	}
	e := evaluate(errors, t.config.Length)
	m.Evaluation = &e
	return nil
}

// sync has the model and the optimiser be as the steps have made them.
func (t *trainer) sync(ctx context.Context) error {
	if t.stepper == nil { // there were none
		return nil
	}
	return t.stepper.Sync(context.WithoutCancel(ctx))
}

// overdue reports whether the last checkpoint was too long ago.
func (t *trainer) overdue() bool {
	return t.CheckpointEvery > 0 && time.Since(t.saved) >= t.CheckpointEvery
}

// due reports whether step k is one of every so many; 0 is never.
func due(k, every int) bool { return every > 0 && k%every == 0 }

// stop ends a run whose next step has failed.
func (t *trainer) stop(ctx context.Context, err error) error {
	var bad nn.NonFiniteError
	if errors.As(err, &bad) {
		return errors.Join(t.overAt(t.made+1, bad), t.sync(ctx))
	}
	if ctx.Err() == nil {
		return fmt.Errorf("step %d: %w", t.made+1, err)
	}
	if saving := t.checkpoint(ctx); saving != nil {
		return fmt.Errorf("stopped after step %d (%v), which could not be saved: %w",
			t.made, err, saving)
	}
	return fmt.Errorf("stopped after step %d of %d: %w", t.made, t.config.Steps(), err)
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

// keep saves the weights after the last step for good, if that is due: before the
// checkpoint of the step, so that a run which goes on from that has it.
func (t *trainer) keep(ctx context.Context) error {
	if t.Dir == nil || !due(t.made, t.config.KeepEvery) {
		return nil
	}
	if err := t.sync(ctx); err != nil {
		return err
	}
	return t.Dir.Keep(t.made, nn.Export(nn.Tensors(t.Model.Parameters())))
}

// checkpoint saves the state after the last step. Without a directory model and optimiser
// are all that has it.
func (t *trainer) checkpoint(ctx context.Context) error {
	if err := t.sync(ctx); err != nil || t.Dir == nil {
		return err
	}
	err := t.Dir.Checkpoint(run.Checkpoint{
		Step:    t.made,
		Weights: nn.Export(nn.Tensors(t.Model.Parameters())),
		State:   nn.Export(t.optimiser.State()),
	})
	t.saved = time.Now()
	return err
}

// restore takes the state from Options.Saved.
func (t *trainer) restore() error {
	if t.Saved == nil || t.Saved.Checkpoint.Weights == nil { // killed before its first checkpoint
		return nil
	}
	c := t.Saved.Checkpoint
	t.made, t.history = c.Step, t.Saved.Metrics
	return errors.Join(
		nn.Import(nn.Tensors(t.Model.Parameters()), c.Weights),
		nn.Import(t.optimiser.State(), c.State))
}
