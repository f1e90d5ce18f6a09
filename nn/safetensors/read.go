package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"

	"icar/internal/budget"
)

// ReadFile reads the file at path, see Read.
func ReadFile(path string) (File, error) {
	r, err := budget.Open(path)
	if err != nil {
		return File{}, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return File{}, err
	}
	f, err := Read(r, info.Size())
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Read reads a file of size bytes from r. It allocates the header once its
// length is known to fit and the data once the header accounts for every byte
// of them. The error says what is wrong
// with the file and, where it has one, with which tensor: a header that is cut
// short, longer than the file or than 16 MiB, or no JSON, or of more tensors
// than a model has; a name that comes twice; an unknown type; a shape that overflows or does not
// match the bytes; bytes that belong to two tensors or to none.
func Read(r io.Reader, size int64) (File, error) {
	f, places, err := ReadIndex(r, size, maxHeader)
	if err != nil {
		return File{}, err
	}
	if len(places) == 0 {
		return f, nil
	}
	first := places[0].Begin
	data := make([]byte, size-first)
	if _, err := io.ReadFull(r, data); err != nil {
		return File{}, fmt.Errorf("data: %w", err)
	}
	for i, p := range places {
		f.Tensors[i].Data = data[p.Begin-first : p.End-first : p.End-first]
	}
	return f, nil
}

// Place is where in a file the bytes of a tensor lie.
type Place struct{ Begin, End int64 }

// ReadIndex reads the header of a file of size bytes from r: the tensors
// without their data, and the place of each. A header of more than limit bytes
// is refused. Errors are those of Read.
func ReadIndex(r io.Reader, size int64, limit uint64) (File, []Place, error) {
	var length [8]byte
	if size < int64(len(length)) {
		return File{}, nil, fmt.Errorf("%d bytes are too short for a safetensors file", size)
	}
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return File{}, nil, fmt.Errorf("header length: %w", err)
	}
	n, rest := binary.LittleEndian.Uint64(length[:]), uint64(size)-uint64(len(length))
	if limit = min(limit, maxHeader); n > limit || n > rest {
		return File{}, nil, fmt.Errorf("the header claims %d bytes: there are %d, and %d are "+
			"allowed; this may be no safetensors file", n, rest, limit)
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(r, header); err != nil {
		return File{}, nil, fmt.Errorf("header: %w", err)
	}
	f, spans, err := decodeHeader(header)
	if err != nil {
		return File{}, nil, fmt.Errorf("header: %w", err)
	}
	if err := layOut(f.Tensors, spans, rest-n); err != nil {
		return File{}, nil, err
	}
	places := make([]Place, len(f.Tensors))
	for i, t := range f.Tensors {
		s := spans[t.Name]
		places[i] = Place{int64(8 + n + s.begin), int64(8 + n + s.end)} // within size
	}
	return f, places, nil
}

// span is where the bytes of a tensor lie in the data.
type span struct{ begin, end uint64 }

// layOut sorts tensors by their place and returns an error unless they fill
// size bytes one after the other.
func layOut(tensors []Tensor, spans map[string]span, size uint64) error {
	slices.SortFunc(tensors, func(a, b Tensor) int {
		s, t := spans[a.Name], spans[b.Name]
		return cmp.Or(cmp.Compare(s.begin, t.begin), cmp.Compare(s.end, t.end),
			cmp.Compare(a.Name, b.Name))
	})
	var at uint64
	for _, t := range tensors {
		s := spans[t.Name]
		switch {
		case s.begin < at:
			return fmt.Errorf("tensor %q begins at byte %d, inside the one before it, which ends at %d",
				t.Name, s.begin, at)
		case s.begin > at:
			return fmt.Errorf("tensor %q begins at byte %d: bytes from %d belong to no tensor",
				t.Name, s.begin, at)
		case s.end > size:
			return fmt.Errorf("tensor %q ends at byte %d of %d: the file is cut short", t.Name,
				s.end, size)
		}
		at = s.end
	}
	if at != size {
		return fmt.Errorf("the last %d bytes belong to no tensor", size-at)
	}
	return nil
}

// decodeHeader returns the tensors without their data, and where these lie.
func decodeHeader(header []byte) (File, map[string]span, error) {
	if err := budget.Index().JSON(header); err != nil {
		return File{}, nil, err
	}
	switch {
	case !utf8.Valid(header):
		return File{}, nil, errors.New("not UTF-8")
	case len(header) == 0 || header[0] != '{':
		return File{}, nil, errors.New("does not begin with {")
	case !json.Valid(header):
		return File{}, nil, errors.New("not JSON")
	}
	var f File
	spans := map[string]span{}
	err := members(header, func(name string, value json.RawMessage) error {
		if name == metadataKey {
			f.Metadata = map[string]string{}
			return members(value, func(key string, value json.RawMessage) (err error) {
				f.Metadata[key], err = decodeString(value)
				return err
			})
		}
		t, s, err := decodeTensor(name, value)
		f.Tensors = append(f.Tensors, t)
		spans[name] = s
		return err
	})
	return f, spans, err
}

// decodeTensor decodes the header's entry of a tensor.
func decodeTensor(name string, value json.RawMessage) (Tensor, span, error) {
	t := Tensor{Name: name, Shape: []int{}}
	var offsets []uint64
	fields := 0
	err := members(value, func(key string, value json.RawMessage) error {
		fields++
		switch key {
		case "dtype":
			text, err := decodeString(value)
			t.DType = DType(text)
			return err
		case "shape":
			sizes, err := decodeNumbers(value)
			for _, s := range sizes {
				if s > math.MaxInt {
					return fmt.Errorf("%d is too large", s)
				}
				t.Shape = append(t.Shape, int(s))
			}
			return err
		case "data_offsets":
			var err error
			offsets, err = decodeNumbers(value)
			return err
		}
		return errors.New("unknown field")
	})
	if err != nil {
		return t, span{}, err
	}
	if fields != 3 || len(offsets) != 2 {
		return t, span{}, errors.New("want dtype, shape and two data_offsets")
	}
	size, err := byteSize(t.DType, t.Shape)
	if err != nil {
		return t, span{}, err
	}
	s := span{offsets[0], offsets[1]}
	if s.begin > s.end || s.end-s.begin != size {
		return t, span{}, fmt.Errorf("%s %v takes %d bytes, data_offsets are %v", t.DType, t.Shape,
			size, offsets)
	}
	return t, s, nil
}

// byteSize returns the bytes of a tensor.
func byteSize(d DType, shape []int) (uint64, error) {
	size := uint64(d.size())
	if size == 0 {
		return 0, fmt.Errorf("unknown dtype %q", string(d))
	}
	for _, s := range shape {
		if s < 0 {
			return 0, fmt.Errorf("shape %v is negative", shape)
		}
		high, low := bits.Mul64(size, uint64(s))
		if high != 0 {
			return 0, fmt.Errorf("shape %v overflows", shape)
		}
		size = low
	}
	return size, nil
}

// members calls f with every member of an object, which must be valid JSON. A
// key that comes twice, which encoding/json would let pass, is an error.
func members(object json.RawMessage, f func(key string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return fmt.Errorf("want an object, not %.40s", object)
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		key := token.(string) // JSON has no other keys
		if seen[key] {
			return fmt.Errorf("%q comes twice", key)
		}
		seen[key] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if err := f(key, value); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	return nil
}

// decodeString decodes a JSON string; null, which encoding/json would take for
// an empty one, is an error.
func decodeString(value json.RawMessage) (string, error) {
	var text *string
	if err := json.Unmarshal(value, &text); err != nil || text == nil {
		return "", fmt.Errorf("want a string, not %.40s", value)
	}
	return *text, nil
}

// decodeNumbers decodes a JSON array of unsigned integers.
func decodeNumbers(value json.RawMessage) ([]uint64, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(value, &raw); err != nil || raw == nil {
		return nil, fmt.Errorf("want a list of integers, not %.40s", value)
	}
	numbers := make([]uint64, len(raw))
	for i, r := range raw {
		n, err := strconv.ParseUint(string(r), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("want integers from 0 to 2⁶⁴-1, not %.40s", r)
		}
		numbers[i] = n
	}
	return numbers, nil
}
