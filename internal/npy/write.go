package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
)

// Array is an array of numbers, row-major.
type Array struct {
	Name  string
	Shape []int
	Data  []float64
}

// check returns an error unless there are as many numbers as the shape says.
func (a Array) check() error {
	count := 1
	for _, n := range a.Shape {
		count *= n
	}
	if count != len(a.Data) {
		return fmt.Errorf("array %s of shape %v has %d numbers", a.Name, a.Shape, len(a.Data))
	}
	return nil
}

// Write writes an array of float64, little-endian, in version 1 of the format. The
// error is w's, or that the numbers do not fit the shape.
func Write(w io.Writer, a Array) error {
	if err := a.check(); err != nil {
		return err
	}
	text := fmt.Sprintf("{'descr': '<f8', 'fortran_order': False, 'shape': %s, }", Tuple(a.Shape))
	const before = 10 // bytes of magic, version and length; with the header a multiple of 64
	text += strings.Repeat(" ", 63-(before+len(text))%64) + "\n"
	head := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(text)))
	if _, err := w.Write(append(head, text...)); err != nil {
		return err
	}
	buffer := make([]byte, 0, 1<<16)
	for i, x := range a.Data {
		buffer = binary.LittleEndian.AppendUint64(buffer, math.Float64bits(x))
		if len(buffer) == cap(buffer) || i == len(a.Data)-1 {
			if _, err := w.Write(buffer); err != nil {
				return err
			}
			buffer = buffer[:0]
		}
	}
	return nil
}
