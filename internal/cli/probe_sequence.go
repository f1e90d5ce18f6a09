package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"icar/estimator"
	"icar/experiment"
	"icar/internal/npy"
	"icar/probe"
	"icar/report"
	"icar/run"
	"icar/train"
)

// fittedOn is the number of training sequences that estimators are fitted on.
const fittedOn = 512

// probeSequence predicts a sequence of the user's.
func probeSequence(c *cobra.Command, model *probe.Model, f probeFlags) error {
	shape, states, err := npy.ReadFile(f.sequence)
	if err != nil {
		return badInput(err)
	}
	if len(shape) != 2 || shape[0] == 0 || shape[1] == 0 {
		return badInput(fmt.Errorf("%s has the shape %v: save a sequence as an array (T, d), a token a row", f.sequence, shape))
	}
	beside, err := fixedEstimators(c, model)
	if err != nil {
		return runFailed(err)
	}
	predictions, err := model.Sequence(c.Context(), states, shape[1], beside)
	if err != nil {
		return badInput(fmt.Errorf("%s: %w", f.sequence, err))
	}
	if err := prepare(f.out); err != nil {
		return runFailed(err)
	}
	figure := sequenceFigure(predictions)
	for _, format := range report.Formats() {
		err = errors.Join(err, run.WriteFile(filepath.Join(f.out, report.FigureFile(figure, format)), func(w io.Writer) error { return report.Draw(w, figure, format) }))
	}
	document := struct {
		Version     int                `json:"version"`
		Sequence    string             `json:"sequence"`
		Predictions []probe.Prediction `json:"predictions"`
	}{experiment.DocumentVersion, f.sequence, predictions}
	if err = errors.Join(err, report.WriteJSON(filepath.Join(f.out, "sequence.json"), document)); err != nil {
		return runFailed(err)
	}
	if f.asJSON {
		return printJSON(c.OutOrStdout(), document)
	}
	return printPredictions(c.OutOrStdout(), predictions, shape[1], f.out)
}

// fixedEstimators are those that can be given a sequence of any length.
func fixedEstimators(c *cobra.Command, model *probe.Model) ([]estimator.Estimator, error) {
	fitting, err := train.Sequences(model.Config, train.TrainStream, fittedOn)
	if err != nil {
		return nil, err
	}
	_, all, err := probe.Estimators(c.Context(), model.Config.Process, fitting)
	var fixed []estimator.Estimator
	for _, e := range all {
		if g, ok := e.(estimator.GradientDescent); !ok || len(g.Eta) == 1 {
			fixed = append(fixed, e)
		}
	}
	return fixed, err
}

// shown is the number of coordinates of a prediction in the table.
const shown = 6

func printPredictions(out io.Writer, predictions []probe.Prediction, d int, folder string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PREDICTOR\tMSE\tERROR OF THE LAST TOKEN\tNEXT TOKEN")
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
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.Name, short(p.MSE), last, strings.Join(next, " "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if d <= shown {
		fmt.Fprintln(w, "\nΓ of the model at the last token")
		for i := range d {
			for _, v := range predictions[0].Gamma[i*d : (i+1)*d] {
				fmt.Fprintf(w, "%.4f\t", v)
			}
			fmt.Fprintln(w)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "\nErrors by position, all maps and predictions: %s\n", filepath.Join(folder, "sequence.json"))
	return err
}

func sequenceFigure(predictions []probe.Prediction) experiment.Figure {
	panel := experiment.Panel{Kind: experiment.Lines, Title: "error by position", X: experiment.Axis{Label: "position T"}, Y: experiment.Axis{Label: "squared error", Log: true}}
	for _, p := range predictions {
		if p.Name != (estimator.Zero{}).Name() {
			panel.Series = append(panel.Series, experiment.NewSeries(p.Name, experiment.Solid, countFrom(1, len(p.Error)), p.Error))
		}
	}
	return experiment.Figure{Name: "sequence", Title: "Your sequence", Columns: 1, Panels: []experiment.Panel{panel},
		Caption: "Squared error of the prediction of each next token."}
}
