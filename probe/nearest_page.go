package probe

import (
	"fmt"
	"strings"

	"icar/figure"
)

// Summary says in sentences which algorithm the model is nearest to, by how much,
// beside its controls, and what limits that.
func (a Analysis) Summary() string {
	sentences := []string{a.Nearest.sentence(a.Sequences)}
	if layers := a.Resemblance.sentence(); layers != "" {
		sentences = append(sentences, layers)
	}
	return strings.Join(append(sentences, "What limits this: "+
		strings.Join(a.limits(), "; ")+"."), " ")
}

// sentence names the nearest estimator, or says that there is none.
func (r *Nearest) sentence(sequences int) string {
	if sequences == 1 {
		return fmt.Sprintf("Nothing above the controls: from one sequence nothing can be told "+
			"from chance. The predictions are nearest to those of %s, %s apart.",
			r.Estimator, short(r.Distance.Value))
	}
	distance := fmt.Sprintf("%s, %s apart, %s of their size", r.Estimator, within(r.Distance),
		percent(r.Share.Float()))
	var clear, not []string
	for _, c := range r.Controls {
		text := fmt.Sprintf("%s: %s", c.Name, within(c.Distance))
		if c.Clear {
			clear = append(clear, text)
		} else {
			not = append(not, text)
		}
	}
	if !r.Above {
		text := "Nothing above the controls: the predictions are nearest to those of " + distance
		if len(not) > 0 {
			return text + ", and that is not less, by more than chance, than what is expected " +
				"without any algorithm (" +
				strings.Join(not, "; ") + "). No algorithm is named for the predictions."
		}
		return text + ", which makes nothing of the context. No algorithm is named for the predictions."
	}
	return fmt.Sprintf("The predictions are nearest to those of %s; next is %s, %s. All controls "+
		"are farther by more than chance (%s).",
		distance, r.Next, within(r.Gap), strings.Join(clear, "; "))
}

// percent writes a share.
func percent(share float64) string { return short(100*share) + " %" }

// sentence says what the layers are most like, "" if nothing is known of them.
func (r Resemblance) sentence() string {
	if len(r.Algorithms) == 0 {
		return ""
	}
	var like []string
	for l := range len(r.Trained) / len(r.Algorithms) {
		if best, ok := r.MostLike(l); ok {
			like = append(like, fmt.Sprintf("layer %d is most like %s (%s)", l+1,
				r.Algorithms[best], short(r.Trained[l*len(r.Algorithms)+best])))
		} else {
			like = append(like, fmt.Sprintf("nothing above the controls in layer %d", l+1))
		}
	}
	return "By the cosine of errors, " + strings.Join(like, ", ") + "."
}

// tooFarAhead is how much of the size of the maps an earlier prediction may change
// with a later state before the model is said to look ahead: far more than the
// rounding of a float32 leaves in differences.
const tooFarAhead = 0.01

// limits are what a reader has to know before the sentences are believed.
func (a Analysis) limits() (all []string) {
	r := a.Nearest
	if a.Unfinished != "" {
		all = append(all, a.Unfinished)
	}
	if a.Maps != nil && a.Maps.By != nil && a.Maps.By.Ahead > tooFarAhead {
		all = append(all, fmt.Sprintf("the model LOOKS AHEAD: its predictions change with later "+
			"states, by %s of the size of its maps, so that it sees what it has to predict",
			percent(a.Maps.By.Ahead.Float())))
	}
	if len(r.Tied) > 0 {
		all = append(all, fmt.Sprintf("%d sequences do not tell %s from %s", a.Sequences,
			r.Estimator, strings.Join(r.Tied, ", ")))
	}
	for _, e := range a.Alignments {
		if e.Estimator == r.Estimator {
			all = append(all, fmt.Sprintf("the mean squared error of the model is %s and that of %s %s",
				short(a.MSE.Value), e.Estimator, short(e.MeanError)))
		}
	}
	for _, what := range a.Missing {
		if control, ok := strings.CutPrefix(what, "a control: "); ok {
			all = append(all, "a control is missing, "+control)
		}
	}
	if a.Maps == nil {
		all = append(all, "no in-context map is known, only predictions")
	} else if by := a.Maps.By; by != nil {
		all = append(all, "maps are finite differences, "+by.off())
	}
	positions := fmt.Sprintf("%d positions", len(a.PositionMSE))
	if len(a.PositionMSE) == 1 {
		positions = "1 position"
	}
	return append(all, "predicting alike on sequences of one law and "+positions+
		" is not computing alike")
}

// nearestSection is the table of what the first sentence says.
func nearestSection(a Analysis) figure.Section {
	r := a.Nearest
	s := figure.Section{Title: "Nearest by predictions", Header: []string{"", "APART [95 % over " +
		"sequences]", "CLEAR"},
		Text: "Apart: the mean over positions of the root mean square in a coordinate, between " +
			"the predictions of the model and of the estimator. Clear: farther than the nearest " +
			"by more than chance, in more sequences than a fair coin would give in one case " +
			"of 20 for all comparisons together.",
		Rows: [][]string{{r.Estimator, within(r.Distance), "nearest"},
			{r.Next, within(r.Gap), "next"}}}
	for _, c := range r.Controls {
		clear := "no"
		if c.Clear {
			clear = "yes"
		}
		s.Rows = append(s.Rows, []string{"control: " + c.Name, within(c.Distance), clear})
	}
	return s
}
