package web

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"icar/setting"
	"icar/train"
)

var sweepParameters = []parameter{
	text("sweep", "an id", 1, "id of a sweep, as /api/sweeps lists them"),
	text("keep", "KEY=VALUE", 64, "a value of a setting that is kept; the others of it are left out"),
	text("from", "KEY=NUMBER", 8, "the least value of a setting that is kept"),
	text("to", "KEY=NUMBER", 8, "the largest value of a setting that is kept"),
	text("below", "a number", 1, "only trials whose test error is below it"),
	text("mark", "an id", 1, "a trial that is marked in every panel"),
}

// brushes are what a trial has to be within.
type brushes struct {
	values   map[string][]string
	from, to map[string]float64
	below    float64
}

func brushesOf(v values, settings []sweepSetting) (b brushes, err error) {
	b = brushes{map[string][]string{}, map[string]float64{}, map[string]float64{}, math.Inf(1)}
	var names []string
	for _, s := range settings {
		names = append(names, s.Name)
	}
	known := func(text string) (setting.Setting, error) {
		w, err := train.ParseWhere(text)
		if err == nil && !slices.Contains(names, w.Key) {
			err = setting.Unknown("setting of this sweep", w.Key, names...)
		}
		return w, err
	}
	for _, text := range v.all("keep") {
		w, err := known(text)
		if err != nil {
			return b, err
		}
		b.values[w.Key] = append(b.values[w.Key], w.Value)
	}
	for name, ends := range map[string]map[string]float64{"from": b.from, "to": b.to} {
		for _, text := range v.all(name) {
			w, err := known(text)
			if err != nil {
				return b, err
			}
			if ends[w.Key], err = strconv.ParseFloat(w.Value, 64); err != nil {
				return b, fmt.Errorf("%s %.80q ends with no number: use one such as %s=0.1", name,
					text, w.Key)
			}
		}
	}
	if text := v["below"]; text != "" {
		if b.below, err = strconv.ParseFloat(text, 64); err != nil {
			return b, fmt.Errorf("below %.40q is no number: use one such as 0.1", text)
		}
	}
	return b, nil
}

// keep reports whether a trial is within all brushes. One that has no such setting is not.
func (b brushes) keep(t Trial) bool {
	for name, some := range b.values {
		if !slices.ContainsFunc(some,
			func(value string) bool { return train.SameValue(t.values[name], value) }) {
			return false
		}
	}
	for name, least := range b.from {
		if x, err := strconv.ParseFloat(t.values[name], 64); err != nil || !(x >= least) {
			return false
		}
	}
	for name, most := range b.to {
		if x, err := strconv.ParseFloat(t.values[name], 64); err != nil || !(x <= most) {
			return false
		}
	}
	return t.TestMSE < b.below
}
