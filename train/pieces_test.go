package train

import (
	"slices"
	"testing"
)

// The pieces of a stream are its sequences, bit for bit, and no more of them.
func TestPiecesAreTheSequences(t *testing.T) {
	c := DefaultConfig()
	c.D, c.Length = 3, 5
	whole, err := Sequences(c, TestStream, 75)
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []int{0, 32} {
		var states []float64
		n := 0
		for piece, err := range Pieces(c, TestStream, from, 75, 32) {
			if err != nil || piece.N > 32 {
				t.Fatal(piece.N, err)
			}
			for i, context := range piece.Contexts {
				if w := whole.Contexts[from+n+i].W; !slices.Equal(context.W, w) {
					t.Errorf("W of sequence %d is %v, want %v", from+n+i, context.W, w)
				}
			}
			states, n = append(states, piece.States...), n+piece.N
		}
		if !slices.Equal(states, whole.States[from*6*3:]) {
			t.Errorf("%d sequences from %d are others", n, from)
		}
	}
	for range Pieces(c, TestStream, 0, 75, 32) {
		break // a loop that goes on after this panics
	}
	c.D = -1
	for _, err := range Pieces(c, TestStream, 0, 75, 32) {
		if err == nil {
			t.Error("d = -1 has sequences")
		}
	}
}

// Of a file the pieces are its sequences too, and end with them.
func TestPiecesOfAFile(t *testing.T) {
	c, err := filled(t, "data="+saved(t, "s.npy", 120, 5, 2), "batch=16", "tokens=plain")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := Sequences(c, TestStream, 1000)
	if err != nil || whole.N < 17 {
		t.Fatal(whole.N, err)
	}
	var states []float64
	for piece, err := range Pieces(c, TestStream, 16, 1000, 16) {
		if err != nil || piece.N > 16 {
			t.Fatal(piece.N, err)
		}
		states = append(states, piece.States...)
	}
	if !slices.Equal(states, whole.States[16*6*2:]) {
		t.Errorf("%d numbers, want %d", len(states), len(whole.States)-16*6*2)
	}
	for range Pieces(c, TestStream, 0, 1000, 16) {
		break
	}
	c.DataSum = "0"
	for _, err := range Pieces(c, TestStream, 0, 16, 16) {
		if err == nil {
			t.Error("a file that has changed has sequences")
		}
	}
}
