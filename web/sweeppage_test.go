package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"icar/train"
)

// Values of a setting stand in the order of numbers, on a logarithmic axis from a factor of
// ten on; a floor is that of all trials or none; what is not shown of a sweep is said, and so
// is which trial does best of those that are kept.
func TestSweepPage(t *testing.T) {
	var trials []Trial
	for i, width := range []int{16, 128, 32} {
		c := train.DefaultConfig()
		c.Embed = width
		trials = append(trials, Trial{ID: fmt.Sprint(i), State: done, Config: c,
			TestMSE: float64(3 - i)})
	}
	page, err := newSweepPage(Sweep{Trials: 5, Done: 5}, trials, values{})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Settings) != 1 || page.Settings[0].Name != "embed" ||
		!slices.Equal(page.Settings[0].Values, []string{"16", "32", "128"}) {
		t.Errorf("the settings are %+v", page.Settings)
	}
	facts := fmt.Sprint(page.Facts)
	for _, want := range []string{"the first 3 of them", "test error 1 with embed=32",
		"Bayes floor, mean"} {
		if !strings.Contains(facts, want) {
			t.Errorf("the facts are %s, want %q among them", facts, want)
		}
	}
	trials[1].Config.Length++ // whose floor is another one, of the same name
	other, err := newSweepPage(Sweep{Trials: 3}, trials, values{})
	if err != nil {
		t.Fatal(err)
	}
	if facts := fmt.Sprint(other.Facts); strings.Contains(facts, "floor") ||
		strings.Contains(facts, "of them") {
		t.Errorf("all trials of two lengths: the facts are %s", facts)
	}
	for _, c := range []struct {
		values []string
		log    bool
	}{{[]string{"1", "10"}, true}, {[]string{"1", "9.9"}, false}, {[]string{"0", "10"}, false}} {
		s := sweepSetting{Name: "embed", Number: true, Values: c.values}
		if axis := s.axis(); axis.Log != c.log {
			t.Errorf("%v: the axis is logarithmic: %v, want %v", c.values, axis.Log, c.log)
		}
	}
	if at, means := meansAt([]float64{2, 1, 2}, []float64{3, 7, 5}); !slices.Equal(at,
		[]float64{1, 2}) || !slices.Equal(means, []float64{7, 4}) {
		t.Errorf("the means are %v at %v", means, at)
	}
}
