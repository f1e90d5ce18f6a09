package probe

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"icar/figure"
)

// Summary says in sentences which estimator the model was nearest to, and when.
func (t Training) Summary() string {
	first, last := t.Moments[0], t.Moments[len(t.Moments)-1]
	text := fmt.Sprintf("The error went from %s after step %d to %s after step %d. ",
		short(first.MSE.Value), first.Step, short(last.MSE.Value), last.Step)
	var phases []string
	for k := 0; k < len(t.Moments); {
		from, is, above := t.Moments[k], t.Moments[k].Nearest, t.Moments[k].above()
		until := from.Step
		for ; k < len(t.Moments) && t.Moments[k].Nearest == is &&
			t.Moments[k].above() == above; k++ {
			until = t.Moments[k].Step
		}
		when := fmt.Sprintf("after steps %d to %d", from.Step, until)
		if until == from.Step {
			when = fmt.Sprintf("after step %d", until)
		}
		apart := short(t.Moments[k-1].Distance[is]) + " apart"
		if until != from.Step {
			apart += " after the last of these"
		}
		if !above {
			apart += ", nothing above the controls"
		}
		phases = append(phases, fmt.Sprintf("%s to %s (%s)", when, t.Estimators[is], apart))
	}
	text += fmt.Sprintf("At the %d steps looked at its predictions were nearest %s. ", len(t.Moments),
		strings.Join(phases, "; "))
	text += fmt.Sprintf("At the end they are %s in a coordinate from those of %s, ",
		short(last.Distance[last.Nearest]), t.Estimators[last.Nearest])
	if len(last.Tied) == 0 {
		text += "and farther from all others by more than chance"
	} else {
		text += "which cannot be told from " + t.names(last.Tied)
	}
	// The list of estimators begins with predicting 0.
	text += fmt.Sprintf("; for comparison, they are %s from predicting 0", short(last.Distance[0]))
	if first.Step == 0 && last.Step > 0 {
		text += fmt.Sprintf(", and before training they were %s from %s",
			short(first.Distance[last.Nearest]), t.Estimators[last.Nearest])
	}
	text += "."
	if !last.above() {
		text += " No algorithm is named for the end."
	}
	return text
}

// above reports whether the nearest estimator makes something of the context, and is
// nearer by more than chance than those that do not.
func (m Moment) above() bool {
	return m.Nearest >= contextFree &&
		!slices.ContainsFunc(m.Tied, func(e int) bool { return e < contextFree })
}

// names are those of estimators.
func (t Training) names(numbers []int) string {
	var names []string
	for _, e := range numbers {
		names = append(names, t.Estimators[e])
	}
	if len(names) == 0 {
		return "–"
	}
	return strings.Join(names, "; ")
}

// Sections are the tables: by step, and every estimator at the beginning and the end.
func (t Training) Sections() []figure.Section {
	bySteps := figure.Section{Title: "Along the training",
		Header: []string{"AFTER STEP", "MSE [95 % over sequences]", "NEAREST", "PREDICTIONS APART",
			"NOT TOLD FROM IT", "COSINE OF SENSITIVITIES", "COSINE OF Γ AND W [95 %]"},
		Text: "Apart: the root mean square in a coordinate. An estimator is told from the nearest " +
			"one if the predictions are farther from it by more than chance, in more sequences than " +
			"a fair coin would give in one case of 20 for all steps and estimators together. Nothing " +
			"is above the controls where predicting 0 or copying the last state, which use no " +
			"context, are nearest or not told from it. The " +
			"sensitivities are Γ and the map of the nearest estimator. Intervals are over the test " +
			"sequences of this one run: a run of another seed may go another way."}
	for _, m := range t.Moments {
		bySteps.Rows = append(bySteps.Rows, []string{strconv.Itoa(m.Step), within(m.MSE),
			t.Estimators[m.Nearest], short(m.Distance[m.Nearest]), t.names(m.Tied),
			short(m.Cosine[m.Nearest]), within(m.WithW)})
	}
	first, last := t.Moments[0], t.Moments[len(t.Moments)-1]
	at := func(what string, m Moment) string {
		return fmt.Sprintf("%s AFTER STEP %d", what, m.Step)
	}
	all := figure.Section{Title: "Beside the estimators",
		Header: []string{"ESTIMATOR", "ITS MSE", at("APART", first), at("APART", last),
			at("COSINE", first), at("COSINE", last)},
		Text: "All estimators, the nearest at the end first. All numbers of all steps are in " +
			"over-training.json."}
	for _, e := range t.ranked() {
		all.Rows = append(all.Rows, []string{t.Estimators[e], short(t.Errors[e]),
			short(first.Distance[e]), short(last.Distance[e]), short(first.Cosine[e]),
			short(last.Cosine[e])})
	}
	return []figure.Section{bySteps, all}
}

// ranked are the estimators by their distance at the end.
func (t Training) ranked() []int {
	last := t.Moments[len(t.Moments)-1]
	var all []int
	for e := range t.Estimators {
		all = append(all, e)
	}
	slices.SortStableFunc(all, func(a, b int) int {
		return bySize(last.Distance[a], last.Distance[b])
	})
	return all
}

// shown are the estimators of the figure: those that were nearest at some moment, and
// the nearest ones at the end, five or more in all.
func (t Training) shown() (chosen []int) {
	const most = 5
	was := map[int]bool{}
	for _, m := range t.Moments {
		was[m.Nearest] = true
	}
	others := max(0, most-len(was))
	for _, e := range t.ranked() {
		if !was[e] && others > 0 {
			others--
			was[e] = true
		}
	}
	for e := range t.Estimators {
		if was[e] {
			chosen = append(chosen, e)
		}
	}
	return chosen
}

// Figures draws error, distance and alignment by step.
func (t Training) Figures() []figure.Figure {
	step := figure.Axis{Label: "step"}
	over := func(value func(Moment) float64) (x, y []float64) {
		for _, m := range t.Moments {
			x, y = append(x, float64(m.Step)), append(y, value(m))
		}
		return x, y
	}
	series := func(name string, style figure.Style, value func(Moment) float64) figure.Series {
		x, y := over(value)
		return figure.NewSeries(name, style, x, y)
	}
	_, low := over(func(m Moment) float64 { return m.MSE.Low })
	_, high := over(func(m Moment) float64 { return m.MSE.High })
	errors := figure.Panel{Kind: figure.Lines, Title: "error", X: step,
		Y: figure.Axis{Label: "MSE", Log: true}}
	errors.Series = append(errors.Series, series("model", figure.Solid,
		func(m Moment) float64 { return m.MSE.Value }).Between(low, high))
	if floor := t.Floor.Float(); !math.IsNaN(floor) {
		errors.Series = append(errors.Series,
			series("Bayes floor", figure.Dashed, func(Moment) float64 { return floor }))
	}
	apart := figure.Panel{Kind: figure.Lines, Title: "predictions apart", X: step,
		Y: figure.Axis{Label: "root mean square", Log: true}}
	aligned := figure.Panel{Kind: figure.Lines, Title: "cosine of sensitivities", X: step,
		Y: figure.Axis{Label: "cosine"}}
	for _, e := range t.shown() {
		apart.Series = append(apart.Series, series(t.Estimators[e], figure.Solid,
			func(m Moment) float64 { return m.Distance[e] }))
		aligned.Series = append(aligned.Series, series(t.Estimators[e], figure.Solid,
			func(m Moment) float64 { return m.Cosine[e] }))
	}
	aligned.Series = append(aligned.Series, series("W", figure.Dashed,
		func(m Moment) float64 { return m.WithW.Value }))
	panels := []figure.Panel{errors, apart}
	if last := t.Moments[len(t.Moments)-1]; !math.IsNaN(last.Cosine[last.Nearest]) ||
		!math.IsNaN(last.WithW.Value) {
		panels = append(panels, aligned)
	}
	return []figure.Figure{{Name: "over-training", Title: "The model along its training",
		Columns: len(panels), Panels: panels,
		Caption: "After each step looked at: the model's error, with an interval of 95 % over " +
			"sequences; how " +
			"far its predictions are from those of the estimators; and how much its Γ points along " +
			"their maps, and along W. Shown are the estimators that were nearest at one of these, and " +
			"others that are near at the end."}}
}
