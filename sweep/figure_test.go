package sweep

import (
	"slices"
	"testing"

	"icar/figure"
	"icar/train"
)

func TestAxisOfAGridByFactorsIsLogarithmic(t *testing.T) {
	for _, c := range []struct {
		grid []float64
		want bool
	}{
		{[]float64{0.001, 0.01, 0.1}, true}, {[]float64{1, 2, 4, 8}, true},
		{[]float64{1, 3, 10, 30}, true},
		{[]float64{1, 100}, true}, {[]float64{1, 2}, false}, {[]float64{1, 2, 3, 4}, false},
		{[]float64{0, 1, 10}, false}, {[]float64{-1, 10, 100}, false}, {[]float64{5}, false},
		{nil, false},
		{[]float64{100, 200, 300}, false},
	} {
		if multiplies(c.grid) != c.want {
			t.Errorf("%v: logarithmic %v", c.grid, !c.want)
		}
	}
}

// Two depths, two seeds each: the points are the means, the intervals those of
// Student's t with one degree of freedom, whose 97.5 % point is 12.7062.
func TestFigureHasAPointForEachMean(t *testing.T) {
	var results []TrainedTrial
	for i, mse := range []float64{1, 3, 5, 5} {
		c := train.DefaultConfig()
		c.Depth, c.Seed = 1+9*(i/2), uint64(i%2)
		results = append(results, TrainedTrial{Config: c, Trained: Trained{TestMSE: mse}})
	}
	f, err := Figure("depth", results)
	if err != nil {
		t.Fatal(err)
	}
	p := f.Panels[0]
	i := slices.IndexFunc(p.Series, func(s figure.Series) bool { return s.Style == figure.Points })
	if i < 0 || !p.X.Log || p.X.Label != "depth" {
		t.Fatalf("%+v", p)
	}
	points := p.Series[i]
	if points.Label != "mean over seeds" || !slices.Equal(points.X, figure.Values{1, 10}) ||
		!slices.Equal(points.Y, figure.Values{2, 5}) {
		t.Errorf("%+v", points)
	}
	if low, high := points.Low[0], points.High[0]; low > 2-12.706 || low < 2-12.707 ||
		high < 14.706 || high > 14.707 {
		t.Errorf("the interval is %g to %g", low, high)
	}
	if points.Low[1] != 5 || points.High[1] != 5 {
		t.Errorf("equal results have the interval %v to %v", points.Low[1], points.High[1])
	}
}
