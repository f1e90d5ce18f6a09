package safetensors

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// metadataKey is the one name in a header that is not a tensor's.
const metadataKey = "__metadata__"

// maxHeader is the longest header, in bytes. The format allows 100 MB, several
// hundred times that of any model.
const maxHeader = 16 << 20

// entry describes a tensor in the header.
type entry struct {
	DType   DType     `json:"dtype"`
	Shape   []int     `json:"shape"`
	Offsets [2]uint64 `json:"data_offsets"`
}

// Write writes f. The bytes are a function of the content alone: tensors come
// with the largest entries first, so that all of them are aligned whatever
// their sizes, and then by name; metadata come by key; the header is padded
// with spaces to a multiple of 8. The error is w's or that of a tensor which
// no reader would accept.
func Write(w io.Writer, f File) error {
	tensors := slices.SortedFunc(slices.Values(f.Tensors), func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(b.DType.size(), a.DType.size()), strings.Compare(a.Name, b.Name))
	})
	header, err := encodeHeader(tensors, f.Metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, t := range tensors {
		if _, err := w.Write(t.Data); err != nil {
			return err
		}
	}
	return nil
}

// encodeHeader returns the length and the header of tensors in their order.
func encodeHeader(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	var b strings.Builder
	member := func(key string, value any) error {
		k, err := json.Marshal(key)
		if err != nil {
			return err
		}
		v, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(v)
		return nil
	}
	b.WriteByte('{')
	if metadata != nil {
		for k, v := range metadata {
			if !utf8.ValidString(k) || !utf8.ValidString(v) {
				return nil, fmt.Errorf("metadata %q is not UTF-8", k)
			}
		}
		if err := member(metadataKey, metadata); err != nil {
			return nil, err
		}
	}
	var offset uint64
	seen := map[string]bool{metadataKey: true}
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, fmt.Errorf("tensor %q: the name is taken", t.Name)
		}
		seen[t.Name] = true
		if err := t.check(); err != nil {
			return nil, err
		}
		end := offset + uint64(len(t.Data))
		shape := t.Shape
		if shape == nil {
			shape = []int{} // a scalar; null is no shape
		}
		if err := member(t.Name, entry{t.DType, shape, [2]uint64{offset, end}}); err != nil {
			return nil, err
		}
		offset = end
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len() > maxHeader {
		return nil, fmt.Errorf("the header of %d tensors has %d bytes, more than %d", len(tensors),
			b.Len(), maxHeader)
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(b.Len())), b.String()...), nil
}

// check returns an error unless t's name is text and its data are as long as
// its type and shape say.
func (t Tensor) check() error {
	if !utf8.ValidString(t.Name) {
		return fmt.Errorf("tensor name %q is not UTF-8", t.Name)
	}
	size, err := byteSize(t.DType, t.Shape)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if size != uint64(len(t.Data)) {
		return fmt.Errorf("tensor %q: %s %v takes %d bytes, the data have %d", t.Name, t.DType,
			t.Shape, size, len(t.Data))
	}
	return nil
}
