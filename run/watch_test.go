package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"icar/internal/budget"
	"icar/internal/needs"
)

// watchedRun makes a run of so many steps, an evaluation at every tenth.
func watchedRun(t testing.TB, steps int) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "run")
	d, err := Create(dir, []byte("seed: 1\n"), NewInfo(1, "go"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	grow(t, dir, 1, steps)
	return dir
}

func grow(t testing.TB, dir string, from, to int) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, metricsFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for step := from; step <= to; step++ {
		fmt.Fprintf(&b, `{"step":%d,"loss":%d.5,"learning_rate":0.01`, step, step)
		if step%10 == 0 {
			fmt.Fprintf(&b, `,"test_mse":%d,"position_mse":[1,2,3]`, step)
		}
		b.WriteString("}\n")
	}
	_, err = f.WriteString(b.String())
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// A look at a run that has grown reads what is new, one at a run that has not
// reads nothing, and one at a file that was replaced reads all of it.
func TestWatchReadsWhatIsNew(t *testing.T) {
	dir := watchedRun(t, 95)
	fsys := budget.Folder(dir)
	var w Watch
	look := func(step int, loss, test float64, reads bool) Progress {
		t.Helper()
		p, read, err := w.Look(fsys, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if p.Step != step || p.Loss != loss || p.Evaluation == nil ||
			p.Evaluation.TestMSE != test || p.Behind || (read > 0) != reads {
			t.Errorf("step %d, loss %v, evaluation %v, behind %v, read %d; want %d, %v, %v", p.Step,
				p.Loss, p.Evaluation, p.Behind, read, step, loss, test)
		}
		return p
	}
	look(95, 95.5, 90, true)
	look(95, 95.5, 90, false)
	grow(t, dir, 96, 100)
	whole, err := os.Stat(filepath.Join(dir, metricsFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, read, err := w.Look(fsys, 1<<20); err != nil || read == 0 || read > whole.Size()/10 {
		t.Errorf("of 5 new steps %d of %d bytes were read: %v", read, whole.Size(), err)
	}
	p := look(100, 100.5, 100, false)
	if len(p.Curve) != 100 || len(p.Evaluations) != 10 || len(p.Evaluation.PositionMSE) != 3 {
		t.Errorf("%d points, %d evaluations, %v", len(p.Curve), len(p.Evaluations), p.Evaluation)
	}
	if err := os.Remove(filepath.Join(dir, metricsFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, metricsFile),
		[]byte(strings.Repeat(`{"step":1,"loss":7,"test_mse":8}`+"\n", 300)), 0o600); err != nil {
		t.Fatal(err)
	}
	look(300, 7, 8, true)
	if err := os.WriteFile(filepath.Join(dir, metricsFile),
		[]byte(strings.Repeat(`{"step":1,"loss":9,"test_mse":8}`+"\n", 400)), 0o600); err != nil {
		t.Fatal(err)
	}
	p = look(400, 9, 8, true) // rewritten in place, and longer
	if p.Curve[0].Loss != 9 || p.State != Stopped {
		t.Errorf("the curve begins with the loss %v of the file before; the run is %s",
			p.Curve[0].Loss, p.State)
	}
	if err := os.WriteFile(filepath.Join(dir, doneFile), []byte("400\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p = look(400, 9, 8, false); p.State != Complete {
		t.Errorf("a run with the file %s is %s", doneFile, p.State)
	}
}

// A long run is read in parts and kept as a curve of bounded length.
func TestWatchOfALongRun(t *testing.T) {
	dir := watchedRun(t, 60_000)
	fsys, w, looks := budget.Folder(dir), Watch{}, 0
	for {
		p, _, err := w.Look(fsys, 1)
		if err != nil {
			t.Fatal(err)
		}
		if looks++; looks > 100 {
			t.Fatalf("the end of the run is not reached: step %d", p.Step)
		}
		if len(p.Curve) > 2*maxPoints+1 || len(p.Evaluations) > 2*maxPoints+1 {
			t.Fatalf("%d points and %d evaluations", len(p.Curve), len(p.Evaluations))
		}
		if p.Behind {
			continue
		}
		last := p.Curve[len(p.Curve)-1]
		if p.Step != 60_000 || last.Step != 60_000 || p.Curve[0].Step != 1 ||
			len(p.Curve) < maxPoints || looks < 2 {
			t.Errorf("step %d after %d looks, %d points to step %d", p.Step, looks, len(p.Curve),
				last.Step)
		}
		for i, m := range p.Curve[:len(p.Curve)-1] {
			if every := p.Curve[1].Step - 1; m.Step != 1+i*every {
				t.Fatalf("point %d is of step %d, want every %d-th", i, m.Step, every)
			}
		}
		return
	}
}

// A file of 20 GB without an end of line is refused after a megabyte, by every
// reader, as are pipes in the place of files.
func TestSparseMetrics(t *testing.T) {
	dir := watchedRun(t, 3)
	if err := os.Truncate(filepath.Join(dir, metricsFile), 20<<30); err != nil {
		needs.Missing(t, fmt.Sprintf("no sparse files here: %v", err))
	}
	start := time.Now()
	var w Watch
	for range 3 {
		if _, _, err := w.Look(budget.Folder(dir), 1<<20); err == nil ||
			!strings.Contains(err.Error(), "line 4 is longer than") {
			t.Errorf("a look: %v", err)
		}
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "line 4 is longer than") {
		t.Errorf("a reader: %v", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

// Lines that are short and many do not become numbers that are a hundred times
// their size.
func TestManyShortLines(t *testing.T) {
	dir := watchedRun(t, 0)
	if err := os.WriteFile(filepath.Join(dir, metricsFile),
		[]byte(strings.Repeat("{}\n", 1_300_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); !errors.Is(err, budget.ErrTooMuch) {
		t.Errorf("a million lines {}: %v", err)
	}
}
