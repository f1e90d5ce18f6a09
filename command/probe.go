package command

import (
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"icar/figure"
	"icar/internal/visible"
	"icar/outcome"
	"icar/probe"
	"icar/report"
	"icar/run"
)

type probeFlags struct {
	out, sequence string
	sequences     int
	overTraining  bool
	asJSON        bool
}

func (h *house) newProbe() *cobra.Command {
	var f probeFlags
	c := &cobra.Command{
		Use:   "probe RUN",
		Short: "Take the in-context algorithm out of a trained model",
		Long: `Find out what the model of a run has learnt: the matrix Γ that it makes of its
context, beside W and beside the maps of the classical estimators; which
iteration of which algorithm each layer is like, with controls; its heads,
positions and attention; what it cannot do without. docs/probing.md says what
each number means and what may be concluded from it.

With --sequence the model predicts the next tokens of a sequence of your own,
a (T, d) array in NumPy's .npy format, and each estimator does so beside it.`,
		Example: `  icar probe runs/1a2b3c4d
  icar probe runs/1a2b3c4d --sequence mine.npy
  icar probe --over-training runs/1a2b3c4d`,
		Args: exactlyOne("a run: icar probe RUN"),
		RunE: func(c *cobra.Command, args []string) error {
			if f.sequences < 40 || f.sequences > 1<<16 {
				return usage(fmt.Errorf("--sequences %d is not from 40 to %d: use 256", f.sequences,
					1<<16))
			}
			if f.overTraining {
				return h.probeTraining(c, args[0], f)
			}
			model, err := h.openRun(args[0])
			if err != nil {
				return badInput(err)
			}
			if f.out == "" {
				f.out = probeFolder(args[0], f.sequence)
			}
			document := analysisFile
			if f.sequence != "" {
				document = sequenceFile
			}
			if err := ownFolder(f.out, document,
				subject{Run: args[0], Sequence: f.sequence}); err != nil {
				return badInput(err)
			}
			if f.sequence != "" {
				return probeSequence(c, args[0], model, f)
			}
			return probeModel(c, args[0], model, f)
		},
	}
	c.Flags().StringVar(&f.out, "out", "",
		"the `folder` to write: analysis.json, the figures and report.html (default "+
			"icar-probe/RUN, with --sequence icar-probe/RUN-FILE)")
	c.Flags().StringVar(&f.sequence, "sequence", "",
		"a .npy `file` of a sequence of your own, (T, d)")
	c.Flags().BoolVar(&f.overTraining, "over-training", false,
		"look at all steps that a run trained with keep_every has kept, not the last alone")
	c.Flags().IntVar(&f.sequences, "sequences", 256, "test sequences to average over")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document instead of the tables")
	return c
}

func probeModel(c *cobra.Command, path string, model *probe.Model, f probeFlags) error {
	if err := prepare(f.out); err != nil {
		return runFailed(err)
	}
	a, err := model.Analyse(c.Context(), f.sequences)
	if err != nil {
		return runFailed(err)
	}
	page, err := saveProbe(f.out, path, a)
	if err != nil {
		return runFailed(err)
	}
	if f.asJSON {
		return printJSON(c.OutOrStdout(), probeDocument{Version: outcome.DocumentVersion, Run: path,
			Analysis: a})
	}
	return printSections(c.OutOrStdout(), a.Sections(), page)
}

// printSections prints tables, and where the page with them is.
func printSections(out io.Writer, sections []figure.Section, page string) error {
	for i, s := range sections {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := printSection(out, s); err != nil {
			return err
		}
	}
	absolute, err := filepath.Abs(page)
	if err != nil {
		return runFailed(err)
	}
	_, err = fmt.Fprintf(out, "\nReport: %s\n", visible.Text(absolute))
	return err
}

// probeDocument is what docs/json.md describes.
type probeDocument struct {
	Version  int            `json:"version"`
	Run      string         `json:"run"`
	Analysis probe.Analysis `json:"analysis"`
}

// printSection prints a table under its title.
func printSection(out io.Writer, s figure.Section) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, visible.Text(s.Title))
	row := func(cells []string) {
		for i, cell := range cells {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, visible.Text(cell))
		}
		fmt.Fprintln(w)
	}
	if len(s.Header) > 0 {
		row(s.Header)
	}
	for _, cells := range s.Rows {
		row(cells)
	}
	return w.Flush()
}

// saveProbe writes the analysis, the figures and the page.
func saveProbe(out, path string, a probe.Analysis) (page string, err error) {
	if err := report.WriteJSON(filepath.Join(out, analysisFile),
		probeDocument{Version: outcome.DocumentVersion, Run: path, Analysis: a}); err != nil {
		return "", err
	}
	return saveArticle(out, report.Article{
		Title: "What has it learnt?",
		Lead: fmt.Sprintf("The model of %s, taken apart on %d sequences of its process. The "+
			"paper's idea: from the context a Transformer makes a matrix Γ, then it predicts Γ s.",
			path, a.Sequences),
		Sections: a.Sections(),
	}, a.Figures())
}

// saveArticle writes figures, each by itself and all at the end of a page.
func saveArticle(out string, article report.Article, figures []figure.Figure) (page string,
	err error) {
	for i := range figures {
		article.Sections = append(article.Sections, figure.Section{Title: figures[i].Title,
			Figure: &figures[i]})
		for _, format := range report.Formats() {
			err := run.WriteFile(filepath.Join(out, report.FigureFile(figures[i], format)),
				func(w io.Writer) error {
					return report.Draw(w, figures[i], format)
				})
			if err != nil {
				return "", err
			}
		}
	}
	page = filepath.Join(out, report.PageFile)
	return page, report.WriteArticle(page, article)
}
