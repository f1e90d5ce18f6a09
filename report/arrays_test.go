package report

import (
	"archive/zip"
	"io"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"icar/figure"
	"icar/internal/npy"
)

// Every number of every figure is found again under its name, whatever the labels.
func TestArraysHoldTheNumbersOfFigures(t *testing.T) {
	line := figure.NewSeries("ridge, λ → 0: least squares", figure.Solid, []float64{1, 2},
		[]float64{3, math.NaN()})
	figures := []figure.Figure{
		{Name: "map", Panels: []figure.Panel{{Title: "../Γ beside W", Series: []figure.Series{
			line.Between([]float64{2, 2}, []float64{4, 5}), line}}}},
		{Name: "heads", Panels: []figure.Panel{{Title: "layer 1",
			Matrix: figure.NewMatrix(2, 3, []float64{1, 2, 3, 4, 5, 6})}}},
	}
	folder := t.TempDir()
	if err := SaveArrays(folder, figures); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(folder, ArraysFile))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	const name = "map.γ-beside-w.ridge-λ-0-least-squares"
	want := map[string][]float64{
		name + ".x.npy": {1, 2}, name + ".y.npy": {3, math.NaN()}, name + ".low.npy": {2, 2},
		name + ".high.npy": {4, 5}, name + "-2.x.npy": {1, 2}, name + "-2.y.npy": {3, math.NaN()},
		"heads.layer-1.npy": {1, 2, 3, 4, 5, 6},
	}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		shape, got, err := npy.Parse(data)
		same := func(a, b float64) bool { return a == b || a != a && b != b }
		if err != nil || !slices.EqualFunc(got, want[f.Name], same) {
			t.Errorf("%s is %v, want %v (%v)", f.Name, got, want[f.Name], err)
		}
		if f.Name == "heads.layer-1.npy" && !slices.Equal(shape, []int{2, 3}) {
			t.Errorf("a matrix of 2 by 3 has the shape %v", shape)
		}
		delete(want, f.Name)
	}
	if len(want) > 0 {
		t.Errorf("not there: %v", want)
	}
}
