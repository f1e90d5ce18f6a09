package web

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"icar/figure"
)

// draw sets the error against each setting, a point a trial; of those that are kept the
// mean at each value, the best, and the one that is marked, which can so be followed from
// panel to panel.
func (p *sweepPage) draw(kept, left []Trial, mark string) {
	if len(kept)+len(left) == 0 {
		return
	}
	var panels []figure.Panel
	for _, s := range p.Settings {
		if s.Name != "seed" && len(panels) < maxPanels {
			panels = append(panels, s.panel(kept, left, mark))
		}
	}
	if len(panels) == 0 {
		return
	}
	p.figure("trials", "Test error against each setting", "A point a trial, at its test error "+
		"after the last step; the line joins the means of those that are kept.",
		min(3, len(panels)), panels...)
}

func (s sweepSetting) panel(kept, left []Trial, mark string) figure.Panel {
	points := func(trials []Trial) (x, y []float64) {
		for _, t := range trials {
			x = append(x, s.at(t.values[s.Name]))
			y = append(y, t.TestMSE)
		}
		return x, y
	}
	var series []figure.Series
	if len(left) > 0 {
		x, y := points(left)
		series = append(series, figure.NewSeries("left out", figure.Points, x, y))
	}
	x, y := points(kept)
	mx, my := meansAt(x, y)
	series = append(series, figure.NewSeries("mean of the kept", figure.Solid, mx, my),
		figure.NewSeries("kept", figure.Points, x, y))
	if len(kept) > 0 {
		series = append(series, figure.NewSeries("the best kept", figure.Points, x[:1], y[:1]))
	}
	both := slices.Concat(kept, left)
	if i := slices.IndexFunc(both, func(t Trial) bool { return t.ID == mark }); i >= 0 {
		x, y := points(both[i : i+1])
		series = append(series, figure.NewSeries("trial "+mark, figure.Points, x, y))
	}
	if f, shared := sharedFloor(both); shared {
		all, _ := points(both)
		series = append(series, figure.NewSeries(f.Name+", mean", figure.Dashed,
			[]float64{slices.Min(all), slices.Max(all)}, []float64{f.Mean, f.Mean}))
	}
	return lines(s.Name, s.axis(), logarithmic("test error"), series...)
}

// axis names the words of a setting whose values are no numbers. Numbers that go over more
// than a factor of ten are set apart by their logarithms.
func (s sweepSetting) axis() figure.Axis {
	if !s.Number {
		var names []string
		for i, value := range s.Values {
			names = append(names, fmt.Sprintf("%d %s", i+1, value))
		}
		return linear(s.Name + ": " + strings.Join(names, ", "))
	}
	first, last := s.at(s.Values[0]), s.at(s.Values[len(s.Values)-1])
	if first > 0 && last >= 10*first {
		return logarithmic(s.Name)
	}
	return linear(s.Name)
}

// meansAt returns the distinct x, sorted, and the mean of y at each.
func meansAt(x, y []float64) (at, means []float64) {
	for _, v := range x {
		if !math.IsNaN(v) && !slices.Contains(at, v) {
			at = append(at, v)
		}
	}
	slices.Sort(at)
	for _, v := range at {
		sum, n := 0.0, 0
		for i := range x {
			if x[i] == v {
				sum, n = sum+y[i], n+1
			}
		}
		means = append(means, sum/float64(n))
	}
	return at, means
}
