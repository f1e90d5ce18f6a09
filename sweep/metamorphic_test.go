//go:build unix

package sweep_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"icar/nn"
	"icar/nn/kernel"
	"icar/sweep"
)

// seedOfChaos replays one run of TestMetamorphic.
var seedOfChaos = flag.Uint64("seed", 0, "replay TestMetamorphic with this seed (0: its own)")

// TestMetamorphic does random things to a sweep: it works on it, kills, stops
// and forgets workers, in this process and with SIGKILL in others, edits rows,
// damages files, leaves some to another program, cancels, retries, steps the
// clock and restarts the database. Whatever happened, each result is that of a
// calm run, a trial that nobody edited gets its result in the end, and one that
// has none says why. Nothing outside of the sweep's folders is touched.
//
//	go test ./sweep -run Metamorphic -seed 17     the run that failed
//	ICAR_SLOW=1 go test ./sweep -run Metamorphic  thousands of operations
func TestMetamorphic(t *testing.T) {
	seeds, operations := []uint64{1}, 120
	if os.Getenv("ICAR_SLOW") == "1" {
		operations = 150
		for seed := uint64(2); seed <= 16; seed++ {
			seeds = append(seeds, seed)
		}
	}
	if *seedOfChaos != 0 {
		seeds = []uint64{*seedOfChaos}
	}
	plan, err := sweep.DecodePlan([]byte(chaosPlan), nil)
	if err != nil {
		t.Fatal(err)
	}
	trials, _, err := plan.Trials(loops().Arithmetic())
	if err != nil {
		t.Fatal(err)
	}
	calm := calmResults(t, trials)
	for _, kind := range []string{"sqlite", "postgres"} {
		for _, seed := range seeds {
			t.Run(fmt.Sprint(kind, "/", seed), func(t *testing.T) {
				w := newWorld(t, kind, seed, plan, trials, calm)
				for range operations {
					w.step()
				}
				w.settle()
				w.within(w.judge)
			})
		}
	}
}

// chaosPlan has trials of 16 steps with checkpoints in between.
const chaosPlan = `base: {d: 2, length: 3, train: 4, batch: 2, test: 2, epochs: 8, checkpoint_every: 3}
grid: {seed: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}
attempts: 3
`

// calmResults are the results of the trials, by their ids, when nothing happens.
func calmResults(t *testing.T, trials []sweep.Spec) map[string][]byte {
	t.Helper()
	s := open(t, address(t, "sqlite"))
	w := sweep.Sweep{ID: only, Kind: sweep.Training, Arithmetic: loops().Arithmetic(), Attempts: 1}
	if _, err := s.Create(t.Context(), w, trials); err != nil {
		t.Fatal(err)
	}
	trainer := sweep.Trainer{Attempts: sweep.Attempts{Folder: t.TempDir(), Log: quiet()},
		Processor: nn.OnLoops(loops())}
	want(t, worker(t, s, 2, trainer.Do).Run(t.Context()), nil)
	calm := map[string][]byte{}
	want(t, s.Trials(t.Context(), found(t, s), func(trial sweep.Trial) error {
		calm[trial.ID] = trial.Result
		return nil
	}), nil)
	if len(calm) != len(trials) {
		t.Fatalf("%d calm results of %d trials", len(calm), len(trials))
	}
	return calm
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// world is a sweep to which things happen.
type world struct {
	*testing.T
	*rand.Rand
	store   *sweep.Store
	at      sweep.Address
	sweep   sweep.Sweep
	trials  []sweep.Spec
	calm    map[string][]byte
	files   string
	outside string // nothing of which changes
	before  string
	held    []sweep.Claim
	edited  map[int64]bool
	latest  map[string]int64 // epochs of the last claims, by trial
	clock   int64
	did     []string // what has happened, for a failure's report
	results int
	killed  int             // processes
	limited context.Context // of the operation that goes on
}

func newWorld(t *testing.T, kind string, seed uint64, plan sweep.Plan, trials []sweep.Spec,
	calm map[string][]byte) *world {
	t.Helper()
	root := t.TempDir()
	w := &world{T: t, Rand: rand.New(rand.NewPCG(seed, 0)), at: address(t, kind), trials: trials,
		calm:  calm,
		files: filepath.Join(root, "a", "files"), outside: filepath.Join(root, "outside"),
		edited: map[int64]bool{}, latest: map[string]int64{}}
	for _, dir := range []string{"0", "1", "victim/0", "victim/1"} {
		path := filepath.Join(w.outside, dir)
		err := errors.Join(os.MkdirAll(path, 0o755),
			os.WriteFile(filepath.Join(path, "canary"), []byte(dir), 0o644))
		if err != nil {
			t.Fatal(err)
		}
	}
	w.before = tree(t, w.outside)
	w.reopen()
	want(t, w.store.Shift(t.Context()), nil)
	w.sweep = sweep.Sweep{ID: sweep.Name("0123456789abcdef", trials), Program: "0123456789abcdef",
		Kind: sweep.Training, Config: chaosPlan, Arithmetic: loops().Arithmetic(),
		Trials: int64(len(trials)), Attempts: int64(plan.Attempts)}
	w.create()
	return w
}

// Context is that of the operation that goes on, which ends at its time limit.
func (w *world) Context() context.Context {
	if w.limited != nil {
		return w.limited
	}
	return w.T.Context()
}

// limit is how long an operation may take: the longest, a restart of Postgres, takes
// some seconds.
const limit = 40 * time.Second

// within does something and fails the test if it does not end in time, or has
// failed: what comes after a failure explains nothing.
func (w *world) within(do func()) {
	w.Helper()
	var cancel context.CancelFunc
	w.limited, cancel = context.WithTimeout(w.T.Context(), limit)
	ended := make(chan struct{})
	go func() {
		defer close(ended) // also when do ends the test
		do()
	}()
	select {
	case <-ended:
	case <-time.After(limit + time.Second): // it does not listen
		stacks := make([]byte, 64<<10)
		w.Fatalf("an operation after these does not end within %v:\n%s\n%s", limit,
			strings.Join(w.did, "\n"), stacks[:runtime.Stack(stacks, true)])
	}
	cancel()
	w.limited = nil
	if w.Failed() {
		w.FailNow()
	}
}

// reopen closes the database, if it is open, and opens it again.
func (w *world) reopen() {
	w.Helper()
	var err error
	if w.store != nil {
		err = w.store.Close()
	}
	s, failed := sweep.Open(w.Context(), w.at)
	if err := errors.Join(err, failed); err != nil {
		w.Fatal(err)
	}
	if w.store == nil {
		w.Cleanup(func() { _ = w.store.Close() })
	} else {
		s.Shifted()
	}
	w.store = s
}

// tree names all that is below a folder, with what the files hold.
func tree(t testing.TB, folder string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprint(&all, path, " ", info.Mode())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&all, " %x", sha256.Sum256(data))
		}
		fmt.Fprintln(&all)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func (w *world) note(format string, args ...any) {
	w.did = append(w.did, fmt.Sprintf(format, args...))
}

// fail reports what is wrong and how it came to that.
func (w *world) fail(format string, args ...any) {
	w.Helper()
	w.Errorf(format+"; what happened:\n%s", append(args, strings.Join(w.did, "\n"))...)
}

// loops is the kernel that every machine has.
func loops() kernel.Kernel {
	all := kernel.Available()
	return all[len(all)-1]
}
