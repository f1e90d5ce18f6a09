package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
)

// DType is the type of a tensor's entries.
type DType string

// The types that can be converted from and to Go; files may hold others.
const (
	F32 DType = "F32"
	F64 DType = "F64"
	I64 DType = "I64"
)

// size returns the bytes of an entry, 0 for an unknown type.
func (d DType) size() int {
	switch d {
	case "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3":
		return 1
	case "U16", "I16", "F16", "BF16":
		return 2
	case "U32", "I32", F32:
		return 4
	case "U64", I64, F64:
		return 8
	}
	return 0
}

// Tensor is a named array as it lies in a file.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte // row-major, little-endian
}

// File is the content of a file. Tensors are in the order of their data.
type File struct {
	Tensors  []Tensor
	Metadata map[string]string // nil for none
}

// Number is a type that tensors are converted from and to.
type Number interface{ float32 | float64 | int64 }

// FromSlice returns the tensor of data, row-major of the given shape.
func FromSlice[T Number](name string, shape []int, data []T) Tensor {
	t := Tensor{Name: name, Shape: shape}
	switch data := any(data).(type) {
	case []float32:
		t.DType, t.Data = F32, make([]byte, 0, 4*len(data))
		for _, v := range data {
			t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
		}
	case []float64:
		t.DType, t.Data = F64, make([]byte, 0, 8*len(data))
		for _, v := range data {
			t.Data = binary.LittleEndian.AppendUint64(t.Data, math.Float64bits(v))
		}
	case []int64:
		t.DType, t.Data = I64, make([]byte, 0, 8*len(data))
		for _, v := range data {
			t.Data = binary.LittleEndian.AppendUint64(t.Data, uint64(v))
		}
	}
	return t
}

// Floats writes the entries of an F32 or F64 tensor to dst, rounded to its
// type. The error names the tensor, its type or its number of entries.
func Floats[T float32 | float64](dst []T, t Tensor) error {
	if t.DType != F32 && t.DType != F64 {
		return fmt.Errorf("tensor %q is %s: convert it to F32 or F64", t.Name, t.DType)
	}
	if err := t.fits(len(dst)); err != nil {
		return err
	}
	for i := range dst {
		if t.DType == F32 {
			dst[i] = T(math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:])))
		} else {
			dst[i] = T(math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:])))
		}
	}
	return nil
}

// Integers writes the entries of an I64 tensor to dst. The error names the
// tensor, its type or its number of entries.
func Integers(dst []int64, t Tensor) error {
	if t.DType != I64 {
		return fmt.Errorf("tensor %q is %s: convert it to I64", t.Name, t.DType)
	}
	if err := t.fits(len(dst)); err != nil {
		return err
	}
	for i := range dst {
		dst[i] = int64(binary.LittleEndian.Uint64(t.Data[8*i:]))
	}
	return nil
}

// fits returns an error unless t has n entries.
func (t Tensor) fits(n int) error {
	if len(t.Data) != n*t.DType.size() {
		return fmt.Errorf("tensor %q has %d entries, want %d", t.Name, len(t.Data)/t.DType.size(), n)
	}
	return nil
}
