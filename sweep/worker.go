package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Worker works on the trials of a sweep.
type Worker struct {
	Store     *Store
	Sweep     Sweep
	Name      string        // for people: host and process
	Parallel  int           // trials at a time
	Lease     time.Duration // after which a silent worker's trial is another's
	Heartbeat time.Duration // between signs of life, shorter than a lease
	Backoff   time.Duration // after a trial's first failure, see Store.Fail
	GiveUp    time.Duration // without an answer of the database
	Log       *slog.Logger
	// Do works on a trial. Its context ends when the trial is lost. What it
	// returns is the trial's result and what it measured.
	Do func(context.Context, Claim) (result []byte, metrics []Metric, err error)
	// Recorded is called once a trial's result is in the database.
	Recorded func(Claim)
}

// Run works until nothing of the sweep is left to be done, by this worker or
// another. When ctx ends the trials at work are given back and the error is
// the context's cause. While the database does not answer Run waits for it,
// and for GiveUp at most. That a trial fails is no error.
func (w Worker) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range w.Parallel {
		wg.Go(func() {
			if err := w.run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (w Worker) run(ctx context.Context) error {
	for {
		var c Claim
		err := w.insist(ctx, "claim", func(ctx context.Context) (err error) {
			c, err = w.Store.Claim(ctx, w.Sweep.ID, w.Name, w.Lease)
			return err
		})
		if err == nil {
			if err := w.work(ctx, c); err != nil {
				return err
			}
			continue
		}
		if !errors.Is(err, ErrNone) {
			return err
		}
		finished := false
		err = w.insist(ctx, "status", func(ctx context.Context) (err error) {
			finished, err = w.Store.Finished(ctx, w.Sweep)
			return err
		})
		if err != nil || finished {
			return err
		}
		if err := pause(ctx, min(time.Second, w.Lease/4)); err != nil {
			return err
		}
	}
}

// work does a claimed trial and records how it ended.
func (w Worker) work(ctx context.Context, c Claim) error {
	log := w.Log.With("trial", c.ID, "epoch", c.Epoch)
	log.Info("claimed")
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		w.beat(working, c, log, stop)
	}()
	result, metrics, err := w.Do(working, c)
	lost := context.Cause(working)
	stop(nil)
	<-beating
	// A trial that has ended is recorded even when we are being stopped.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	switch {
	case errors.Is(lost, ErrLost):
		err = ErrLost
	case err == nil:
		until := ctx
		if ctx.Err() != nil {
			until = last
		}
		err = w.insist(until, "complete", func(ctx context.Context) error { return w.Store.Complete(ctx, c, result, metrics) })
		if err == nil {
			log.Info("done")
			if w.Recorded != nil {
				w.Recorded(c)
			}
		}
	case ctx.Err() != nil:
		if err := w.Store.Release(last, c); err != nil && !errors.Is(err, ErrLost) {
			log.Warn("not given back: its lease has to pass", "error", err)
		}
		return context.Cause(ctx)
	default:
		failure := err
		err = w.insist(ctx, "fail", func(ctx context.Context) error { return w.Store.Fail(ctx, c, failure, w.Backoff) })
		if err == nil {
			log.Warn("failed", "error", failure)
		}
	}
	if errors.Is(err, ErrLost) {
		log.Warn("dropped", "error", ErrLost)
		return nil
	}
	return err
}

// beat gives signs of life until ctx ends, and ends it when the trial is lost.
func (w Worker) beat(ctx context.Context, c Claim, log *slog.Logger, stop context.CancelCauseFunc) {
	for pause(ctx, w.Heartbeat) == nil {
		err := w.Store.Heartbeat(ctx, c)
		if errors.Is(err, ErrLost) {
			stop(ErrLost)
			return
		}
		if err != nil && ctx.Err() == nil {
			log.Warn("no heartbeat", "error", err)
		}
	}
}

// insist asks the database until it answers.
func (w Worker) insist(ctx context.Context, what string, ask func(context.Context) error) error {
	wait := 50 * time.Millisecond
	for start, told := time.Now(), false; ; {
		err := ask(ctx)
		if err == nil || errors.Is(err, ErrNone) || errors.Is(err, ErrLost) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if time.Since(start) > w.GiveUp {
			return fmt.Errorf("the database has not answered for %v: %w", w.GiveUp, err)
		}
		if !told {
			w.Log.Warn("the database does not answer, waiting for it", "question", what, "error", err)
			told = true
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, time.Second)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
