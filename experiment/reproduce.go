package experiment

import (
	"context"
	"errors"
	"fmt"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"icar/nn"
	"icar/outcome"
	"icar/run"
)

// Options say how an experiment is run.
type Options struct {
	Scale   outcome.Scale
	Seed    uint64
	Set     []outcome.Setting // overrides, each applied to every trial that is run
	Workers int               // trials at a time; 0 is as many as AtOnce says
	// Processor is what networks run on, zero for the machine's default kernel. The
	// trials of an experiment that trains some are in its arithmetic.
	Processor nn.Processor
	// Keep is a folder to keep the results of trials in as they finish and,
	// where trials take long, what they go on from: the same options go on
	// where an earlier call was stopped, to the same outcome. "" keeps nothing.
	// When the outcome is saved, see Forget.
	Keep string
	// Known are the results of trials that were run elsewhere, by the trials'
	// identities: those are not run here.
	Known map[string]outcome.Result
	// Notice is told, from any goroutine, what was kept and cannot be used.
	Notice func(message string)
}

// Plan returns the trials of an experiment under the options, after checking
// each configuration. Trials that a setting has made equal are run once.
func Plan(e Experiment, o Options) ([]outcome.Trial, error) {
	var plan []outcome.Trial
	for _, t := range e.Trials(o.Scale, o.Seed) {
		var err error
		if e.Trains {
			if t, err = e.On(t, o.Processor.Or().Arithmetic); err != nil {
				return nil, err
			}
		}
		for _, s := range o.Set {
			if t, err = e.Override(t, s.Key, s.Value); err != nil {
				return nil, err
			}
		}
		if err := e.Check(t, Env{Processor: o.Processor}); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		if !slices.ContainsFunc(plan, func(p outcome.Trial) bool { return p.ID == t.ID }) {
			plan = append(plan, t)
		}
	}
	return plan, nil
}

// Reproduce runs an experiment's trials in parallel and collects what they
// found. The outcome does not depend on the number of workers. progress, when
// not nil, is called after each trial, from any goroutine.
func Reproduce(ctx context.Context, e Experiment, o Options,
	progress func()) (outcome.Outcome, outcome.Cost, error) {
	trials, err := Plan(e, o)
	if err != nil {
		return outcome.Outcome{}, outcome.Cost{}, err
	}
	if o.Workers == 0 {
		o.Workers = AtOnce(o.Processor)
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	env := Env{Processor: o.Processor, Notice: o.Notice}
	keep, err := newKeeper(o.Keep, env)
	if err != nil {
		return outcome.Outcome{}, outcome.Cost{}, err
	}
	results, place := make([]outcome.Result, len(trials)), map[string]int{}
	for i, t := range trials {
		place[t.ID] = i
	}
	one := func(ctx context.Context, t outcome.Trial) (err error) {
		i := place[t.ID]
		known, ok := o.Known[t.ID]
		switch {
		case ok:
			results[i] = known
		case keep != nil:
			results[i], err = keep.run(ctx, e, t)
		default:
			results[i], err = e.Run(ctx, t, env)
		}
		return err
	}
	var found Findings
	cost, err := measure(o.Workers, func() error {
		trialCtx, stop := context.WithCancelCause(ctx)
		defer stop(nil)
		var besides failures
		var running sync.WaitGroup
		room := semaphore.NewWeighted(int64(o.Workers))
		for _, together := range begin(e, trials, o) {
			if room.Acquire(trialCtx, int64(len(together))) != nil || trialCtx.Err() != nil {
				break
			}
			for _, t := range together {
				running.Go(func() {
					// The others are stopped before there is room for the next.
					defer room.Release(1)
					if err := one(trialCtx, t); err != nil {
						stop(err)
						if ctx.Err() != nil {
							besides.add(trialCtx, err)
						}
					} else if progress != nil {
						progress()
					}
				})
			}
		}
		running.Wait()
		if err := context.Cause(trialCtx); err != nil {
			return errors.Join(err, besides.all)
		}
		found, err = e.Collect(results)
		return err
	})
	if keep != nil {
		cost.Kept = int(keep.found.Load())
	}
	program, _ := run.Program() // "" is no identity
	return outcome.Outcome{
		Version: outcome.DocumentVersion, Program: program, Name: e.Name, Source: e.Source,
		Summary: e.Summary, Scale: o.Scale, Seed: o.Seed, Settings: o.Set,
		Claims: found.Claims, Figures: found.Figures, Results: results, Data: found.Data,
	}, cost, err
}

// failures are what trials have to say that were told to stop, besides that they were: that
// a state could not be saved, say.
type failures struct {
	mu  sync.Mutex
	all error
}

// add adds an error of a trial whose context is done, unless it only says so.
func (f *failures) add(ctx context.Context, err error) {
	if errors.Is(err, context.Cause(ctx)) || errors.Is(err, ctx.Err()) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = errors.Join(f.all, err)
}

// measure times f and samples the live heap while it runs.
func measure(workers int, f func() error) (outcome.Cost, error) {
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	stop, stopped := make(chan struct{}), make(chan uint64)
	go func() {
		peak := uint64(0)
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			metrics.Read(heap)
			peak = max(peak, heap[0].Value.Uint64())
			select {
			case <-tick.C:
			case <-stop:
				tick.Stop()
				stopped <- peak
				return
			}
		}
	}()
	start := time.Now()
	err := f()
	seconds := time.Since(start).Seconds()
	close(stop)
	return outcome.Cost{Seconds: seconds, PeakHeap: <-stopped, Workers: workers}, err
}
