package moby

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"icar/text"
)

func TestMoby(t *testing.T) {
	book, err := Text()
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256([]byte(book)); hex.EncodeToString(sum[:]) != "fe282a57094ed62e7144fb7c804a9748fc1c909bf3b49d06e7276015f9f67240" {
		t.Errorf("the book is another: %x", sum)
	}
	tokens, err := text.NewGPT2().Encode(book)
	if err != nil || len(tokens) != 317_756 {
		t.Errorf("%d GPT-2 tokens, want 317,756: %v", len(tokens), err)
	}
	table, err := Vectors()
	if err != nil || table.Rows != 15_216 || table.Dim != 100 {
		t.Fatalf("%d × %d vectors, %v", table.Rows, table.Dim, err)
	}
	words, err := text.NewWords(table)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := words.Encode(book)
	if err != nil {
		t.Fatal(err)
	}
	covered := 0
	for _, id := range ids {
		if id >= 0 {
			covered++
		}
	}
	t.Logf("%d of %d tokens have a vector", covered, len(ids))
	if share := float64(covered) / float64(len(ids)); share < 0.94 || share > 0.96 {
		t.Errorf("%.3f of the tokens have a vector, want 0.945", share)
	}
}
