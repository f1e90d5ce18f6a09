package sander2024

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"icar/figure"
	"icar/internal/needs"
	"icar/nn/kernel"
	"icar/outcome"
)

// A quick reproduction at seed 3 has been recorded: of every column, series, matrix and
// claim a line in testdata/golden. It says nothing of what is right, which the tests with
// known answers do; it notices what a change of the code changes, down to the label of a
// curve, so that whoever makes it has seen it. What is meant is recorded by
//
//	go test ./experiment -run ClaimsHold -update
//
// and read as a diff.
var update = flag.Bool("update", false, "record the results of a quick reproduction in "+
	"testdata/golden")

// goldenArithmetic is that of the recorded results, on which their bits depend, and
// goldenProcessor the one whose sines and logarithms they took: those of others differ
// in the last bit, which descent of many steps makes more of.
const goldenArithmetic, goldenProcessor = "fma", "amd64"

// checkGolden compares an outcome with the recorded one.
func checkGolden(t *testing.T, o outcome.Outcome) {
	t.Helper()
	a := kernel.Available()[0].Arithmetic()
	if a != goldenArithmetic || runtime.GOARCH != goldenProcessor {
		needs.Missing(t, fmt.Sprintf("the recorded results are of %s on %s, this machine's are of %s "+
			"on %s",
			goldenArithmetic, goldenProcessor, a, runtime.GOARCH))
	}
	file := filepath.Join("testdata", "golden", o.Name+".txt")
	lines := goldenLines(o)
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: record it with -update", err)
	}
	want := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i := range max(len(lines), len(want)) {
		switch {
		case i >= len(want):
			t.Errorf("new: %s", lines[i])
		case i >= len(lines):
			t.Errorf("missing: %s", want[i])
		case !sameLine(lines[i], want[i]):
			t.Errorf("recorded: %s\nnow:      %s", want[i], lines[i])
		}
	}
}

// goldenLines are the lines of an outcome.
func goldenLines(o outcome.Outcome) []string {
	var lines []string
	for _, table := range o.Data.Tables {
		for j, column := range table.Columns {
			cells := make([]any, len(table.Rows))
			for i, row := range table.Rows {
				cells[i] = row[j]
			}
			lines = append(lines, summed("table "+table.Name+"."+column, cells))
		}
	}
	for _, a := range o.Data.Arrays {
		lines = append(lines, summed(fmt.Sprintf("array %s %v", a.Name, a.Shape), anys(a.Values)))
	}
	for _, f := range o.Figures {
		for _, p := range f.Panels {
			at := fmt.Sprintf("panel %s/%s (%s, %s)", f.Name, p.Title, p.X.Label, p.Y.Label)
			if p.Matrix != nil {
				lines = append(lines, summed(fmt.Sprintf("%s %d", at, p.Matrix.Rows),
					anys(p.Matrix.Values)))
			}
			for _, s := range p.Series {
				name := strings.TrimSpace(fmt.Sprintf("%s: %s %s", at, s.Label, s.Style))
				for k, v := range []figure.Values{s.X, s.Y, s.Low, s.High} {
					if len(v) > 0 {
						lines = append(lines,
							summed(name+", "+[]string{"x", "y", "low", "high"}[k], anys(v)))
					}
				}
			}
		}
	}
	for _, c := range o.Claims {
		lines = append(lines, summed(fmt.Sprintf("claim %s (%s) %s: %s", c.ID, c.Source, c.Relation,
			c.Statement),
			[]any{c.Measured, c.Predicted, c.Tolerance}))
	}
	return lines
}

func anys[T any](x []T) []any {
	all := make([]any, len(x))
	for i, v := range x {
		all[i] = v
	}
	return all
}

// summed is a line on values: how many there are, the sum of their logarithmic sizes, and
// two sums of those with weights that no exchange of two leaves as they are. Words count by
// their letters, and what is not finite by what it is.
func summed(name string, values []any) string {
	var size, first, second float64
	for i, v := range values {
		x := 0.0
		switch v := v.(type) {
		case float64:
			x = v
		case figure.Number:
			x = v.Float()
		default:
			for k, r := range fmt.Sprint(v) {
				x += float64(r) * float64(k+1)
			}
		}
		switch {
		case math.IsNaN(x):
			x = 0.1234
		case math.IsInf(x, 0):
			x = math.Copysign(0.4321, x)
		}
		x = math.Copysign(math.Log1p(1e9*math.Abs(x)), x) // so that no large value hides the small
		size += math.Abs(x)
		first += x * math.Cos(float64(i))
		second += x * math.Sin(math.Sqrt2*float64(i+1))
	}
	return fmt.Sprintf("%s\t%d\t%.12g\t%.12g\t%.12g", name, len(values), size, first, second)
}

// sameLine compares two lines but for what rounding may do to sums, 1e-9 of their size.
func sameLine(a, b string) bool {
	x, y := strings.Split(a, "\t"), strings.Split(b, "\t")
	if len(x) != 5 || len(y) != 5 || x[0] != y[0] || x[1] != y[1] {
		return false
	}
	size, err := strconv.ParseFloat(y[2], 64)
	for k := 2; k < 5; k++ {
		p, failed := strconv.ParseFloat(x[k], 64)
		q, wrong := strconv.ParseFloat(y[k], 64)
		if err != nil || failed != nil || wrong != nil || math.Abs(p-q) > 1e-9*size {
			return false
		}
	}
	return true
}
