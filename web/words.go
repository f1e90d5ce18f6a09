package web

import (
	"fmt"
	"math"
	"strings"
	"time"

	"icar/run"
)

// stuck is how long a process may hold a run without a step before that is said, or so
// many of its steps where these take long.
const (
	stuck      = time.Minute
	stuckSteps = 30
)

// words says how a run is, and what to do where something is wrong.
func (r shelfRun) words(now time.Time) string {
	if r.err != nil {
		return "damaged: " + oneLine(r.err.Error())
	}
	left, steps := r.Left(r.config.Steps()-r.Step), r.config.Steps()
	behind := ""
	if r.Behind {
		behind = "; its metrics are still being read"
	}
	switch silent := now.Sub(r.Written); {
	case r.State == run.Diverged:
		return "diverged: " + strings.TrimPrefix(oneLine(r.Diverged), "training diverged ")
	case r.State == run.Stopped:
		return fmt.Sprintf("stopped after step %d of %d: icar train --resume goes on%s", r.Step,
			steps, behind)
	case r.State != run.Running:
		return string(r.State) + behind
	case r.stuck(now):
		return fmt.Sprintf("running, but no step has come for over %s: its process is stopped, "+
			"stuck, or still drawing its sequences%s", since(silent), behind)
	case r.Step == 0:
		return "running: waiting for the first step" + behind
	case left > 0:
		return "running, " + about(left) + " left" + behind
	}
	return "running" + behind
}

// stuck reports whether a run that a process holds has had no step for long.
func (r shelfRun) stuck(now time.Time) bool {
	steps := time.Duration(stuckSteps * r.PerStep * float64(time.Second))
	return r.State == run.Running && now.Sub(r.Written) > max(stuck, steps)
}

// since is a coarse time, so that what is said with it does not change all the time.
func since(silent time.Duration) string {
	for _, t := range []time.Duration{24 * time.Hour, time.Hour, 10 * time.Minute} {
		if silent > t {
			return lasting(t.Seconds())
		}
	}
	return lasting(min(stuck, silent).Seconds())
}

// about is a time that is not known exactly.
func about(seconds float64) string {
	if text := lasting(seconds); strings.HasPrefix(text, "under") {
		return text
	}
	return "about " + lasting(seconds)
}

// lasting is a time in the units that fit it.
func lasting(seconds float64) string {
	whole := func(x float64) int { return int(math.Round(min(x, 1e6))) }
	switch {
	case seconds < 0.95:
		return "under a second"
	case seconds < 99.5:
		return fmt.Sprintf("%d s", whole(seconds))
	case seconds < 99.5*60:
		return fmt.Sprintf("%d min", whole(seconds/60))
	case seconds < 72*3600:
		return fmt.Sprintf("%d h", whole(seconds/3600))
	}
	return fmt.Sprintf("%d days", whole(seconds/86400))
}
