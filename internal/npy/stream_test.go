package npy

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// What Write writes Read reads, one array after the other; cut anywhere, an array is
// not taken for a whole one.
func TestReadOfAStream(t *testing.T) {
	a := Array{Name: "a", Shape: []int{2, 3}, Data: []float64{1, -2, 0.1, 1e300, 5, 6}}
	var one bytes.Buffer
	if err := Write(&one, a); err != nil {
		t.Fatal(err)
	}
	stream := bytes.NewReader(slices.Concat(one.Bytes(), one.Bytes()))
	for range 2 {
		into := make([]float64, 6)
		if err := Read(stream, a.Shape, into); err != nil || !slices.Equal(into, a.Data) {
			t.Errorf("read %v, %v", into, err)
		}
	}
	if err := Read(stream, a.Shape, make([]float64, 6)); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	for n := range one.Len() {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if err := Read(bytes.NewReader(one.Bytes()[:n]), a.Shape,
			make([]float64, 6)); !errors.Is(err, want) {
			t.Errorf("%d bytes of it: %v", n, err)
		}
	}
}

// A header of version 2 has its length in four bytes, of which all count.
func TestReadOfVersion2(t *testing.T) {
	var one bytes.Buffer
	if err := Write(&one, Array{Shape: []int{2}, Data: []float64{3, -1}}); err != nil {
		t.Fatal(err)
	}
	data := slices.Concat([]byte("\x93NUMPY\x02\x00"), one.Bytes()[8:10], []byte{0, 0},
		one.Bytes()[10:])
	into := make([]float64, 2)
	if err := Read(bytes.NewReader(data), []int{2}, into); err != nil || into[0] != 3 ||
		into[1] != -1 {
		t.Errorf("read %v, %v", into, err)
	}
	data[10] = 1 // 65536 more
	want := "its header claims 65654 bytes, more than 4096"
	if err := Read(bytes.NewReader(data), []int{2}, into); err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// Whatever bytes come, Read returns, and takes no more than the array.
func FuzzRead(f *testing.F) {
	var one bytes.Buffer
	if err := Write(&one, Array{Shape: []int{1, 2}, Data: []float64{1, 2}}); err != nil {
		f.Fatal(err)
	}
	f.Add(one.Bytes())
	f.Add(bytes.Replace(one.Bytes(), []byte("<f8"), []byte("<f4"), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		if err := Read(r, []int{1, 2}, make([]float64, 2)); err == nil &&
			len(data)-r.Len() > mostHeader+28 {
			t.Errorf("%d bytes for an array of 16", len(data)-r.Len())
		}
	})
}
