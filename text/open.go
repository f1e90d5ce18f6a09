package text

import (
	"fmt"
	"strings"

	"icar/internal/suggest"
)

// The tokenizers that go by a name; others are files of llama2.c.
const (
	nameGPT2  = "gpt2"
	nameWords = "words" // those that the embeddings name
)

// TokenizerFor returns what cuts a text for the embeddings of a file: what was
// given, gpt2, words or a file of llama2.c, or for "" what that kind of file is
// known to belong to. The error says which to choose.
func TokenizerFor(embeddings, given string) (string, error) {
	name := strings.ToLower(embeddings)
	switch {
	case given != "" && given != nameGPT2 && given != nameWords && !strings.ContainsAny(given,
		"./\\"):
		return "", fmt.Errorf("there is no tokenizer %q: %s, or name a file of llama2.c",
			given, suggest.Instead(given, []string{nameGPT2, nameWords}))
	case given != "":
		return given, nil
	case strings.HasSuffix(name, ".safetensors"), strings.HasSuffix(name, ".json"):
		return nameGPT2, nil
	case strings.HasSuffix(name, ".bin"), strings.HasSuffix(name, ".npy"):
		return "", fmt.Errorf("%s does not say how it cuts a text: "+
			"use --tokenizer gpt2 or --tokenizer FILE of llama2.c", embeddings)
	}
	return nameWords, nil
}

// Open reads a text and embeddings from files and returns the text as their
// vectors, cut by a tokenizer that TokenizerFor has returned.
func Open(text, embeddings, tokenizer string) (*Sequence, error) {
	content, err := ReadText(text)
	if err != nil {
		return nil, err
	}
	table, err := ReadTable(embeddings)
	if err != nil {
		return nil, err
	}
	var cuts Tokenizer
	switch tokenizer {
	case nameGPT2:
		cuts = NewGPT2()
	case nameWords:
		cuts, err = NewWords(table)
	default:
		cuts, err = ReadMergesFile(tokenizer)
	}
	if err != nil {
		return nil, err
	}
	return NewSequence(content, cuts, table)
}
