package probe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"icar/figure"
)

// Summary says in sentences who is best.
func (c Contest) Summary() string {
	ahead := c.ranked()[0]
	text := fmt.Sprintf("Over all positions %s has the least mean squared error, %s. ", ahead.Name,
		within(ahead.MSE))
	switch tied := c.Overall.Tied; {
	case c.Sequences == 1:
		text += "From one sequence nothing can be said of how much of that is chance."
	case len(tied) == 0:
		text += "All others are worse by more than chance."
	default:
		text += "Not told from it: " + strings.Join(tied, "; ") + "."
	}
	return text
}

// ranked are the estimators, the best first.
func (c Contest) ranked() []Entry {
	ranked := slices.Clone(c.Estimators)
	slices.SortStableFunc(ranked, func(a, b Entry) int { return bySize(a.MSE.Value, b.MSE.Value) })
	return ranked
}

// bySize compares numbers. To cmp.Compare NaN is less than all, and it would be best.
func bySize(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Sections are the tables of a contest.
func (c Contest) Sections() []figure.Section {
	sections := []figure.Section{c.overall(), c.byPosition()}
	if len(c.Missing) > 0 {
		left := figure.Section{Title: "Left out", Text: "What takes no part, and why."}
		for _, what := range c.Missing {
			left.Rows = append(left.Rows, []string{what})
		}
		sections = append(sections, left)
	}
	return sections
}

func (c Contest) overall() figure.Section {
	s := figure.Section{Title: "Who is best",
		Header: []string{"ESTIMATOR", "MSE [95 % over sequences]", "BEST AT T",
			"NOT TOLD FROM THE BEST AT T"},
		Text: "Mean squared error over positions and coordinates. An estimator is told from the " +
			"best one if it is worse by more than chance, in differences by sequence whose " +
			"intervals hold together with 95 % for all estimators and positions."}
	for _, e := range c.ranked() {
		s.Rows = append(s.Rows, []string{e.Name, within(e.MSE),
			c.positions(func(l Leader) bool { return l.Best == e.Name }),
			c.positions(func(l Leader) bool { return slices.Contains(l.Tied, e.Name) })})
	}
	return s
}

// positions writes where something holds of the leader, as 1–3, 7; a dash for nowhere.
func (c Contest) positions(holds func(Leader) bool) string {
	var ranges []string
	for t := 0; t < len(c.Leaders); t++ {
		from := t
		for t < len(c.Leaders) && holds(c.Leaders[t]) {
			t++
		}
		switch t - from {
		case 0:
		case 1:
			ranges = append(ranges, strconv.Itoa(t))
		default:
			ranges = append(ranges, fmt.Sprintf("%d–%d", from+1, t))
		}
	}
	if len(ranges) == 0 {
		return "–"
	}
	return strings.Join(ranges, ", ")
}

func (c Contest) byPosition() figure.Section {
	s := figure.Section{Title: "By position",
		Header: []string{"T", "BEST", "ITS MSE [95 %]", "NOT TOLD FROM IT"},
		Text: "Each predicts s_{T+1} from s_1 … s_T. All numbers are in estimate.json and in the " +
			"figure."}
	for _, t := range shownPositions(len(c.Leaders)) {
		l := c.Leaders[t]
		best := c.Estimators[slices.IndexFunc(c.Estimators,
			func(e Entry) bool { return e.Name == l.Best })]
		s.Rows = append(s.Rows, []string{strconv.Itoa(t + 1), l.Best,
			within(Mean{best.Position[t], best.Low[t], best.High[t]}), c.tied(l)})
	}
	return s
}

// tied names those that cannot be told from a leader, or the others if these are fewer.
func (c Contest) tied(l Leader) string {
	var worse []string
	for _, e := range c.Estimators {
		if e.Name != l.Best && !slices.Contains(l.Tied, e.Name) {
			worse = append(worse, e.Name)
		}
	}
	switch {
	case len(l.Tied) == 0:
		return "–"
	case len(worse) == 0:
		return "all others"
	case len(worse) < len(l.Tied):
		return "all but " + strings.Join(worse, "; ")
	}
	return strings.Join(l.Tied, "; ")
}

// contestants is the largest number of curves in the figure of a contest.
const contestants = 7

// Figures draws the errors by position of the best estimators, and of predicting 0
// for comparison.
func (c Contest) Figures() []figure.Figure {
	positions := figure.Positions(len(c.Leaders))
	panel := figure.Panel{Kind: figure.Lines, Title: "error by position",
		X: figure.Axis{Label: "position T"}, Y: figure.Axis{Label: "MSE", Log: true}}
	for i, e := range c.ranked() {
		style := figure.Solid
		if e.Name == c.Estimators[0].Name {
			style = figure.Dashed
		} else if i >= contestants {
			continue
		}
		panel.Series = append(panel.Series, figure.NewSeries(e.Name, style, positions,
			e.Position).Between(e.Low, e.High))
	}
	return []figure.Figure{{Name: "contest", Title: "The estimators", Columns: 1,
		Panels: []figure.Panel{panel},
		Caption: fmt.Sprintf("Mean squared error of the %d best over all positions, and of "+
			"predicting 0, with intervals of 95 %% over sequences.", contestants)}}
}
