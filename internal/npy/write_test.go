package npy

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"codeberg.org/sbinet/npyio"
	"codeberg.org/sbinet/npyio/npz"
)

var cube = Array{"cube", []int{2, 1, 3}, []float64{1, 2, 3, 4, 5, 0.1}}

// What is written is what numpy.save writes, and others read it.
func TestWriteIsAsNumpyDoes(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, cube); err != nil {
		t.Fatal(err)
	}
	want := "\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1, 3), }"
	want += strings.Repeat(" ", 127-len(want)) + "\n"
	if got := string(b.Bytes()[:128]); got != want {
		t.Errorf("header %q, want %q", got, want)
	}
	shape, data, err := Parse(b.Bytes())
	if err != nil || !slices.Equal(shape, cube.Shape) || !slices.Equal(data, cube.Data) {
		t.Errorf("read back as %v %v, %v", shape, data, err)
	}
	for _, a := range []Array{{"v", []int{3}, []float64{1, 2, 3}}, {"s", nil, []float64{7}},
		{"e", []int{0, 2}, nil}} {
		b.Reset()
		if err := Write(&b, a); err != nil || b.Len() != 128+8*len(a.Data) {
			t.Fatalf("%s: %d bytes, %v", a.Name, b.Len(), err)
		}
		if shape, _, err := Parse(b.Bytes()); err != nil || !slices.Equal(shape, a.Shape) {
			t.Errorf("%s has the shape %v, want %v: %v", a.Name, shape, a.Shape, err)
		}
	}
	large := Array{"large", []int{100_000}, make([]float64, 100_000)}
	large.Data[99_999] = 1
	b.Reset()
	if err := Write(&b, large); err != nil {
		t.Fatal(err)
	}
	var other []float64
	if err := npyio.Read(&b, &other); err != nil || !slices.Equal(other, large.Data) {
		t.Errorf("npyio reads %d numbers, %v", len(other), err)
	}
	if err := Write(&b, Array{"short", []int{2, 2}, []float64{1}}); err == nil {
		t.Error("4 numbers of which there is 1 were written")
	}
}

func TestWriteArchive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npz")
	var b, again bytes.Buffer
	arrays := []Array{cube, {"v", []int{2}, []float64{7, 8}}}
	if err := WriteArchive(&b, arrays); err != nil {
		t.Fatal(err)
	}
	if err := WriteArchive(&again, arrays); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("other bytes the second time, %v", err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	z, err := npz.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, a := range arrays {
		var data []float64
		if err := z.Read(a.Name+".npy", &data); err != nil || !slices.Equal(data, a.Data) {
			t.Errorf("%s is %v, %v", a.Name, data, err)
		}
	}
}
