// Package moby holds Herman Melville's Moby-Dick and GloVe vectors of its
// words, as SOURCES.md beside it says where from.
package moby

import (
	"bytes"
	_ "embed" // the data
	"fmt"

	"icar/text"
)

//go:embed moby_dick.txt.gz
var book []byte

//go:embed glove100_moby.txt.gz
var vectors []byte

// Text returns the 135 chapters.
func Text() (string, error) {
	t, err := text.DecodeText(bytes.NewReader(book), int64(len(book)))
	if err != nil {
		return "", fmt.Errorf("the embedded book: %w", err)
	}
	return t, nil
}

// Vectors returns the GloVe vectors, d = 100, of the 15,216 words of the book
// that have one.
func Vectors() (*text.Table, error) {
	t, err := text.ReadGloVe(bytes.NewReader(vectors), int64(len(vectors)))
	if err != nil {
		return nil, fmt.Errorf("the embedded vectors: %w", err)
	}
	return t, nil
}
