package cardcheck

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"icar/ar"
)

// Kills are runs that are killed with SIGKILL again and again and gone on with until they
// are done, and whose files have to be those of one go. They are made side by side: a run on
// a card is mostly the start of a process and of the card's driver.
type Kills struct {
	Wanted int // in all, shared out among the runs
	Folder string
	Runs   []Run
	// Resume is the command of a run that goes on.
	Resume func(ctx context.Context, dir string) *exec.Cmd
}

// Run is one that is killed.
type Run struct {
	Name  string
	Steps int
	// Train is the command of all Steps into a folder.
	Train func(ctx context.Context, dir string) *exec.Cmd
}

// Run kills the runs, and tells a finding of each that is made in one go and of each that was
// killed, as they are done.
func (k Kills) Run(ctx context.Context, tell func(Finding)) {
	found := make(chan Finding)
	var runs sync.WaitGroup
	for i, r := range k.Runs {
		wanted := (k.Wanted + i) / len(k.Runs)
		chance := ar.Rand(uint64(time.Now().UnixNano()), "kills", uint64(i))
		runs.Go(func() { k.check(ctx, r, wanted, chance, func(f Finding) { found <- f }) })
	}
	go func() {
		runs.Wait()
		close(found)
	}()
	for f := range found {
		tell(f)
	}
}

// check makes a run in one go, and then kills as many of its kind as so many kills take: one
// that is done before its time has come is as well as the others, and does not count.
func (k Kills) check(ctx context.Context, r Run, wanted int, chance *rand.Rand,
	tell func(Finding)) {
	f := Finding{What: "kills", Detail: r.Name}
	folder := filepath.Join(k.Folder, r.Name)
	whole := filepath.Join(folder, "whole")
	var start, end time.Duration // until the first step and from there on
	if start, end, f.Wrong = watch(r.Train(ctx, whole), whole); f.Wrong != nil {
		tell(f)
		return
	}
	f.Detail = fmt.Sprintf("%s: %d steps take %v, the start before them %v", r.Name, r.Steps,
		end.Round(time.Millisecond), start.Round(time.Millisecond))
	tell(f)
	for runs := 0; wanted > 0 && f.Wrong == nil; runs++ {
		dir := filepath.Join(folder, strconv.Itoa(runs))
		var at []int
		at, f.Wrong = k.through(ctx, r, dir, moments{wanted, r.Steps, start, end, chance})
		wanted -= len(at)
		if f.Wrong == nil {
			f.Wrong = same(whole, dir)
		}
		if f.Detail = fmt.Sprintf("%s: killed after %v of %d steps", r.Name, at,
			r.Steps); f.Wrong == nil {
			f.Detail += ", has the files of one go"
		}
		tell(f)
	}
}

// moments are when a run is to be killed: once while it starts, and then after ever more of
// its steps, a little later than they are recorded, by chance.
type moments struct {
	wanted, steps int
	start, end    time.Duration // what one go took until its first step, and from there on
	chance        *rand.Rand
}

// wait waits for moment i of a run, in which some steps were recorded before.
func (m moments) wait(ctx context.Context, i int, dir string, before int) bool {
	spread := m.start
	if i > 0 {
		if !recorded(ctx, dir, max(i*m.steps/m.wanted, before+1)) {
			return false
		}
		spread = m.end / time.Duration(2*m.wanted)
	}
	return sleep(ctx, time.Duration(m.chance.Int64N(1+int64(spread))))
}

// through kills a run at moments until there were as many as are wanted, then lets it get
// through, and returns after how many steps it was killed. A run that is done before a
// moment has come is through.
func (k Kills) through(ctx context.Context, r Run, dir string, m moments) (at []int, err error) {
	for {
		next := k.Resume
		if _, missing := os.Stat(filepath.Join(dir, "config.yaml")); missing != nil {
			next = r.Train // it was killed before there was a run
			if err := os.RemoveAll(dir); err != nil {
				return at, err
			}
		}
		before := lines(dir)
		killed, err := run(next(ctx, dir), func(ctx context.Context) bool {
			return len(at) < m.wanted && m.wait(ctx, len(at), dir, before)
		})
		switch {
		case ctx.Err() != nil:
			return at, context.Cause(ctx)
		case err != nil || !killed:
			return at, err
		}
		at = append(at, lines(dir))
	}
}

// watch makes a run in one go and measures it.
func watch(c *exec.Cmd, dir string) (start, end time.Duration, err error) {
	begin := time.Now()
	_, err = run(c, func(ctx context.Context) bool {
		if recorded(ctx, dir, 1) {
			start = time.Since(begin)
		}
		return false
	})
	return start, time.Since(begin) - start, err
}

// run runs a command to its end, or until what goes on beside it wants it to be killed. That
// has a context which is done when the command is. A command that fails is an error; one that
// is killed is none.
func run(c *exec.Cmd, beside func(context.Context) (kill bool)) (killed bool, err error) {
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Start(); err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	var sent atomic.Bool // before the kill: Wait may be back before Kill is
	watching.Go(func() {
		if beside(ctx) {
			sent.Store(true)
			_ = c.Process.Kill() // the error is that it has ended
		}
	})
	err = c.Wait()
	cancel()
	watching.Wait()
	switch {
	case err == nil:
		return false, nil
	case sent.Load() && c.ProcessState.ExitCode() < 0:
		return true, nil
	}
	return false, fmt.Errorf("%s: %w: %s", strings.Join(c.Args[1:], " "), err,
		strings.TrimSpace(said.String()))
}

// recorded waits until so many steps of a run are recorded; not if ctx is done before.
func recorded(ctx context.Context, dir string, steps int) bool {
	for lines(dir) < steps {
		if !sleep(ctx, 2*time.Millisecond) {
			return false
		}
	}
	return true
}

// sleep waits, unless ctx is done before.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// lines is how many steps of a run are recorded, 0 where there is none.
func lines(dir string) int {
	data, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		return 0
	}
	return bytes.Count(data, []byte("\n"))
}
