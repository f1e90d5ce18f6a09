package probe

import (
	"fmt"
	"math"

	"icar/figure"
)

// Figures draws what was found out.
func (a Analysis) Figures() []figure.Figure {
	figures := []figure.Figure{mapFigure(a), alignmentFigure(a)}
	for _, f := range []struct {
		found bool
		draw  func(Analysis) figure.Figure
	}{
		{len(a.Resemblance.Algorithms) > 0, resemblanceFigure},
		{len(a.Attention) > 0, attentionFigure},
		{len(a.Heads) > 0 && len(a.Heads[0].Norms) > 1, headFigure},
		{len(a.Encodings) > 0, encodingFigure},
		{a.Path != nil, pathFigure},
	} {
		if f.found {
			figures = append(figures, f.draw(a))
		}
	}
	return figures
}

// maxPanels keeps a figure of heads or coordinates readable.
const maxPanels = 8

func mapFigure(a Analysis) figure.Figure {
	positions := figure.Positions(len(a.PositionMSE))
	position := figure.Axis{Label: "position T"}
	errors := figure.Panel{Kind: figure.Lines, Title: "error", X: position,
		Y:      figure.Axis{Label: "MSE", Log: true},
		Series: []figure.Series{figure.NewSeries("model", figure.Solid, positions, a.PositionMSE)}}
	if a.Floor != nil {
		errors.Series = append(errors.Series,
			figure.NewSeries("Bayes floor", figure.Dashed, positions, a.Floor))
	}
	if a.Distance.Whole == nil {
		return figure.Figure{Name: "map", Title: "The error", Columns: 1,
			Panels: []figure.Panel{errors}, Caption: "Error by position."}
	}
	away := figure.Panel{Kind: figure.Lines, Title: "Γ beside W", X: position,
		Y: figure.Axis{Label: "of |W|"}, Series: []figure.Series{
			figure.NewSeries("|Γ − W|", figure.Solid, positions, a.Distance.Whole),
			figure.NewSeries("on the span", figure.Solid, positions, a.Distance.On),
			figure.NewSeries("off it", figure.Solid, positions, a.Distance.Off),
			figure.NewSeries("with Γ'", figure.Dashed, positions, a.Distance.Total),
		}}
	return figure.Figure{Name: "map", Title: "The in-context map Γ", Columns: 3,
		Panels: []figure.Panel{errors, away, spectrumPanel(a)},
		Caption: "Error by position; the distance of Γ from W, on and off the span of the context; " +
			"the eigenvalues of both."}
}

func spectrumPanel(a Analysis) figure.Panel {
	var w, gamma [2][]float64
	for _, s := range a.Spectra {
		for i := range s.W {
			w[0], w[1] = append(w[0], s.W[i][0]), append(w[1], s.W[i][1])
			gamma[0], gamma[1] = append(gamma[0], s.Gamma[i][0]), append(gamma[1], s.Gamma[i][1])
		}
	}
	return figure.Panel{Kind: figure.Lines, Title: "eigenvalues at the last T",
		X: figure.Axis{Label: "real part"}, Y: figure.Axis{Label: "imaginary part"},
		Series: []figure.Series{
			figure.NewSeries("W", figure.Points, w[0], w[1]),
			figure.NewSeries("Γ", figure.Points, gamma[0], gamma[1]),
		}}
}

func alignmentFigure(a Analysis) figure.Figure {
	positions := figure.Positions(len(a.PositionMSE))
	cosine := figure.Panel{Kind: figure.Lines, Title: "cosine of sensitivities",
		X: figure.Axis{Label: "position T"}, Y: figure.Axis{Label: "cosine"}}
	apart := figure.Panel{Kind: figure.Lines, Title: "predictions apart",
		X: figure.Axis{Label: "position T"}, Y: figure.Axis{Label: "root mean square"}}
	for _, e := range nearest(a.Alignments, 5) {
		cosine.Series = append(cosine.Series,
			figure.NewSeries(e.Estimator, figure.Solid, positions, e.Cosine))
		apart.Series = append(apart.Series, figure.NewSeries(e.Estimator, figure.Solid, positions,
			e.PredictionDistance))
	}
	panels := []figure.Panel{cosine, apart}
	if a.Alignments[0].MapDistance == nil { // no Γ, no sensitivities
		panels = panels[1:]
	}
	return figure.Figure{Name: "alignment", Title: "Beside the estimators", Columns: len(panels),
		Panels:  panels,
		Caption: "The five estimators whose predictions are nearest to the model's."}
}

// nearest returns the k estimators whose predictions are least apart, in their
// order.
func nearest(all []Aligned, k int) []Aligned {
	var chosen []Aligned
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

func resemblanceFigure(a Analysis) figure.Figure {
	r := a.Resemblance
	panel := func(title string, values []float64) figure.Panel {
		return figure.Panel{Kind: figure.Heatmap, Title: title, X: figure.Axis{Label: "algorithm"},
			Y:      figure.Axis{Label: "layer"},
			Matrix: figure.NewMatrix(len(values)/len(r.Algorithms), len(r.Algorithms), values)}
	}
	names := ""
	for i, name := range r.Algorithms {
		names += fmt.Sprintf("%d %s; ", i+1, name)
	}
	control := "untrained"
	if r.Control != "" {
		control = r.Control
	}
	panels := []figure.Panel{panel("trained", r.Trained), panel(control, r.Untrained)}
	if r.Permuted != nil {
		panels = append(panels, panel("context permuted", r.Permuted))
	}
	return figure.Figure{Name: "resemblance", Title: "What each layer is like",
		Columns: len(panels), Panels: panels,
		Caption: "Cosine of the errors of a layer and of an algorithm: " + names +
			"what exceeds the controls means something."}
}

func attentionFigure(a Analysis) figure.Figure {
	f := figure.Figure{Name: "attention", Title: "Attention", Columns: min(4, len(a.Attention)),
		Caption: "Mean size of the attention of each head, of the first eight."}
	for _, m := range a.Attention[:min(maxPanels, len(a.Attention))] {
		f.Panels = append(f.Panels, m.Panel())
	}
	return f
}

// Panel draws the map; what the causal mask hides stays blank.
func (m AttentionMap) Panel() figure.Panel {
	length := int(math.Sqrt(float64(len(m.Values))))
	matrix := figure.NewMatrix(length, length, m.Values)
	for i := range length {
		for j := i + 1; j < length; j++ {
			matrix.Values[i*length+j] = math.NaN()
		}
	}
	return figure.Panel{Kind: figure.Heatmap,
		Title: fmt.Sprintf("layer %d, head %d", m.Layer+1, m.Head+1),
		X:     figure.Axis{Label: "key"}, Y: figure.Axis{Label: "query"}, Matrix: matrix}
}

func headFigure(a Analysis) figure.Figure {
	f := figure.Figure{Name: "heads", Title: "Heads", Columns: 2,
		Caption: "Cosines between heads: what they write, and where they look. Orthogonal heads are 0."}
	for _, h := range a.Heads[:min(maxPanels/2, len(a.Heads))] {
		for i, values := range [][]float64{h.Values, h.Scores} {
			f.Panels = append(f.Panels, figure.Panel{Kind: figure.Heatmap,
				Title: fmt.Sprintf("layer %d, %s", h.Layer+1, []string{"values", "scores"}[i]),
				X:     figure.Axis{Label: "head"}, Y: figure.Axis{Label: "head"},
				Matrix: figure.NewMatrix(len(h.Norms), len(h.Norms), values)})
		}
	}
	return f
}

func encodingFigure(a Analysis) figure.Figure {
	f := figure.Figure{Name: "encoding", Title: "Positional encoding",
		Columns: min(4, len(a.Encodings)),
		Caption: "As learnt, and the cosine nearest to it where half a period of it or more is seen: " +
			"of the first eight heads or coordinates."}
	for _, e := range a.Encodings[:min(maxPanels, len(a.Encodings))] {
		positions := figure.Positions(len(e.Values))
		panel := figure.Panel{Kind: figure.Lines, Title: e.Name, X: figure.Axis{Label: "position"},
			Y:      figure.Axis{Label: "value"},
			Series: []figure.Series{figure.NewSeries("learnt", figure.Points, positions, e.Values)}}
		if e.Periodic() {
			panel.Series = append(panel.Series,
				figure.NewSeries("cosine", figure.Dashed, positions, e.Fit.Curve(len(e.Values))))
		}
		f.Panels = append(f.Panels, panel)
	}
	return f
}

func pathFigure(a Analysis) figure.Figure {
	return figure.Figure{Name: "path", Title: "On the way to a gradient step", Columns: 1,
		Caption: "Error between the trained model, at 0, and one that does one gradient step by " +
			"construction, at 1.",
		Panels: []figure.Panel{{Kind: figure.Lines, Title: fmt.Sprintf("η = %.4g", a.Path.Eta),
			X: figure.Axis{Label: "share of the constructed model"},
			Y: figure.Axis{Label: "MSE"}, Series: []figure.Series{figure.NewSeries("mixed parameters",
				figure.Solid, a.Path.Alpha, a.Path.MSE)}}}}
}
