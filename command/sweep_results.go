package command

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"codeberg.org/sbinet/npyio"
	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"

	"icar/internal/budget"
	"icar/internal/suggest"
	"icar/internal/visible"
	"icar/outcome"
	"icar/sweep"
	"icar/train"
)

func newSweepStatus(f *databaseFlags) *cobra.Command {
	var watch, asJSON bool
	c := &cobra.Command{
		Use:   "status [SWEEP]",
		Short: "Show how far a sweep has come, and the errors of what has failed",
		Args:  atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			return f.withSweep(c.Context(), args, func(s *sweep.Store, w sweep.Sweep) error {
				for answered := time.Now(); ; {
					st, err := s.Status(c.Context(), w)
					var failed []sweep.Trial
					if err == nil && st.Failed > 0 && !asJSON {
						failed, err = failedTrials(c.Context(), s, w)
					}
					switch {
					case c.Context().Err() != nil:
						return context.Cause(c.Context())
					case err == nil:
						answered = time.Now()
						if err := printStatus(c.OutOrStdout(), w, st, failed, asJSON); err != nil {
							return runFailed(err)
						}
						if !watch || st.Finished() {
							return nil
						}
					case !watch || sweep.FaultOf(err) != sweep.Away || time.Since(answered) > watchPatience:
						return runFailed(err)
					default:
						fmt.Fprintf(c.ErrOrStderr(), "icar: the database does not answer, watching on: %v\n", err)
					}
					select {
					case <-c.Context().Done():
						return context.Cause(c.Context())
					case <-time.After(2 * time.Second):
					}
				}
			})
		},
	}
	c.Flags().BoolVar(&watch, "watch", false, "print it again every two seconds until nothing is left")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document instead of the table")
	return c
}

// watchPatience is how long status --watch waits for a database that does not
// answer, as long as workers do.
const watchPatience = 10 * time.Minute

// failedTrials returns the trials that have failed for good.
func failedTrials(ctx context.Context, s *sweep.Store, w sweep.Sweep) (all []sweep.Trial, err error) {
	err = s.Trials(ctx, w, func(t sweep.Trial) error {
		if t.State == sweep.Failed {
			all = append(all, t)
		}
		return nil
	})
	return all, err
}

func printStatus(out io.Writer, w sweep.Sweep, st sweep.Status, failed []sweep.Trial, asJSON bool) error {
	if asJSON {
		return printJSON(out, struct {
			Version int `json:"version"`
			sweep.Sweep
			sweep.Status
		}{outcome.DocumentVersion, w, st})
	}
	fmt.Fprintf(out, "%s: %d of %d done, %d running, %d pending, %d failed, %d cancelled; %d claims, %d workers lost\n",
		visible.Text(w.ID), st.Done, w.Trials, st.Running, st.Pending, st.Failed, st.Cancelled, st.Attempts, st.Lost)
	if st.Missing > 0 {
		fmt.Fprintf(out, "%d trials are missing: icar sweep create was cut short, the same command goes on\n", st.Missing)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, trial := range failed {
		name := trial.ID
		if trial.Wrong != nil { // its name is not to be repeated
			name = fmt.Sprintf("trial %d", trial.Position+1)
		}
		fmt.Fprintf(t, "%s\t%s\n", name, visible.Text(trial.Error))
	}
	return t.Flush()
}

// resultFormats are how results are printed.
var resultFormats = map[string]func(io.Writer, []trained) error{"csv": resultsCSV, "jsonl": resultsJSON, "npy": resultsNPY}

func (h *house) newSweepResults(f *databaseFlags) *cobra.Command {
	format := "csv"
	var picture, x string
	c := &cobra.Command{
		Use:   "results [SWEEP]",
		Short: "Print the results in the order of the plan; equal sweeps print equal bytes",
		Long: `Print the results in the order of the plan; equal sweeps print equal bytes.

csv has a line a trial with all its settings, jsonl also the error at each
position, npy is the (trials, 3) float64 array of steps, loss and test MSE.
--figure draws the test MSE against the setting --x, a line for every
combination of the others, its mean over seeds and the 95 % interval of that mean.`,
		Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			names := []string{"csv", "jsonl", "npy"}
			if !slices.Contains(names, format) {
				return usage(fmt.Errorf("there is no format %q: %s", format, suggest.Instead(format, names)))
			}
			return f.withSweep(c.Context(), args, func(s *sweep.Store, w sweep.Sweep) error {
				results, err := h.readTrained(c.Context(), s, w)
				if err != nil {
					return err
				}
				if missing := w.Trials - int64(len(results)); missing > 0 {
					fmt.Fprintf(c.ErrOrStderr(), "icar: %d of %d trials have no result: icar sweep status says why\n", missing, w.Trials)
				}
				if picture != "" {
					return drawSweep(picture, x, results)
				}
				if err := resultFormats[format](c.OutOrStdout(), results); err != nil {
					return runFailed(err)
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&format, "format", format, "csv, jsonl or npy")
	c.Flags().StringVar(&picture, "figure", "", "draw a figure into this .svg, .pdf or .png `file` instead")
	c.Flags().StringVar(&x, "x", "", "the `setting` along the figure's axis")
	return c
}

// trained is a trial that is done.
type trained struct {
	id     string
	by     string // the program, "" if it is not known
	config train.Config
	result sweep.Trained
}

func (h *house) readTrained(ctx context.Context, s *sweep.Store, w sweep.Sweep) (all []trained, err error) {
	if w.Kind != sweep.Training {
		return nil, usage(fmt.Errorf("the sweep %s is of the kind %s, whose results are printed by icar reproduce", w.ID, w.Kind))
	}
	err = s.Trials(ctx, w, func(t sweep.Trial) error {
		if t.Wrong != nil {
			return t.Wrong
		}
		if t.Result == nil {
			return nil
		}
		r := trained{id: t.ID, by: w.Program}
		if r.config, err = h.decode(t.Config); err != nil {
			return fmt.Errorf("trial %s: %w", t.ID, err)
		}
		if err := budget.Unmarshal(t.Result, &r.result, budget.Record()); err != nil {
			return fmt.Errorf("trial %s: its result cannot be read: %w", t.ID, err)
		}
		all = append(all, r)
		return nil
	})
	if err != nil {
		return nil, runFailed(err)
	}
	return all, nil
}

// configs are the configurations of results, the default one for none.
func configs(results []trained) (all []train.Config) {
	for _, r := range results {
		all = append(all, r.config)
	}
	if len(all) == 0 {
		all = append(all, train.DefaultConfig())
	}
	return all
}

func float(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// resultsCSV writes a column for every key that a configuration of the results
// has.
func resultsCSV(out io.Writer, results []trained) error {
	w := csv.NewWriter(out)
	names := train.Names(configs(results)...)
	rows := [][]string{slices.Concat([]string{"trial"}, names, []string{"steps", "loss", "test_mse"})}
	for _, r := range results {
		row, values := []string{r.id}, r.config.Values()
		for _, name := range names {
			row = append(row, values[name])
		}
		rows = append(rows, append(row, strconv.Itoa(r.result.Steps), float(r.result.Loss), float(r.result.TestMSE)))
	}
	return w.WriteAll(rows)
}

func resultsJSON(out io.Writer, results []trained) error {
	e := json.NewEncoder(out)
	for _, r := range results {
		if err := e.Encode(struct {
			Version int           `json:"version"`
			Trial   string        `json:"trial"`
			Program string        `json:"program,omitempty"`
			Config  train.Config  `json:"config"`
			Result  sweep.Trained `json:"result"`
		}{outcome.DocumentVersion, r.id, r.by, r.config, r.result}); err != nil {
			return err
		}
	}
	return nil
}

// resultsNPY writes an (N, 3) array.
func resultsNPY(out io.Writer, results []trained) error {
	if len(results) == 0 {
		return errors.New("no trial is done yet: an array needs one")
	}
	values := mat.NewDense(len(results), 3, nil)
	for i, r := range results {
		values.SetRow(i, []float64{float64(r.result.Steps), r.result.Loss, r.result.TestMSE})
	}
	if w, ok := out.(*visible.Writer); ok {
		out = w.Unwrap() // an array is no text
	}
	return npyio.Write(out, values)
}
