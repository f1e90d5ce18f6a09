package sequence

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"icar/internal/npy"
)

// saved writes numbers from 1 on, the one at an index another, as .npy.
func saved(t *testing.T, at int, x float64, shape ...int) string {
	t.Helper()
	a := npy.Array{Name: States, Shape: shape, Data: make([]float64, 1)}
	for _, n := range shape {
		a.Data = make([]float64, len(a.Data)*n)
	}
	for i := range a.Data {
		a.Data[i] = float64(i + 1)
	}
	if at >= 0 {
		a.Data[at] = x
	}
	path := filepath.Join(t.TempDir(), "s.npy")
	if err := Save(path, []npy.Array{a}); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadTakesManySequencesOrOne(t *testing.T) {
	s, err := Read(saved(t, -1, 0, 4, 3, 2))
	if err != nil || s.N != 4 || s.T != 2 || s.D != 2 || len(s.Contexts) != 4 ||
		s.States[2*6+1*2+1] != 16 {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = Read(saved(t, -1, 0, 3, 2))
	if err != nil || s.N != 1 || s.T != 2 || s.D != 2 || len(s.Contexts) != 1 {
		t.Errorf("of one: %+v, %v", s, err)
	}
}

// Every error says where the fault is, as numpy counts.
func TestReadNamesTheFault(t *testing.T) {
	small := npy.Array{Name: States, Shape: []int{1, 3, 1}, Data: []float64{1e-31, -1e-31, 0}}
	tiny := filepath.Join(t.TempDir(), "tiny.npy")
	if err := Save(tiny, []npy.Array{small}); err != nil {
		t.Fatal(err)
	}
	constant := saved(t, -1, 0, 4, 3, 1)
	for path, want := range map[string]string{
		saved(t, 2*6+1*2+1, math.NaN(), 4, 3,
			2): "sequence 2, row 1, column 1 is NaN, counted from 0",
		saved(t, 5, math.Inf(-1), 4, 3, 2): "sequence 0, row 2, column 1 is -Inf",
		saved(t, 4, math.Inf(1), 3, 2):     "sequence 0, row 2, column 0 is +Inf",
		saved(t, 3, 1e200, 4, 3, 2): "its largest number is 1e+200: scale the " +
			"states to between 1e-30 and 1e+30",
		tiny:                        "its largest number is 1e-31: scale the states",
		saved(t, -1, 0, 12):         "has the shape (12,): save states as an array (N, T+1, d)",
		saved(t, -1, 0, 4, 1, 2):    "has the shape (4, 1, 2)",
		saved(t, -1, 0, 2, 2, 2, 2): "has the shape (2, 2, 2, 2)",
		filepath.Join(t.TempDir(), "nowhere.npy"): "no such file",
	} {
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := Read(constant); err != nil {
		t.Errorf("a coordinate that changes: %v", err)
	}
}

func TestReadNamesAConstantCoordinate(t *testing.T) {
	a := npy.Array{Name: States, Shape: []int{2, 2, 2}, Data: []float64{1, 7, 2, 7, 3, 7, 4, 7}}
	path := filepath.Join(t.TempDir(), "c.npy")
	for _, last := range []float64{7, 8} {
		a.Data[7] = last
		if err := Save(path, []npy.Array{a}); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		if constant := last == 7; constant != (err != nil) ||
			constant && !strings.Contains(err.Error(),
				"column 1, counted from 0, is 7 in all rows from 0 to 1 of every sequence") {
			t.Errorf("with %v at the end: %v", last, err)
		}
	}
}

// No sequence is both fitted on and measured on.
func TestPartedSequences(t *testing.T) {
	path, other := saved(t, -1, 0, 5, 3, 2), saved(t, -1, 0, 3, 3, 2)
	p, err := ReadParted(path, "")
	if err != nil || p.Fitting.N != 2 || p.Test.N != 3 || p.Fitting.States[11] != 12 ||
		p.Test.States[0] != 13 || len(p.Test.Contexts) != 3 {
		t.Errorf("%+v, %v", p, err)
	}
	if p.All.N != 5 || p.All.States[0] != 1 {
		t.Errorf("the file holds %d sequences", p.All.N)
	}
	p, err = ReadParted(path, other)
	if err != nil || p.Fitting.N != 3 || p.Test.N != 5 ||
		!strings.Contains(p.How, "first 3 of the 3") {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err = ReadParted(saved(t, -1, 0, 3, 2), ""); err != nil || p.Fitting.N != 0 ||
		p.Test.N != 1 {
		t.Errorf("of one: %+v, %v", p, err)
	}
	if p, err = ReadParted(saved(t, -1, 0, 1100, 2, 2),
		""); err != nil || p.Fitting.N != mostFitted || p.Test.N != 1100-mostFitted {
		t.Errorf("of many: %d and %d, %v", p.Fitting.N, p.Test.N, err)
	}
	if _, err = ReadParted(path, path); err == nil ||
		!strings.Contains(err.Error(), "hold the same sequences") {
		t.Errorf("fitted on what is measured: %v", err)
	}
	if p, err = ReadParted(saved(t, -1, 0, 3, 2, 2), saved(t, -1, 0, 1100, 2,
		2)); err != nil || p.Fitting.N != mostFitted || p.Test.N != 3 || p.All.N != 3 ||
		!strings.Contains(p.How, "first 512 of the 1100") {
		t.Errorf("fitted on a file of many: %d and %d, %v", p.Fitting.N, p.Test.N, err)
	}
	if _, err = ReadParted(path, saved(t, -1, 0, 3, 3, 4)); err == nil ||
		!strings.Contains(err.Error(), "has sequences of 3 states of 4 numbers and") {
		t.Errorf("of two dimensions: %v", err)
	}
	if _, err = ReadParted(path, saved(t, -1, 0, 3, 4, 2)); err == nil ||
		!strings.Contains(err.Error(), "has sequences of 4 states of 2 numbers and") {
		t.Errorf("of two lengths: %v", err)
	}
}
