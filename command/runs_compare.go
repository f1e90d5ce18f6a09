package command

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"icar/figure"
	"icar/internal/suggest"
	"icar/internal/visible"
	"icar/report"
	"icar/run"
	"icar/train"
)

func (h *house) newRunsCompare() *cobra.Command {
	var out string
	var style report.Style
	var asJSON bool
	c := &cobra.Command{
		Use: "compare RUN RUN...",
		Short: "Compare runs: what they differ in, where they have come to, their curves in one " +
			"figure",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(fmt.Errorf(
					"%d runs given: name two or more, icar runs compare RUN RUN", len(args)))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			format := strings.TrimPrefix(filepath.Ext(out), ".")
			if !slices.Contains(report.Formats(), format) {
				return usage(fmt.Errorf("--out %s is no figure: %s", out,
					suggest.Instead(format, report.Formats())))
			}
			runs, err := h.readRuns(args)
			if err != nil {
				return err
			}
			err = run.WriteFile(out, func(w io.Writer) error {
				return report.Draw(w, curves(runs), format, style)
			})
			if err != nil {
				return runFailed(fmt.Errorf("--out %s: %w; choose another file", out, err))
			}
			if asJSON {
				return printRuns(c.OutOrStdout(), runs)
			}
			return compareRuns(c.OutOrStdout(), runs, out)
		},
	}
	c.Flags().StringVar(&out, "out", "compare.svg",
		"the figure to write: a `file` .svg, .pdf or .png")
	addStyle(c.Flags(), &style)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document instead of the table")
	return c
}

// differing returns for each run KEY=VALUE of the settings that are not the
// same in all. Of a file of sequences its hash is one where the name is the same, and
// its first digits tell it.
func differing(runs []described) [][]string {
	var configs []train.Config
	for _, d := range runs {
		configs = append(configs, *d.Config)
	}
	differ := make([][]string, len(runs))
	const digits = 12
	names := train.Differing(configs...)
	for _, name := range names {
		file, hash := strings.CutSuffix(name, "_sha256")
		if hash && slices.Contains(names, file) {
			continue
		}
		for r, c := range configs {
			if value, has := c.Values()[name]; has && hash {
				differ[r] = append(differ[r], name+"="+value[:min(len(value), digits)])
			} else if has {
				differ[r] = append(differ[r], name+"="+value)
			}
		}
	}
	return differ
}

func compareRuns(out io.Writer, runs []described, picture string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\t"+cellTitles+"\tDIFFERS IN")
	for i, values := range differing(runs) {
		fmt.Fprintf(w, "%s\t%s\t%s\n", visible.Text(runs[i].Path), runs[i].cells(),
			strings.Join(values, " "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nCurves: %s\n", visible.Text(picture))
	return err
}

// labels returns what curves are called: the settings in which the runs differ,
// with the name, or the path, where these are the same for two.
func labels(runs []described) []string {
	names := make([]string, len(runs))
	count := map[string]int{}
	for i, values := range differing(runs) {
		names[i] = strings.Join(values, " ")
		count[names[i]]++
	}
	for i, name := range names {
		if count[name] > 1 {
			names[i] = strings.TrimSpace(name + " " + runs[i].called(runs))
		}
	}
	return names
}

// called is the name of a run, if no other has it, or its path.
func (d described) called(runs []described) string {
	same := 0
	for _, other := range runs {
		if other.Name == d.Name {
			same++
		}
	}
	if d.Name == "" || same > 1 {
		return d.Path
	}
	return d.Name
}

// thinned is the number of points of a loss curve.
const thinned = 400

// curves draws training loss, test error by step and test error by position.
func curves(runs []described) figure.Figure {
	loss := figure.Panel{Kind: figure.Lines, Title: "training loss", X: figure.Axis{Label: "step"},
		Y: figure.Axis{Label: "loss of the batch", Log: true}}
	test := figure.Panel{Kind: figure.Lines, Title: "test error", X: figure.Axis{Label: "step"},
		Y: figure.Axis{Label: "MSE", Log: true}}
	position := figure.Panel{Kind: figure.Lines, Title: "test error by position",
		X: figure.Axis{Label: "position T"}, Y: figure.Axis{Label: "MSE", Log: true}}
	names := labels(runs)
	for r, d := range runs {
		var x, y, tx, ty, px, py []float64
		every := max(1, len(d.metrics)/thinned)
		for i, m := range d.metrics {
			if i%every == 0 {
				x, y = append(x, float64(m.Step)), append(y, m.Loss)
			}
			if m.Evaluation != nil {
				tx, ty = append(tx, float64(m.Step)), append(ty, m.TestMSE)
			}
		}
		if d.Evaluation != nil {
			for t, e := range d.Evaluation.PositionMSE {
				px, py = append(px, float64(t+1)), append(py, e)
			}
		}
		name := names[r]
		loss.Series = append(loss.Series, figure.NewSeries(name, figure.Solid, x, y))
		test.Series = append(test.Series, figure.NewSeries(name, figure.Solid, tx, ty))
		position.Series = append(position.Series, figure.NewSeries(name, figure.Solid, px, py))
	}
	return figure.Figure{Title: "Runs compared", Columns: 3,
		Panels: []figure.Panel{loss, test, position}}
}
