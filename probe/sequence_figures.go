package probe

import (
	"context"
	"fmt"
	"math"
	"strings"

	"icar/estimator"
	"icar/figure"
	"icar/train"
)

// Shapes: T positions, d token dimension.

// EstimatorsUpTo returns the estimators, fitted on training sequences of the
// model, for a sequence of a length, and the names of those that are fitted by
// position and end before it.
func (m *Model) EstimatorsUpTo(ctx context.Context,
	length int) (all []estimator.Estimator, tooLong []string, err error) {
	fitting, err := train.Sequences(m.Config, train.TrainStream, fittedOn)
	if err != nil {
		return nil, nil, err
	}
	_, fitted, err := Estimators(ctx, m.Config.Sigma, fitting)
	for _, e := range fitted {
		if _, refused := e.Start(estimator.Sequence{D: m.Config.D, T: length}); refused != nil {
			tooLong = append(tooLong, e.Name())
		} else {
			all = append(all, e)
		}
	}
	return all, tooLong, err
}

// Shown is the number of coordinates of a prediction that are written out.
const Shown = 6

// SequenceSection is the table of what each predictor makes of a sequence.
func SequenceSection(predictions []Prediction, d int) figure.Section {
	s := figure.Section{Title: "Predictions",
		Header: []string{"PREDICTOR", "MSE", "ERROR OF THE LAST TOKEN", "NEXT TOKEN"},
		Text:   "Squared error, mean over coordinates, and what comes after the sequence's end."}
	for _, p := range predictions {
		last := "–"
		if len(p.Error) > 0 {
			last = short(p.Error[len(p.Error)-1])
		}
		var next []string
		for _, v := range p.Next[:min(Shown, d)] {
			next = append(next, fmt.Sprintf("%.4g", v))
		}
		if d > Shown {
			next = append(next, "…")
		}
		s.Rows = append(s.Rows, []string{p.Name, short(float64(p.MSE)), last,
			strings.Join(next, " ")})
	}
	return s
}

// SequenceSummary says in a sentence which estimator the model, the first of the
// predictions, is nearest to on a sequence, and what limits that.
func SequenceSummary(predictions []Prediction, d int) string {
	model, best := predictions[0], predictions[1]
	for _, p := range predictions[2:] {
		if distance(p.Next, model.Next) < distance(best.Next, model.Next) {
			best = p
		}
	}
	return fmt.Sprintf("Nothing above the controls: from one sequence nothing can be told from "+
		"chance. The next token that the model predicts is nearest to that of %s, %s apart (root "+
		"mean square in a coordinate).",
		best.Name, short(distance(best.Next, model.Next)/math.Sqrt(float64(d))))
}

// SequenceFigures draws the errors of the predictors of a sequence of dimension d
// and their maps.
func SequenceFigures(predictions []Prediction, d int) []figure.Figure {
	return []figure.Figure{sequenceFigure(predictions), sequenceMaps(predictions, d)}
}

// sequenceMaps has the maps Γ at the last token.
func sequenceMaps(predictions []Prediction, d int) figure.Figure {
	f := figure.Figure{Name: "sequence-map", Title: "The map at the last token", Columns: 4,
		Caption: "Γ_T, from s_T to the prediction of s_{T+1}, of the model and of each estimator."}
	for _, p := range predictions {
		if p.Name == (estimator.Zero{}).Name() || p.Name == (estimator.CopyLast{}).Name() {
			continue
		}
		f.Panels = append(f.Panels, figure.Panel{Kind: figure.Heatmap, Title: p.Name,
			X: figure.Axis{Label: "column"}, Y: figure.Axis{Label: "row"},
			Matrix: figure.NewMatrix(d, d, p.Gamma)})
	}
	return f
}

func sequenceFigure(predictions []Prediction) figure.Figure {
	panel := figure.Panel{Kind: figure.Lines, Title: "error by position",
		X: figure.Axis{Label: "position T"}, Y: figure.Axis{Label: "squared error", Log: true}}
	for _, p := range predictions {
		if p.Name != (estimator.Zero{}).Name() {
			panel.Series = append(panel.Series,
				figure.NewSeries(p.Name, figure.Solid, figure.Positions(len(p.Error)), p.Error))
		}
	}
	return figure.Figure{Name: "sequence", Title: "Your sequence", Columns: 1,
		Panels:  []figure.Panel{panel},
		Caption: "Squared error of the prediction of each next token."}
}
