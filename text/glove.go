package text

// V lines, d numbers a line

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// maxLine is the longest line of a file of vectors.
const maxLine = 1 << 16

// ReadGloVe reads vectors in GloVe's text format, gzipped or not: a line a
// word, the word and its d numbers between single spaces. It reads twice: the
// first time it counts, and refuses a file whose table would take far more
// than its own size, as that of a gzip bomb.
//
// Reference: Pennington, Socher & Manning, EMNLP 2014, doi:10.3115/v1/D14-1162.
func ReadGloVe(r io.ReaderAt, size int64) (*Table, error) {
	if size == 0 {
		return nil, errEmpty
	}
	limit := 5*size/2 + 8<<20
	rows, dim, letters := 0, 0, 0
	err := lines(r, size, func(line []byte) error {
		word, numbers, found := bytes.Cut(line, []byte{' '})
		n := bytes.Count(numbers, []byte{' '}) + 1
		switch {
		case !found || len(word) == 0:
			return errors.New("not a word and its vector")
		case rows == 0:
			dim = n
		case n != dim:
			return fmt.Errorf("%d numbers, the lines before have %d", n, dim)
		}
		rows++
		letters += len(word)
		if used := 4*int64(rows)*int64(dim+2) + int64(letters); used > limit {
			return fmt.Errorf(
				"the vectors up to here take %d bytes, and %d are allowed for a file of %d: "+
					"unpack it first if it is genuine", used, limit, size)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	t := &Table{Rows: rows, Dim: dim, Data: make([]float32, rows*dim),
		words: &words{bytes: make([]byte, 0, letters), ends: make([]uint32, 0, rows)}}
	row := 0
	err = lines(r, size, func(line []byte) error {
		if row == rows {
			return errors.New("the file has grown while it was read")
		}
		row++
		return t.parse(line, row-1)
	})
	if err == nil && row < rows {
		err = errors.New("the file has shrunk while it was read")
	}
	if err == nil {
		err = t.words.sort()
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// parse fills a row from its line.
func (t *Table) parse(line []byte, row int) error {
	word, rest, _ := bytes.Cut(line, []byte{' '})
	if !utf8.Valid(word) {
		return errors.New("the word is not UTF-8")
	}
	t.words.bytes = append(t.words.bytes, word...)
	t.words.ends = append(t.words.ends, uint32(len(t.words.bytes)))
	vector := t.Row(row)
	for j := range vector {
		var number []byte
		number, rest, _ = bytes.Cut(rest, []byte{' '})
		v, err := strconv.ParseFloat(string(number), 32)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || bytes.ContainsAny(number, "_xXpP") {
			return fmt.Errorf("number %d is %.40q", j+1, number)
		}
		vector[j] = float32(v)
	}
	return nil
}

// lines calls f with each line, without its end. Errors name the line.
func lines(r io.ReaderAt, size int64, f func([]byte) error) error {
	in, err := unpacked(r, size)
	if err != nil {
		return err
	}
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, maxLine), maxLine)
	scanner.Split(wholeLine)
	n := 0
	for scanner.Scan() {
		n++
		if err := f(scanner.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	if n == 0 {
		return errEmpty
	}
	return nil
}

// wholeLine is a bufio.SplitFunc of lines that all end.
func wholeLine(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, errors.New("the line does not end: the file is cut short")
	}
	return 0, nil, nil
}

// unpacked returns the content, decompressed if it is gzip.
func unpacked(r io.ReaderAt, size int64) (io.Reader, error) {
	var magic [2]byte
	if n, _ := r.ReadAt(magic[:], 0); n == 2 && magic == [2]byte{0x1f, 0x8b} {
		z, err := gzip.NewReader(bufio.NewReader(io.NewSectionReader(r, 0, size)))
		if err != nil {
			return nil, err
		}
		return z, nil
	}
	return io.NewSectionReader(r, 0, size), nil
}
