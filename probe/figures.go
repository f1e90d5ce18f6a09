package command

import (
	"fmt"
	"math"

	"icar/figure"
	"icar/probe"
	"icar/train"
)

func countFrom(first, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(first + i)
	}
	return x
}

// probeFigures draws an analysis.
func probeFigures(c train.Config, a probe.Analysis) []figure.Figure {
	figures := []figure.Figure{mapFigure(a), alignmentFigure(a), resemblanceFigure(c, a), attentionFigure(a)}
	if c.Heads > 1 {
		figures = append(figures, headFigure(a))
	}
	if len(a.Encodings) > 0 {
		figures = append(figures, encodingFigure(a))
	}
	if a.Path != nil {
		figures = append(figures, pathFigure(a))
	}
	return figures
}

// maxPanels keeps a figure of heads or coordinates readable.
const maxPanels = 8

func mapFigure(a probe.Analysis) figure.Figure {
	positions := countFrom(1, len(a.PositionMSE))
	position := figure.Axis{Label: "position T"}
	errors := figure.Panel{Kind: figure.Lines, Title: "error", X: position, Y: figure.Axis{Label: "MSE", Log: true},
		Series: []figure.Series{figure.NewSeries("model", figure.Solid, positions, a.PositionMSE)}}
	if a.Floor != nil {
		errors.Series = append(errors.Series, figure.NewSeries("Bayes floor", figure.Dashed, positions, a.Floor))
	}
	away := figure.Panel{Kind: figure.Lines, Title: "Γ beside W", X: position, Y: figure.Axis{Label: "of |W|"}, Series: []figure.Series{
		figure.NewSeries("|Γ − W|", figure.Solid, positions, a.Distance.Whole),
		figure.NewSeries("on the span", figure.Solid, positions, a.Distance.On),
		figure.NewSeries("off it", figure.Solid, positions, a.Distance.Off),
		figure.NewSeries("with Γ'", figure.Dashed, positions, a.Distance.Total),
	}}
	var w, gamma [2][]float64
	for _, s := range a.Spectra {
		for i := range s.W {
			w[0], w[1] = append(w[0], s.W[i][0]), append(w[1], s.W[i][1])
			gamma[0], gamma[1] = append(gamma[0], s.Gamma[i][0]), append(gamma[1], s.Gamma[i][1])
		}
	}
	spectrum := figure.Panel{Kind: figure.Lines, Title: "eigenvalues at the last T", X: figure.Axis{Label: "real part"}, Y: figure.Axis{Label: "imaginary part"},
		Series: []figure.Series{
			figure.NewSeries("W", figure.Points, w[0], w[1]), figure.NewSeries("Γ", figure.Points, gamma[0], gamma[1]),
		}}
	return figure.Figure{Name: "map", Title: "The in-context map Γ", Columns: 3, Panels: []figure.Panel{errors, away, spectrum},
		Caption: "Error by position; the distance of Γ from W, on and off the span of the context; the eigenvalues of both."}
}

func alignmentFigure(a probe.Analysis) figure.Figure {
	positions := countFrom(1, len(a.PositionMSE))
	cosine := figure.Panel{Kind: figure.Lines, Title: "cosine of sensitivities", X: figure.Axis{Label: "position T"}, Y: figure.Axis{Label: "cosine"}}
	apart := figure.Panel{Kind: figure.Lines, Title: "predictions apart", X: figure.Axis{Label: "position T"}, Y: figure.Axis{Label: "root mean square"}}
	for _, e := range nearest(a.Alignments, 5) {
		cosine.Series = append(cosine.Series, figure.NewSeries(e.Estimator, figure.Solid, positions, e.Cosine))
		apart.Series = append(apart.Series, figure.NewSeries(e.Estimator, figure.Solid, positions, e.PredictionDistance))
	}
	return figure.Figure{Name: "alignment", Title: "Beside the estimators", Columns: 2, Panels: []figure.Panel{cosine, apart},
		Caption: "The five estimators whose predictions are nearest to the model's."}
}

// nearest returns the k estimators whose predictions are least apart, in their
// order.
func nearest(all []probe.Aligned, k int) []probe.Aligned {
	var chosen []probe.Aligned
	for _, e := range all {
		nearer := 0
		for _, other := range all {
			if other.MeanDistance < e.MeanDistance {
				nearer++
			}
		}
		if nearer < k {
			chosen = append(chosen, e)
		}
	}
	return chosen
}

func resemblanceFigure(c train.Config, a probe.Analysis) figure.Figure {
	r := a.Resemblance
	panel := func(title string, values []float64) figure.Panel {
		return figure.Panel{Kind: figure.Heatmap, Title: title, X: figure.Axis{Label: "algorithm"}, Y: figure.Axis{Label: "layer"},
			Matrix: figure.NewMatrix(c.Depth, len(r.Algorithms), values)}
	}
	names := ""
	for i, name := range r.Algorithms {
		names += fmt.Sprintf("%d %s; ", i+1, name)
	}
	return figure.Figure{Name: "resemblance", Title: "What each layer is like", Columns: 3,
		Panels:  []figure.Panel{panel("trained", r.Trained), panel("untrained", r.Untrained), panel("context permuted", r.Permuted)},
		Caption: "Cosine of the errors of a layer and of an algorithm: " + names + "what exceeds the two controls means something."}
}

func attentionFigure(a probe.Analysis) figure.Figure {
	length := len(a.PositionMSE)
	f := figure.Figure{Name: "attention", Title: "Attention", Columns: min(4, len(a.Attention)), Caption: "Mean size of the attention of each head, of the first eight."}
	for _, m := range a.Attention[:min(maxPanels, len(a.Attention))] {
		matrix := figure.NewMatrix(length, length, m.Values)
		for i := range length {
			for j := i + 1; j < length; j++ {
				matrix.Values[i*length+j] = math.NaN()
			}
		}
		f.Panels = append(f.Panels, figure.Panel{Kind: figure.Heatmap, Title: fmt.Sprintf("layer %d, head %d", m.Layer+1, m.Head+1),
			X: figure.Axis{Label: "key"}, Y: figure.Axis{Label: "query"}, Matrix: matrix})
	}
	return f
}

func headFigure(a probe.Analysis) figure.Figure {
	f := figure.Figure{Name: "heads", Title: "Heads", Columns: 2, Caption: "Cosines between heads: what they write, and where they look. Orthogonal heads are 0."}
	for _, h := range a.Heads[:min(maxPanels/2, len(a.Heads))] {
		for i, values := range [][]float64{h.Values, h.Scores} {
			f.Panels = append(f.Panels, figure.Panel{Kind: figure.Heatmap, Title: fmt.Sprintf("layer %d, %s", h.Layer+1, []string{"values", "scores"}[i]),
				X: figure.Axis{Label: "head"}, Y: figure.Axis{Label: "head"}, Matrix: figure.NewMatrix(len(h.Norms), len(h.Norms), values)})
		}
	}
	return f
}

func encodingFigure(a probe.Analysis) figure.Figure {
	f := figure.Figure{Name: "encoding", Title: "Positional encoding", Columns: min(4, len(a.Encodings)),
		Caption: "As learnt, and the cosine nearest to it where half a period of it or more is seen: of the first eight heads or coordinates."}
	for _, e := range a.Encodings[:min(maxPanels, len(a.Encodings))] {
		positions := countFrom(1, len(e.Values))
		panel := figure.Panel{Kind: figure.Lines, Title: e.Name, X: figure.Axis{Label: "position"}, Y: figure.Axis{Label: "value"},
			Series: []figure.Series{figure.NewSeries("learnt", figure.Points, positions, e.Values)}}
		if e.Periodic() {
			panel.Series = append(panel.Series, figure.NewSeries("cosine", figure.Dashed, positions, e.Fit.Curve(len(e.Values))))
		}
		f.Panels = append(f.Panels, panel)
	}
	return f
}

func pathFigure(a probe.Analysis) figure.Figure {
	return figure.Figure{Name: "path", Title: "On the way to a gradient step", Columns: 1,
		Caption: "Error between the trained model, at 0, and one that does one gradient step by construction, at 1.",
		Panels: []figure.Panel{{Kind: figure.Lines, Title: fmt.Sprintf("η = %.4g", a.Path.Eta), X: figure.Axis{Label: "share of the constructed model"},
			Y: figure.Axis{Label: "MSE"}, Series: []figure.Series{figure.NewSeries("mixed parameters", figure.Solid, a.Path.Alpha, a.Path.MSE)}}}}
}
