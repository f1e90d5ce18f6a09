package sequence

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// An array is read as it is, of the shape that is wanted and of no other.
func TestReadArray(t *testing.T) {
	data, err := ReadArray(saved(t, -1, 0, 2, 3, 4), "predictions", 2, 3, 4)
	if err != nil || len(data) != 24 || data[0] != 1 || data[23] != 24 {
		t.Errorf("%v, %v", data, err)
	}
	for path, want := range map[string]string{
		saved(t, -1, 0, 2, 4, 3): "has the shape (2, 4, 3): predictions have the shape (2, 3, 4)",
		saved(t, -1, 0, 6, 4):    "has the shape (6, 4): predictions",
		saved(t, 1*12+2*4+1, math.Inf(-1), 2, 3,
			4): "sequence 1, row 2, column 1 is -Inf, counted from 0",
	} {
		if _, err := ReadArray(path, "predictions", 2, 3, 4); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// What layers pass on is told apart by layers, and its faults are named by layer,
// sequence, row and column.
func TestReadHidden(t *testing.T) {
	const layers, n, rows, width = 2, 3, 4, 5
	hidden, err := ReadHidden(saved(t, -1, 0, layers, n, rows, width), n, rows)
	if err != nil || len(hidden) != layers || len(hidden[1]) != n*rows*width ||
		hidden[0][0] != 1 || hidden[1][0] != n*rows*width+1 {
		t.Errorf("%v, %v", hidden, err)
	}
	single, err := ReadHidden(saved(t, -1, 0, n, rows, width), n, rows)
	if err != nil || len(single) != 1 || !slices.Equal(single[0], hidden[0]) {
		t.Errorf("of a single layer: %v, %v", single, err)
	}
	at := ((1*n+2)*rows+3)*width + 4
	for path, want := range map[string]string{
		saved(t, -1, 0, layers, n+1, rows, width): "has the shape (2, 4, 4, 5): hidden states",
		saved(t, -1, 0, layers, n, rows+1, width): "(L, 3, 4, D)",
		saved(t, -1, 0, n*rows, width):            "or (3, 4, D) of a single one",
		saved(t, at, math.NaN(), layers, n, rows,
			width): "layer 1, sequence 2, row 3, column 4 is NaN, counted from 0",
		saved(t, 0, math.Inf(1), n, rows, width): "layer 0, sequence 0, row 0, column 0 is +Inf",
	} {
		if _, err := ReadHidden(path, n, rows); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
