//go:build unix

package command

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSweepUnderKills kills a worker of a sweep again and again: every trial
// is recorded once, with the bytes of a worker that nobody killed. Postgres is
// stopped in the middle too, politely and at once. With ICAR_SLOW=1 there are
// 200 trials of at least 2 s, 8 workers and a kill every second.
func TestSweepUnderKills(t *testing.T) {
	t.Parallel()
	trials, epochs, workers, every, down := 4, 120, 2, 300*time.Millisecond, time.Second/2
	kills, resumes, writes, least := 1, 0, 0, time.Duration(0)
	lease := "1s"
	if os.Getenv("ICAR_SLOW") == "1" {
		lease = "5s"
		trials, epochs, workers, every, down = 200, 440, 8, time.Second, 20*time.Second
		kills, resumes, writes, least = 30, 10, 5, 2*time.Second
	}
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	var seeds []string
	for i := range trials {
		seeds = append(seeds, strconv.Itoa(i))
	}
	// Small steps and a checkpoint of a megabyte after every fourth.
	const often = 4
	// A trial loses more workers here than one that is not to blame ever does.
	text := fmt.Sprintf("base: {d: 2, embed: 60, depth: 6, length: 2, batch: 2, train: 2, test: "+
		"2, epochs: %d, checkpoint_every: %d}\ngrid: {seed: [%s]}\nattempts: 1000\n", epochs, often,
		strings.Join(seeds, ", "))
	if err := os.WriteFile(plan, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	env, _ := database(t, "sqlite")
	sweeping(t, env, "create", "--config", plan)
	sweeping(t, env, "work")
	want := sweeping(t, env, "results", "--format", "jsonl")
	if n := strings.Count(want, "\n"); n != trials {
		t.Fatalf("%d results, want %d", n, trials)
	}
	if shortest := ask(t, env,
		"SELECT min(ended - started) FROM attempts"); shortest < least.Milliseconds() {
		t.Fatalf("a trial takes %d ms: want at least %v, with more epochs", shortest, least)
	}
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			env, server := database(t, kind)
			files := filepath.Join(t.TempDir(), "files")
			sweeping(t, env, "create", "--config", plan)
			args := []string{"--files", files, "--lease", lease, "--heartbeat", "200ms"}
			seed := uint64(time.Now().UnixNano())
			r := rand.New(rand.NewPCG(seed, 0))
			var at, writing, further int
			note := func(w *worker) {
				for _, m := range resumed.FindAllStringSubmatch(w.stderr.String(), -1) {
					if m[1] != "1" && m[2] != "0" {
						further++
					}
				}
			}
			all := make([]*worker, workers)
			for i := range all {
				all[i] = startWorker(t.Context(), t, env, args)
			}
			// The server is stopped in the middle, when a quarter and a half are done.
			var stops []syscall.Signal
			if server != nil {
				stops = []syscall.Signal{syscall.SIGQUIT, syscall.SIGINT}
			}
			for left := workers; left > 0; {
				for next := time.Now().Add(every); time.Now().Before(
					next); time.Sleep(10 * time.Millisecond) {
					n := len(stops)
					if n == 0 ||
						ask(t, env, "SELECT count(*) FROM results") < int64(trials*(3-n)/4) {
						continue
					}
					if err := server.Down(stops[n-1]); err != nil {
						t.Fatal(err)
					}
					time.Sleep(down)
					if err := server.Up(); err != nil {
						t.Fatal(err)
					}
					stops = stops[:n-1]
				}
				i := r.IntN(workers)
				if all[i] == nil {
					i = (i + 1) % workers
				}
				for j, w := range all {
					if w == nil {
						continue
					}
					select {
					case err := <-w.exit:
						if err != nil {
							t.Fatalf("seed %d: worker: %v: %s", seed, err, w.stderr.String())
						}
						note(w)
						all[j] = nil
						left--
						continue
					default:
					}
					if j != i {
						continue
					}
					if err := w.cmd.Process.Kill(); err != nil &&
						!errors.Is(err, os.ErrProcessDone) {
						t.Fatal(err)
					}
					if err := <-w.exit; err != nil {
						if dir := w.current(files); dir != "" {
							at++
							if halfWritten(t, dir) {
								writing++
							}
						}
					}
					note(w)
					all[j] = startWorker(t.Context(), t, env, args)
				}
			}
			if got := sweeping(t, env, "results", "--format", "jsonl"); got != want {
				t.Errorf("seed %d: other results than those of one worker", seed)
			}
			once(t, env, trials)
			if len(stops) > 0 {
				t.Errorf("seed %d: the sweep ended before the server was stopped with %v", seed,
					stops)
			}
			t.Logf("%d kills of a running trial, %d within a checkpoint, %d trials went on under "+
				"a later epoch", at, writing, further)
			if at < kills || further < resumes || writing < writes {
				t.Errorf("seed %d: too few to mean anything: want %d, %d and %d", seed, kills,
					writes, resumes)
			}
		})
	}
}

// once checks that every trial is done, by one attempt, and has one result,
// which is recorded under its last epoch.
func once(t *testing.T, env []string, trials int) {
	t.Helper()
	for question, want := range map[string]int{
		"SELECT count(*) FROM trials":                                                          trials,
		"SELECT count(*) FROM trials WHERE state = 'done'":                                     trials,
		"SELECT count(*) FROM results":                                                         trials,
		"SELECT count(*) FROM attempts WHERE outcome = 'done'":                                 trials,
		"SELECT count(*) FROM attempts WHERE outcome IS NULL":                                  0,
		"SELECT count(*) FROM trials t JOIN results r ON r.trial = t.id AND r.epoch = t.epoch": trials,
		"SELECT count(*) FROM trials t JOIN attempts a ON a.trial = t.id AND a.epoch = t.epoch AND " +
			"a.outcome = 'done'": trials,
		"SELECT count(*) FROM trials t JOIN attempts a ON a.trial = t.id AND a.epoch > t.epoch": 0,
	} {
		if got := ask(t, env, question); got != int64(want) {
			t.Errorf("%s: %d, want %d", question, got, want)
		}
	}
}

// status --watch waits for a database that is away for a moment.
func TestWatchWaits(t *testing.T) {
	t.Parallel()
	env, server := database(t, "postgres")
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(plan, []byte("grid: {seed: [1, 2]}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	sweeping(t, env, "create", "--config", plan)
	log := filepath.Join(t.TempDir(), "log")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	watch := child(t.Context(), nil, "sweep", "status", "--watch")
	watch.Stdout, watch.Stderr, watch.Env = out, out, append(watch.Env, env...)
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	said := func() string {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	wait := func(text string) {
		t.Helper()
		until(t, text, func() bool { return strings.Contains(said(), text) })
	}
	wait("0 of 2 done")
	if err := server.Down(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	wait("the database does not answer, watching on")
	if err := server.Up(); err != nil {
		t.Fatal(err)
	}
	sweeping(t, env, "cancel")
	if err := watch.Wait(); err != nil || !strings.Contains(said(), "2 cancelled") {
		t.Errorf("%v: %s", err, said())
	}
}
