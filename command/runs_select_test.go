package command

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"icar/run"
	"icar/train"
)

// Four runs stand in another order by each key, and one of which nothing is known last,
// in both directions.
func TestRunsAreOrderedByEachKey(t *testing.T) {
	values := map[string][]float64{ // of the runs 0, 1, 2 and 3
		"error": {1, 2, 4, 3}, "best": {1, 3, 2, 4}, "loss": {1, 3, 4, 2}, "step": {2, 1, 3, 4},
		"time": {2, 1, 4, 3}, "name": {4, 2, 3, 1}, "tags": {4, 1, 2, 3}, "path": {3, 4, 1, 2},
	}
	var runs []described
	for i := range 4 {
		of := func(key string) float64 { return values[key][i] }
		text := func(key string) string { return strconv.Itoa(int(of(key))) }
		loss := of("loss")
		runs = append(runs, described{Path: text("path"), Step: int(of("step")), Loss: &loss,
			Label: run.Label{Name: text("name"), Tags: []string{text("tags")}}, Seconds: of("time"),
			Evaluation: &run.Evaluation{TestMSE: of("error")},
			Best:       &train.Best{TestMSE: of("best")}})
	}
	for key, of := range values {
		for _, reverse := range []bool{false, true} {
			all := slices.Clone(runs)
			known := key == "step" || key == "time" // of each run, and 0 of this one
			if !known {
				all = slices.Insert(all, 1, described{})
			}
			s := selection{sort: key, reverse: reverse, below: math.Inf(1)}
			sorted := s.of(all)
			for place, d := range sorted[:4] {
				rank := float64(place + 1)
				if reverse {
					rank = float64(4 - place)
				}
				if i := slices.Index(of, rank); d.Path != runs[i].Path {
					t.Errorf("by %s, reversed %v: run %q is number %d, want %q", key, reverse, d.Path,
						place, runs[i].Path)
				}
			}
			if !known && sorted[4].Path != "" {
				t.Errorf("by %s, reversed %v: %+v is last", key, reverse, sorted[4])
			}
		}
	}
	below := selection{sort: "error", below: 3}
	if chosen := below.of(append(runs, described{})); len(chosen) != 2 ||
		chosen[0].Path != runs[0].Path || chosen[1].Path != runs[1].Path {
		t.Errorf("below 3: %+v", chosen)
	}
}

// A run is shown with its last loss, its last error and its best one, each at its step.
func TestCellsOfARun(t *testing.T) {
	loss := 0.5
	d := described{State: run.Stopped, Step: 7, Steps: 9, Loss: &loss, Seconds: 1.26,
		Evaluation: &run.Evaluation{TestMSE: 0.25}, Best: &train.Best{TestMSE: 0.125, Step: 4}}
	if got, want := d.cells(), "stopped\t7/9\t0.5\t0.25\t0.125 at 4\t1.3s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	config := train.DefaultConfig()
	all := (&house{catalogue: nil}).describe([]run.Run{{Path: "r", Config: config.YAML(),
		Metrics: []run.Metric{{Step: 1, Loss: 4}, {Step: 2, Loss: 3}}}})
	if r := all[0]; r.Error != "" || r.Step != 2 || *r.Loss != 3 {
		t.Errorf("%+v", r)
	}
}

// Curves of the same settings are called by their names, and by their paths where two
// have the same name, or none.
func TestRunsOfOneNameAreCalledByTheirPaths(t *testing.T) {
	runs := []described{{Path: "p/1"}, {Path: "p/2"}, {Path: "p/3"}, {Path: "p/4"}}
	for i, name := range []string{"wide", "wide", "deep", ""} {
		runs[i].Name = name
	}
	for i, want := range []string{"p/1", "p/2", "deep", "p/4"} {
		if got := runs[i].called(runs); got != want {
			t.Errorf("run %d is called %s, want %s", i, got, want)
		}
	}
}
