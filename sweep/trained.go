package sweep

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"icar/internal/budget"
	"icar/internal/npy"
	"icar/outcome"
	"icar/train"
)

// TrainedTrial is a training trial that is done.
type TrainedTrial struct {
	ID      string
	Program string       // that did it, "" if it is not known
	Config  train.Config // resolved
	Trained
}

// TrainedTrials returns the trials of a sweep of the kind Training that are done, in
// the order of the plan. The error is the database's, or about a trial whose
// configuration means nothing to the catalogue.
func (s *Store) TrainedTrials(ctx context.Context, w Sweep,
	catalogue *train.Catalogue) (all []TrainedTrial, err error) {
	err = s.Trials(ctx, w, func(t Trial) error {
		if t.Wrong != nil {
			return t.Wrong
		}
		if t.Result == nil {
			return nil
		}
		f := TrainedTrial{ID: t.ID, Program: w.Program}
		if f.Config, err = catalogue.Read(t.Config); err != nil {
			return fmt.Errorf("trial %s: %w", t.ID, err)
		}
		if err := budget.Unmarshal(t.Result, &f.Trained, budget.Record()); err != nil {
			return fmt.Errorf("trial %s: its result cannot be read: %w", t.ID, err)
		}
		all = append(all, f)
		return nil
	})
	return all, err
}

// configs are the configurations of trials, the default one for none.
func configs(trials []TrainedTrial) (all []train.Config) {
	for _, f := range trials {
		all = append(all, f.Config)
	}
	if len(all) == 0 {
		all = append(all, train.DefaultConfig())
	}
	return all
}

func float(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// WriteCSV writes a line a trial, under a line of titles, with a column for every
// key that one of the configurations has.
func WriteCSV(out io.Writer, trials []TrainedTrial) error {
	w := csv.NewWriter(out)
	names := train.Names(configs(trials)...)
	rows := [][]string{slices.Concat([]string{"trial"}, names, []string{"steps", "loss",
		"test_mse"})}
	for _, f := range trials {
		row, values := []string{f.ID}, f.Config.Values()
		for _, name := range names {
			row = append(row, values[name])
		}
		rows = append(rows, append(row, strconv.Itoa(f.Steps), float(f.Loss), float(f.TestMSE)))
	}
	return w.WriteAll(rows)
}

// WriteJSON writes a document a line, see docs/json.md.
func WriteJSON(out io.Writer, trials []TrainedTrial) error {
	e := json.NewEncoder(out)
	for _, f := range trials {
		if err := e.Encode(struct {
			Version int          `json:"version"`
			Trial   string       `json:"trial"`
			Program string       `json:"program,omitempty"`
			Config  train.Config `json:"config"`
			Result  Trained      `json:"result"`
		}{outcome.DocumentVersion, f.ID, f.Program, f.Config, f.Trained}); err != nil {
			return err
		}
	}
	return nil
}

// WriteNPY writes the array (N, 3) of steps, loss and test MSE. It is an error if
// no trial is done.
func WriteNPY(out io.Writer, trials []TrainedTrial) error {
	if len(trials) == 0 {
		return errors.New("no trial is done yet: an array needs one")
	}
	var values []float64
	for _, f := range trials {
		values = append(values, float64(f.Steps), f.Loss, f.TestMSE)
	}
	return npy.Write(out, npy.Array{Name: "of trials", Shape: []int{len(trials), 3}, Data: values})
}
