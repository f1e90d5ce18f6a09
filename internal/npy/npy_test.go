package npy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"codeberg.org/sbinet/npyio"
	"gonum.org/v1/gonum/mat"
)

// file makes a file of version 1 with that header and data.
func file(header string, data any) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\x93NUMPY\x01\x00%s%s\n", binary.LittleEndian.AppendUint16(nil,
		uint16(len(header)+1)), header)
	if err := binary.Write(&b, binary.LittleEndian, data); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestParse(t *testing.T) {
	var written bytes.Buffer
	if err := npyio.Write(&written, mat.NewDense(2, 3, []float64{1, 2, 3, 4, 5, 0.1})); err != nil {
		t.Fatal(err)
	}
	two := binary.BigEndian.AppendUint64(nil, math.Float64bits(-2))
	for name, c := range map[string]struct {
		file  []byte
		shape []int
		data  []float64
	}{
		"npyio's":    {written.Bytes(), []int{2, 3}, []float64{1, 2, 3, 4, 5, 0.1}},
		"float32":    {file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", []float32{0.5, 3}), []int{2}, []float64{0.5, 3}},
		"big endian": {file("{'descr': '>f8', 'fortran_order': False, 'shape': (1,), }", two), []int{1}, []float64{-2}},
		"Fortran":    {file("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }", []float64{1, 4, 2, 5, 3, 6}), []int{2, 3}, []float64{1, 2, 3, 4, 5, 6}},
		"scalar":     {file("{'descr': '<f8', 'fortran_order': False, 'shape': (), }", []float64{7}), nil, []float64{7}},
		"empty":      {file("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3), }", []float64{}), []int{0, 3}, []float64{}},
	} {
		shape, data, err := Parse(c.file)
		if err != nil || !slices.Equal(shape, c.shape) || !slices.Equal(data, c.data) {
			t.Errorf("%s: %v, %v, %v, want %v, %v", name, shape, data, err, c.shape, c.data)
		}
	}
}

func TestRefusals(t *testing.T) {
	good := file("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }", []float64{1, 2, 3, 4})
	huge := slices.Clone(good)
	binary.LittleEndian.PutUint16(huge[8:], 60000)
	for want, content := range map[string][]byte{
		"it is no .npy file":                       []byte("hello, world"),
		"it is of version 9":                       []byte("\x93NUMPY\x09\x00\x00\x00"),
		"its header claims 60000 bytes, there are": huge,
		"its header is cut short":                  []byte("\x93NUMPY\x02\x00\x00\x00\x00"),
		"not that of an array of float32 or float64": file("{'descr': '<i8', 'fortran_order': "+
			"False, 'shape': (1,), }", []int64{1}),
		"and there are 31": good[:len(good)-1],
		"claims the shape (99999999, 99999999)": file("{'descr': '<f8', 'fortran_order': "+
			"False, 'shape': (99999999, 99999999), }", []float64{1}),
		"its shape (1 1) is no list": file("{'descr': '<f8', 'fortran_order': "+
			"False, 'shape': (1 1), }", []float64{1}),
		"its shape (9999999999999999999) is no list of l": file("{'descr': '<f8', 'fortran_order': "+
			"False, 'shape': (9999999999999999999), }", []float64{1}),
	} {
		path := filepath.Join(t.TempDir(), "a.npy")
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.HasPrefix(err.Error(), path) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// FuzzParse checks that whatever is read has as many numbers as its shape says
// and no more than the file has bytes for, and that nothing panics.
func FuzzParse(f *testing.F) {
	f.Add(file("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }", []float64{1, 2, 3, 4}))
	f.Add(file("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2, 1), }", []float32{1, 2}))
	f.Add([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{"))
	f.Fuzz(func(t *testing.T, content []byte) {
		shape, data, err := Parse(content)
		if err != nil {
			return
		}
		count := 1
		for _, n := range shape {
			count *= n
		}
		if len(data) != count || 4*count > len(content) {
			t.Errorf("shape %v, %d numbers of %d bytes", shape, len(data), len(content))
		}
	})
}
