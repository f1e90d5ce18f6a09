//go:build unix

package sweep_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"icar/internal/needs"
	"icar/internal/pgtest"
	"icar/sweep"
)

var server struct {
	sync.Once
	*pgtest.Server
	err   error
	names atomic.Int64
}

func TestMain(m *testing.M) {
	if os.Getenv(chaosDatabase) != "" {
		os.Exit(chaosWorker(os.Args[1], os.Args[2]))
	}
	code := m.Run()
	if server.Server != nil {
		if err := server.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// address returns that of a new database.
func address(t testing.TB, kind string) sweep.Address {
	t.Helper()
	text := filepath.Join(t.TempDir(), "sweep.db")
	if kind == "postgres" {
		server.Do(func() { server.Server, server.err = pgtest.Start() })
		if errors.Is(server.err, pgtest.ErrMissing) {
			needs.Missing(t, server.err.Error())
		}
		err := server.err
		if err == nil {
			text, err = server.Database(fmt.Sprint("d", server.names.Add(1)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	a, err := sweep.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func open(t testing.TB, a sweep.Address) *sweep.Store {
	t.Helper()
	s, err := sweep.Open(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// onBoth runs a test on an empty store of each database.
func onBoth(t *testing.T, test func(*testing.T, *sweep.Store)) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) { test(t, open(t, address(t, kind))) })
	}
}

// specs are n trials.
func specs(n int) []sweep.Spec {
	all := make([]sweep.Spec, n)
	for i := range all {
		config := fmt.Appendf(nil, "config %d", i)
		all[i] = sweep.Spec{ID: sweep.Identity(config, ""), Config: config}
	}
	return all
}

// only is the sweep of tests that need one, with an attempt at each trial.
const only = "0123456789ab"

// create makes a sweep of n trials.
func create(t testing.TB, s *sweep.Store, w sweep.Sweep, n int) sweep.Sweep {
	t.Helper()
	w.Trials = int64(n)
	if w.ID == "" {
		w.ID = only
	}
	w.Attempts = max(w.Attempts, 1)
	if made, err := s.Create(t.Context(), w, specs(n)); err != nil || !made {
		t.Fatal(made, err)
	}
	return w
}

const lease = time.Minute

// claim claims a trial of the only sweep.
func claim(t testing.TB, s *sweep.Store) sweep.Claim {
	t.Helper()
	c, err := s.Claim(t.Context(), found(t, s), "w", lease)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// found is the only sweep.
func found(t testing.TB, s *sweep.Store) sweep.Sweep {
	t.Helper()
	w, err := s.Find(t.Context(), only)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func want(t testing.TB, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func status(t testing.TB, s *sweep.Store, w sweep.Sweep) sweep.Status {
	t.Helper()
	st, err := s.Status(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if finished, err := s.Finished(t.Context(), w); err != nil || finished != st.Finished() {
		t.Errorf("Finished is %v, %v, the status %+v", finished, err, st)
	}
	return st
}

func TestLifeOfATrial(t *testing.T) {
	onBoth(t, func(t *testing.T, s *sweep.Store) {
		ctx := t.Context()
		w := create(t, s, sweep.Sweep{Kind: "k", Attempts: 2}, 3)
		if made, err := s.Create(ctx, w, specs(3)); err != nil || made {
			t.Errorf("made twice: %v, %v", made, err)
		}
		if found, err := s.Find(ctx, ""); err != nil || found != w {
			t.Errorf("found %+v, %v, want %+v", found, err, w)
		}
		all := specs(3)
		a, b, c := claim(t, s), claim(t, s), claim(t, s)
		if a.ID != all[0].ID || string(a.Config) != "config 0" || a.Epoch != 1 ||
			b.ID != all[1].ID || c.ID != all[2].ID {
			t.Errorf("claimed %+v, %+v, %+v", a, b, c)
		}
		_, err := s.Claim(ctx, w, "w", lease)
		want(t, err, sweep.ErrNone)
		want(t, s.Heartbeat(ctx, a), nil)
		want(t, s.Complete(ctx, a, []byte(`{"x":1}`),
			[]sweep.Metric{{Step: 1, Name: "loss", Value: 0.5}}), nil)
		want(t, s.Complete(ctx, a, []byte(`{"x":2}`), nil), sweep.ErrLost)
		want(t, s.Heartbeat(ctx, a), sweep.ErrLost)
		want(t, s.Release(ctx, b), nil)
		if b = claim(t, s); b.Epoch != 2 {
			t.Errorf("claimed again under epoch %d", b.Epoch)
		}
		want(t, s.Fail(ctx, b, errors.New("first"), 0), nil)
		b = claim(t, s)
		want(t, s.Fail(ctx, b, errors.New("second"), 0), nil)
		want(t, s.Fail(ctx, b, errors.New("third"), 0), sweep.ErrLost)
		if n, err := s.Cancel(ctx, only); n != 1 || err != nil {
			t.Errorf("cancelled %d, %v", n, err)
		}
		want(t, s.Complete(ctx, c, nil, nil), sweep.ErrLost)
		if got, wanted := status(t, s, w), (sweep.Status{Done: 1, Failed: 1, Cancelled: 1,
			Attempts: 5}); got != wanted {
			t.Errorf("status %+v, want %+v", got, wanted)
		}
		var lines []string
		err = s.Trials(ctx, w, func(t sweep.Trial) error {
			lines = append(lines, fmt.Sprint(t.ID, t.State, t.Error, string(t.Result)))
			return nil
		})
		if got := strings.Join(lines, ";"); err != nil ||
			got != all[0].ID+`done{"x":1};`+all[1].ID+"failedsecond;"+all[2].ID+"cancelled" {
			t.Errorf("%s, %v", got, err)
		}
		if n, err := s.Retry(ctx, only); n != 2 || err != nil {
			t.Errorf("retried %d, %v", n, err)
		}
		if c := claim(t, s); c.Epoch != 2 && c.Epoch != 4 {
			t.Errorf("retried under epoch %d", c.Epoch)
		}
	})
}

func TestBackoffAndStop(t *testing.T) {
	onBoth(t, func(t *testing.T, s *sweep.Store) {
		want(t, s.Shift(t.Context()), nil)
		w := create(t, s, sweep.Sweep{Attempts: 2, StopOnFailure: true}, 2)
		a := claim(t, s)
		want(t, s.Fail(t.Context(), a, errors.New("x"), 10*time.Second), nil)
		b := claim(t, s)
		if b.ID == a.ID {
			t.Error("no backoff")
		}
		want(t, s.Release(t.Context(), b), nil)
		claim(t, s)
		_, err := s.Claim(t.Context(), w, "w", lease)
		want(t, err, sweep.ErrNone)
		want(t, s.Tick(t.Context(), 11_000), nil)
		if again := claim(t, s); again.ID != a.ID {
			t.Errorf("claimed %s", again.ID)
		} else {
			want(t, s.Fail(t.Context(), again, errors.New("y"), 0), nil)
		}
		if st := status(t, s, w); st.Failed != 1 || st.Running != 1 {
			t.Errorf("%+v", st)
		}
	})
}

// TestFence lets a lease pass, which another takes up: all that the first
// worker says is refused, while the other is at work and when it is done.
func TestFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *sweep.Store) {
		ctx := t.Context()
		want(t, s.Shift(ctx), nil)
		w := create(t, s, sweep.Sweep{Attempts: 3}, 1)
		first := claim(t, s)
		want(t, s.Tick(ctx, lease.Milliseconds()+1), nil)
		second := claim(t, s)
		if second.ID != first.ID || second.Epoch != 2 {
			t.Fatalf("%+v after %+v", second, first)
		}
		refused := func() {
			t.Helper()
			want(t, s.Heartbeat(ctx, first), sweep.ErrLost)
			want(t, s.Complete(ctx, first, []byte("first"), nil), sweep.ErrLost)
			want(t, s.Fail(ctx, first, errors.New("first"), 0), sweep.ErrLost)
			want(t, s.Release(ctx, first), sweep.ErrLost)
		}
		refused()
		want(t, s.Complete(ctx, second, []byte("second"), nil), nil)
		refused()
		if st := status(t, s, w); st.Done != 1 || st.Lost != 1 {
			t.Errorf("%+v", st)
		}
		if n, err := s.Count(ctx,
			"SELECT count(*) FROM results WHERE result = 'second' AND epoch = 2"); n != 1 || err != nil {
			t.Errorf("%d results, %v", n, err)
		}
	})
}

// TestClockSteps sets the database's clock by an hour while a trial runs.
func TestClockSteps(t *testing.T) {
	for name, hour := range map[string]int64{"forward": 3_600_000, "back": -3_600_000} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, s *sweep.Store) {
				ctx := t.Context()
				want(t, s.Shift(ctx), nil)
				w := create(t, s, sweep.Sweep{Attempts: 3}, 2)
				first, other := claim(t, s), claim(t, s)
				want(t, s.Tick(ctx, hour), nil)
				want(t, s.Heartbeat(ctx, other), nil) // in time: it stays its worker's
				again := claim(t, s)                  // no later than a lease after the step
				if again.ID != first.ID || again.Epoch != 2 {
					t.Fatalf("%+v", again)
				}
				_, err := s.Claim(ctx, w, "w", lease)
				want(t, err, sweep.ErrNone)
				want(t, s.Complete(ctx, first, []byte("first"), nil), sweep.ErrLost)
				want(t, s.Complete(ctx, again, []byte("again"), nil), nil)
				want(t, s.Complete(ctx, other, []byte("other"), nil), nil)
				want(t, s.Tick(ctx, 0), nil)
				_, err = s.Claim(ctx, w, "w", lease)
				want(t, err, sweep.ErrNone)
			})
		})
	}
}

// TestRace lets two workers race for one trial, with connections of their own.
func TestRace(t *testing.T) {
	races := 100
	if os.Getenv("ICAR_SLOW") == "1" {
		races = 10_000
	}
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			a := address(t, kind)
			stores := []*sweep.Store{open(t, a), open(t, a)}
			for race := range races {
				w := create(t, stores[0], sweep.Sweep{ID: fmt.Sprintf("%012x", race)}, 1)
				var wg sync.WaitGroup
				var won atomic.Int32
				start := make(chan struct{})
				for _, s := range stores {
					wg.Go(func() {
						<-start
						_, err := s.Claim(t.Context(), w, "w", lease)
						if err == nil {
							won.Add(1)
						} else if !errors.Is(err, sweep.ErrNone) {
							t.Error(err)
						}
					})
				}
				close(start)
				wg.Wait()
				if won.Load() != 1 {
					t.Fatalf("race %d: %d workers have the trial", race, won.Load())
				}
			}
			t.Logf("%d races, one winner each", races)
		})
	}
}

// A claim does not look at more trials the more there are: the index answers
// each question, but for those about a clock that was set back.
func TestIndexAnswersClaims(t *testing.T) {
	onBoth(t, func(t *testing.T, s *sweep.Store) {
		create(t, s, sweep.Sweep{}, 20_000)
		plans, err := s.Plans(t.Context(), only)
		if err != nil {
			t.Fatal(err)
		}
		byTime := []string{"due<?", "due<?", "", "due>?"}
		if strings.Contains(plans[0], "Index Cond") { // of Postgres
			byTime = []string{"(due <= $", "(due <= $", "", "(due > ("}
		}
		for i, plan := range plans {
			cond := plan
			if at := strings.Index(plan, "Index Cond"); at >= 0 {
				cond, _, _ = strings.Cut(plan[at:], "\n")
			}
			if !strings.Contains(plan, "trials_due") || !strings.Contains(cond, byTime[i]) ||
				strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "TEMP B-TREE") {
				t.Errorf("question %d is answered by\n%s", i+1, plan)
			}
		}
		t.Log(strings.Join(plans, "\n"))
	})
}

// TestAddress keeps passwords out of flags, files that others read, and prints.
func TestAddress(t *testing.T) {
	const canary = "c4n4ry"
	for _, text := range []string{"postgres://u:" + canary + "@h/d",
		"postgres:host=h password=" + canary, "postgres://h/d?password=" + canary,
		"postgres://u:" + canary + "%zz@h/d", "postgres:host=h PASSWORD = " + canary} {
		if _, err := sweep.ParsePublicAddress(text); !errors.Is(err, sweep.ErrPassword) ||
			strings.Contains(err.Error(), canary) {
			t.Errorf("%v", err)
		}
		a, err := sweep.ParseAddress(text)
		if out := fmt.Sprint(a, err) + fmt.Sprintf("%v %+v %#v %s", a, a, a,
			a); strings.Contains(out, canary) {
			t.Error(out)
		}
		if err == nil {
			var log bytes.Buffer
			_, err := sweep.Open(t.Context(), a)
			slog.New(slog.NewTextHandler(&log, nil)).Info("x", "address", a, "error", err)
			if err == nil || strings.Contains(log.String(), canary) {
				t.Error(log.String())
			}
		}
	}
	path := filepath.Join(t.TempDir(), "address")
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false,
		0o604: false} {
		if err := errors.Join(os.RemoveAll(path),
			os.WriteFile(path, []byte("postgres://u:"+canary+"@h/d\n"), mode)); err != nil {
			t.Fatal(err)
		}
		if _, err := sweep.ReadAddress(path); (err == nil) != ok {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}
