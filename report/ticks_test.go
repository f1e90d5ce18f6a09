package report

import (
	"strings"
	"testing"
)

func TestDecadesLabelWhatIsInside(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0.012, 0.3, "0.02 0.05 0.1 0.2"},
		{1, 100, "1 10 100"},
		{1, 40, "1 2 5 10 20"},
		{0.12, 0.28, "0.15 0.20 0.25"},
		{0.31, 0.38, "0.32 0.34 0.36 0.38"},
		{0.9e-30, 200, "1e-30 1e-24 1e-18 1e-12 1e-6 1"},
		{1e-8, 1e-7, "1e-8 2e-8 5e-8 1e-7"},
	} {
		var labels []string
		for _, tick := range (decades{}).Ticks(c.low, c.high) {
			if tick.Value < c.low || tick.Value > c.high {
				t.Errorf("[%g, %g] has a tick at %g", c.low, c.high, tick.Value)
			}
			if tick.Label != "" {
				labels = append(labels, tick.Label)
			}
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("[%g, %g]: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}

func TestStepsAreRoundAndWholeWhereEverythingIs(t *testing.T) {
	for _, c := range []struct {
		whole     bool
		low, high float64
		want      string
	}{
		{false, 1, 3, "1.0 1.5 2.0 2.5 3.0"},
		{true, 1, 3, "1 2 3"},
		{true, 1, 40, "10 20 30 40"},
		{false, 0, 5000, "0 1000 2000 3000 4000 5000"},
		{false, -0.3, 0.3, "-0.2 0 0.2"},
		{false, 0, 1e-5, "0 2e-06 4e-06 6e-06 8e-06 1e-05"},
	} {
		var labels []string
		for _, tick := range (steps{c.whole}).Ticks(c.low, c.high) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
