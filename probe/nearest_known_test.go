package probe

import (
	"math"
	"strings"
	"testing"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
)

// counted is nearness to zero, copy last and least squares whose distances are given:
// in n sequences about 8, 4 and 1, each evenly spread with steps of 0.8, 0.4 and 0.1.
func counted(n int) *nearness {
	c := &nearness{estimators: []estimator.Estimator{estimator.Zero{}, estimator.CopyLast{},
		estimator.LeastSquares{}}, models: make([]Predictor, 1), moments: newMoments(3)}
	for i := range n {
		off := float64(i) - float64(n-1)/2
		c.moments.add([]float64{8 + 0.8*off/float64(n), 4 + 0.4*off/float64(n), 1 + 0.1*off/float64(n)},
			0)
	}
	return c
}

// Intervals are of 95 % each, while what is clear is so for all comparisons together:
// three estimators against two controls and the others are nine, of which each may be
// chance with a probability of 0.025/9 = 1/360. Nine sequences of nine are less likely,
// eight of eight, at 1/256, are not.
func TestNearestIntervalsAndLevelByHand(t *testing.T) {
	for _, n := range []int{8, 9} {
		r := counted(n).nearest()
		if r.Estimator != "least squares" || r.Next != "copy last" || r.Above != (n == 9) {
			t.Errorf("of %d sequences: %+v", n, r)
		}
		for _, c := range r.Controls {
			if c.Clear != (n == 9) {
				t.Errorf("of %d sequences %s is clear: %v", n, c.Name, c.Clear)
			}
		}
	}
	r := counted(9).nearest()
	// The variance of i = 1, …, 9 is 7.5; Student's quantile of 8 degrees is 2.306004.
	half := 2.306004 * math.Sqrt(7.5/9) / 9
	for _, c := range []struct {
		got  Mean
		mean float64
	}{{r.Distance, 1}, {r.Gap, 4}, {r.Controls[0].Distance, 8}, {r.Controls[1].Distance, 4}} {
		if !near([]float64{c.got.Value, c.got.Low, c.got.High},
			[]float64{c.mean, c.mean * (1 - half/10), c.mean * (1 + half/10)}, 1e-6) {
			t.Errorf("interval %v, want %v ± %v", c.got, c.mean, c.mean*half/10)
		}
	}
}

// The model that predicts a share of the last state is nearer to copying it than to
// zero by more than chance from where the difference is a millionth of its predictions.
func TestNearestFromRoundingOn(t *testing.T) {
	g := given(t, 40)
	all := []estimator.Estimator{estimator.Zero{}, estimator.CopyLast{}}
	for _, c := range []struct {
		more  float64
		clear bool
	}{{1e-6, true}, {1e-7, false}} { // differences of 4 and 0.4 millionths
		n, _, err := newNearness(t.Context(), scaled(0.5+c.more, like(all[1])), all,
			func(_, t int) []int { return ar.Rand(0, "test", 0).Perm(t) }, g.Test)
		if err == nil {
			err = n.add(t.Context(), g.Test, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if r := n.nearest(); r.Estimator != "copy last" || r.Controls[0].Clear != c.clear {
			t.Errorf("a half and %v: %+v", c.more, r)
		}
	}
}

// knows is a model that predicts W s_T, which only the context of a sequence tells.
func knows(s ar.Batch[float64]) (p []float64) {
	for n := range s.N {
		for i := range s.T {
			x := state(s, n, i)
			for row := range s.D {
				sum := 0.0
				for j, v := range x {
					sum += s.Contexts[n].W[row*s.D+j] * v
				}
				p = append(p, sum)
			}
		}
	}
	return p
}

// However many sequences are looked at together, each has its own context and its own
// predictions; and the error of the further ones has Student's interval.
func TestNearestOfMoreThanAreHeldAtOnce(t *testing.T) {
	g := given(t, atOnce+4)
	oracle := foreign{func(s ar.Batch[float64]) ([]float64, error) { return knows(s), nil }}
	all := []estimator.Estimator{estimator.Zero{}, estimator.CopyLast{}}
	for _, predictions := range [][]float64{nil, knows(g.Test)} {
		c, _, err := newNearness(t.Context(), oracle, all,
			func(_, t int) []int { return ar.Rand(0, "test", 0).Perm(t) }, g.Test)
		if err == nil {
			err = c.add(t.Context(), g.Test, predictions)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := c.mse.interval(0, 0.95); !(got.Value < 1e-24) { // there is no noise
			t.Errorf("who knows W is wrong by %v", got)
		}
		if c.seen != g.Test.N {
			t.Errorf("%d sequences seen, want %d", c.seen, g.Test.N)
		}
	}
	pieces := g
	pieces.Test = g.Test.Part(0, 40)
	pieces.More = func(yield func(ar.Batch[float64], error) bool) {
		yield(g.Test.Part(40, g.Test.N), nil)
	}
	half := scaled(0.5, like(estimator.CopyLast{}))
	a := nearestOf(t, half, pieces)
	p, err := half.predict(g.Test)
	if err != nil {
		t.Fatal(err)
	}
	want := student(estimator.ErrorsOf(p, g.Test).PerSequence())
	if !near([]float64{a.MSE.Value, a.MSE.Low, a.MSE.High},
		[]float64{want.Value, want.Low, want.High}, 1e-12) {
		t.Errorf("error %v, want %v", a.MSE, want)
	}
}

// Each number stands at its place in the sentences and in the table.
func TestNearestPageByHand(t *testing.T) {
	a := Analysis{Sequences: 64, MSE: Mean{0.5, 0.4, 0.6}, PositionMSE: figure.Values{1, 0},
		Alignments: []Aligned{{Alignment: Alignment{Estimator: "ridge"}, MeanError: 0.25}},
		Resemblance: Resemblance{Algorithms: []string{"zero", "ridge"},
			Trained: []float64{0.1, 0.9, 0.2, 0.8}, Exceeds: []bool{false, true, false, false}},
		Nearest: &Nearest{Estimator: "ridge", Distance: Mean{1, 0.5, 1.5}, Share: 0.125,
			Next: "Kaczmarz", Gap: Mean{2, 1.5, 2.5}, Above: true, Tied: []string{"Jacobi"},
			Controls: []Control{{"near", Mean{3, 2.5, 3.5}, true}, {"far", Mean{4, 3.5, 4.5}, true}}}}
	const limits = " What limits this: 64 sequences do not tell ridge from Jacobi; the mean " +
		"squared error of the model is 0.5 and that of ridge 0.25; no in-context map is known, only " +
		"predictions; predicting alike on sequences of one law and 2 positions is not computing alike."
	const layers = " By the cosine of errors, layer 1 is most like ridge (0.9), nothing above the " +
		"controls in layer 2."
	if got, want := a.Summary(), "The predictions are nearest to those of ridge, 1 [0.5, 1.5] apart, "+
		"12.5 % of their size; next is Kaczmarz, 2 [1.5, 2.5]. All controls are farther by more than "+
		"chance (near: 3 [2.5, 3.5]; far: 4 [3.5, 4.5])."+layers+limits; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	a.Nearest.Above, a.Nearest.Controls[0].Clear = false, false
	if got, want := a.Summary(), "Nothing above the controls: the predictions are nearest to "+
		"those of "+
		"ridge, 1 [0.5, 1.5] apart, 12.5 % of their size, and that is not less, by more than chance, "+
		"than what is expected without any algorithm (near: 3 [2.5, 3.5]). No algorithm is named for "+
		"the predictions."+layers+limits; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	var rows []string
	for _, row := range nearestSection(a).Rows {
		rows = append(rows, strings.Join(row, "|"))
	}
	if got, want := strings.Join(rows, "\n"), "ridge|1 [0.5, 1.5]|nearest\nKaczmarz|2 [1.5, "+
		"2.5]|next\n"+
		"control: near|3 [2.5, 3.5]|no\ncontrol: far|4 [3.5, 4.5]|yes"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
