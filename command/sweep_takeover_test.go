//go:build unix

package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// oneTrial writes the plan of a sweep of one trial, and returns its path.
func oneTrial(t *testing.T, epochs int) string {
	t.Helper()
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	text := fmt.Sprintf("base: {d: 2, embed: 60, depth: 6, length: 2, batch: 2, train: 2, test: 2, "+
		"epochs: %d, checkpoint_every: 10}\ngrid: {seed: [1]}\n", epochs)
	if err := os.WriteFile(plan, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return plan
}

// A dead worker's trial is another's within the lease and five seconds.
func TestTakeover(t *testing.T) {
	t.Parallel()
	plan := oneTrial(t, 4000)
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
	plan := oneTrial(t, 800) // it trains for much longer than it takes to stop it
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
