package command

import (
	"testing"

	"icar/run"
	"icar/train"
)

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
