package probe

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"icar/figure"
)

// Sections are the tables of what was found out, and what was not.
func (a Analysis) Sections() []figure.Section {
	sections := []figure.Section{errorSection(a), nearestSection(a), alignmentSection(a)}
	for _, s := range []struct {
		found bool
		write func(Analysis) figure.Section
	}{
		{a.Distance.Whole != nil, distanceSection},
		{len(a.Resemblance.Algorithms) > 0, resemblanceSection},
		{len(a.Ablations) > 0, ablationSection},
		{len(a.Heads) > 0, headSection},
		{len(a.Encodings) > 0, encodingSection},
		{len(a.Missing) > 0, missingSection},
	} {
		if s.found {
			sections = append(sections, s.write(a))
		}
	}
	return sections
}

func missingSection(a Analysis) figure.Section {
	s := figure.Section{Title: "Left out", Text: "What the model does not offer, or what is not " +
		"known of its sequences."}
	for _, what := range a.Missing {
		s.Rows = append(s.Rows, []string{what})
	}
	return s
}

// short writes a number to four digits, or a dash.
func short(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "–"
	}
	return fmt.Sprintf("%.4g", x)
}

// within writes a mean with its interval.
func within(m Mean) string {
	return fmt.Sprintf("%s [%s, %s]", short(m.Value), short(m.Low), short(m.High))
}

func errorSection(a Analysis) figure.Section {
	s := figure.Section{
		Title: "Error", Header: []string{"", "MSE [95 % over sequences]"},
		Text: "Mean squared error over positions and coordinates. Over all sequences of the law " +
			"nothing is below the Bayes floor; over so many it may be by chance.",
		Rows: [][]string{{"the model", within(a.MSE)}},
	}
	if a.Floor != nil {
		s.Rows = append(s.Rows, []string{"Bayes floor", short(average(a.Floor))})
	}
	return s
}

func alignmentSection(a Analysis) figure.Section {
	s := figure.Section{
		Title: "Beside the estimators", Header: []string{"ESTIMATOR", "ITS MSE",
			"PREDICTIONS APART", "COSINE OF SENSITIVITIES [95 %]", "MAPS APART"},
		Text: "Apart: the root mean square in a coordinate. The sensitivities are Γ and the " +
			"estimator's map; their cosine is 1 if they differ by a positive factor only.",
	}
	if a.Maps != nil {
		s.Text += " Γ is the " + a.Maps.sentence(a.Sequences)
	}
	for _, e := range a.Alignments {
		cosine := within(e.Mean)
		if math.IsNaN(e.Mean.Value) {
			cosine = "–"
		}
		s.Rows = append(s.Rows, []string{e.Estimator, short(e.MeanError), short(e.MeanDistance),
			cosine, short(e.MeanMap.Float())})
	}
	return s
}

// sentence says what the maps are, and of which sequences.
func (m MapNote) sentence(sequences int) string {
	text := m.Kind
	if m.Total {
		text += ", the estimators' maps too"
	}
	if m.By != nil {
		text += fmt.Sprintf(", at the step %s, %s", short(m.By.Step.Float()), m.By.off())
	}
	if m.Sequences < sequences {
		text += fmt.Sprintf(", of the first %d sequences", m.Sequences)
	}
	return text + "."
}

// off says how far off the differences are.
func (d Differenced) off() string {
	return fmt.Sprintf("off by %s in the median and %s at most where that was measured",
		percent(d.Typical.Float()), percent(d.Error.Float()))
}

func distanceSection(a Analysis) figure.Section {
	s := figure.Section{
		Title: "Γ beside W", Header: []string{"T", "MSE", "|Γ - W|", "ON THE SPAN", "OFF IT",
			"WITH Γ'"},
		Text: "In units of |W|. On the span of s_1 … s_{T-1} the context shows what W does; what " +
			"Γ is off it is made up. With Γ': |Γ + Γ'W⁻¹ - W|, counting what an augmented query " +
			"carries in its second slot.",
	}
	for _, t := range shownPositions(len(a.PositionMSE)) {
		s.Rows = append(s.Rows, distanceRow(a, t))
	}
	return s
}

// shownPositions are the positions, from 0, of the rows of a table: a few, of which
// the last one of n is one.
func shownPositions(n int) (shown []int) {
	for _, t := range []int{0, 1, 2, 4, 9, 19, 29, 49, 99} {
		if t < n-1 {
			shown = append(shown, t)
		}
	}
	return append(shown, n-1)
}

func distanceRow(a Analysis, t int) []string {
	return []string{strconv.Itoa(t + 1), short(a.PositionMSE[t]), short(a.Distance.Whole[t]),
		short(a.Distance.On[t]), short(a.Distance.Off[t]), short(a.Distance.Total[t])}
}

func resemblanceSection(a Analysis) figure.Section {
	s := figure.Section{
		Title: "What each layer is like", Header: []string{"LAYER", "MOST LIKE", "SIMILARITY",
			"THE SAME UNTRAINED", "THE SAME PERMUTED"},
		Text: "Cosine of errors, through a linear readout fitted for each layer. A similarity " +
			"means something as far as it exceeds the two controls: the model before its first " +
			"step, and the model seeing its context in another order. Of the algorithms " +
			"whose similarity does, by intervals over sequences that all hold together " +
			"with 95 %, the layer is most like the one named; a dash where there is " +
			"none.",
	}
	r := a.Resemblance
	if r.Control != "" {
		s.Header[3] = "BY " + strings.ToUpper(r.Control)
		s.Text += " The model before training cannot be asked; in its place is " + r.Control + "."
	}
	if r.Permuted == nil {
		s.Text += " The model cannot be asked with its context in another order, so that control is " +
			"missing."
	}
	for l := range len(r.Trained) / len(r.Algorithms) {
		best, ok := r.MostLike(l)
		if !ok {
			s.Rows = append(s.Rows, []string{strconv.Itoa(l + 1), "–: none exceeds its controls",
				"–", "–", "–"})
			continue
		}
		at := func(matrix []float64) string {
			if matrix == nil {
				return "–"
			}
			return short(matrix[l*len(r.Algorithms)+best])
		}
		s.Rows = append(s.Rows, []string{strconv.Itoa(l + 1), r.Algorithms[best], at(r.Trained),
			at(r.Untrained), at(r.Permuted)})
	}
	return s
}

func ablationSection(a Analysis) figure.Section {
	s := figure.Section{Title: "Taken out", Header: []string{"WITHOUT", "MSE"},
		Text: "Nothing is trained again, so an error says what the rest leans on."}
	for _, ablation := range a.Ablations {
		s.Rows = append(s.Rows, []string{ablation.Part, short(ablation.MSE)})
	}
	return s
}

func headSection(a Analysis) figure.Section {
	s := figure.Section{
		Title: "Heads", Header: []string{"LAYER", "HEADS", "EFFECTIVE RANK",
			"LARGEST COSINE, VALUES", "LARGEST COSINE, SCORES"},
		Text: "Cosines between different heads, of what they write and of where they look. The " +
			"effective rank says how many are different.",
	}
	for _, h := range a.Heads {
		n := len(h.Norms)
		values, scores := math.NaN(), math.NaN()
		for i := range n {
			for j := range n {
				if i != j {
					values = math.Max(math.Abs(h.Values[i*n+j]), zeroIfNaN(values))
					scores = math.Max(math.Abs(h.Scores[i*n+j]), zeroIfNaN(scores))
				}
			}
		}
		s.Rows = append(s.Rows, []string{strconv.Itoa(h.Layer + 1), strconv.Itoa(n),
			short(h.EffectiveRank), short(values), short(scores)})
	}
	return s
}

func zeroIfNaN(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return x
}

func encodingSection(a Analysis) figure.Section {
	text := "The weights of the last query on each position, fitted by a cosine."
	if a.Encodings[0].Coordinate {
		text = "Each coordinate of the position vectors, fitted by a cosine."
	}
	text += " A dash where the positions show less than half a period: they show no frequency."
	s := figure.Section{Title: "Positional encoding", Text: text,
		Header: []string{"", "FREQUENCY", "AMPLITUDE", "MEAN", "R²"}}
	for _, e := range a.Encodings {
		if !e.Periodic() {
			s.Rows = append(s.Rows, []string{e.Name, "–", "–", "–", "–"})
			continue
		}
		s.Rows = append(s.Rows, []string{e.Name, short(e.Fit.Frequency), short(e.Fit.Amplitude),
			short(e.Fit.Mean), short(e.Fit.R2)})
	}
	return s
}
