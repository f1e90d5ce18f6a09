package safetensors

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// sample has every convertible type, a scalar, an empty tensor, an odd number
// of 4-byte entries and metadata.
func sample() File {
	return File{
		Tensors: []Tensor{
			FromSlice("weight", []int{1, 3}, []float32{1, -2.5, 1e-40}),
			FromSlice("wide", []int{2}, []float64{math.Pi, math.Inf(-1)}),
			FromSlice("step", []int{}, []int64{-7}),
			FromSlice("empty", []int{0, 4}, []float32{}),
			FromSlice(`name "<é>`, []int{1}, []float32{5}),
		},
		Metadata: map[string]string{"format": "pt", "arithmetic": "go"},
	}
}

func write(t testing.TB, f File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(data []byte) (File, error) { return Read(bytes.NewReader(data), int64(len(data))) }

// raw is a file with the given header and number of data bytes.
func raw(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestRoundTrip(t *testing.T) {
	want := sample()
	data := write(t, want)
	got, err := read(data)
	if err != nil {
		t.Fatal(err)
	}
	// 8-byte entries first, then by name
	order := []string{"step", "wide", "empty", `name "<é>`, "weight"}
	for i, name := range order {
		if got.Tensors[i].Name != name {
			t.Errorf("tensor %d is %q, want %q", i, got.Tensors[i].Name, name)
		}
		j := slices.IndexFunc(want.Tensors, func(t Tensor) bool { return t.Name == name })
		if !reflect.DeepEqual(got.Tensors[i], want.Tensors[j]) {
			t.Errorf("%q: read %v, wrote %v", name, got.Tensors[i], want.Tensors[j])
		}
	}
	if !reflect.DeepEqual(got.Metadata, want.Metadata) {
		t.Errorf("metadata %v", got.Metadata)
	}
	slices.Reverse(want.Tensors)
	if !bytes.Equal(write(t, want), data) {
		t.Error("the order of tensors changes the bytes")
	}
	for n := range 8 {
		short := File{Tensors: []Tensor{FromSlice(strings.Repeat("x", n), nil, []float32{1})}}
		data := write(t, short)
		if length := binary.LittleEndian.Uint64(data); length%8 != 0 {
			t.Errorf("the header has %d bytes, no multiple of 8", length)
		}
		if _, err := read(data); err != nil {
			t.Errorf("a scalar with no shape: %v", err)
		}
	}

	wide := make([]float32, 2)
	if err := Floats(wide, got.Tensors[1]); err != nil || wide[0] != float32(math.Pi) ||
		!math.IsInf(float64(wide[1]), -1) {
		t.Errorf("F64 as float32: %v, %v", wide, err)
	}
	weight := make([]float64, 3)
	if err := Floats(weight, got.Tensors[4]); err != nil || !slices.Equal(weight,
		[]float64{1, -2.5, float64(float32(1e-40))}) {
		t.Errorf("F32 as float64: %v, %v", weight, err)
	}
	step := make([]int64, 1)
	if err := Integers(step, got.Tensors[0]); err != nil || step[0] != -7 {
		t.Errorf("I64: %v, %v", step, err)
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.safetensors")
	if err := os.WriteFile(path, write(t, sample()), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := ReadFile(path)
	if err != nil || len(f.Tensors) != len(sample().Tensors) {
		t.Errorf("%d tensors, %v", len(f.Tensors), err)
	}
	if _, err := ReadFile(filepath.Dir(path)); err == nil || !strings.Contains(err.Error(),
		"not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := ReadFile(path + "x"); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
}

// TestConversionErrors checks that a tensor is only read as what it is.
func TestConversionErrors(t *testing.T) {
	half := Tensor{Name: "h", DType: "BF16", Shape: []int{1}, Data: make([]byte, 2)}
	step := FromSlice("s", []int{1}, []int64{1})
	one := FromSlice("f", []int{1}, []float32{1})
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"half as float":  {Floats(make([]float32, 1), half), `tensor "h" is BF16: convert it to F32 or F64`},
		"int as float":   {Floats(make([]float64, 1), step), `tensor "s" is I64: convert it to F32 or F64`},
		"float as int":   {Integers(make([]int64, 1), one), `tensor "f" is F32: convert it to I64`},
		"too few floats": {Floats(make([]float64, 2), one), `tensor "f" has 1 entries, want 2`},
		"too many ints":  {Integers(nil, step), `tensor "s" has 1 entries, want 0`},
	} {
		if test.err == nil || test.err.Error() != test.want {
			t.Errorf("%s: %v, want %s", name, test.err, test.want)
		}
	}
}

func TestWriteErrors(t *testing.T) {
	one := FromSlice("a", []int{1}, []float32{1})
	with := func(change func(*Tensor)) []Tensor {
		t := one
		change(&t)
		return []Tensor{t}
	}
	for name, test := range map[string]struct {
		file File
		want string
	}{
		"twice":    {File{Tensors: []Tensor{one, one}}, `"a": the name is taken`},
		"reserved": {File{Tensors: with(func(t *Tensor) { t.Name = "__metadata__" })}, "the name is taken"},
		"text":     {File{Tensors: with(func(t *Tensor) { t.Name = "\xff" })}, "not UTF-8"},
		"metadata": {File{Metadata: map[string]string{"k": "\xff"}}, "not UTF-8"},
		"short": {File{Tensors: with(func(t *Tensor) { t.Shape = []int{2} })}, "takes 8 bytes, " +
			"the data have 4"},
		"dtype":    {File{Tensors: with(func(t *Tensor) { t.DType = "F31" })}, `unknown dtype "F31"`},
		"negative": {File{Tensors: with(func(t *Tensor) { t.Shape = []int{-1} })}, "negative"},
	} {
		if err := Write(&bytes.Buffer{}, test.file); err == nil ||
			!strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

// TestTruncation cuts a file at every length and adds to it.
func TestTruncation(t *testing.T) {
	data := write(t, sample())
	for n := range data {
		if f, err := read(data[:n]); err == nil {
			t.Errorf("%d of %d bytes are read as %v", n, len(data), f)
		}
		if f, err := Read(bytes.NewReader(data[:n]), int64(len(data))); err == nil {
			t.Errorf("%d bytes that should be %d are read as %v", n, len(data), f)
		}
	}
	if _, err := read(append(data, 0)); err == nil || !strings.Contains(err.Error(),
		"the last 1 bytes belong to no tensor") {
		t.Errorf("a byte too many: %v", err)
	}
}

// corruptions are headers with their number of data bytes and the error.
var corruptions = []struct {
	name, header string
	data         int
	want         string
}{
	{"empty header", ``, 0, "does not begin with {"},
	{"list", `[]`, 0, "does not begin with {"},
	{"leading space", ` {}`, 0, "does not begin with {"},
	{"trailing value", `{}{}`, 0, "not JSON"},
	{"trailing comma", `{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},}`, 4, "not JSON"},
	{"not UTF-8", "{\"\xff\":{}}", 0, "not UTF-8"},
	{"overlap", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12, `"b" begins at byte 4, inside the one before it, which ends at 8`},
	{"overlap of a byte",
		`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3, `"b" begins at byte 1, inside`},
	{"same bytes",
		`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4, `"b" begins at byte 0, inside`},
	{"gap", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, 12, `"b" begins at byte 8: bytes from 4 belong to no tensor`},
	{"gap at first", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8,
		"bytes from 0 belong to no tensor"},
	{"past the end", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 4,
		"ends at byte 8 of 4"},
	{"bytes left", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 8,
		"the last 4 bytes belong to no tensor"},
	{"backwards", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4,
		"data_offsets are [4 0]"},
	{"duplicate name",
		`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4, `"a" comes twice`},
	{"duplicate name, escaped",
		`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4, `"a" comes twice`},
	{"duplicate field", `{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}`, 4,
		`"dtype" comes twice`},
	{"duplicate metadata", `{"__metadata__":{"k":"1","k":"2"}}`, 0, `"k" comes twice`},
	{"metadata number", `{"__metadata__":{"k":1}}`, 0, "want a string, not 1"},
	{"metadata null", `{"__metadata__":null}`, 0, "want an object, not null"},
	{"metadata value null", `{"__metadata__":{"k":null}}`, 0, "want a string, not null"},
	{"unknown dtype", `{"a":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}}`, 16,
		`unknown dtype "F128"`},
	{"lower case dtype", `{"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}}`, 4,
		`unknown dtype "f32"`},
	{"wrong dtype", `{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,4]}}`, 4,
		"F64 [1] takes 8 bytes, data_offsets are [0 4]"},
	{"wrong shape", `{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,4]}}`, 4,
		"F32 [3] takes 12 bytes"},
	{"shape overflows", `{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`,
		0, "overflows"},
	{"shape overflows to the size",
		`{"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}}`, 4, "overflows"},
	{"shape above int",
		`{"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,18446744073709551615]}}`,
		0, "too large"},
	{"shape negative", `{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4,
		"want integers from 0 to 2⁶⁴-1, not -1"},
	{"shape fraction", `{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}`, 4, "want integers"},
	{"shape null", `{"a":{"dtype":"F32","shape":null,"data_offsets":[0,4]}}`, 4,
		"want a list of integers, not null"},
	{"shape of null", `{"a":{"dtype":"F32","shape":[null],"data_offsets":[0,0]}}`, 0, "want integers"},
	{"shape of strings", `{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}`, 4,
		"want integers"},
	{"three offsets", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 4,
		"two data_offsets"},
	{"no dtype", `{"a":{"shape":[1],"data_offsets":[0,4]}}`, 4,
		"want dtype, shape and two data_offsets"},
	{"upper case field", `{"a":{"DType":"F32","shape":[1],"data_offsets":[0,4]}}`, 4,
		`"DType": unknown field`},
	{"extra field", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}`, 4,
		`"x": unknown field`},
	{"tensor is a number", `{"a":4}`, 0, "want an object, not 4"},
}

func TestCorruptions(t *testing.T) {
	for _, test := range corruptions {
		if f, err := read(raw(test.header, test.data)); err == nil ||
			!strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: read as %v with error %v, want %s", test.name, f, err, test.want)
		}
	}
}

// TestHeaderLength checks that the claimed length of a header is not believed.
func TestHeaderLength(t *testing.T) {
	for _, claim := range []uint64{3, 1 << 20, maxHeader + 1, 1 << 60, 1 << 63, math.MaxUint64} {
		data := append(binary.LittleEndian.AppendUint64(nil, claim), `{}`...)
		size := int64(len(data))
		if claim == maxHeader+1 {
			size = math.MaxInt64 // a file that would be long enough
		}
		if _, err := Read(bytes.NewReader(data), size); err == nil ||
			!strings.Contains(err.Error(), "the header claims") {
			t.Errorf("%d bytes of header: %v", claim, err)
		}
	}
	if f, err := read(raw(`{}   `, 0)); err != nil || len(f.Tensors) != 0 {
		t.Errorf("an empty file with padding: %v, %v", f, err)
	}
}

// TestHugeDataAreNotAllocated reads a file whose announced size is a lie.
func TestHugeDataAreNotAllocated(t *testing.T) {
	data := raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4)
	if _, err := Read(bytes.NewReader(data), 1<<60); err == nil ||
		!strings.Contains(err.Error(), "belong to no tensor") {
		t.Errorf("a size of 2⁶⁰: %v", err)
	}
}

// FuzzRead checks that no bytes make the reader panic, that what it accepts
// fills the file, and that it is written and read again unchanged.
func FuzzRead(f *testing.F) {
	f.Add(write(f, sample()))
	for _, c := range corruptions {
		f.Add(raw(c.header, c.data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := read(data)
		if err != nil {
			return
		}
		size := 8 + int(binary.LittleEndian.Uint64(data))
		for _, tensor := range first.Tensors {
			size += len(tensor.Data)
		}
		if size != len(data) {
			t.Fatalf("%d of %d bytes accounted for", size, len(data))
		}
		canonical := write(t, first)
		second, err := read(canonical)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(write(t, second), canonical) {
			t.Fatal("writing what was read changes it")
		}
		byName := func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) }
		slices.SortFunc(first.Tensors, byName)
		slices.SortFunc(second.Tensors, byName)
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("read %v, then %v", first, second)
		}
	})
}
