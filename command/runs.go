package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"icar/internal/visible"
	"icar/outcome"
	"icar/report"
	"icar/run"
	"icar/train"
)

// runsFolder is where icar train writes without --out.
const runsFolder = "runs"

func (h *house) newRuns() *cobra.Command {
	c := &cobra.Command{
		Use:   "runs",
		Short: "List, show, compare, name, tag and remove the runs of icar train",
		Args:  noCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(h.newRunsList(), h.newRunsShow(), h.newRunsCompare(), newRunsName(), newRunsTag(),
		newRunsNote(), newRunsRemove())
	return c
}

func (h *house) newRunsList() *cobra.Command {
	var asJSON bool
	var chosen selection
	c := &cobra.Command{
		Use:   "list [FOLDER]",
		Short: "List the runs in a folder and the folders below it (default " + runsFolder + ")",
		Example: `  icar runs list --sort error
  icar runs list --tag baseline --where depth=2 --below 0.1
  icar runs list sweeps --state diverged --sort learning_rate --reverse`,
		Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			if err := chosen.check(h.catalogue); err != nil {
				return usage(err)
			}
			folder := runsFolder
			if len(args) == 1 {
				folder = args[0]
			}
			runs, err := run.List(folder)
			if errors.Is(err, fs.ErrNotExist) {
				return badInput(fmt.Errorf(
					"there is no folder %s: name one that icar train has written to", folder))
			}
			if err != nil {
				return badInput(err)
			}
			known := train.Select(chosen.Selection, h.describe(runs), described.listed)
			if asJSON {
				return printRuns(c.OutOrStdout(), known)
			}
			if len(known) == 0 && len(runs) > 0 {
				_, err := fmt.Fprintf(c.ErrOrStderr(),
					"icar: none of the %d runs in %s is like that\n", len(runs),
					visible.Text(folder))
				return err
			}
			if len(known) == 0 {
				_, err := fmt.Fprintf(c.ErrOrStderr(),
					"icar: %s holds no runs: icar train writes one\n",
					visible.Text(folder))
				return err
			}
			return listRuns(c.OutOrStdout(), known)
		},
	}
	chosen.flags(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document instead of the table")
	return c
}

// described is a run with its configuration understood, as docs/json.md has it.
type described struct {
	Path string `json:"path"`
	run.Label
	State      run.State       `json:"state"`
	Error      string          `json:"error,omitempty"`
	Step       int             `json:"step"`
	Steps      int             `json:"steps"`
	Loss       *float64        `json:"loss"`
	Evaluation *run.Evaluation `json:"evaluation"`
	Best       *train.Best     `json:"best"`
	Seconds    float64         `json:"seconds"`
	Info       *run.Info       `json:"info"`
	Config     *train.Config   `json:"config"`
	metrics    []run.Metric
}

// describe decodes the configurations of runs; one that cannot be is damaged.
func (h *house) describe(runs []run.Run) []described {
	all := make([]described, 0, len(runs)) // an array in JSON, also when empty
	for _, r := range runs {
		d := described{Path: r.Path, Label: r.Label, State: r.State, Seconds: r.Seconds,
			metrics: r.Metrics}
		var config train.Config
		err := r.Err
		if err == nil {
			if config, err = h.catalogue.Read(r.Config); err != nil {
				err = fmt.Errorf("%s: %s: %w", r.Path, run.ConfigFile, err)
			}
		}
		if err != nil {
			d.State, d.Error = run.Damaged, err.Error()
			all = append(all, d)
			continue
		}
		d.Config, d.Info, d.Steps, d.Step = &config, &r.Info, config.Steps(), len(r.Metrics)
		if d.Step > 0 {
			d.Loss = &r.Metrics[d.Step-1].Loss
		}
		d.Evaluation, d.Best = train.History(r.Metrics).Last(), train.History(r.Metrics).Best()
		all = append(all, d)
	}
	return all
}

// readRuns reads the named runs, all of which have to be whole.
func (h *house) readRuns(paths []string) ([]described, error) {
	var runs []run.Run
	for _, path := range paths {
		r, err := run.Read(path)
		if err != nil {
			return nil, badInput(err)
		}
		runs = append(runs, r)
	}
	all := h.describe(runs)
	for _, d := range all {
		if d.Error != "" {
			return nil, badInput(errors.New(d.Error))
		}
	}
	return all, nil
}

func printRuns(out io.Writer, runs []described) error {
	return printJSON(out, struct {
		Version int         `json:"version"`
		Runs    []described `json:"runs"`
	}{outcome.DocumentVersion, runs})
}

// cells are the columns of a run that tables share.
func (d described) cells() string {
	loss, test, best := "", "", ""
	if d.Loss != nil {
		loss = report.Number(*d.Loss)
	}
	if d.Evaluation != nil {
		test = report.Number(d.Evaluation.TestMSE)
	}
	if d.Best != nil {
		best = fmt.Sprintf("%s at %d", report.Number(d.Best.TestMSE), d.Best.Step)
	}
	took := time.Duration(d.Seconds * float64(time.Second)).Round(time.Second / 10)
	return fmt.Sprintf("%s\t%d/%d\t%s\t%s\t%s\t%v", d.State, d.Step, d.Steps, loss, test, best,
		took)
}

const cellTitles = "STATE\tSTEP\tLOSS\tTEST MSE\tBEST\tTIME"

func listRuns(out io.Writer, runs []described) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	named := slices.ContainsFunc(runs, func(d described) bool { return d.Name != "" })
	tagged := slices.ContainsFunc(runs, func(d described) bool { return len(d.Tags) > 0 })
	fmt.Fprintln(w, "RUN\t"+column(named, "NAME")+cellTitles+"\t"+column(tagged, "TAGS")+
		"OTHER THAN THE DEFAULTS")
	for _, d := range runs {
		path := visible.Text(d.Path) + "\t" + column(named, visible.Text(d.Name))
		tags := column(tagged, visible.Text(strings.Join(d.Tags, " ")))
		if d.Error != "" {
			fmt.Fprintf(w, "%s%s\t\t\t\t\t\t%s%s\n", path, d.State, tags, visible.Text(d.Error))
			continue
		}
		var changed []string
		for _, s := range d.Config.Changed() {
			changed = append(changed, s.String())
		}
		fmt.Fprintf(w, "%s%s\t%s%s\n", path, d.cells(), tags, strings.Join(changed, " "))
	}
	return w.Flush()
}

// column is a cell with its end, of a table that has this column.
func column(has bool, cell string) string {
	if !has {
		return ""
	}
	return cell + "\t"
}

func (h *house) newRunsShow() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show RUN",
		Short: "Show a run: how far it has come, what ran, its settings, its error by position",
		Args:  exactly(1, "a run: icar runs show RUN"),
		RunE: func(c *cobra.Command, args []string) error {
			runs, err := h.readRuns(args)
			if err != nil {
				return err
			}
			if asJSON {
				return printRuns(c.OutOrStdout(), runs)
			}
			return showRun(c.OutOrStdout(), runs[0])
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document instead of the table")
	return c
}

func showRun(out io.Writer, d described) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\t"+cellTitles)
	fmt.Fprintf(w, "%s\t%s\n", visible.Text(filepath.Clean(d.Path)), d.cells())
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	showLabel(w, d.Label)
	if why := d.Info.Diverged; why != "" {
		fmt.Fprintf(w, "diverged\t%s\n", visible.Text(why))
	}
	fmt.Fprintf(w, "icar\t%s\n", visible.Text(d.Info.Icar+" "+d.Info.Revision))
	fmt.Fprintf(w, "program\t%s\n", visible.Text(strings.Join(d.Info.Programs(), " and ")))
	fmt.Fprintf(w, "Go\t%s\n", visible.Text(d.Info.Go))
	fmt.Fprintf(w, "arithmetic\t%s\n", visible.Text(d.Info.Arithmetic))
	if d.Info.Init != "" {
		fmt.Fprintf(w, "initial weights\tSHA-256 %s\n", visible.Text(d.Info.Init))
	}
	if d.Config.Data != "" {
		fmt.Fprintf(w, "sequences\t%s\n", visible.Text(split(*d.Config)))
	}
	fmt.Fprintln(w)
	for _, k := range d.Config.FileKeys() {
		fmt.Fprintf(w, "%s\t%s\n", k.Name, visible.Text(k.String()))
	}
	if err := w.Flush(); err != nil || d.Evaluation == nil {
		return err
	}
	fmt.Fprintln(w, "\nPOSITION\tTEST MSE")
	for t, e := range d.Evaluation.PositionMSE {
		fmt.Fprintf(w, "%d\t%s\n", t+1, report.Number(e))
	}
	return w.Flush()
}
