// Part five: the runs of a folder.

package web

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"icar/figure"
	"icar/run"
	"icar/train"
)

const (
	maxRuns    = 500 // listed; a folder of more is cut off
	maxCompare = 6   // in one figure
	freshness  = 500 * time.Millisecond
)

var runsParameters = slices.Concat([]parameter{
	text("run", "a path", maxCompare,
		fmt.Sprintf("path of a run below the folder of runs; up to %d of them", maxCompare)),
	smoothParameter}, selectParameters)

// runState is a run in the list.
type runState struct {
	Number int            `json:"number"` // how many are older: its colour on the page
	Path   string         `json:"path"`
	State  run.State      `json:"state"`
	Step   int            `json:"step"`
	Steps  int            `json:"steps"`
	Loss   *figure.Number `json:"loss"`
	Test   *figure.Number `json:"test_mse"`
	Best   *figure.Number `json:"best"`
	Floor  *floor         `json:"floor"`
	run.Label
	Says  string   `json:"says"` // how it is, in words
	Set   []string `json:"set"`  // KEY=VALUE that are not the defaults
	Error string   `json:"error,omitempty"`
}

// shelved is what the page shows of the runs: those that are selected and the curves of
// those that were asked for.
type shelved struct {
	Document
	Total    int        `json:"total"`    // runs, also those that are not selected
	Settings []string   `json:"settings"` // that differ among the runs
	Runs     []runState `json:"runs"`
	// Numbers are those of the runs that are drawn, which may not be selected.
	Numbers map[string]int `json:"numbers"`
}

// states returns the list of runs.
func states(runs []shelfRun, now time.Time) []runState {
	all := []runState{}
	for _, r := range runs {
		all = append(all, stateOf(r, now))
	}
	return all
}

func stateOf(r shelfRun, now time.Time) runState {
	state := runState{Number: r.number, Path: r.path, State: r.State, Step: r.Step,
		Label: r.Label, Says: r.words(now), Set: r.set}
	if r.err != nil {
		state.State, state.Error = run.Damaged, oneLine(r.err.Error())
		return state
	}
	state.Steps, state.Error = r.config.Steps(), r.Diverged
	number := func(x float64) *figure.Number {
		n := figure.Number(x)
		return &n
	}
	if r.Step > 0 {
		state.Loss = number(r.Loss)
	}
	if r.Evaluation != nil {
		state.Test = number(r.Evaluation.TestMSE)
	}
	if r.Best != nil {
		state.Best = number(r.Best.TestMSE)
	}
	if f, known := floorOf(r.config); known {
		state.Floor = &f
	}
	return state
}

// oneLine is an error as one line.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// differing are the settings that are not the same in all runs whose configurations are
// known, in the order of the first.
func differing(runs []shelfRun) []string {
	var configs []train.Config
	values := map[string]bool{}
	for _, r := range runs {
		if key := string(r.Config); r.err == nil && !values[key] {
			values[key] = true
			configs = append(configs, r.config)
		}
	}
	if len(configs) < 2 {
		return []string{}
	}
	return train.Differing(configs...)
}

// listRuns answers with the list of runs and the curves of some, or with 304 to
// who has seen them as they are. A page asks again and again: a browser keeps six
// connections to a server for all its pages together, so none may hold one.
func (s *Server) listRuns(ctx context.Context, x exchange, v values) error {
	give, err := s.viewers.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	chosen, err := selectionOf(v, s.options.Catalogue)
	if err != nil {
		return bad(err)
	}
	runs, err := s.shelf.list(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	tag, err := fingerprint(states(runs, now))
	if err != nil {
		return err
	}
	if x.seen() == tag {
		x.answer(statusNotModified, "", nil)
		return nil
	}
	out := shelved{Total: len(runs), Settings: differing(runs),
		Runs:    states(train.Select(chosen, runs, shelfRun.listed), now),
		Numbers: map[string]int{}}
	var compared []shelfRun
	for _, p := range v.all("run") {
		r, err := s.shelf.find(ctx, p)
		if err != nil {
			return err
		}
		compared, out.Numbers[r.path] = append(compared, r), r.number
	}
	if len(compared) > 0 {
		out.curves(compared, v.number("smooth"))
	}
	return answerJSON(x, tag, out)
}

// fingerprint is an entity tag that changes with what is shown of the runs, whichever are
// selected.
func fingerprint(runs []runState) (string, error) {
	b, err := json.Marshal(runs)
	return fmt.Sprintf(`"%x"`, sha256.Sum256(b)), err
}
