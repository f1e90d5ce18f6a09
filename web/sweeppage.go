package web

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"icar/figure"
	"icar/train"
)

const (
	maxPanels = 8   // settings that are drawn
	maxRows   = 200 // trials in the table
)

// sweepPage is what the page shows of a sweep.
type sweepPage struct {
	Document
	Sweep
	Settings []sweepSetting `json:"settings"` // that differ among the trials
	Kept     int            `json:"kept"`     // trials within the brushes
	Rows     []trialRow     `json:"rows"`     // of them, by their errors, the first of these
	Wrong    []trialRow     `json:"wrong"`    // that failed, or did not come to a number
}

// sweepSetting is a setting with the values that it has among the trials, sorted.
type sweepSetting struct {
	Name   string   `json:"name"`
	Means  string   `json:"means"`
	Number bool     `json:"number"` // all values are
	Values []string `json:"values"`
}

// trialRow is a trial in a table.
type trialRow struct {
	ID     string         `json:"id"`
	Says   string         `json:"says"`
	Values []string       `json:"values"` // of the settings that differ
	Steps  int            `json:"steps"`
	Loss   *figure.Number `json:"loss"`
	Test   *figure.Number `json:"test_mse"`
}

func newSweepPage(w Sweep, trials []Trial, v values) (page sweepPage, err error) {
	trials = slices.Clone(trials)
	for i, t := range trials {
		trials[i].values = t.Config.Values()
	}
	page = sweepPage{Sweep: w, Rows: []trialRow{}, Wrong: []trialRow{},
		Settings: differingSettings(trials)}
	brushes, err := brushesOf(v, page.Settings)
	if err != nil {
		return page, bad(err)
	}
	var kept, left []Trial
	for _, t := range trials {
		switch {
		case t.State != done && t.Error == "": // has still to come
		case t.State != done || !finite(t.TestMSE):
			page.Wrong = append(page.Wrong, page.row(t))
		case brushes.keep(t):
			kept = append(kept, t)
		default:
			left = append(left, t)
		}
	}
	slices.SortStableFunc(kept, func(a, b Trial) int { return cmp.Compare(a.TestMSE, b.TestMSE) })
	page.Kept, page.Wrong = len(kept), page.Wrong[:min(maxRows, len(page.Wrong))]
	for _, t := range kept[:min(maxRows, len(kept))] {
		page.Rows = append(page.Rows, page.row(t))
	}
	page.describe(len(trials), kept, left)
	page.draw(kept, left, v["mark"])
	return page, nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// differingSettings are the settings that are not the same in all trials, the seed last.
func differingSettings(trials []Trial) []sweepSetting {
	settings := []sweepSetting{}
	var configs []train.Config
	for _, t := range trials {
		configs = append(configs, t.Config)
	}
	if len(configs) == 0 {
		return settings
	}
	names := train.Differing(configs...)
	if i := slices.Index(names, "seed"); i >= 0 {
		names = append(slices.Delete(names, i, i+1), "seed")
	}
	for _, name := range names {
		settings = append(settings, sweepSetting{Name: name, Number: true})
	}
	for _, t := range trials {
		for i := range settings {
			s := &settings[i]
			value, has := t.values[s.Name]
			if !has || slices.Contains(s.Values, value) {
				continue
			}
			s.Values = append(s.Values, value)
			if _, err := strconv.ParseFloat(value, 64); err != nil {
				s.Number = false
			}
		}
	}
	for i := range settings {
		s := &settings[i]
		slices.SortFunc(s.Values, func(a, b string) int {
			if s.Number {
				return cmp.Compare(s.at(a), s.at(b))
			}
			return strings.Compare(a, b)
		})
		for _, k := range configs[0].Keys() {
			if k.Name == s.Name {
				s.Means = strings.ReplaceAll(k.Means, "`", "")
			}
		}
	}
	return settings
}

// at is the place of a value on an axis: a number, or 1, 2, … for words.
func (s sweepSetting) at(value string) float64 {
	if !s.Number {
		return float64(slices.Index(s.Values, value) + 1)
	}
	x, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return math.NaN()
	}
	return x
}

func (p *sweepPage) row(t Trial) trialRow {
	r := trialRow{ID: t.ID, Steps: t.Steps, Says: t.State}
	if t.State == done && !finite(t.TestMSE) {
		r.Says = "done, and its test error is no finite number: it has diverged"
	}
	if t.Error != "" {
		r.Says += ": " + oneLine(t.Error)
	}
	for _, s := range p.Settings {
		r.Values = append(r.Values, t.values[s.Name])
	}
	if t.State == done {
		loss, test := figure.Number(t.Loss), figure.Number(t.TestMSE)
		r.Loss, r.Test = &loss, &test
	}
	return r
}

// describe says how far the sweep is, and what did best.
func (p *sweepPage) describe(read int, kept, left []Trial) {
	p.fact("trials", "%d of %d are done, %d run, %d wait, %d have failed", p.Done, p.Trials,
		p.Running, p.Pending, p.Failed)
	if int64(read) < p.Trials {
		p.fact("shown", "the first %d of them", read)
	}
	p.fact("kept", "%s of %d", plural(len(kept), "trial"), len(kept)+len(left))
	if len(kept) == 0 {
		return
	}
	var set []string
	for _, s := range p.Settings {
		set = append(set, s.Name+"="+kept[0].values[s.Name])
	}
	p.fact("the best kept", "test error %s with %s", figure.Text(kept[0].TestMSE),
		strings.Join(set, " "))
	if f, shared := sharedFloor(slices.Concat(kept, left)); shared {
		p.factNumber(f.Name+", mean", f.Mean)
	}
}

// sharedFloor is the floor of trials that all have the same.
func sharedFloor(trials []Trial) (f floor, shared bool) {
	for i, t := range trials {
		g, known := floorOf(t.Config)
		if !known || i > 0 && (g.Name != f.Name || g.Mean != f.Mean) {
			return floor{}, false
		}
		f = g
	}
	return f, len(trials) > 0
}
