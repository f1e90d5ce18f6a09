package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"icar/experiment"
	"icar/internal/budget"
	"icar/nn"
	"icar/outcome"
	"icar/run"
	"icar/sweep"
)

// experimentKind is the kind of a sweep whose trials are those of experiments.
const experimentKind = "experiment"

// experimentTrial is the configuration of a trial of that kind.
type experimentTrial struct {
	Program    string        `json:"program"` // other code may give other results
	Experiment string        `json:"experiment"`
	Trial      outcome.Trial `json:"trial"`
}

// experimentSweep returns the sweep of the trials of experiments.
func experimentSweep(chosen []experiment.Experiment, plans [][]outcome.Trial,
	arithmetic string) (sweep.Sweep, []sweep.Spec, error) {
	program, err := run.Program()
	if err != nil {
		return sweep.Sweep{}, nil, runFailed(err)
	}
	var specs []sweep.Spec
	for i, e := range chosen {
		for _, t := range experiment.Abreast(e, plans[i]) {
			config, err := json.Marshal(experimentTrial{program, e.Name, t})
			if err != nil {
				return sweep.Sweep{}, nil, err
			}
			specs = append(specs, sweep.Spec{ID: sweep.Identity(config, arithmetic),
				Config: config})
		}
	}
	return sweep.Sweep{ID: sweep.Name(program, specs), Kind: experimentKind, Arithmetic: arithmetic,
		Program: program, Trials: int64(len(specs)), Attempts: 3}, specs, nil
}

// decodeTrial reads the configuration of a trial.
func (h *house) decodeTrial(config []byte) (e experiment.Experiment, t experimentTrial, err error) {
	if err := budget.UnmarshalKnown(config, &t, budget.Record()); err != nil {
		return e, t, err
	}
	e, err = h.experiment(t.Experiment)
	return e, t, err
}

// experimentWorker does the trials of a sweep of that kind.
type experimentWorker struct {
	house *house
	sweep.Attempts
	processor       nn.Processor
	checkpointEvery time.Duration
	step            func() // after every step of training
}

// do does a claimed trial, from the last checkpoint of an earlier attempt if
// it trains and one is within reach.
func (w experimentWorker) do(ctx context.Context, c sweep.Claim) ([]byte, []sweep.Metric, error) {
	e, t, err := w.house.decodeTrial(c.Config)
	if err != nil {
		return nil, nil, err
	}
	dir, saved, err := w.Inherit(c, w.processor.Arithmetics()...)
	if err != nil {
		return nil, nil, err
	}
	from := 0
	if dir != nil {
		from = saved.Checkpoint.Step
		if err := dir.Close(); err != nil {
			return nil, nil, err
		}
	}
	log := w.Log.With("trial", c.ID, "epoch", c.Epoch)
	log.Info("running", "experiment", e.Name, "id", t.Trial.ID, "from", from)
	means := experiment.Env{Processor: w.processor, Directory: w.Path(c),
		CheckpointEvery: w.checkpointEvery, Notice: func(message string) { log.Warn(message) },
		Step: w.step}
	result, err := e.Run(ctx, t.Trial, means)
	if err != nil {
		return nil, nil, err
	}
	found, err := json.Marshal(result)
	return found, nil, err
}

// reproduceInSweep hands the trials of experiments to workers, of which this
// process is one with o.Workers trials at a time, and returns their results
// when all are there.
func (h *house) reproduceInSweep(c *cobra.Command, f databaseFlags, chosen []experiment.Experiment,
	plans [][]outcome.Trial, o experiment.Options, workers int) (known map[string]outcome.Result,
	err error) {
	w, specs, err := experimentSweep(chosen, plans, o.Processor.Arithmetic)
	if err != nil {
		return nil, err
	}
	err = f.with(c.Context(), true, func(s *sweep.Store, a sweep.Address) error {
		if _, err := s.Create(c.Context(), w, specs); err != nil {
			return runFailed(err)
		}
		fmt.Fprintf(c.ErrOrStderr(),
			"icar: the %d trials are the sweep %s in %v; icar sweep work %[2]s helps, on any "+
				"machine that reaches it\n", len(specs), w.ID, a)
		if err := h.awaitSweep(c, f, s, w, workers); err != nil {
			return err
		}
		known, err = h.knownResults(c.Context(), s, w)
		return err
	})
	return known, err
}

// reproducer is how a process that reproduces works on its sweep.
func reproducer(workers int) workFlags {
	return workFlags{parallel: workers, times: workTimes{time.Minute, 15 * time.Second,
		time.Minute}, backoff: 5 * time.Second, giveUp: 10 * time.Minute}
}

// awaitSweep works on a sweep, with workers trials at a time, until it is
// finished, and shows how far it has come. While the database does not answer
// it waits, as workers do.
func (h *house) awaitSweep(c *cobra.Command, f databaseFlags, s *sweep.Store, w sweep.Sweep,
	workers int) (err error) {
	ctx, cancel := context.WithCancelCause(c.Context())
	defer cancel(nil)
	o := reproducer(workers)
	var worked chan error // nil while this process does not work
	if workers > 0 {
		worked = make(chan error, 1)
		// What a worker logs is for people who watch workers.
		go func() { worked <- h.workOn(ctx, io.Discard, f, o, s, w) }()
	}
	progress := newProgress(c.ErrOrStderr())
	bar, shown := progress.bar("sweep "+w.ID, int(w.Trials)), int64(0)
	defer func() {
		cancel(nil)
		if worked != nil { // it gives back what it holds before the database is closed
			<-worked
		}
		if err != nil {
			bar.abort()
		}
		progress.wait()
	}()
	for answered := time.Now(); ; {
		st, err := s.Status(ctx, w)
		switch {
		case ctx.Err() != nil:
		case err != nil && sweep.FaultOf(err) != sweep.Away:
			return runFailed(err)
		case err != nil && time.Since(answered) > o.giveUp:
			return awayOrFailed(fmt.Errorf("%w for %v: %w; the same command goes on from there",
				sweep.ErrAway, o.giveUp, err))
		case err != nil:
		case st.Finished() && st.Failed+st.Cancelled > 0:
			return runFailed(fmt.Errorf("%d trials have failed and %d were cancelled: icar sweep "+
				"status %s tells why, icar sweep retry %[3]s and the same command try them again",
				st.Failed, st.Cancelled, w.ID))
		case st.Finished():
			for ; shown < st.Done; shown++ {
				bar.step()
			}
			return nil
		default:
			answered = time.Now()
			for ; shown < st.Done; shown++ {
				bar.step()
			}
		}
		select {
		case err := <-worked:
			worked = nil // the rest is done by others, or nothing is left
			if err != nil && ctx.Err() == nil {
				return awayOrFailed(fmt.Errorf("%w; the same command goes on from there", err))
			}
		case <-ctx.Done():
			return runFailed(fmt.Errorf("%w; other workers go on, the same command works with "+
				"them and collects what they find", context.Cause(ctx)))
		case <-time.After(time.Second / 2):
		}
	}
}

// knownResults reads the results of a finished sweep by the trials' identities
// in their experiments.
func (h *house) knownResults(ctx context.Context, s *sweep.Store,
	w sweep.Sweep) (map[string]outcome.Result, error) {
	known := map[string]outcome.Result{}
	err := s.Trials(ctx, w, func(t sweep.Trial) error {
		if t.Wrong != nil {
			return t.Wrong
		}
		var r outcome.Result
		_, was, err := h.decodeTrial(t.Config)
		if err == nil {
			err = budget.Unmarshal(t.Result, &r, budget.Found())
		}
		if err == nil && (r.Trial.ID != was.Trial.ID || was.Program != w.Program) {
			err = errors.New("it is of another trial or of another program")
		}
		if err != nil {
			return fmt.Errorf("trial %s: its result cannot be used: %w", t.ID, err)
		}
		known[r.Trial.ID] = r
		return nil
	})
	if err != nil {
		return nil, runFailed(err)
	}
	return known, nil
}
