// Part five: the runs of a folder. T context length, H heads.

package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"icar/experiment"
	"icar/run"
	"icar/train"
)

const (
	maxRuns    = 500 // listed; a folder of more is cut off
	maxCompare = 6   // in one figure
	maxPoints  = 400 // of a drawn curve
	freshness  = 500 * time.Millisecond
	keepAlive  = 15 * time.Second
)

var watchParameters = []parameter{{name: "run", symbol: "runs", means: fmt.Sprintf("path of a run below the folder of runs; up to %d of them", maxCompare), many: maxCompare}}

// runState is a run in the list.
type runState struct {
	Path  string             `json:"path"`
	State run.State          `json:"state"`
	Step  int                `json:"step"`
	Steps int                `json:"steps"`
	Loss  *experiment.Number `json:"loss"`
	Test  *experiment.Number `json:"test_mse"`
	Error string             `json:"error,omitempty"`
}

// shelf reads the runs below a folder, for all that look at it at most once in
// a while. Nothing outside the folder is read: os.Root follows no link out.
type shelf struct {
	root root
	mu   sync.Mutex
	at   time.Time
	runs []run.Run
	err  error
}

// list returns all runs, by path.
func (s *shelf) list() ([]run.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) >= freshness {
		s.runs, s.err = s.read()
		s.at = time.Now()
	}
	return s.runs, s.err
}

func (s *shelf) read() ([]run.Run, error) {
	folder, err := s.root.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // icar train will make it
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	var runs []run.Run
	err = fs.WalkDir(folder.FS(), ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil // what cannot be read is no run
		}
		if len(runs) == maxRuns {
			return fs.SkipAll
		}
		if _, err := folder.Lstat(path.Join(p, "run.json")); err != nil {
			return nil
		}
		r, err := readIn(folder, p)
		if err != nil {
			r = run.Run{Path: p, State: run.Damaged, Err: err}
		}
		runs = append(runs, r)
		return fs.SkipDir
	})
	return runs, err
}

// find returns one of the runs that list.
func (s *shelf) find(p string) (run.Run, error) {
	runs, err := s.list()
	if err != nil {
		return run.Run{}, err
	}
	i := slices.IndexFunc(runs, func(r run.Run) bool { return r.Path == p })
	if i < 0 {
		return run.Run{}, refuse(http.StatusNotFound, "there is no run %.80q below the folder of runs", p)
	}
	if err := runs[i].Err; err != nil {
		return run.Run{}, refuse(http.StatusUnprocessableEntity, "the run is damaged: %v", err)
	}
	return runs[i], nil
}

// configOf returns the configuration of a run.
func configOf(r run.Run) (train.Config, error) {
	c := train.DefaultConfig()
	if err := c.Decode(r.Config); err != nil {
		return c, refuse(http.StatusUnprocessableEntity, "%s: config.yaml: %v", r.Path, err)
	}
	return c, nil
}

// shelved is what the page shows of the runs: the list and the curves of those
// that were asked for.
type shelved struct {
	Document
	Runs []runState `json:"runs"`
}

func (s *Server) shelved(paths []string) (shelved, error) {
	runs, err := s.shelf.list()
	if err != nil {
		return shelved{}, err
	}
	out := shelved{Runs: []runState{}}
	for _, r := range runs {
		out.Runs = append(out.Runs, stateOf(r))
	}
	var chosen []run.Run
	for _, p := range paths {
		r, err := s.shelf.find(p)
		if err != nil {
			return shelved{}, err
		}
		chosen = append(chosen, r)
	}
	if len(chosen) > 0 {
		out.curves(chosen)
	}
	return out, nil
}

func stateOf(r run.Run) runState {
	state := runState{Path: r.Path, State: r.State, Step: len(r.Metrics)}
	c, err := configOf(r)
	if err = errors.Join(r.Err, err); err != nil {
		state.State, state.Error = run.Damaged, strings.ReplaceAll(err.Error(), "\n", "; ")
		return state
	}
	state.Steps = c.Steps()
	if n := len(r.Metrics); n > 0 {
		loss := experiment.Number(r.Metrics[n-1].Loss)
		state.Loss = &loss
	}
	if e := train.History(r.Metrics).Last(); e != nil {
		test := experiment.Number(e.TestMSE)
		state.Test = &test
	}
	return state
}

// curves draws the losses of runs and their errors by position.
func (d *Document) curves(runs []run.Run) {
	var losses, positions []experiment.Series
	for _, r := range runs {
		var x, y, tx, ty []float64
		every := max(1, len(r.Metrics)/maxPoints)
		for i, m := range r.Metrics {
			if i%every == 0 || i == len(r.Metrics)-1 {
				x, y = append(x, float64(m.Step)), append(y, m.Loss)
			}
			if m.Evaluation != nil {
				tx, ty = append(tx, float64(m.Step)), append(ty, m.TestMSE)
			}
		}
		losses = append(losses, experiment.NewSeries(r.Path, experiment.Solid, x, y), experiment.NewSeries(r.Path+", test", experiment.Points, tx, ty))
		if e := train.History(r.Metrics).Last(); e != nil {
			positions = append(positions, experiment.NewSeries(r.Path, experiment.Solid, count(1, len(e.PositionMSE)), e.PositionMSE))
		}
	}
	d.figure("loss", "Loss while training", "Lines: the loss of each batch. Points: the error on the test sequences.", 1, lines("", linear("step"), logarithmic("mean squared error"), losses...))
	d.figure("positions", "Test error by position", "The last evaluation, at each context length.", 1, lines("", linear("context length T"), logarithmic("mean squared error"), positions...))
}

// watchRuns streams the list of runs and the curves of some, whenever they
// have changed: events "runs".
func (s *Server) watchRuns(w http.ResponseWriter, r *http.Request, v values) error {
	var paths []string
	if v["run"] != "" {
		paths = strings.Split(v["run"], "\n")
	}
	give, err := s.viewers.take(r.Context())
	if err != nil {
		return err
	}
	defer give()
	first, err := s.shelved(paths)
	if err != nil {
		return err
	}
	e, err := newEvents(w)
	if err != nil || e.send("runs", first) != nil {
		return nil // the client is gone
	}
	ctx, cancel := s.until(r.Context())
	defer cancel()
	return s.watch(ctx, e, paths, fingerprint(first))
}

func (s *Server) watch(ctx context.Context, e events, paths []string, before string) error {
	tick := time.NewTicker(freshness)
	defer tick.Stop()
	sent := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, err := s.shelved(paths)
		if err != nil {
			e.send("failed", map[string]string{"error": err.Error()})
			return nil
		}
		if print := fingerprint(now); print != before || time.Since(sent) > keepAlive {
			if e.send("runs", now) != nil {
				return nil
			}
			before, sent = print, time.Now()
		}
	}
}

// fingerprint changes with what is shown of the runs.
func fingerprint(d shelved) string {
	var b strings.Builder
	for _, r := range d.Runs {
		fmt.Fprintln(&b, r.Path, r.State, r.Step, r.Error)
	}
	return b.String()
}
