package text

// V tokens of the vocabulary, d dimension

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sort"
	"strings"

	"icar/internal/budget"
)

// Table holds the embeddings of a vocabulary.
type Table struct {
	Rows, Dim int       // V, d
	Data      []float32 // (V, d) row-major, finite
	words     *words    // what the rows are the vectors of, where the file says so
}

// Row returns the vector of token i, not a copy.
func (t *Table) Row(i int) []float32 { return t.Data[i*t.Dim : (i+1)*t.Dim : (i+1)*t.Dim] }

// Named reports whether the table says what words its rows belong to.
func (t *Table) Named() bool { return t.words != nil }

// Lookup returns the row of a word, -1 if it has none.
func (t *Table) Lookup(word string) int {
	if t.words == nil {
		return -1
	}
	return t.words.find(word)
}

// maxEntries is the largest V·d that is read: 16 GiB as float32, several times
// the largest table in use.
const maxEntries = 1 << 32

// entries returns V·d or says why a table cannot be so large.
func entries(rows, dim uint64) (uint64, error) {
	switch {
	case rows == 0 || dim == 0:
		return 0, fmt.Errorf("a table of %d × %d has no entries", rows, dim)
	case rows > maxEntries || dim > maxEntries/rows:
		return 0, fmt.Errorf("a table of %d × %d has more than 2³² entries", rows, dim)
	}
	return rows * dim, nil
}

// ReadTable reads the embeddings at path. The name tells the format:
// .safetensors, .json (the index of a model in several safetensors files),
// .bin (llama2.c), .npy, and .txt, .vec or either with .gz (GloVe).
func ReadTable(path string) (*Table, error) {
	var read func(io.ReaderAt, int64) (*Table, error)
	switch name := strings.ToLower(filepath.Base(path)); {
	case strings.HasSuffix(name, ".json"):
		return readShards(path)
	case strings.HasSuffix(name, ".safetensors"):
		read = ReadSafetensors
	case strings.HasSuffix(name, ".bin"):
		read = ReadLlama2
	case strings.HasSuffix(name, ".npy"):
		read = ReadNPY
	case strings.HasSuffix(name, ".txt"), strings.HasSuffix(name, ".vec"), strings.HasSuffix(name,
		".txt.gz"), strings.HasSuffix(name, ".vec.gz"):
		read = ReadGloVe
	default:
		return nil, fmt.Errorf("%s has no known ending: embeddings are .safetensors, .json (index of "+
			"shards), .bin (llama2.c), .npy, .txt or .txt.gz (GloVe)", path)
	}
	var t *Table
	err := withFile(path, func(f io.ReaderAt, size int64) (err error) {
		t, err = read(f, size)
		return err
	})
	return t, err
}

// withFile calls f with a regular file; errors name it.
func withFile(path string, f func(io.ReaderAt, int64) error) error {
	file, err := budget.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := f(file, info.Size()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// readEntries reads rows × dim entries that begin at offset, a part at a time,
// so that no more than the table itself is held.
func readEntries(r io.ReaderAt, offset int64, rows, dim int, d decoder) (*Table, error) {
	t := &Table{Rows: rows, Dim: dim, Data: make([]float32, rows*dim)}
	buffer := make([]byte, d.size*min(len(t.Data), 1<<17))
	section := io.NewSectionReader(r, offset, int64(len(t.Data))*int64(d.size))
	for i := 0; i < len(t.Data); {
		n := min(len(t.Data)-i, len(buffer)/d.size)
		if _, err := io.ReadFull(section, buffer[:n*d.size]); err != nil {
			return nil, fmt.Errorf("row %d: %w", i/dim, err)
		}
		for j := range n {
			v := d.value(buffer[j*d.size:])
			if !finite(v) {
				return nil, notFinite((i+j)/dim, (i+j)%dim, v)
			}
			t.Data[i+j] = v
		}
		i += n
	}
	return t, nil
}

func finite(v float32) bool { return v-v == 0 }

func notFinite(row, column int, v float32) error {
	return fmt.Errorf("row %d, column %d is %v: not an embedding", row, column, v)
}

// words are the names of rows in two slices and one buffer, a few bytes a
// word, so that a file of many short lines cannot take many times its size.
type words struct {
	bytes []byte
	ends  []uint32 // of word i in bytes
	order []uint32 // words sorted
}

func (w *words) at(i uint32) []byte {
	begin := uint32(0)
	if i > 0 {
		begin = w.ends[i-1]
	}
	return w.bytes[begin:w.ends[i]]
}

// sort makes the words ready for find. A word that comes twice is an error.
func (w *words) sort() error {
	w.order = make([]uint32, len(w.ends))
	for i := range w.order {
		w.order[i] = uint32(i)
	}
	sort.Slice(w.order, func(i, j int) bool {
		return bytes.Compare(w.at(w.order[i]), w.at(w.order[j])) < 0
	})
	for i := 1; i < len(w.order); i++ {
		if a, b := w.order[i-1], w.order[i]; bytes.Equal(w.at(a), w.at(b)) {
			return fmt.Errorf("lines %d and %d are both of the word %.40q", min(a, b)+1,
				max(a, b)+1, w.at(a))
		}
	}
	return nil
}

func (w *words) find(word string) int {
	i, found := sort.Find(len(w.order), func(i int) int {
		return strings.Compare(word, string(w.at(w.order[i])))
	})
	if !found {
		return -1
	}
	return int(w.order[i])
}

var errEmpty = errors.New("the file is empty")
