package sweep_test

import (
	"bytes"
	"slices"
	"testing"

	"icar/internal/npy"
	"icar/sweep"
)

// The array has a row a trial, of its steps, its loss and its error.
func TestWriteNPY(t *testing.T) {
	trials := []sweep.TrainedTrial{
		{Trained: sweep.Trained{Steps: 3, Loss: 0.5, TestMSE: 0.1}},
		{Trained: sweep.Trained{Steps: 4, Loss: 0.25, TestMSE: 0.2}},
	}
	var file bytes.Buffer
	want(t, sweep.WriteNPY(&file, trials), nil)
	shape, data, err := npy.Parse(file.Bytes())
	if err != nil || !slices.Equal(shape, []int{2, 3}) ||
		!slices.Equal(data, []float64{3, 0.5, 0.1, 4, 0.25, 0.2}) {
		t.Errorf("%v %v, %v", shape, data, err)
	}
	if err := sweep.WriteNPY(&file, nil); err == nil {
		t.Error("an array of no trials is written")
	}
}
