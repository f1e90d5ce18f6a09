package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"icar/estimator"
	"icar/figure"
	"icar/internal/npy"
	"icar/internal/visible"
	"icar/outcome"
	"icar/probe"
	"icar/report"
	"icar/train"
)

// fittedOn is the number of training sequences that estimators are fitted on.
const fittedOn = 512

// probeSequence predicts a sequence of the user's.
func probeSequence(c *cobra.Command, path string, model *probe.Model, f probeFlags) error {
	shape, states, err := npy.ReadFile(f.sequence)
	if err != nil {
		return badInput(err)
	}
	if len(shape) != 2 || shape[0] == 0 || shape[1] == 0 {
		return badInput(fmt.Errorf("%s has the shape %v: save a sequence as an array (T, d), a token a row", f.sequence, shape))
	}
	length, d := shape[0], shape[1]
	beside, tooLong, err := estimatorsUpTo(c.Context(), model, length)
	if err != nil {
		return runFailed(err)
	}
	predictions, err := model.Sequence(c.Context(), states, d, beside)
	if err != nil {
		return badInput(fmt.Errorf("%s: %w", f.sequence, err))
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
	table := predictionSection(predictions, d)
	if len(tooLong) > 0 {
		table.Text += fmt.Sprintf(" Left out, since their steps are fitted for each of the %d positions of the training and the sequence has %d: %s.", model.Config.Length, length, strings.Join(tooLong, ", "))
	}
	page, err := saveArticle(f.out, report.Article{
		Title:    "Your sequence",
		Lead:     fmt.Sprintf("%s, %d tokens of dimension %d, as the model of %s predicts it, beside the estimators.", f.sequence, length, d, path),
		Sections: []figure.Section{table},
	}, []figure.Figure{sequenceFigure(predictions), sequenceMaps(predictions, d)})
	if err = errors.Join(err, report.WriteJSON(filepath.Join(f.out, sequenceFile), document)); err != nil {
		return runFailed(err)
	}
	if f.asJSON {
		return printJSON(c.OutOrStdout(), document)
	}
	return printPredictions(c.OutOrStdout(), table, predictions[0], d, f.out, page)
}

// estimatorsUpTo returns the estimators for a sequence of a length, and the
// names of those that are fitted by position and end before it.
func estimatorsUpTo(ctx context.Context, model *probe.Model, length int) (all []estimator.Estimator, tooLong []string, err error) {
	fitting, err := train.Sequences(model.Config, train.TrainStream, fittedOn)
	if err != nil {
		return nil, nil, err
	}
	_, fitted, err := probe.Estimators(ctx, model.Config.Process, fitting)
	for _, e := range fitted {
		if _, refused := e.Start(estimator.Sequence{D: model.Config.D, T: length}); refused != nil {
			tooLong = append(tooLong, e.Name())
		} else {
			all = append(all, e)
		}
	}
	return all, tooLong, err
}

// shown is the number of coordinates of a prediction in the table.
const shown = 6

// predictionSection is the table of what each predictor makes of a sequence.
func predictionSection(predictions []probe.Prediction, d int) figure.Section {
	s := figure.Section{Title: "Predictions", Header: []string{"PREDICTOR", "MSE", "ERROR OF THE LAST TOKEN", "NEXT TOKEN"},
		Text: "Squared error, mean over coordinates, and what comes after the sequence's end."}
	for _, p := range predictions {
		last := "–"
		if len(p.Error) > 0 {
			last = short(p.Error[len(p.Error)-1])
		}
		var next []string
		for _, v := range p.Next[:min(shown, d)] {
			next = append(next, fmt.Sprintf("%.4g", v))
		}
		if d > shown {
			next = append(next, "…")
		}
		s.Rows = append(s.Rows, []string{p.Name, short(float64(p.MSE)), last, strings.Join(next, " ")})
	}
	return s
}

func printPredictions(out io.Writer, table figure.Section, model probe.Prediction, d int, folder, page string) error {
	if err := printSection(out, table); err != nil {
		return err
	}
	fmt.Fprintln(out, table.Text)
	if d <= shown {
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

// sequenceMaps has the maps Γ at the last token.
func sequenceMaps(predictions []probe.Prediction, d int) figure.Figure {
	f := figure.Figure{Name: "sequence-map", Title: "The map at the last token", Columns: 4, Caption: "Γ_T, from s_T to the prediction of s_{T+1}, of the model and of each estimator."}
	for _, p := range predictions {
		if p.Name == (estimator.Zero{}).Name() || p.Name == (estimator.CopyLast{}).Name() {
			continue
		}
		f.Panels = append(f.Panels, figure.Panel{Kind: figure.Heatmap, Title: p.Name, X: figure.Axis{Label: "column"}, Y: figure.Axis{Label: "row"}, Matrix: figure.NewMatrix(d, d, p.Gamma)})
	}
	return f
}

func sequenceFigure(predictions []probe.Prediction) figure.Figure {
	panel := figure.Panel{Kind: figure.Lines, Title: "error by position", X: figure.Axis{Label: "position T"}, Y: figure.Axis{Label: "squared error", Log: true}}
	for _, p := range predictions {
		if p.Name != (estimator.Zero{}).Name() {
			panel.Series = append(panel.Series, figure.NewSeries(p.Name, figure.Solid, countFrom(1, len(p.Error)), p.Error))
		}
	}
	return figure.Figure{Name: "sequence", Title: "Your sequence", Columns: 1, Panels: []figure.Panel{panel},
		Caption: "Squared error of the prediction of each next token."}
}
