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
	GiveUp    time.Duration // without an answer of the database, see Patience
	Log       *slog.Logger
	// Do works on a trial. Its context ends when the trial is lost. What it
	// returns is the trial's result and what it measured.
	Do func(context.Context, Claim) (result []byte, metrics []Metric, err error)
	// Recorded is called once a trial's result is in the database.
	Recorded func(Claim)
}

// Run works until nothing of the sweep is left to be done, by this worker or
// another. When ctx ends the trials at work are given back and the error is
// the context's cause. What an error of the database means FaultOf says: Run
// waits for one that is away, for GiveUp at most, gives a trial that it refuses
// a failure, and ends when it is broken. That a trial fails is no error. The last
// attempt at a trial that has lost workers is made with nothing else at work.
func (w Worker) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var busy sync.RWMutex // held by whoever works, and by one who has to work alone
	for range w.Parallel {
		wg.Go(func() {
			if err := w.run(ctx, &busy); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (w Worker) run(ctx context.Context, busy *sync.RWMutex) error {
	for {
		busy.RLock()
		found, err := w.next(ctx, w.Store.Claim)
		busy.RUnlock()
		if err != nil {
			return err
		}
		if found {
			continue
		}
		finished := false
		err = w.insist(ctx, "status", func(ctx context.Context) (err error) {
			finished, err = w.Store.Finished(ctx, w.Sweep)
			return err
		})
		if err != nil || finished {
			return err
		}
		if busy.TryLock() {
			found, err = w.next(ctx, w.Store.ClaimAlone)
			busy.Unlock()
		}
		if err == nil && !found {
			err = pause(ctx, min(time.Second, w.Lease/4))
		}
		if err != nil {
			return err
		}
	}
}

// next claims a trial and works on it; it reports whether there was one.
func (w Worker) next(ctx context.Context, claim func(context.Context, Sweep, string,
	time.Duration) (Claim, error)) (found bool, err error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	var c Claim
	err = w.insist(ctx, "claim", func(ctx context.Context) (err error) {
		c, err = claim(ctx, w.Sweep, w.Name, w.Lease)
		return err
	})
	switch {
	case errors.Is(err, ErrNone):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, w.work(ctx, c)
}

func (w Worker) insist(ctx context.Context, what string, ask func(context.Context) error) error {
	return Patience{w.GiveUp, w.Log}.Insist(ctx, what, ask)
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
	ended := context.Cause(working)
	stop(nil)
	<-beating
	if ctx.Err() == nil && FaultOf(ended) == Broken {
		return ended
	}
	if !errors.Is(ended, ErrLost) {
		err = w.record(ctx, c, log, result, metrics, err)
	} else {
		err = ErrLost
	}
	if !errors.Is(err, ErrLost) {
		return err
	}
	log.Warn("dropped", "error", ErrLost)
	last, cancel := outlast(ctx)
	defer cancel()
	if err := w.Store.Survived(last, c); err != nil {
		log.Warn("it stays counted as a loss of its worker", "error", err)
	}
	return nil
}

// record records how a trial has ended: with err, or with its result. One that
// has ended is recorded even when we are being stopped; else it is given back.
func (w Worker) record(ctx context.Context, c Claim, log *slog.Logger, result []byte,
	metrics []Metric, err error) error {
	until, cancel := outlast(ctx)
	defer cancel()
	if err == nil {
		err = w.insist(until, "complete", func(ctx context.Context) error {
			return w.Store.Complete(ctx, c, result, metrics)
		})
		switch FaultOf(err) {
		case Answer:
			if err != nil { // lost
				return err
			}
			log.Info("done")
			if w.Recorded != nil {
				w.Recorded(c)
			}
			return nil
		case Refusal: // of what it measured: another trial's may be fine
			err = fmt.Errorf("the database does not take its result: %w", err)
		default:
			return err
		}
	} else if ctx.Err() != nil {
		if err := w.Store.Release(until, c); err != nil && !errors.Is(err, ErrLost) {
			log.Warn("not given back: its lease has to pass", "error", err)
		}
		return context.Cause(ctx)
	}
	failure := marked(err)
	err = w.insist(until, "fail", func(ctx context.Context) error {
		return w.Store.Fail(ctx, c, failure, w.Backoff)
	})
	if err == nil {
		log.Warn("failed", "error", failure)
	}
	return err
}

// outlast returns a context that ends patience after ctx, whenever that is: a record that was
// begun is not broken off, or its trial would be nobody's until its lease has passed.
func outlast(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if pause(longer, patience) == nil {
			cancel()
		}
	})
	return longer, func() { stop(); cancel() }
}

// beat gives signs of life until ctx ends, and ends it when the trial is lost or
// the database broken: what would be the use of its result?
func (w Worker) beat(ctx context.Context, c Claim, log *slog.Logger, stop context.CancelCauseFunc) {
	for pause(ctx, w.Heartbeat) == nil {
		err := w.Store.Heartbeat(ctx, c)
		if errors.Is(err, ErrLost) || FaultOf(err) == Broken {
			stop(err)
			return
		}
		if err != nil && ctx.Err() == nil {
			log.Warn("no heartbeat", "error", err)
		}
	}
}
