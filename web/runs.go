// Part five: the runs of a folder. T context length, H heads.

package web

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"icar/figure"
	"icar/run"
)

const (
	maxRuns    = 500 // listed; a folder of more is cut off
	maxCompare = 6   // in one figure
	freshness  = 500 * time.Millisecond
)

var runsParameters = []parameter{{name: "run", symbol: "runs",
	means: fmt.Sprintf("path of a run below the folder of runs; up to %d of them", maxCompare),
	many:  maxCompare}}

// runState is a run in the list.
type runState struct {
	Number int            `json:"number"` // how many are older: its colour on the page
	Path   string         `json:"path"`
	State  run.State      `json:"state"`
	Step   int            `json:"step"`
	Steps  int            `json:"steps"`
	Loss   *figure.Number `json:"loss"`
	Test   *figure.Number `json:"test_mse"`
	Error  string         `json:"error,omitempty"`
}

// shelved is what the page shows of the runs: the list and the curves of those
// that were asked for.
type shelved struct {
	Document
	Runs []runState `json:"runs"`
}

// states returns the list of runs.
func states(runs []shelfRun) []runState {
	all := []runState{}
	for _, r := range runs {
		all = append(all, stateOf(r))
	}
	return all
}

func stateOf(r shelfRun) runState {
	state := runState{Number: r.number, Path: r.path, State: r.State, Step: r.Step}
	if r.err != nil {
		state.State, state.Error = run.Damaged, strings.ReplaceAll(r.err.Error(), "\n", "; ")
		return state
	}
	state.Steps, state.Error = r.config.Steps(), r.Diverged
	if r.Step > 0 {
		loss := figure.Number(r.Loss)
		state.Loss = &loss
	}
	if e := r.Evaluation; e != nil {
		test := figure.Number(e.TestMSE)
		state.Test = &test
	}
	return state
}

// curves draws the losses of runs and their errors by position.
func (d *Document) curves(runs []shelfRun) {
	var losses, positions []figure.Series
	for _, r := range runs {
		var x, y, tx, ty []float64
		for _, m := range r.Curve {
			x, y = append(x, float64(m.Step)), append(y, m.Loss)
		}
		for _, m := range r.Evaluations {
			tx, ty = append(tx, float64(m.Step)), append(ty, m.TestMSE)
		}
		losses = append(losses, figure.NewSeries(r.path, figure.Solid, x, y),
			figure.NewSeries(r.path+", test", figure.Points, tx, ty))
		if e := r.Evaluation; e != nil {
			positions = append(positions, figure.NewSeries(r.path, figure.Solid,
				figure.Positions(len(e.PositionMSE)), e.PositionMSE))
		}
	}
	d.figure("loss", "Loss while training", "Lines: the loss of each batch. Points: the error on the test sequences.", 1, lines("", linear("step"), logarithmic("mean squared error"), losses...))
	d.figure("positions", "Test error by position", "The last evaluation, at each context length.",
		1, lines("", linear("context length T"), logarithmic("mean squared error"), positions...))
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
	runs, err := s.shelf.list(ctx)
	if err != nil {
		return err
	}
	all := states(runs)
	tag := fingerprint(all)
	if x.seen() == tag {
		x.answer(statusNotModified, "", nil)
		return nil
	}
	out := shelved{Runs: all}
	var chosen []shelfRun
	for p := range strings.SplitSeq(v["run"], "\n") {
		if p == "" {
			continue
		}
		r, err := s.shelf.find(ctx, p)
		if err != nil {
			return err
		}
		chosen = append(chosen, r)
	}
	if len(chosen) > 0 {
		out.curves(chosen)
	}
	return answerJSON(x, tag, out)
}

// fingerprint is an entity tag that changes with what is shown of the runs.
func fingerprint(runs []runState) string {
	var b strings.Builder
	for _, r := range runs {
		fmt.Fprintln(&b, r.Number, r.Path, r.State, r.Step, r.Error)
	}
	return fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(b.String())))
}
