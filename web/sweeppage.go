package web

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"icar/figure"
	"icar/report"
	"icar/setting"
	"icar/train"
)

var sweepParameters = []parameter{
	text("sweep", "an id", 1, "id of a sweep, as /api/sweeps lists them"),
	text("keep", "KEY=VALUE", 64, "a value of a setting that is kept; the others of it are left out"),
	text("from", "KEY=NUMBER", 8, "the least value of a setting that is kept"),
	text("to", "KEY=NUMBER", 8, "the largest value of a setting that is kept"),
	text("below", "a number", 1, "only trials whose test error is below it"),
}

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
	page.draw(kept, left)
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
	p.fact("the best kept", "test error %s with %s", report.Number(kept[0].TestMSE),
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

// draw sets the error against each setting, a point a trial; of those that are kept the
// mean at each value, and the best, which has the same place in every panel.
func (p *sweepPage) draw(kept, left []Trial) {
	if len(kept)+len(left) == 0 {
		return
	}
	var panels []figure.Panel
	for _, s := range p.Settings {
		if s.Name != "seed" && len(panels) < maxPanels {
			panels = append(panels, s.panel(kept, left))
		}
	}
	if len(panels) == 0 {
		return
	}
	p.figure("trials", "Test error against each setting", "A point a trial, at its test error "+
		"after the last step; the line joins the means of those that are kept.",
		min(3, len(panels)), panels...)
}

func (s sweepSetting) panel(kept, left []Trial) figure.Panel {
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
	if f, shared := sharedFloor(slices.Concat(kept, left)); shared {
		all, _ := points(slices.Concat(kept, left))
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
