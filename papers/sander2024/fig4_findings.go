package sander2024

import (
	"errors"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"icar/experiment"
	"icar/figure"
	"icar/text"
)

// collectText draws the figure and writes the table, which both scales and the
// user's text share.
func collectText(all []experiment.Done[textConfig, textResult]) (experiment.Findings, error) {
	summary := figure.Table{Name: "summary", Columns: []string{"measure", "split", "k", "lag",
		"value",
		"low", "high", "p_tokens", "p_windows", "p_markov"}}
	nulls := gather(all)
	picture := figure.Figure{Title: "Is a sentence an autoregressive process? (Fig. 4)", Columns: 3,
		Caption: "Top: each window with a W of its own. Left the authors' protocol, which leaves " +
			"out the windows that are fitted exactly; then ours, with and without them: " +
			"most are exact for want of repeated tokens, in the text and shuffled alike. " +
			"Bottom: one W for all windows, on held-out text, against nulls; its singular " +
			"values; a W learnt from the passage it predicts."}
	lags := figure.Panel{Kind: figure.Lines, Title: "held-out R², last fifth of the text",
		X: figure.Axis{Label: "lag ℓ"}, Y: figure.Axis{Label: "R²"}}
	var singular, passages, windows []figure.Panel
	first := all[0].Config.Dims
	for _, d := range all {
		c, r := d.Config, d.Found
		switch c.Part {
		case fitPart:
			if len(r.R2) == 0 {
				return experiment.Findings{}, errors.New("a fit has no R²")
			}
			addFit(&summary, c, r, nulls)
			if c.Split == text.Contiguous {
				lags.Series = append(lags.Series, lagSeries(c, r, nulls, first)...)
				singular = addSingular(singular, c, r)
			}
		case authorsPart, windowsPart:
			if r.Real == nil || r.Shuffled == nil {
				return experiment.Findings{}, errors.New("the windows have no errors")
			}
			protocol := ""
			if c.Part == authorsPart {
				protocol = "authors' protocol, "
				windows = append(windows, authorsPanel(c, r))
			} else {
				windows = append(windows, windowPanels(r)...)
			}
			for _, side := range []struct {
				name string
				of   *rollouts
			}{{"text", r.Real}, {"shuffled", r.Shuffled}} {
				addRow(&summary, protocol+side.name+": windows fitted exactly", c,
					text.Interval{Value: side.of.Exact})
				addRow(&summary, protocol+side.name+": mean error, all windows", c,
					text.Interval{Value: side.of.Mean})
				addRow(&summary, protocol+side.name+": mean error, the others", c,
					around(side.of.Rest, side.of.RestSE))
			}
		case passagesPart:
			if r.Passages == nil {
				return experiment.Findings{}, errors.New("the passages have no R²")
			}
			passages = []figure.Panel{passagePanel(*r.Passages)}
			addRow(&summary, "passage: R² of its own W", c, r.Passages.Own)
			addRow(&summary, "passage: R² of another's W", c, r.Passages.Other)
			addRow(&summary, "passage: R² of the pooled W", c, r.Passages.Pooled)
			addRow(&summary, "passage: own - other", c, r.Passages.Gain)
			addRow(&summary, "passage: pooled - own", c, r.Passages.Ahead)
		}
	}
	picture.Panels = append(append(append(windows, lags), singular...), passages...)
	return experiment.Findings{Data: figure.Data{Tables: []figure.Table{summary}},
		Figures: []figure.Figure{picture}}, nil
}

// nullKey names the texts of a null that a fit is compared with.
type nullKey struct {
	null                text.Null
	split               text.Split
	windows             int
	dims, lag, frequent int
}

func (c textConfig) against(null text.Null, lag int) nullKey {
	return nullKey{null, c.Split, c.Windows, c.Dims, lag, c.Frequent}
}

// gather joins the R² of the texts of each null.
func gather(all []experiment.Done[textConfig, textResult]) map[nullKey][]float64 {
	nulls := map[nullKey][]float64{}
	for _, d := range all {
		if c := d.Config; c.Part == nullPart {
			key := c.against(c.Null, c.Lag)
			nulls[key] = append(nulls[key], d.Found.NullR2...)
		}
	}
	return nulls
}

// addRow adds a value, with its interval if it has one.
func addRow(t *figure.Table, measure string, c textConfig, v text.Interval) {
	row := []any{measure, "", c.Dims, "", v.Value, v.Low, v.High, "", "", ""}
	if v.Low == v.High {
		row[5], row[6] = "", ""
	}
	t.Rows = append(t.Rows, row)
}

// addFit adds a row a lag, with the p-value of each null that was drawn.
func addFit(t *figure.Table, c textConfig, r textResult, nulls map[nullKey][]float64) {
	name := "held-out R²"
	if c.Frequent > 0 {
		name = fmt.Sprintf("held-out R² without the %d most frequent", c.Frequent)
	}
	if c.Windows == everyWindow {
		name += ", all windows"
	}
	for i, v := range r.R2 {
		row := []any{name, string(c.Split), c.Dims, i + 1, v.Value, v.Low, v.High}
		for _, null := range []text.Null{text.TokensPermuted, text.WindowsSwapped, text.Markov} {
			if values := nulls[c.against(null, i+1)]; len(values) > 0 {
				row = append(row, text.PValue(v.Value, values))
			} else {
				row = append(row, "")
			}
		}
		t.Rows = append(t.Rows, row)
	}
	t.Rows = append(t.Rows, []any{name + ": |WᵀW - I|/√k", string(c.Split), c.Dims, 1, r.Distance,
		"", "", "", "", ""})
}

// lagSeries are the R² by lag with its interval, and the means of the nulls.
func lagSeries(c textConfig, r textResult, nulls map[nullKey][]float64, first int) []figure.Series {
	name := fmt.Sprintf("text, k = %d", c.Dims)
	if c.Frequent > 0 {
		name += ", rare"
	}
	if c.Windows == everyWindow {
		name += ", all windows"
	}
	var lags, values []float64
	for i, v := range r.R2 {
		lags, values = append(lags, float64(i+1)), append(values, v.Value)
	}
	series := []figure.Series{figure.NewSeries(name, figure.Solid, lags, values)}
	if c.Frequent > 0 || c.Dims != first || c.Windows == everyWindow {
		return series
	}
	for _, null := range []text.Null{text.TokensPermuted, text.WindowsSwapped, text.Markov} {
		var x, y []float64
		for lag := range len(r.R2) {
			if v := nulls[c.against(null, lag+1)]; len(v) > 0 {
				x, y = append(x, float64(lag+1)), append(y, stat.Mean(v, nil))
			}
		}
		series = append(series, figure.NewSeries(string(null), figure.Dashed, x, y))
	}
	return series
}

func addSingular(panels []figure.Panel, c textConfig, r textResult) []figure.Panel {
	if len(panels) == 0 {
		panels = []figure.Panel{{Kind: figure.Lines, Title: "singular values of W",
			X: figure.Axis{Label: "rank / k"},
			Y: figure.Axis{Label: "σ; 1 where W is orthogonal"}}}
	}
	if c.Frequent > 0 || c.Windows == everyWindow {
		return panels
	}
	x := figure.Positions(len(r.Singular))
	floats.Scale(1/float64(len(x)), x)
	panels[0].Series = append(panels[0].Series,
		figure.NewSeries(fmt.Sprintf("k = %d", c.Dims), figure.Points, x, r.Singular))
	return panels
}

// authorsPanel is the paper's figure: how many windows have which error, those
// that are fitted exactly left out.
func authorsPanel(c textConfig, r textResult) figure.Panel {
	panel := figure.Panel{Kind: figure.Lines, Title: "as the authors draw it",
		X: figure.Axis{Label: "mean squared error of the window"}, Y: figure.Axis{Label: "windows"}}
	x := middles(authorsError(c, r.Dim))
	for _, side := range []struct {
		name string
		of   *rollouts
	}{{"text", r.Real}, {"shuffled", r.Shuffled}} {
		y := slices.Clone(side.of.Bins)
		floats.Scale(float64(side.of.Windows), y)
		panel.Series = append(panel.Series,
			figure.NewSeries(fmt.Sprintf("%s, %.0f windows", side.name, floats.Sum(y)),
				figure.Solid, x, y))
	}
	return panel
}

// middles are the middles of the bins of a histogram.
func middles(e windowError) []float64 {
	x := make([]float64, binCount)
	for i := range x {
		x[i] = (float64(i) + 0.5) * e.binWidth
	}
	return x
}

// around returns a mean with its 95 % interval.
func around(mean, se float64) text.Interval {
	half := distuv.UnitNormal.Quantile(0.975) * se
	return text.Interval{Value: mean, Low: mean - half, High: mean + half, SE: se}
}

// windowPanels are the histogram of the errors of the rolled-out windows, and
// the same without those fitted exactly.
func windowPanels(r textResult) []figure.Panel {
	x := append([]float64{0}, middles(ourError)...)
	whole := figure.Panel{Kind: figure.Lines, Title: "each window its own W",
		X: figure.Axis{Label: "relative error of the window, 0: exact"},
		Y: figure.Axis{Label: "share of windows"}}
	rest := figure.Panel{Kind: figure.Lines, Title: "without those fitted exactly",
		X: figure.Axis{Label: "relative error of the window"},
		Y: figure.Axis{Label: "share of these windows"}}
	for _, side := range []struct {
		name string
		of   *rollouts
	}{{"text", r.Real}, {"shuffled", r.Shuffled}} {
		y := append([]float64{side.of.Exact}, side.of.Bins...)
		whole.Series = append(whole.Series,
			figure.NewSeries(fmt.Sprintf("%s, %.0f %% exact", side.name, 100*side.of.Exact),
				figure.Solid, x, y))
		shares := append([]float64{}, side.of.Bins...)
		if sum := floats.Sum(shares); sum > 0 {
			floats.Scale(1/sum, shares)
		}
		rest.Series = append(rest.Series, figure.NewSeries(side.name, figure.Solid, x[1:], shares))
	}
	return []figure.Panel{whole, rest}
}

func passagePanel(p text.Passages) figure.Panel {
	panel := figure.Panel{Kind: figure.Lines, Title: "W from a passage, on its next tokens",
		X: figure.Axis{Label: "R², 95 % interval"}, Y: figure.Axis{Label: "whose W, as listed"}}
	for i, v := range []struct {
		name string
		of   text.Interval
	}{{"the passage's own", p.Own}, {"another passage's", p.Other}, {"the pooled W", p.Pooled}} {
		y := float64(i + 1)
		panel.Series = append(panel.Series, figure.NewSeries(v.name, figure.Solid,
			[]float64{v.of.Low, v.of.Value, v.of.High}, []float64{y, y, y}))
	}
	return panel
}
