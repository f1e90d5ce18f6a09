package sweep

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"

	"icar/estimator"
	"icar/figure"
	"icar/train"
)

// Varied returns the settings that differ among trials, without the seed.
func Varied(all []TrainedTrial) []string {
	return slices.DeleteFunc(train.Differing(configs(all)...),
		func(name string) bool { return name == "seed" })
}

// Figure draws the test MSE against the setting x, with a line for every
// combination of the settings besides x and the seed: the mean over seeds with its
// 95 % interval by Student's t. The error is about an x that is no number.
func Figure(x string, all []TrainedTrial) (figure.Figure, error) {
	groups := map[string]map[float64][]float64{}
	varied := Varied(all)
	for _, r := range all {
		var label []string
		at := math.NaN()
		for _, k := range r.Config.Keys() {
			if k.Name == x {
				var err error
				if at, err = strconv.ParseFloat(k.String(), 64); err != nil {
					return figure.Figure{},
						fmt.Errorf("--x %s has the value %s: choose a setting whose values are "+
							"numbers", x, k)
				}
			} else if slices.Contains(varied, k.Name) {
				label = append(label, k.Name+" "+k.String())
			}
		}
		if math.IsNaN(at) { // its law or tokens have no such setting
			continue
		}
		name := cmp.Or(strings.Join(label, ", "), "mean over seeds")
		if groups[name] == nil {
			groups[name] = map[float64][]float64{}
		}
		groups[name][at] = append(groups[name][at], r.TestMSE)
	}
	values := map[float64]bool{}
	for _, at := range groups {
		for x := range at {
			values[x] = true
		}
	}
	panel := figure.Panel{Kind: figure.Lines, Y: figure.Axis{Label: "test MSE"},
		X: figure.Axis{Label: x, Log: multiplies(slices.Sorted(maps.Keys(values)))}}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		series, err := seedSeries(name, groups[name])
		if err != nil {
			return figure.Figure{}, err
		}
		panel.Series = append(panel.Series, series...)
	}
	return figure.Figure{Title: "Test MSE against " + x,
		Caption: "Mean over seeds, with its 95 % interval by Student's t where there are at " +
			"least two.", Columns: 1, Panels: []figure.Panel{panel}}, nil
}

// multiplies reports whether a grid of sorted values goes by factors rather than
// by steps, as 0.001, 0.01, 0.1 does: whether its logarithms are more evenly
// spaced than its values. Two values do when one is ten times the other.
func multiplies(sorted []float64) bool {
	if len(sorted) < 2 || sorted[0] <= 0 {
		return false
	}
	if len(sorted) == 2 {
		return sorted[1] >= 10*sorted[0]
	}
	logarithms := make([]float64, len(sorted))
	for i, x := range sorted {
		logarithms[i] = math.Log(x)
	}
	return unevenness(logarithms) < unevenness(sorted)
}

// unevenness is the largest gap between neighbours over the smallest.
func unevenness(sorted []float64) float64 {
	smallest, largest := math.Inf(1), 0.0
	for i := 1; i < len(sorted); i++ {
		gap := sorted[i] - sorted[i-1]
		smallest, largest = min(smallest, gap), max(largest, gap)
	}
	return largest / smallest
}

// seedSeries are a point for the mean at each x with its interval, none where
// there is one seed, and a line through the points to follow them by.
func seedSeries(name string, at map[float64][]float64) ([]figure.Series, error) {
	xs := slices.Sorted(maps.Keys(at))
	var means, low, high []float64
	for _, x := range xs {
		mean := stat.Mean(at[x], nil)
		i := estimator.Interval{Low: mean, High: mean}
		if len(at[x]) > 1 {
			var err error
			if i, err = estimator.StudentInterval(at[x], 0.95); err != nil {
				return nil, err
			}
		}
		means, low, high = append(means, mean), append(low, i.Low), append(high, i.High)
	}
	return []figure.Series{
		figure.NewSeries("", figure.Dashed, xs, means),
		figure.NewSeries(name, figure.Points, xs, means).Between(low, high),
	}, nil
}
