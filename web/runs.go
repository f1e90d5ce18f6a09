// Part five: the runs of a folder. T context length, H heads.

package web

import (
	"crypto/sha256"
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
	"icar/internal/visible"
	"icar/run"
	"icar/train"
)

const (
	maxRuns    = 500 // listed; a folder of more is cut off
	maxCompare = 6   // in one figure
	maxPoints  = 400 // of a drawn curve
	freshness  = 500 * time.Millisecond
)

var runsParameters = []parameter{{name: "run", symbol: "runs", means: fmt.Sprintf("path of a run below the folder of runs; up to %d of them", maxCompare), many: maxCompare}}

// runState is a run in the list.
type runState struct {
	Number int                `json:"number"` // how many are older: its colour on the page
	Path   string             `json:"path"`
	State  run.State          `json:"state"`
	Step   int                `json:"step"`
	Steps  int                `json:"steps"`
	Loss   *experiment.Number `json:"loss"`
	Test   *experiment.Number `json:"test_mse"`
	Error  string             `json:"error,omitempty"`
}

// shelf reads the runs below a folder, for all that look at it at most once in
// a while. Nothing outside the folder is read: os.Root follows no link out.
type shelf struct {
	root root
	mu   sync.Mutex
	at   time.Time
	runs []run.Run
	born []time.Time // when each was begun
	err  error
}

// list returns all runs, by path.
func (s *shelf) list() ([]run.Run, error) {
	runs, _, err := s.listBorn()
	return runs, err
}

// listBorn returns all runs, by path, and when each was begun.
func (s *shelf) listBorn() ([]run.Run, []time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) >= freshness {
		s.runs, s.born, s.err = s.read()
		s.at = time.Now()
	}
	return s.runs, s.born, s.err
}

func (s *shelf) read() (runs []run.Run, born []time.Time, err error) {
	folder, err := s.root.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil // icar train will make it
	}
	if err != nil {
		return nil, nil, err
	}
	defer folder.Close()
	err = fs.WalkDir(folder.FS(), ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil // what cannot be read is no run
		}
		if len(runs) == maxRuns {
			return fs.SkipAll
		}
		written, err := folder.Lstat(path.Join(p, "run.json"))
		if err != nil {
			return nil
		}
		r, err := readIn(folder, p)
		if shown := visible.Text(p); shown != p {
			// The page shows every word in plain letters and asks by what it shows.
			p, err = shown, errors.New("its name cannot be shown as it is: rename the folder")
		}
		if err != nil {
			r = run.Run{Path: p, State: run.Damaged, Err: err}
		}
		runs, born = append(runs, r), append(born, written.ModTime())
		return fs.SkipDir
	})
	return runs, born, err
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

// states returns the list of runs.
func (s *Server) states() ([]runState, error) {
	runs, born, err := s.shelf.listBorn()
	all := []runState{}
	for i, r := range runs {
		state := stateOf(r)
		for j, at := range born {
			if at.Before(born[i]) || at.Equal(born[i]) && j < i {
				state.Number++
			}
		}
		all = append(all, state)
	}
	return all, err
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

// listRuns answers with the list of runs and the curves of some, or with 304 to
// who has seen them as they are. A page asks again and again: a browser keeps six
// connections to a server for all its pages together, so none may hold one.
func (s *Server) listRuns(w http.ResponseWriter, r *http.Request, v values) error {
	give, err := s.viewers.take(r.Context())
	if err != nil {
		return err
	}
	defer give()
	states, err := s.states()
	if err != nil {
		return err
	}
	tag := fingerprint(states)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	out := shelved{Runs: states}
	var chosen []run.Run
	for p := range strings.SplitSeq(v["run"], "\n") {
		if p == "" {
			continue
		}
		r, err := s.shelf.find(p)
		if err != nil {
			return err
		}
		chosen = append(chosen, r)
	}
	if len(chosen) > 0 {
		out.curves(chosen)
	}
	w.Header().Set("ETag", tag)
	writeJSON(w, http.StatusOK, out)
	return nil
}

// fingerprint is an entity tag that changes with what is shown of the runs.
func fingerprint(runs []runState) string {
	var b strings.Builder
	for _, r := range runs {
		fmt.Fprintln(&b, r.Number, r.Path, r.State, r.Step, r.Error)
	}
	return fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(b.String())))
}
