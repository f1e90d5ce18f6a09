package command

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"icar/internal/suggest"
	"icar/internal/visible"
	"icar/outcome"
	"icar/report"
	"icar/run"
	"icar/sweep"
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
					case !watch || sweep.FaultOf(err) != sweep.Away ||
						time.Since(answered) > watchPatience:
						return runFailed(err)
					default:
						fmt.Fprintf(c.ErrOrStderr(),
							"icar: the database does not answer, watching on: %v\n", err)
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
	c.Flags().BoolVar(&watch, "watch", false,
		"print it again every two seconds until nothing is left")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document instead of the table")
	return c
}

// watchPatience is how long status --watch waits for a database that does not
// answer, as long as workers do.
const watchPatience = 10 * time.Minute

// failedTrials returns the trials that have failed for good.
func failedTrials(ctx context.Context, s *sweep.Store, w sweep.Sweep) (all []sweep.Trial,
	err error) {
	err = s.Trials(ctx, w, func(t sweep.Trial) error {
		if t.State == sweep.Failed {
			all = append(all, t)
		}
		return nil
	})
	return all, err
}

func printStatus(out io.Writer, w sweep.Sweep, st sweep.Status, failed []sweep.Trial,
	asJSON bool) error {
	if asJSON {
		return printJSON(out, struct {
			Version int `json:"version"`
			sweep.Sweep
			sweep.Status
		}{outcome.DocumentVersion, w, st})
	}
	fmt.Fprintf(out, "%s: %d of %d done, %d running, %d pending, %d failed, %d cancelled; %d "+
		"claims, %d workers lost\n",
		visible.Text(w.ID), st.Done, w.Trials, st.Running, st.Pending, st.Failed, st.Cancelled,
		st.Attempts, st.Lost)
	if st.Missing > 0 {
		fmt.Fprintf(out, "%d trials are missing: icar sweep create was cut short, the same "+
			"command goes on\n", st.Missing)
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
var resultFormats = map[string]func(io.Writer, []sweep.TrainedTrial) error{
	"csv": sweep.WriteCSV, "jsonl": sweep.WriteJSON, "npy": sweep.WriteNPY,
}

func (h *house) newSweepResults(f *databaseFlags) *cobra.Command {
	format := "csv"
	var picture, x string
	var style report.Style
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
				return usage(fmt.Errorf("there is no format %q: %s", format, suggest.Instead(format,
					names)))
			}
			return f.withSweep(c.Context(), args, func(s *sweep.Store, w sweep.Sweep) error {
				results, err := h.finished(c.Context(), s, w)
				if err != nil {
					return err
				}
				if missing := w.Trials - int64(len(results)); missing > 0 {
					fmt.Fprintf(c.ErrOrStderr(),
						"icar: %d of %d trials have no result: icar sweep status says why\n",
						missing, w.Trials)
				}
				if picture != "" {
					return drawSweep(picture, x, results, style)
				}
				out := c.OutOrStdout()
				if w, ok := out.(*visible.Writer); ok && format == "npy" {
					out = w.Unwrap() // an array is no text
				}
				if err := resultFormats[format](out, results); err != nil {
					return runFailed(err)
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&format, "format", format, "csv, jsonl or npy")
	c.Flags().StringVar(&picture, "figure", "",
		"draw a figure into this .svg, .pdf or .png `file` instead")
	c.Flags().StringVar(&x, "x", "", "the `setting` along the figure's axis")
	addStyle(c.Flags(), &style)
	return c
}

// finished reads the trials of a sweep that are done.
func (h *house) finished(ctx context.Context, s *sweep.Store, w sweep.Sweep) ([]sweep.TrainedTrial,
	error) {
	if w.Kind != sweep.Training {
		return nil, usage(fmt.Errorf("the sweep %s is of the kind %s, whose results are printed "+
			"by icar reproduce", w.ID, w.Kind))
	}
	all, err := s.TrainedTrials(ctx, w, h.catalogue)
	if err != nil {
		return nil, runFailed(err)
	}
	return all, nil
}

// drawSweep draws the test MSE against the setting x.
func drawSweep(path, x string, all []sweep.TrainedTrial, style report.Style) error {
	format := strings.TrimPrefix(filepath.Ext(path), ".")
	if !slices.Contains(report.Formats(), format) {
		return usage(fmt.Errorf("--figure %s: name a file that ends in .%s", path,
			strings.Join(report.Formats(), ", .")))
	}
	varied := sweep.Varied(all)
	if !slices.Contains(varied, x) {
		return usage(fmt.Errorf("--x %q is no number that varies among the results: %s", x,
			suggest.Instead(x, varied)))
	}
	picture, err := sweep.Figure(x, all)
	if err != nil {
		return usage(err)
	}
	if err := run.WriteFile(path, func(w io.Writer) error {
		return report.Draw(w, picture, format, style)
	}); err != nil {
		return runFailed(err)
	}
	return nil
}
