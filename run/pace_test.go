package run

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"icar/internal/budget"
)

// The time that is left follows from the last steps, and the label is that of now.
func TestPaceOfARun(t *testing.T) {
	dir := watchedRun(t, 1000)
	fsys, w := budget.Folder(dir), Watch{}
	look := func() Progress {
		t.Helper()
		p, _, err := w.Look(fsys, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if err := os.Remove(filepath.Join(dir, timingsFile)); err != nil {
		t.Fatal(err)
	}
	if p := look(); p.Seconds != 0 || p.PerStep != 0 || p.Left(100) != 0 {
		t.Errorf("without times: %+v", p.Pace)
	}
	var b strings.Builder
	for step := 1; step <= 1000; step++ {
		seconds := 8.0
		if step > 1000-recent {
			seconds = 0.25
		}
		fmt.Fprintf(&b, "{\"step\":%d,\"seconds\":%v}\n", step, seconds)
	}
	file := filepath.Join(dir, timingsFile)
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p := look()
	if want := (1000-recent)*8 + recent*0.25; p.Seconds != want || p.PerStep != 0.25 ||
		p.Left(40) != 10 || p.Left(-1) != 0 {
		t.Errorf("%+v, %v for 40 steps; want %v seconds in all and 0.25 a step", p.Pace,
			p.Left(40), want)
	}
	if p.Best == nil || p.Best.Step != 10 || p.Best.TestMSE != 10 || p.Label.Name != "" {
		t.Errorf("the best is %+v, the label %+v", p.Best, p.Label)
	}
	if _, err := SetLabel(dir, func(l *Label) { l.Name, l.Tags = "wide", []string{"b"} }); err != nil {
		t.Fatal(err)
	}
	if p := look(); p.Label.Name != "wide" || len(p.Label.Tags) != 1 {
		t.Errorf("the label is %+v", p.Label)
	}
	// A run that goes on from a checkpoint writes its last times anew.
	if err := os.WriteFile(file, []byte("{\"step\":1,\"seconds\":3}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p := look(); p.Seconds != 3 || math.Abs(p.PerStep-3) > 0 {
		t.Errorf("times of another file: %+v", p.Pace)
	}
}
