//go:build unix

package command

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"icar/internal/needs"
	"icar/internal/pgtest"
)

// database returns the environment that leads to an empty database.
func database(t *testing.T, kind string) (env []string, server *pgtest.Server) {
	t.Helper()
	if kind == "sqlite" {
		return []string{"ICAR_DATABASE=" + filepath.Join(t.TempDir(), "sweep.db")}, nil
	}
	server, err := pgtest.Start()
	if errors.Is(err, pgtest.ErrMissing) {
		needs.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Remove(); err != nil {
			t.Error(err)
		}
	})
	address, err := server.Database("sweeps")
	if err != nil {
		t.Fatal(err)
	}
	return []string{"ICAR_DATABASE=" + address}, server
}

// sweeping runs icar sweep and returns what it prints.
func sweeping(t *testing.T, env []string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	c := child(t.Context(), &stderr, append([]string{"sweep"}, args...)...)
	c.Env = append(c.Env, env...)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("sweep %v: %v: %s", args, err, stderr.String())
	}
	return string(out)
}

// worker is a process that is started again when it is killed.
type worker struct {
	cmd    *exec.Cmd
	stderr log
	exit   chan error
}

// log is what a process says, which can be read while it is at work.
type log struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.String()
}

func startWorker(ctx context.Context, t *testing.T, env, args []string) *worker {
	t.Helper()
	w := &worker{exit: make(chan error, 1)}
	w.cmd = child(ctx, &w.stderr, append([]string{"sweep", "work"}, args...)...)
	w.cmd.Env = append(w.cmd.Env, env...)
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { w.exit <- w.cmd.Wait() }()
	return w
}

var claimed = regexp.MustCompile(`msg=claimed sweep=([0-9a-f]+) trial=([0-9a-f]+) epoch=(\d+)`)

// current returns the run directory of the trial that a worker was at when it
// ended, "" if it was at none.
func (w *worker) current(files string) string {
	log := w.stderr.String()
	all := claimed.FindAllStringSubmatchIndex(log, -1)
	if len(all) == 0 || strings.Contains(log[all[len(all)-1][1]:], "msg=done") {
		return ""
	}
	m := claimed.FindStringSubmatch(log[all[len(all)-1][0]:])
	dirs, err := filepath.Glob(filepath.Join(files, "*", m[1], m[2], m[3]))
	if err != nil || len(dirs) != 1 {
		return ""
	}
	return dirs[0]
}

var resumed = regexp.MustCompile(`msg=training sweep=\S+ trial=\S+ epoch=(\d+) from=(\d+)`)

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
	text := fmt.Sprintf("base: {d: 2, embed: 60, depth: 6, length: 2, batch: 2, train: 2, test: 2, "+
		"epochs: %d, checkpoint_every: %d}\ngrid: {seed: [%s]}\nattempts: 1000\n", epochs, often,
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
				for next := time.Now().Add(every); time.Now().Before(next); time.Sleep(10 * time.Millisecond) {
					n := len(stops)
					if n == 0 || ask(t, env, "SELECT count(*) FROM results") < int64(trials*(3-n)/4) {
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
			t.Logf("%d kills of a running trial, %d within a checkpoint, %d trials went on under a "+
				"later epoch", at, writing, further)
			if at < kills || further < resumes || writing < writes {
				t.Errorf("seed %d: too few to mean anything: want %d, %d and %d", seed, kills,
					writes, resumes)
			}
		})
	}
}

// ask returns the number that a question to the database of sweeps has for an
// answer.
func ask(t *testing.T, env []string, question string) (n int64) {
	t.Helper()
	driver, source := "sqlite", strings.TrimPrefix(env[0], "ICAR_DATABASE=")
	if keywords, ok := strings.CutPrefix(source, "postgres:"); ok {
		driver, source = "pgx", strings.TrimPrefix(keywords, "//")
		if keywords != source {
			source = "postgres://" + source
		}
	} else {
		source = "file:" + source + "?_pragma=busy_timeout(30000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), question).Scan(&n); err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	return n
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

// A dead worker's trial is another's within the lease and five seconds.
func TestTakeover(t *testing.T) {
	t.Parallel()
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	text := "base: {d: 2, embed: 60, depth: 6, length: 2, batch: 2, train: 2, test: 2, epochs: " +
		"4000, checkpoint_every: 10}\ngrid: {seed: [1]}\n"
	if err := os.WriteFile(plan, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	const lease = 2 * time.Second
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			env, _ := database(t, kind)
			files := filepath.Join(t.TempDir(), "files")
			sweeping(t, env, "create", "--config", plan)
			args := []string{"--files", files, "--lease", lease.String(), "--heartbeat", "500ms"}
			first := startWorker(t.Context(), t, env, args)
			until(t, "a checkpoint", func() bool {
				return exists(t, filepath.Join(files, "*", "*", "*", "1",
					"checkpoint.previous.safetensors"))
			})
			second := startWorker(t.Context(), t, env,
				args) // finds nothing and asks again and again
			time.Sleep(time.Second)
			if err := first.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			dead := time.Now()
			until(t, "the takeover", func() bool {
				return exists(t, filepath.Join(files, "*", "*", "*", "2", "run.json"))
			})
			took := time.Since(dead)
			t.Logf("taken over %v after its worker was killed, with a lease of %v",
				took.Round(10*time.Millisecond), lease)
			if took > lease+5*time.Second {
				t.Errorf("the trial ran again %v after its worker was killed", took)
			}
			if err := second.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-first.exit
			<-second.exit
		})
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

// stop stops a worker outside of its transactions: one that is stopped within
// one holds SQLite's lock, and nobody goes on before it does (docs/scaling.md).
func stop(t *testing.T, worker *os.Process, database string) {
	t.Helper()
	for {
		if err := worker.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // until it has come to a stop
		queue, err := os.Open(database + ".queue")
		if errors.Is(err, fs.ErrNotExist) { // Postgres has none
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(syscall.Flock(int(queue.Fd()), syscall.LOCK_EX|syscall.LOCK_NB),
			queue.Close())
		if err == nil {
			return
		}
		if err := worker.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestStoppedWorker stops a worker, with SIGSTOP, until another has its trial,
// and lets it go on: while the other is at work and when it is done.
func TestStoppedWorker(t *testing.T) {
	t.Parallel()
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	text := "base: {d: 2, embed: 60, depth: 6, length: 2, batch: 2, train: 2, test: 2, epochs: " +
		"800, checkpoint_every: 10}\ngrid: {seed: [1]}\n" // for much longer than it takes to stop it
	if err := os.WriteFile(plan, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"sqlite", "postgres"} {
		for _, when := range []string{"msg=training", "msg=done"} {
			t.Run(kind+"/"+when, func(t *testing.T) {
				t.Parallel()
				env, _ := database(t, kind)
				files := filepath.Join(t.TempDir(), "files")
				sweeping(t, env, "create", "--config", plan)
				args := []string{"--files", files, "--lease", "2s", "--heartbeat", "200ms"}
				first := startWorker(t.Context(), t, env, args)
				checkpoint := func(epoch, name string) {
					t.Helper()
					until(t, "a checkpoint of epoch "+epoch, func() bool {
						return exists(t, filepath.Join(files, "*", "*", "*", epoch, name))
					})
				}
				checkpoint("1", "checkpoint.previous.safetensors")
				stop(t, first.cmd.Process, strings.TrimPrefix(env[0], "ICAR_DATABASE="))
				second := startWorker(t.Context(), t, env, args)
				if when == "msg=done" {
					if err := <-second.exit; err != nil {
						t.Fatal(err, second.stderr.String())
					}
				} else {
					checkpoint("2", "checkpoint.safetensors")
				}
				if err := first.cmd.Process.Signal(syscall.SIGCONT); err != nil {
					t.Fatal(err)
				}
				if err := <-first.exit; err != nil {
					t.Fatal(err, first.stderr.String())
				}
				if when != "msg=done" {
					if err := <-second.exit; err != nil {
						t.Fatal(err, second.stderr.String())
					}
				}
				log := first.stderr.String()
				if !strings.Contains(log, "msg=dropped") || strings.Contains(log, "msg=done") ||
					!strings.Contains(second.stderr.String(), "msg=done") {
					t.Errorf("the first worker: %s\nthe second: %s", log, second.stderr.String())
				}
				once(t, env, 1)
			})
		}
	}
}
