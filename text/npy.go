package text

// V rows, d columns

import (
	"fmt"
	"io"

	"icar/internal/npy"
)

// maxNPY is the largest .npy file that is read, in bytes.
const maxNPY = 1 << 30

// ReadNPY reads a matrix (V, d) of float32 or float64 in NumPy's format.
func ReadNPY(r io.ReaderAt, size int64) (*Table, error) {
	if size > maxNPY {
		return nil, fmt.Errorf("%d bytes, and %d are allowed: save the table as safetensors", size,
			maxNPY)
	}
	file := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), file); err != nil {
		return nil, err
	}
	shape, data, err := npy.Parse(file)
	if err != nil {
		return nil, err
	}
	if len(shape) != 2 {
		return nil, fmt.Errorf("the shape is %v: want two axes, tokens and dimensions", shape)
	}
	if _, err := entries(uint64(shape[0]), uint64(shape[1])); err != nil {
		return nil, err
	}
	t := &Table{Rows: shape[0], Dim: shape[1], Data: make([]float32, len(data))}
	for i, v := range data {
		if t.Data[i] = float32(v); !finite(t.Data[i]) {
			return nil, notFinite(i/t.Dim, i%t.Dim, t.Data[i])
		}
	}
	return t, nil
}
