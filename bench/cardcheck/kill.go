package cardcheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"icar/ar"
)

// Kills are runs that are killed with SIGKILL at random moments and gone on with until
// they are done, and whose files have to be those of one go.
type Kills struct {
	Wanted int
	Folder string // for the runs
	// Train is the command of a run with Train into a folder, Resume of one that goes on.
	Train, Resume func(ctx context.Context, dir string) *exec.Cmd
}

// run makes runs until so many kills have hit one.
func (k Kills) run(ctx context.Context) Finding {
	f := Finding{What: "kills"}
	whole := filepath.Join(k.Folder, "whole")
	start := time.Now()
	if f.Wrong = k.end(k.Train(ctx, whole), 0); f.Wrong != nil {
		return f
	}
	took, r := time.Since(start), ar.Rand(uint64(start.UnixNano()), "kills", 0)
	kills, runs := 0, 0
	for ; kills < k.Wanted && f.Wrong == nil; runs++ {
		dir := filepath.Join(k.Folder, strconv.Itoa(runs))
		var more int
		more, f.Wrong = k.through(ctx, dir, took, r)
		kills += more
		if f.Wrong == nil {
			f.Wrong = same(whole, dir)
		}
	}
	f.Detail = fmt.Sprintf("%d kills in %d runs of %v, whose files are those of one go", kills,
		runs, took.Round(time.Millisecond))
	return f
}

// through kills a run again and again until it gets through, and returns how often.
func (k Kills) through(ctx context.Context, dir string, took time.Duration,
	r *rand.Rand) (kills int, err error) {
	for {
		c := k.Train(ctx, dir)
		if _, missing := os.Stat(filepath.Join(dir, "config.yaml")); missing == nil {
			c = k.Resume(ctx, dir)
		} else if err := os.RemoveAll(dir); err != nil { // killed before there was a run
			return kills, err
		}
		err := k.end(c, time.Duration(1+r.Int64N(int64(took))))
		if !errors.Is(err, errKilled) || ctx.Err() != nil {
			return kills, err
		}
		kills++
	}
}

// errKilled is the end of a run that was killed in time.
var errKilled = errors.New("killed")

// end runs a command to its end, or kills it after a while if that is not 0.
func (k Kills) end(c *exec.Cmd, after time.Duration) error {
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Start(); err != nil {
		return err
	}
	var late atomic.Bool // set before the kill: Wait may be back before Kill is
	if after > 0 {
		timer := time.AfterFunc(after, func() {
			late.Store(true)
			_ = c.Process.Kill() // the error is that it has ended
		})
		defer timer.Stop()
	}
	err := c.Wait()
	if err != nil && c.ProcessState.ExitCode() < 0 && late.Load() {
		return errKilled
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(c.Args[1:], " "), err,
			strings.TrimSpace(said.String()))
	}
	return nil
}

// same returns an error unless two runs have the same files, but for their times.
func same(a, b string) error {
	want, err := contents(a)
	if err != nil {
		return err
	}
	got, err := contents(b)
	if err != nil {
		return err
	}
	names := maps.Clone(want)
	maps.Copy(names, got)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		w, once := want[name]
		g, now := got[name]
		if once != now || w != g {
			return fmt.Errorf("%s is not as in one go", filepath.Join(b, name))
		}
	}
	return nil
}

// contents are the files of a run, without its times.
func contents(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, e := range entries {
		if e.Name() == "timings.jsonl" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		all[e.Name()] = string(data)
	}
	return all, nil
}
