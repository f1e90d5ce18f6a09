//go:build unix

package sweep_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"icar/sweep"
)

// A worker that is stopped while it records a result, or a failure, has it recorded: else the
// trial would be nobody's until its lease has passed.
func TestStoppedWhileItRecords(t *testing.T) { testStopped(t, open(t, address(t, "sqlite"))) }
func TestPostgresRecords(t *testing.T)       { testStopped(t, open(t, address(t, "postgres"))) }

func testStopped(t *testing.T, s *sweep.Store) {
	w := create(t, s, sweep.Sweep{Attempts: 1}, 2)
	for i, failure := range []error{nil, errors.New("diverged")} {
		ctx, stop := context.WithCancelCause(t.Context())
		stopped, released := errors.New("stopped"), make(chan error)
		err := worker(t, s, 1, func(context.Context,
			sweep.Claim) ([]byte, []sweep.Metric, error) {
			others, err := s.Hold(t.Context())
			time.AfterFunc(100*time.Millisecond, func() { // it waits to record by then
				stop(stopped)
				time.Sleep(20 * time.Millisecond)
				released <- others.Rollback()
			})
			return []byte("{}"), nil, errors.Join(err, failure)
		}).Run(ctx)
		want(t, err, stopped)
		want(t, <-released, nil)
		if st := status(t, s, w); st.Done != 1 || int(st.Failed) != i || st.Running != 0 {
			t.Errorf("%+v after %v", st, failure)
		}
	}
}

// A worker that is stopped at work gives its trial back, to whoever is next.
func TestStoppedAtWork(t *testing.T) {
	s := open(t, address(t, "sqlite"))
	w := create(t, s, sweep.Sweep{Attempts: 1}, 1)
	ctx, stop := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	err := worker(t, s, 1, func(ctx context.Context,
		_ sweep.Claim) ([]byte, []sweep.Metric, error) {
		stop(stopped)
		<-ctx.Done()
		return nil, nil, context.Cause(ctx)
	}).Run(ctx)
	want(t, err, stopped)
	if st := status(t, s, w); st.Pending != 1 || st.Running != 0 {
		t.Errorf("%+v", st)
	}
}

// A worker that is stopped when its trial is another's already says that it was no loss.
func TestStoppedWithoutItsTrial(t *testing.T) {
	s := open(t, address(t, "sqlite"))
	want(t, s.Shift(t.Context()), nil)
	w := create(t, s, sweep.Sweep{Attempts: 2}, 1)
	ctx, stop := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	err := worker(t, s, 1, func(working context.Context,
		_ sweep.Claim) ([]byte, []sweep.Metric, error) {
		err := s.Tick(t.Context(), lease.Milliseconds()+1)
		_, claimed := s.ClaimAlone(t.Context(), w, "another", lease)
		<-working.Done() // a sign of life is answered so
		stop(stopped)
		return nil, nil, errors.Join(err, claimed)
	}).Run(ctx)
	want(t, err, stopped)
	if st := status(t, s, w); st.Running != 1 || st.Lost != 0 {
		t.Errorf("%+v", st)
	}
}
