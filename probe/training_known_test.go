package probe

import (
	"math"
	"slices"
	"strings"
	"testing"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
)

// An estimator is tied by the differences to the nearest one in each sequence: how much
// the sequences differ from each other is no reason to take two for one.
func TestOverTrainingIsPairedBySequence(t *testing.T) {
	m := newMeasured(3, 20)
	for n := range 20 {
		x, sign := float64(10*n), float64(1-2*(n%2))
		m.distance[0][n], m.distance[1][n], m.distance[2][n] = x+1+sign/10, x, x+0.1+sign
		m.mse[n], m.withW[n] = float64(n), math.NaN()
	}
	m.withW[3], m.withW[8] = 0.25, 0.75
	at := m.moment(7, 0.95)
	if at.Step != 7 || at.Nearest != 1 || !slices.Equal(at.Tied, []int{2}) {
		t.Errorf("nearest %d, tied %v", at.Nearest, at.Tied)
	}
	// 0, …, 19 have the variance 35; Student's quantile of 19 degrees is 2.093024.
	if half := 2.093024 * math.Sqrt(35./20); math.Abs(at.MSE.Value-9.5) > 1e-12 ||
		math.Abs(at.MSE.High-9.5-half) > 1e-5 || math.Abs(9.5-half-at.MSE.Low) > 1e-5 {
		t.Errorf("error %v, want 9.5 ± %v", at.MSE, half)
	}
	if at.WithW.Value != 0.5 {
		t.Errorf("cosine with W %v, want the mean of those that are known", at.WithW)
	}
}

// The maps of four positions are W, W, -W and W.
func TestCosineWithWIsTheMeanOverPositions(t *testing.T) {
	s := ar.Batch[float64]{N: 1, T: 4, D: 1, Contexts: []ar.Context{{W: []float64{0.5}}}}
	m := Maps{N: 1, T: 4, D: 1, Gamma: []float64{1, 2, -3, 0.1}}
	if got := cosineWithW(m, s, 0); got != 0.5 {
		t.Errorf("cosine %v, want 1/2", got)
	}
}

// A model copies in so many of 40 sequences and predicts 0 in the others. In 28 of them
// and not in 12 a fair coin is nearer to one side once in 120 times: more than chance for
// one comparison, and not for all of them. In 36 and not in 4 it is once in ten million
// times. In 31 and not in 9 it is once in 1500 times, which is enough for all comparisons
// of one moment and not for those of 20. The floor that is given is averaged over
// positions, and noise that is given has its estimator.
func TestOverTrainingHoldsForAllComparisons(t *testing.T) {
	g := fewOf(t, configuration(bare))
	g.Floor, g.Sigma = figure.Values{1, 2, 6}, 0.5
	for _, c := range []struct {
		copies, moments int
		told            bool
	}{{28, 1, false}, {36, 1, true}, {31, 1, true}, {31, 20, false}} {
		model := foreign{func(s ar.Batch[float64]) ([]float64, error) {
			p, err := estimator.Predict(t.Context(), s, estimator.CopyLast{})
			for i := range p {
				if i/(s.T*s.D) >= c.copies {
					p[i] = 0
				}
			}
			return p, err
		}}
		found, err := OverTraining(t.Context(), slices.Repeat([]Snapshot{{0, model}}, c.moments), g)
		if err != nil {
			t.Fatal(err)
		}
		m := found.Moments[0]
		if found.Estimators[m.Nearest] != "copy last" || slices.Contains(m.Tied, 0) == c.told {
			t.Errorf("%+v: nearest %s, tied %v", c, found.Estimators[m.Nearest], m.Tied)
		}
		if found.Floor != 3 || !slices.ContainsFunc(found.Estimators, func(name string) bool {
			return strings.Contains(name, "Kalman")
		}) {
			t.Errorf("floor %v, estimators %q", found.Floor, found.Estimators)
		}
	}
}

// byHand is a training of four moments beside four estimators.
func byHand() Training {
	nan := math.NaN()
	return Training{Sequences: 9, Floor: 0.125, Estimators: []string{"zero", "copy last", "ridge",
		"step"},
		Errors: figure.Values{1, 2, 3, 4}, Moments: []Moment{
			{0, Mean{8, 7, 9}, figure.Values{10, 11, 12, 13}, figure.Values{nan, 0.1, 0.2, 0.3},
				Mean{0.4, 0.3, 0.5}, 0, []int{}},
			{5, Mean{6, 5, 7}, figure.Values{20, 21, 19, 22}, figure.Values{nan, 0.5, 0.6, 0.7},
				Mean{0.5, 0.4, 0.6}, 2, []int{1}},
			{6, Mean{4, 3, 5}, figure.Values{30, 31, 14, 32}, figure.Values{nan, 0.5, 0.7, 0.8},
				Mean{0.6, 0.5, 0.7}, 2, []int{}},
			{9, Mean{2, 1, 3}, figure.Values{40, 41, 15, 17}, figure.Values{nan, 0.15, 0.8, 0.9},
				Mean{0.7, 0.6, 0.8}, 2, []int{3}},
		}}
}

// Each number stands at its place in the sentences, the tables and the figure.
func TestOverTrainingPageByHand(t *testing.T) {
	is := byHand()
	if got, want := is.Summary(), "The error went from 8 after step 0 to 2 after step 9. At the 4 "+
		"steps looked at its predictions were nearest after step 0 to zero (10 apart, nothing above "+
		"the controls); after step 5 to ridge (19 apart, nothing above the controls); after steps 6 "+
		"to 9 to ridge (15 apart after the last of these). At the end they are 15 in a coordinate "+
		"from those of ridge, which cannot be told from step; for comparison, they are 40 from "+
		"predicting 0, and before training they were 12 from ridge."; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	sections := is.Sections()
	for i, want := range [][]string{{
		"0|8 [7, 9]|zero|10|–|–|0.4 [0.3, 0.5]",
		"5|6 [5, 7]|ridge|19|copy last|0.6|0.5 [0.4, 0.6]",
		"6|4 [3, 5]|ridge|14|–|0.7|0.6 [0.5, 0.7]",
		"9|2 [1, 3]|ridge|15|step|0.8|0.7 [0.6, 0.8]",
	}, {"ridge|3|12|15|0.2|0.8", "step|4|13|17|0.3|0.9",
		"zero|1|10|40|–|–", "copy last|2|11|41|0.1|0.15"}} {
		for k, row := range sections[i].Rows {
			if got := strings.Join(row, "|"); got != want[k] {
				t.Errorf("%s, row %d is %s, want %s", sections[i].Title, k, got, want[k])
			}
		}
	}
	panels := is.Figures()[0].Panels
	model, floor := panels[0].Series[0], panels[0].Series[1]
	if !slices.Equal(model.Y, []float64{8, 6, 4, 2}) || !slices.Equal(model.Low,
		[]float64{7, 5, 3, 1}) ||
		!slices.Equal(model.High, []float64{9, 7, 5, 3}) || !slices.Equal(model.X,
		[]float64{0, 5, 6, 9}) ||
		floor.Y[0] != 0.125 {
		t.Errorf("%+v, %+v", model, floor)
	}
	for e := range is.Estimators {
		apart, cosine := panels[1].Series[e], panels[2].Series[e]
		for k, m := range is.Moments {
			if apart.Label != is.Estimators[e] || apart.Y[k] != m.Distance[e] ||
				cosine.Y[k] != m.Cosine[e] && !math.IsNaN(m.Cosine[e]) {
				t.Errorf("%s: %v, %v", apart.Label, apart.Y, cosine.Y)
			}
		}
	}
	if w := panels[2].Series[4]; w.Label != "W" || !slices.Equal(w.Y, []float64{0.4, 0.5, 0.6, 0.7}) {
		t.Errorf("%+v", w)
	}
}
