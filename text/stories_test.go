package text_test

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"icar/text"
	"icar/text/moby"
)

// TestStories fits the embeddings of a trained language model, which this
// repository may not hold: ICAR_STORIES names a folder with stories260K.bin
// and tok512.bin of llama2.c. Without it the test is skipped, everywhere.
func TestStories(t *testing.T) {
	dir := os.Getenv("ICAR_STORIES")
	if dir == "" {
		t.Skip("ICAR_STORIES names no folder with stories260K.bin and tok512.bin")
	}
	table, err := text.ReadTable(filepath.Join(dir, "stories260K.bin"))
	if err != nil {
		t.Fatal(err)
	}
	tokenizer, err := text.ReadMergesFile(filepath.Join(dir, "tok512.bin"))
	if err != nil {
		t.Fatal(err)
	}
	book, err := moby.Text()
	if err != nil {
		t.Fatal(err)
	}
	s, err := text.NewSequence(book, tokenizer, table)
	if err != nil || table.Rows != 512 || table.Dim != 64 {
		t.Fatalf("%d × %d, %v", table.Rows, table.Dim, err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	w, err := s.Cut(5, math.MaxInt, rng)
	if err != nil {
		t.Fatal(err)
	}
	study, err := text.NewStudy(s, w, text.Random, 64, rng)
	if err != nil {
		t.Fatal(err)
	}
	_, r, err := study.Measure(1, rng)
	if err != nil {
		t.Fatal(err)
	}
	shuffled, err := study.Nulls(context.Background(), text.TokensPermuted, 1, 1, rng, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d windows: R² = %.4f, with tokens permuted %.4f", w.Count(), r.Value, shuffled[0])
	if math.Abs(r.Value-0.08) > 0.01 || math.Abs(shuffled[0]) > 0.003 {
		t.Errorf("R² = %v, with tokens permuted %v: want 0.08 and 0", r, shuffled[0])
	}
}
