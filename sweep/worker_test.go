//go:build unix

package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"icar/sweep"
	"icar/train"
)

// worker works on the only sweep of a store.
func worker(t *testing.T, s *sweep.Store, parallel int,
	do func(context.Context, sweep.Claim) ([]byte, []sweep.Metric, error)) sweep.Worker {
	return sweep.Worker{Store: s, Sweep: found(t, s), Name: "w", Parallel: parallel, Lease: lease,
		Heartbeat: time.Millisecond * 20,
		GiveUp:    time.Second, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Do: do}
}

// A trial that ends every process that works on it is given up after as many
// losses as the sweep allows attempts. Those beside it, that are lost with it,
// get their result: the last attempt at each is made alone.
func TestPoison(t *testing.T) {
	onBoth(t, func(t *testing.T, s *sweep.Store) {
		ctx := t.Context()
		want(t, s.Shift(ctx), nil)
		const attempts, parallel = 3, 4
		w := create(t, s, sweep.Sweep{Attempts: attempts}, 6)
		poison := specs(6)[2].ID
		deaths, others := 0, 0
		for process := 1; status(t, s, w).Pending+status(t, s, w).Running > 0; process++ {
			if process > 10 {
				t.Fatalf("%d processes have not come to an end: %+v", process, status(t, s, w))
			}
			// A process that dies says nothing more: its trials stay claimed.
			held, dead := []sweep.Claim{}, false
			for range parallel {
				if c, err := s.Claim(ctx, w, "w", lease); err == nil {
					held = append(held, c)
					dead = dead || c.ID == poison
				}
			}
			if len(held) == 0 {
				if c, err := s.ClaimAlone(ctx, w, "w", lease); err == nil {
					held, dead = append(held, c), c.ID == poison
				}
			}
			if dead {
				deaths++
				if others += len(held) - 1; deaths == 1 && len(held) != parallel ||
					deaths == attempts && len(held) != 1 {
					t.Errorf("%d trials are lost with the process that dies as number %d",
						len(held), deaths)
				}
				want(t, s.Tick(ctx, int64(process)*(lease.Milliseconds()+1)), nil)
				continue
			}
			for _, c := range held {
				want(t, s.Complete(ctx, c, []byte("{}"), nil), nil)
			}
		}
		if st := status(t, s, w); st.Done != 5 || st.Failed != 1 || deaths != attempts ||
			others == 0 {
			t.Errorf("%d deaths with %d others: %+v", deaths, others, st)
		}
		want(t, s.Trials(ctx, w, func(trial sweep.Trial) error {
			if trial.State == sweep.Failed &&
				(trial.ID != poison || !strings.Contains(trial.Error, "worker was lost 3 times")) {
				t.Errorf("%+v", trial)
			}
			return nil
		}), nil)
	})
}

// A worker that was stopped, or without its database, for longer than its lease
// was no loss: however often it happens, the trial is not given up for it.
func TestSurvived(t *testing.T) {
	onBoth(t, func(t *testing.T, s *sweep.Store) {
		ctx := t.Context()
		want(t, s.Shift(ctx), nil)
		w := create(t, s, sweep.Sweep{Attempts: 2}, 1)
		c := claim(t, s)
		for i := range int64(5) {
			want(t, s.Tick(ctx, (i+1)*(lease.Milliseconds()+1)), nil)
			next, err := s.ClaimAlone(ctx, w, "w", lease)
			if err != nil {
				t.Fatal(i, err)
			}
			want(t, s.Heartbeat(ctx, c), sweep.ErrLost)
			want(t, s.Survived(ctx, c), nil)
			want(t, s.Survived(ctx, c), nil) // once is enough
			c = next
		}
		if st := status(t, s, w); st.Lost != 0 || st.Running != 1 {
			t.Errorf("%+v", st)
		}
		// Given up for two losses, of which one was none.
		for i := range int64(2) {
			want(t, s.Tick(ctx, (i+6)*(lease.Milliseconds()+1)), nil)
			if next, err := s.ClaimAlone(ctx, w, "w", lease); err == nil {
				c = next
				continue
			}
			_, err := s.Claim(ctx, w, "w", lease)
			want(t, err, sweep.ErrNone)
		}
		if st := status(t, s, w); st.Failed != 1 {
			t.Errorf("%+v", st)
		}
		want(t, s.Survived(ctx, c), nil)
		if st := status(t, s, w); st.Failed != 0 || st.Pending != 1 {
			t.Errorf("%+v", st)
		}
	})
}

// A worker makes the last attempt at a trial that has lost workers with nothing
// else at work in its process.
func TestLastAttemptIsMadeAlone(t *testing.T) {
	s := open(t, address(t, "sqlite"))
	ctx := t.Context()
	want(t, s.Shift(ctx), nil)
	w := create(t, s, sweep.Sweep{Attempts: 2}, 8)
	for range 4 {
		claim(t, s)
	}
	want(t, s.Tick(ctx, lease.Milliseconds()+1), nil)
	var working, crowded atomic.Int32
	suspect := map[string]bool{}
	for _, t := range specs(4) {
		suspect[t.ID] = true
	}
	var mu sync.Mutex
	done := map[string]bool{}
	err := worker(t, s, 4, func(_ context.Context, c sweep.Claim) ([]byte, []sweep.Metric, error) {
		n := working.Add(1)
		time.Sleep(5 * time.Millisecond)
		if n = max(n, working.Load()); suspect[c.ID] && n > 1 {
			crowded.Add(1)
		}
		working.Add(-1)
		mu.Lock()
		defer mu.Unlock()
		if done[c.ID] = true; suspect[c.ID] && len(done) < 5 {
			t.Errorf("a trial that has lost its worker came before others: %v", done)
		}
		return []byte("{}"), nil, nil
	}).Run(ctx)
	want(t, err, nil)
	if st := status(t, s, w); st.Done != 8 || crowded.Load() > 0 {
		t.Errorf("%d were not alone; %+v", crowded.Load(), st)
	}
}

// What the database does not take is the failure of the trial that measured it,
// told at once, and not a database that does not answer.
func TestRefusedResultFails(t *testing.T) {
	onBoth(t, func(t *testing.T, s *sweep.Store) {
		w := create(t, s, sweep.Sweep{}, 3)
		all := specs(3)
		start := time.Now()
		err := worker(t, s, 1, func(_ context.Context,
			c sweep.Claim) ([]byte, []sweep.Metric, error) {
			twice := []sweep.Metric{{Step: 1, Name: "loss", Value: 1},
				{Step: 1, Name: "loss", Value: 2}}
			switch c.ID {
			case all[0].ID:
				return []byte("{}"), twice, nil
			case all[1].ID:
				return nil, nil, errors.New("an error of \xff and \x00")
			}
			return []byte("{}"), twice[:1], nil
		}).Run(t.Context())
		want(t, err, nil)
		if st := status(t, s, w); st.Failed != 2 || st.Done != 1 ||
			time.Since(start) > 5*time.Second {
			t.Errorf("%+v after %v", st, time.Since(start))
		}
	})
}

// A database that breaks under a worker ends it at once, in the middle of a trial.
func TestBrokenDatabaseEndsWorker(t *testing.T) {
	onBoth(t, func(t *testing.T, s *sweep.Store) {
		create(t, s, sweep.Sweep{}, 2)
		w := worker(t, s, 2, func(ctx context.Context,
			_ sweep.Claim) ([]byte, []sweep.Metric, error) {
			err := s.Run(t.Context(), "DROP TABLE IF EXISTS trials")
			<-ctx.Done()
			return nil, nil, errors.Join(err, context.Cause(ctx))
		})
		w.GiveUp = time.Minute
		start := time.Now()
		if err := w.Run(t.Context()); sweep.FaultOf(err) != sweep.Broken ||
			time.Since(start) > 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// slow passes what goes to and from a server on after a delay each way, and
// returns its own port.
func slow(t *testing.T, server int, delay time.Duration) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	pass := func(to, from net.Conn) {
		defer to.Close()
		buffer := make([]byte, 1<<16)
		for {
			n, err := from.Read(buffer)
			time.Sleep(delay)
			if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
				return
			}
		}
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.DialTCP("tcp", nil,
				&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: server})
			if err != nil {
				_ = in.Close()
				return
			}
			go pass(out, in)
			go pass(in, out)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// The metrics of 20,000 evaluations reach a server that is a millisecond away,
// and so do 5,000 trials, within the time of one question.
func TestManyMetricsFromAfar(t *testing.T) {
	address(t, "postgres") // starts the server, or skips
	text, err := server.Database("afar")
	if err != nil {
		t.Fatal(err)
	}
	port := slow(t, server.Port, time.Millisecond)
	a, err := sweep.ParseAddress(strings.Replace(text, fmt.Sprint("port=", server.Port),
		fmt.Sprint("port=", port), 1))
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, a)
	w := create(t, s, sweep.Sweep{}, 5000)
	metrics := make([]sweep.Metric, 0, 40_000)
	for step := range 20_000 {
		metrics = append(metrics, sweep.Metric{Step: step, Name: "loss", Value: 1},
			sweep.Metric{Step: step, Name: "test_mse", Value: 2})
	}
	start := time.Now()
	want(t, s.Complete(t.Context(), claim(t, s), []byte("{}"), metrics), nil)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	if n, err := s.Count(t.Context(), "SELECT count(*) FROM metrics"); n != 40_000 || err != nil ||
		w.Trials != 5000 {
		t.Errorf("%d metrics, %v", n, err)
	}
}

// A trial that has diverged would do so again: it fails at once, and stays failed when
// a worker that was thought lost comes back. Asked for by retry it is due again.
func TestDivergedTrialIsNotTriedAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, s *sweep.Store) {
		ctx := t.Context()
		want(t, s.Shift(ctx), nil)
		w := create(t, s, sweep.Sweep{Attempts: 4}, 1)
		lost := claim(t, s)
		want(t, s.Tick(ctx, lease.Milliseconds()+1), nil)
		calls := 0
		does := worker(t, s, 1, func(context.Context, sweep.Claim) ([]byte, []sweep.Metric, error) {
			calls++
			return nil, nil, fmt.Errorf("trial: %w", train.DivergedError{Step: 3,
				LearningRate: 1, Err: train.ExcessError{TestMSE: 500, Zero: 1}})
		})
		does.Lease = time.Minute // however slow the machine is, it is not lost
		want(t, does.Run(ctx), nil)
		if st := status(t, s, w); calls != 1 || st.Failed != 1 || st.Pending != 0 {
			t.Errorf("%d calls, %+v", calls, st)
		}
		want(t, s.Survived(ctx, lost), nil)
		if st := status(t, s, w); st.Failed != 1 {
			t.Errorf("a worker came back: %+v", st)
		}
		want(t, s.Trials(ctx, w, func(trial sweep.Trial) error {
			if !strings.Contains(trial.Error, "diverged at step 3") {
				t.Errorf("%+v", trial)
			}
			return nil
		}), nil)
		if n, err := s.Retry(ctx, only); n != 1 || err != nil || status(t, s, w).Pending != 1 {
			t.Errorf("retried %d, %v, %+v", n, err, status(t, s, w))
		}
	})
}
