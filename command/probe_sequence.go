package command

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"icar/figure"
	"icar/internal/npy"
	"icar/internal/visible"
	"icar/outcome"
	"icar/probe"
	"icar/report"
)

// probeSequence predicts a sequence of the user's.
func probeSequence(c *cobra.Command, path string, model *probe.Model, f probeFlags) error {
	shape, states, err := npy.ReadFile(f.sequence)
	if err != nil {
		return badInput(err)
	}
	if len(shape) != 2 || shape[0] == 0 || shape[1] == 0 {
		return badInput(fmt.Errorf("%s has the shape %v: save a sequence as an array (T, d), a "+
			"token a row", f.sequence, shape))
	}
	length, d := shape[0], shape[1]
	beside, tooLong, err := model.EstimatorsUpTo(c.Context(), length)
	if err != nil {
		return runFailed(err)
	}
	predictions, err := model.Sequence(c.Context(), states, d, beside)
	if err != nil {
		return badInput(fmt.Errorf("%s: %w", f.sequence, err))
	}
	unfinished, err := unfinished(path, model.Config)
	if err != nil {
		return badInput(err)
	}
	if err := prepare(f.out); err != nil {
		return runFailed(err)
	}
	document := struct {
		Version     int                `json:"version"`
		Run         string             `json:"run"`
		Sequence    string             `json:"sequence"`
		Predictions []probe.Prediction `json:"predictions"`
	}{outcome.DocumentVersion, path, f.sequence, predictions}
	table := probe.SequenceSection(predictions, d)
	if len(tooLong) > 0 {
		table.Text += fmt.Sprintf(" Left out, since their steps are fitted for each of the %d "+
			"positions of the training and the sequence has %d: %s.", model.Config.Length, length,
			strings.Join(tooLong, ", "))
	}
	summary := probe.SequenceSummary(predictions, d)
	if unfinished != "" {
		summary += " What limits this: " + unfinished + "."
	}
	page, err := saveArticle(f.out, report.Article{
		Title:   "Your sequence",
		Verdict: summary,
		Lead: fmt.Sprintf("%s, %d tokens of dimension %d, as the model of %s predicts it, "+
			"beside the estimators.", f.sequence, length, d, path),
		Sections: []figure.Section{table},
	}, probe.SequenceFigures(predictions, d), f.style)
	if err = errors.Join(err, report.WriteJSON(filepath.Join(f.out, sequenceFile),
		document)); err != nil {
		return runFailed(err)
	}
	if f.asJSON {
		return printJSON(c.OutOrStdout(), document)
	}
	fmt.Fprintf(c.OutOrStdout(), "%s\n\n", summary)
	return printPredictions(c.OutOrStdout(), table, predictions[0], d, f.out, page)
}

func printPredictions(out io.Writer, table figure.Section, model probe.Prediction, d int, folder,
	page string) error {
	if err := printSection(out, table); err != nil {
		return err
	}
	fmt.Fprintln(out, table.Text)
	if d <= probe.Shown {
		gamma := figure.Section{Title: "\nΓ of the model at the last token"}
		for i := range d {
			var row []string
			for _, v := range model.Gamma[i*d : (i+1)*d] {
				row = append(row, fmt.Sprintf("%.4f", v))
			}
			gamma.Rows = append(gamma.Rows, row)
		}
		if err := printSection(out, gamma); err != nil {
			return err
		}
	}
	absolute, err := filepath.Abs(page)
	if err != nil {
		return runFailed(err)
	}
	_, err = fmt.Fprintf(out, "\nErrors by position, all maps and predictions: %s\nReport: %s\n",
		visible.Text(filepath.Join(folder, sequenceFile)), visible.Text(absolute))
	return err
}
