package command

import (
	"testing"

	"icar/ar"
)

// The results of a program are in a folder that is named after its model, not after what
// runs it.
func TestFoldersOfForeignModels(t *testing.T) {
	for want, f := range map[string]foreignFlags{
		"model":   {program: "python3 models/model.py"},
		"cat":     {program: " cat "},
		"p":       {predictions: "saved/p.npy"},
		"program": {program: "sh .."},
	} {
		if got := f.name(); got != want {
			t.Errorf("%q is in %q, want %q", f.subject(), got, want)
		}
	}
}

// Sequences of a law are held in whole blocks, at most 1024 of them and 2²⁰ numbers, but
// for one block.
func TestPiecesAreWholeBlocks(t *testing.T) {
	for _, c := range []struct{ length, d, want int }{
		{1, 1, 1024}, {63, 16, 1024}, {1 << 20, 64, ar.BlockSize},
		{15, 1 << 16 / (ar.BlockSize + 1), ar.BlockSize}, // n is BlockSize + 1
	} {
		if got := piece(c.length, c.d); got != c.want || got%ar.BlockSize != 0 {
			t.Errorf("%d at a time of T = %d, d = %d, want %d", got, c.length, c.d, c.want)
		}
	}
}
