package web

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"icar/figure"
	"icar/run"
	"icar/setting"
	"icar/train"
)

var runParameters = []parameter{text("run", "a path", 1, "path of a run below the folder of runs")}

// runPage is what the page says of one run.
type runPage struct {
	Document
	runState
	Settings []runSetting `json:"settings"` // in the order of its file
}

// runSetting is a setting of a run beside what it is when nobody sets it.
type runSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Usual string `json:"usual"` // "" where the default has no such setting
	Set   bool   `json:"set"`   // it has to be, to get this run from the defaults
	Means string `json:"means"`
}

// showRun answers with what is known of a run without its weights.
func (s *Server) showRun(ctx context.Context, x exchange, v values) error {
	if v["run"] == "" {
		return refuse(statusBad, "run is missing: give the path of a run, as "+
			"/api/runs lists them")
	}
	give, err := s.viewers.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	seen, err := s.shelf.find(ctx, v["run"])
	if err != nil {
		return err
	}
	now := time.Now()
	page := runPage{runState: stateOf(seen, now),
		Settings: seen.settings(s.options.Catalogue)}
	page.describe(seen, now)
	return answerJSON(x, "", page)
}

// settings are those of a run's file, and which of them were set.
func (r shelfRun) settings(catalogue *train.Catalogue) (all []runSetting) {
	usual := catalogue.Config().Values()
	for _, k := range r.config.FileKeys() {
		all = append(all, runSetting{Name: k.Name, Value: k.String(), Usual: usual[k.Name],
			Set:   slices.Contains(r.set, setting.Setting{Key: k.Name, Value: k.String()}.String()),
			Means: strings.ReplaceAll(k.Means, "`", "")})
	}
	return all
}

// describe adds what was measured, and by what.
func (p *runPage) describe(r shelfRun, now time.Time) {
	p.fact("step", "%d of %d", r.Step, r.config.Steps())
	if r.Step > 0 {
		p.factNumber("loss of the last batch", r.Loss)
	}
	if e := r.Evaluation; e != nil {
		p.factNumber("test error, the last", e.TestMSE)
	}
	if b := r.Best; b != nil {
		p.fact("test error, the best", "%s after step %d", figure.Text(b.TestMSE), b.Step)
	}
	p.compare(r)
	if r.Seconds > 0 {
		p.fact("time of its steps", "%s", lasting(r.Seconds))
	}
	left := r.Left(r.config.Steps() - r.Step)
	if r.State == run.Running && left > 0 && !r.stuck(now) {
		p.fact("time left", "%s, at %s ms a step", about(left),
			figure.Text(1000*r.PerStep))
	}
	if len(r.Label.Tags) > 0 {
		p.fact("tags", "%s", strings.Join(r.Label.Tags, " "))
	}
	p.fact("icar", "%s", strings.TrimSpace(r.Info.Icar+" "+r.Info.Revision))
	p.fact("arithmetic", "%s", r.Info.Arithmetic)
	if r.Info.Init != "" {
		p.fact("initial weights", "SHA-256 %s", r.Info.Init)
	}
}

// compare sets the error beside the least that there can be.
func (p *runPage) compare(r shelfRun) {
	f, known := floorOf(r.config)
	if !known {
		p.fact("least possible error", "%s", unknownFloor(r.config))
		return
	}
	what := f.Name + ", below which no predictor is"
	if f.Exact {
		what = f.Name + ", the least possible error"
	}
	beside := ""
	if e := r.Evaluation; e != nil && f.Mean > 0 {
		beside = fmt.Sprintf("; the last error is %s times it", figure.Text(e.TestMSE/f.Mean))
	}
	p.fact(what, "%s%s", figure.Text(f.Mean), beside)
}

func unknownFloor(c train.Config) string {
	if c.Data != "" {
		return "not known: the sequences come from a file, without their law"
	}
	return "not known for the law " + c.Law
}
