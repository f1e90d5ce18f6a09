//go:build unix

package sweep_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"icar/nn"
	"icar/sweep"
)

// chaosDatabase is the variable of the environment that makes this binary a worker
// of TestMetamorphic, on the database that it names.
const chaosDatabase = "ICAR_CHAOS_DATABASE"

// endOfTrial is what a chaosWorker says before it records a result.
const endOfTrial = "an end"

// chaosWorker works, in a process of its own, on a sweep of the database with two
// trials at a time, and writes a line for everything that happens. It returns the
// exit code.
func chaosWorker(files, id string) int {
	err := func() error {
		ctx := context.Background()
		a, err := sweep.ParseAddress(os.Getenv(chaosDatabase))
		if err != nil {
			return err
		}
		s, err := sweep.Open(ctx, a)
		if err != nil {
			return err
		}
		s.Shifted()
		of, err := s.Find(ctx, id)
		if err != nil {
			return err
		}
		happened := func() { fmt.Println("a thing") }
		trainer := sweep.Trainer{Attempts: sweep.Attempts{Folder: files, Log: quiet()},
			Processor: nn.OnLoops(loops()), Step: happened}
		return sweep.Worker{Store: s, Sweep: of, Name: "child", Parallel: 2, Lease: lease,
			Heartbeat: 5 * time.Millisecond, GiveUp: time.Second, Log: quiet(),
			Do: func(ctx context.Context, c sweep.Claim) ([]byte, []sweep.Metric, error) {
				happened()
				defer fmt.Println(endOfTrial)
				return trainer.Do(ctx, c)
			},
			Recorded: func(c sweep.Claim) {
				happened()
				trainer.Recorded(c)
				happened()
			}}.Run(ctx)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// killProcess lets a worker work in a process of its own and kills that, after as
// many things as are drawn have happened and a little later, or when it has had
// nothing to do for a while. Half of the time the things are ends of trials, which
// are recorded then. All is the seed's but the very moment.
func (w *world) killProcess() {
	things, later := w.IntN(60), time.Duration(w.IntN(3_000))*time.Microsecond
	ends := w.IntN(2) == 0
	if ends {
		things, later = w.IntN(4), time.Duration(w.IntN(20_000))*time.Microsecond
	}
	binary, err := os.Executable()
	if err != nil {
		w.Fatal(err)
	}
	c := exec.CommandContext(w.Context(), binary, w.files, w.sweep.ID)
	c.Env, c.Stderr = append(os.Environ(), chaosDatabase+"="+w.secret()), os.Stderr
	out, err := c.StdoutPipe()
	if err := errors.Join(err, c.Start()); err != nil {
		w.Fatal(err)
	}
	lines, ended := make(chan bool), make(chan struct{})
	go func() {
		defer close(ended)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- !ends || s.Text() == endOfTrial
		}
	}()
	happened, done := 0, false
	for happened <= things && !done {
		select {
		case counts := <-lines:
			if counts {
				happened++
			}
		case <-ended:
			done = true
		case <-time.After(150 * time.Millisecond): // nothing is due
			done = true
		}
	}
	time.Sleep(later)
	err = c.Process.Kill()
	for more := true; more; {
		select {
		case <-lines:
		case <-ended:
			more = false
		}
	}
	exit := c.Wait()
	w.note("a worker's process after %d things: %v (%v)", happened, exit, err)
	if code := c.ProcessState.ExitCode(); code > 0 {
		w.fail("the worker's process says %d", code)
	}
	w.killed++
	w.catchUp()
}

// secret is the address of the database, with its password.
func (w *world) secret() string {
	if file := w.at.File(); file != "" {
		return file
	}
	name := w.at.String()
	return server.Address(name[strings.LastIndex(name, "/")+1:])
}

// catchUp learns which trials another process has claimed since.
func (w *world) catchUp() {
	for _, trial := range w.trials {
		epoch, err := w.store.Count(w.Context(),
			"SELECT coalesce(max(epoch), 0) FROM trials WHERE sweep = $1 AND id = $2", w.sweep.ID,
			trial.ID)
		if err != nil {
			w.fail("epochs: %v", err)
		}
		w.latest[trial.ID] = epoch
	}
}
