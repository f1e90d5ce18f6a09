//go:build linux && amd64

package foreign

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"
)

// A context that is done ends a call with its cause: before it nothing happens, in
// the middle of it the call has a time of grace, then the process is ended.
func TestCancelled(t *testing.T) {
	w := open(t, Options{Grace: time.Hour})
	pause, sleep := function(t, w, "pause"), function(t, w, "usleep")
	cause := errors.New("enough")
	done, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, _, err := w.Do(done, []Call{{Function: pause}}); !errors.Is(err, cause) || w.lost != nil {
		t.Errorf("before a call: %v, %v", err, w.lost)
	}
	soon := func() context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(30*time.Millisecond, func() { cancel(cause) })
		return ctx
	}
	nap := []Call{{Function: sleep, Args: []uint64{100_000}}}
	if _, left, err := w.Do(soon(), nap); err != nil || left != 0 {
		t.Errorf("a call that ends within its grace: %v", err)
	}
	w.options.Grace = 50 * time.Millisecond // of a patience of minutes
	begin := time.Now()
	if _, _, err := w.Do(soon(), []Call{{Function: pause}}); !errors.Is(err, cause) ||
		time.Since(begin) > time.Minute {
		t.Errorf("a call that does not: %v, after %v", err, time.Since(begin))
	}
	if _, _, err := w.Do(t.Context(), []Call{{Function: sleep}}); !errors.As(err, new(LostError)) {
		t.Errorf("after that: %v", err)
	}
}

// late is a socket of which a deadline is set a second later, but for that of patience: who
// sets one when a context is done may be as slow.
type late struct {
	net.Conn
	patience time.Duration
}

func (l late) SetReadDeadline(to time.Time) error {
	if time.Until(to) < l.patience {
		time.Sleep(time.Second)
	}
	return l.Conn.SetReadDeadline(to)
}

// The deadline of a call whose context is done is not that of the next one, which has all of
// its patience, whether the deadline is set while the call is on or only when it is over.
func TestGraceIsOfOneCall(t *testing.T) {
	for name, answered := range map[string]time.Duration{
		"in the middle of its grace": 3 * time.Second, "at once": 500 * time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			defer here.Close()
			defer there.Close()
			o := Options{Patience: time.Minute, Grace: 5 * time.Second}
			w := &Worker{options: o, socket: late{here, o.Patience}, ended: make(chan struct{}),
				command: &exec.Cmd{Process: &os.Process{}}} // for who ends it
			answer := func(after time.Duration) {
				time.Sleep(after)
				_, _ = there.Write([]byte{1}) // nobody reads it after a failure
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			go answer(answered)
			if err := w.wait(ctx); err != nil {
				t.Fatalf("answered %s: %v", name, err)
			}
			begin := time.Now()
			go answer(50 * time.Second)
			if err := w.wait(t.Context()); err != nil || time.Since(begin) != 50*time.Second {
				t.Errorf("the call after one answered %s: %v, after %v", name, err,
					time.Since(begin))
			}
		})
	}
}
