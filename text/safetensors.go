package text

// V tokens, d dimension

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"icar/nn/safetensors"
)

// embeddingNames are what GPT-2, Llama and their kin call the token embedding.
var embeddingNames = []string{
	"wte.weight", "transformer.wte.weight",
	"model.embed_tokens.weight", "tok_embeddings.weight",
}

// The largest header of a file and index of shards that are read, in bytes:
// several times those of the largest models.
const (
	maxHeader = 1 << 18
	maxIndex  = 1 << 24
)

// ReadSafetensors reads the token embedding of a GPT-2 or Llama model, of
// float32, float16 or bfloat16. The header is read and checked whole; of the
// data only the embedding is.
func ReadSafetensors(r io.ReaderAt, size int64) (*Table, error) {
	f, places, err := safetensors.ReadIndex(io.NewSectionReader(r, 0, size), size, maxHeader)
	if err != nil {
		return nil, err
	}
	at := -1
	for i, t := range f.Tensors {
		if slices.Contains(embeddingNames, t.Name) {
			if at >= 0 {
				return nil, fmt.Errorf("both %q and %q are token embeddings", f.Tensors[at].Name,
					t.Name)
			}
			at = i
		}
	}
	if at < 0 {
		return nil, fmt.Errorf("none of the %d tensors is a token embedding: want one of %s",
			len(f.Tensors), strings.Join(embeddingNames, ", "))
	}
	t := f.Tensors[at]
	d, known := map[safetensors.DType]decoder{"F32": float32s, "F16": float16,
		"BF16": bfloat16}[t.DType]
	switch {
	case !known:
		return nil, fmt.Errorf("tensor %q is %s: want F32, F16 or BF16", t.Name, t.DType)
	case len(t.Shape) != 2:
		return nil, fmt.Errorf("tensor %q has the shape %v: want two axes, tokens and dimensions",
			t.Name, t.Shape)
	}
	if _, err := entries(uint64(t.Shape[0]), uint64(t.Shape[1])); err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	table, err := readEntries(r, places[at].Begin, t.Shape[0], t.Shape[1], d)
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return table, nil
}

// readShards reads the embedding of a model in several files from the one
// that their index names.
func readShards(path string) (*Table, error) {
	var shard string
	err := withFile(path, func(f io.ReaderAt, size int64) (err error) {
		shard, err = findShard(f, size)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ReadTable(filepath.Join(filepath.Dir(path), shard))
}

// findShard returns the file that the index says holds the embedding: the
// index is {"metadata": …, "weight_map": {"TENSOR": "FILE", …}}.
func findShard(r io.ReaderAt, size int64) (string, error) {
	if size > maxIndex {
		return "", fmt.Errorf("an index of %d bytes: %d are allowed", size, maxIndex)
	}
	d := json.NewDecoder(io.NewSectionReader(r, 0, size))
	shard := ""
	err := object(d, func(key string) error {
		if key != "weight_map" {
			var skipped json.RawMessage
			return d.Decode(&skipped)
		}
		return object(d, func(name string) error {
			var file string
			if err := d.Decode(&file); err != nil {
				return err
			}
			if !slices.Contains(embeddingNames, name) {
				return nil
			}
			if shard != "" {
				return errors.New("two token embeddings")
			}
			shard = file
			return nil
		})
	})
	if err == nil {
		if _, end := d.Token(); end != io.EOF {
			err = errors.New("something follows the object")
		}
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("not an index of shards: %w", err)
	case shard == "":
		return "", fmt.Errorf("the index names no token embedding: want one of %s",
			strings.Join(embeddingNames, ", "))
	case shard != filepath.Base(shard) || strings.ContainsAny(shard, `/\`) ||
		!strings.HasSuffix(shard, ".safetensors"):
		return "", fmt.Errorf("the index names the file %.80q: want a .safetensors beside it",
			shard)
	}
	return shard, nil
}

// object calls f after each key of the object that comes next.
func object(d *json.Decoder, f func(key string) error) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("want an object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		if err := f(t.(string)); err != nil { // JSON has no other keys
			return fmt.Errorf("%.80q: %w", t, err)
		}
	}
	_, err := d.Token()
	return err
}
