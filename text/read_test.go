package text

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"icar/nn/safetensors"
)

// sampleTable is what every sample file below holds.
var sampleTable = []float32{1, -2.5, 0.125, 3, 0, -1}

func safetensorsFile(t testing.TB, name string, dtype safetensors.DType, shape []int,
	bytesOf func(float32) []byte) []byte {
	t.Helper()
	var data []byte
	for _, v := range sampleTable {
		data = append(data, bytesOf(v)...)
	}
	var b bytes.Buffer
	err := safetensors.Write(&b, safetensors.File{Tensors: []safetensors.Tensor{
		safetensors.FromSlice("a.first", []int{2}, []float32{9, 9}),
		{Name: name, DType: dtype, Shape: shape, Data: data},
		safetensors.FromSlice("z.last", []int{1}, []float32{9}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func f32(v float32) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)) }
func b16(v float32) []byte {
	return binary.LittleEndian.AppendUint16(nil, uint16(math.Float32bits(v)>>16))
}

// f16 is right for the numbers of sampleTable.
func f16(v float32) []byte {
	return binary.LittleEndian.AppendUint16(nil, map[float32]uint16{1: 0x3c00, -2.5: 0xc100,
		0.125: 0x3000, 3: 0x4200, 0: 0, -1: 0xbc00}[v])
}

func llama2File() []byte {
	b := []byte{}
	for _, v := range []int32{2, 1, 1, 1, 1, 3, 1} { // d, F, L, H, K, V, T
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	for _, v := range sampleTable {
		b = append(b, f32(v)...)
	}
	return append(b, make([]byte, 4*(2*2+4*4+3*2+2+2))...)
}

func npyFile() []byte {
	header := "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }"
	header += strings.Repeat(" ", 117-len(header)) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), 0)
	b = append(b, header...)
	for _, v := range sampleTable {
		b = append(b, f32(v)...)
	}
	return b
}

func mergesFile() []byte {
	b := binary.LittleEndian.AppendUint32(nil, 8)
	add := func(score float32, piece string) {
		b = append(b, f32(score)...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(piece)))
		b = append(b, piece...)
	}
	for _, s := range []string{"<unk>", "<s>", "</s>"} {
		add(0, s)
	}
	for i := range 256 {
		add(0, fmt.Sprintf("<0x%02X>", i))
	}
	for i, s := range []string{" ", "a", "b", "ab", " a", "aa", "ba"} { // 259…
		add(float32([]int{-9, -9, -9, -1, -2, -3, -3}[i]), s)
	}
	return b
}

const gloveFile = "the 1 -2.5\n, 0.125 3\nwhale 0 -1\n"

func zipped(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, s)
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type format struct {
	name string
	file []byte
	read func(io.ReaderAt, int64) (*Table, error)
}

func formats(t testing.TB) []format {
	return []format{
		{"gpt2.safetensors", safetensorsFile(t, "wte.weight", "F32", []int{3, 2}, f32), ReadSafetensors},
		{"half.safetensors", safetensorsFile(t, "transformer.wte.weight", "F16", []int{3, 2}, f16),
			ReadSafetensors},
		{"llama.safetensors", safetensorsFile(t, "model.embed_tokens.weight", "BF16", []int{3, 2}, b16),
			ReadSafetensors},
		{"stories.bin", llama2File(), ReadLlama2},
		{"table.npy", npyFile(), ReadNPY},
		{"glove.txt", []byte(gloveFile), ReadGloVe},
		{"glove.txt.gz", zipped(t, gloveFile), ReadGloVe},
	}
}

func readAll(f format, file []byte) (*Table, error) {
	return f.read(bytes.NewReader(file), int64(len(file)))
}

func TestReadTable(t *testing.T) {
	dir := t.TempDir()
	for _, f := range formats(t) {
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, f.file, 0o600); err != nil {
			t.Fatal(err)
		}
		table, err := ReadTable(path)
		if err != nil || table.Rows != 3 || table.Dim != 2 || !slices.Equal(table.Data, sampleTable) {
			t.Errorf("%s: %+v, %v", f.name, table, err)
			continue
		}
		if named := strings.HasPrefix(f.name, "glove"); table.Named() != named || named &&
			(table.Lookup("whale") != 2 || table.Lookup("wha") != -1) {
			t.Errorf("%s: whale is row %d", f.name, table.Lookup("whale"))
		}
	}
	index := filepath.Join(dir, "model.safetensors.index.json")
	for content, want := range map[string]string{
		`{"metadata": {"n": 1}, "weight_map": {"a": "x", "model.embed_tokens.weight": "llama.safetensors"}}`: "",
		`{"weight_map": {"a": "x"}}`:                                         "names no token embedding",
		`{"weight_map": {"wte.weight": "../llama.safetensors"}}`:             "beside it",
		`{"weight_map": {"wte.weight": "a.safetensors", "wte.weight": "b"}}`: "two token embeddings",
		`{"weight_map": {"wte.weight": "gone.safetensors"}}`:                 "no such file",
		`{"weight_map": {"wte.weight": 5}}`:                                  "not an index",
		`{"weight_map": {"wte.weight": "llama.safetensors"}} {}`:             "something follows",
		`{"weight_map": {"wte.weight": "llama.safetensors"}`:                 "not an index",
		`[]`: "want an object",
	} {
		if err := os.WriteFile(index, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		table, err := ReadTable(index)
		if want == "" && (err != nil || !slices.Equal(table.Data, sampleTable)) || want != "" &&
			(err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	if _, err := ReadTable(filepath.Join(dir, "x.pt")); err == nil ||
		!strings.Contains(err.Error(), "no known ending") {
		t.Errorf("an unknown ending: %v", err)
	}
	if _, err := ReadTable(dir + "/"); err == nil {
		t.Error("a folder is read")
	}
}

// TestDamaged cuts each file at every length and flips every bit. A cut is
// found, save after a whole line; a flip is found or changes a number or word.
func TestDamaged(t *testing.T) {
	for _, f := range formats(t) {
		for n := range f.file {
			if table, err := readAll(f, f.file[:n]); err == nil &&
				!(f.name == "glove.txt" && f.file[n-1] == '\n') {
				t.Errorf("%s: %d of %d bytes are read as %v", f.name, n, len(f.file), table)
			}
			for bit := range 8 {
				damaged := slices.Clone(f.file)
				damaged[n] ^= 1 << bit
				if table, err := readAll(f, damaged); err == nil {
					for _, v := range table.Data {
						if !finite(v) {
							t.Fatalf("%s: bit %d of byte %d gives %v", f.name, bit, n, v)
						}
					}
				}
			}
		}
	}
	m := mergesFile()
	for n := range m {
		if merges, err := ReadMerges(bytes.NewReader(m[:n]), int64(n)); err == nil &&
			merges.Size() < 259 {
			t.Errorf("%d bytes of a tokenizer are read", n)
		}
	}
}

func TestWrongTables(t *testing.T) {
	raw := func(header string) []byte {
		return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	}
	tensor := func(name, dtype, shape, end string, n int) []byte {
		return append(raw(`{"`+name+`":{"dtype":"`+dtype+`","shape":`+shape+`,"data_offsets":[0,`+end+
			`]}}`), make([]byte, n)...)
	}
	header := func(i int, v int32) []byte {
		b := llama2File()
		binary.LittleEndian.PutUint32(b[4*i:], uint32(v))
		return b
	}
	nan := llama2File()
	binary.LittleEndian.PutUint32(nan[28+4*3:], math.Float32bits(float32(math.NaN())))
	st := ReadSafetensors
	for _, test := range []struct {
		name string
		file []byte
		read func(io.ReaderAt, int64) (*Table, error)
		want string
	}{
		{"header of 2^60 bytes", binary.LittleEndian.AppendUint64(nil, 1<<60), st,
			"the header claims 1152921504606846976 bytes"},
		{"shape of 2^60", tensor("wte.weight", "F32", "[1152921504606846976,4]", "16", 16), st,
			"overflows"},
		{"empty axis", tensor("wte.weight", "F32", "[0,4]", "0", 0), st, "has no entries"},
		{"three axes", tensor("wte.weight", "F32", "[1,2,2]", "16", 16), st, "want two axes"},
		{"integers", tensor("wte.weight", "I32", "[2,2]", "16", 16), st, "is I32: want F32, F16 or BF16"},
		{"another model", tensor("conv.weight", "F32", "[2,2]", "16", 16), st,
			"none of the 1 tensors is a token embedding"},
		{"llama2.c with negative width", header(0, -2), ReadLlama2, "the dimension is -2"},
		{"llama2.c of 2^31 tokens", header(5, math.MinInt32), ReadLlama2, "the vocabulary is 2147483648"},
		{"llama2.c of more layers", header(2, 2), ReadLlama2, "do not fill"},
		{"llama2.c with NaN", nan, ReadLlama2, "row 1, column 1 is NaN"},
		{"npy vector", bytes.Replace(npyFile(), []byte("(3, 2), }"), []byte("(6,), }  "), 1), ReadNPY,
			"want two axes"},
		{"npy of more columns", bytes.Replace(npyFile(), []byte("(3, 2), }"), []byte("(3, 8), }"), 1),
			ReadNPY, "claims the shape"},
		{"ragged vectors", []byte("a 1 2\nb 1\n"), ReadGloVe,
			"line 2: 1 numbers, the lines before have 2"},
		{"a word twice", []byte("a 1 2\nb 1 2\na 2 3\n"), ReadGloVe,
			`lines 1 and 3 are both of the word "a"`},
		{"no number", []byte("a 1 x\n"), ReadGloVe, `line 1: number 2 is "x"`},
		{"hexadecimal", []byte("a 1 0x1p-2\n"), ReadGloVe, "number 2 is"},
		{"infinity", []byte("a 1 inf\n"), ReadGloVe, "number 2 is"},
		{"no vector", []byte("a\n"), ReadGloVe, "line 1: not a word and its vector"},
		{"no UTF-8", []byte("\xff 1\n"), ReadGloVe, "line 1: the word is not UTF-8"},
		{"endless line", bytes.Repeat([]byte("1 "), 1<<20), ReadGloVe, "token too long"},
		{"nothing", nil, ReadGloVe, "empty"},
	} {
		_, err := test.read(bytes.NewReader(test.file), int64(len(test.file)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// allocated returns what f allocates, which its peak heap cannot exceed.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHostileMemory reads files that ask for as much as they can get.
func TestHostileMemory(t *testing.T) {
	var short, bomb strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&short, "%x 1\n", i)
	}
	zeros := strings.Repeat(" 0", 300) + "\n"
	for i := range 40_000 {
		fmt.Fprintf(&bomb, "%x%s", i, zeros)
	}
	tensors := []byte(`{"__metadata__":{"a":"b"}`)
	for i := range 4_500 {
		tensors = fmt.Appendf(tensors, `,"%x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, i)
	}
	tensors = append(tensors, '}')
	pieces := slices.Clone(mergesFile())
	for range maxPieces - 300 {
		pieces = append(pieces, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	for _, test := range []struct {
		name string
		file []byte
		read func(io.ReaderAt, int64) error
		ok   bool
	}{
		{"many short lines", []byte(short.String()), table(ReadGloVe), true},
		{"gzip bomb of vectors", zipped(t, bomb.String()), table(ReadGloVe), false},
		{"gzip bomb of one line", zipped(t, strings.Repeat("\x00", 1<<26)), table(ReadGloVe), false},
		{"gzip bomb of text", zipped(t, strings.Repeat("a ", 1<<25)), readText, false},
		{"many tensors", append(binary.LittleEndian.AppendUint64(nil, uint64(len(tensors))),
			tensors...), table(ReadSafetensors), false},
		{"many empty pieces", pieces, func(r io.ReaderAt, n int64) error {
			_, err := ReadMerges(r, n)
			return err
		}, true},
	} {
		var err error
		used := allocated(func() { err = test.read(bytes.NewReader(test.file), int64(len(test.file))) })
		if limit := 4*uint64(len(test.file)) + 16<<20; used > limit {
			t.Errorf("%s: %d bytes are allocated for a file of %d: the limit is %d", test.name, used,
				len(test.file), limit)
		}
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func table(read func(io.ReaderAt, int64) (*Table, error)) func(io.ReaderAt, int64) error {
	return func(r io.ReaderAt, n int64) error { _, err := read(r, n); return err }
}

func readText(r io.ReaderAt, n int64) error { _, err := DecodeText(r, n); return err }

// BenchmarkGPT2Large reads a table of the size of GPT-2 large's.
func BenchmarkGPT2Large(b *testing.B) {
	const rows, dim = 50257, 1280
	path := filepath.Join(b.TempDir(), "model.safetensors")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	err = safetensors.Write(f, safetensors.File{Tensors: []safetensors.Tensor{{Name: "wte.weight",
		DType: "F32", Shape: []int{rows, dim}, Data: make([]byte, 4*rows*dim)}}})
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	b.ResetTimer()
	for b.Loop() {
		used := allocated(func() {
			if _, err := ReadTable(path); err != nil {
				b.Fatal(err)
			}
		})
		b.ReportMetric(float64(used)/(4*rows*dim), "tables")
	}
}

func FuzzSafetensors(f *testing.F) { fuzz(f, ReadSafetensors) }
func FuzzLlama2(f *testing.F)      { fuzz(f, ReadLlama2) }
func FuzzNPY(f *testing.F)         { fuzz(f, ReadNPY) }
func FuzzGloVe(f *testing.F)       { fuzz(f, ReadGloVe) }

// fuzz checks that what is read is whole and finite, and that no more is
// allocated than a file of its size may ask for.
func fuzz(f *testing.F, read func(io.ReaderAt, int64) (*Table, error)) {
	for _, s := range formats(f) {
		f.Add(s.file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		table, err := read(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		if table.Rows < 1 || table.Dim < 1 || len(table.Data) != table.Rows*table.Dim ||
			len(table.Data) > 2*len(file) {
			t.Fatalf("%d bytes are read as %d × %d with %d entries", len(file), table.Rows, table.Dim,
				len(table.Data))
		}
		for _, v := range table.Data {
			if !finite(v) {
				t.Fatalf("%v is read", v)
			}
		}
	})
}

func FuzzMerges(f *testing.F) {
	f.Add(mergesFile(), "ab a\nb ba")
	f.Fuzz(func(t *testing.T, file []byte, text string) {
		m, err := ReadMerges(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		tokens, err := m.Encode(text)
		if err != nil {
			return
		}
		for _, id := range tokens {
			if id < 0 || int(id) >= m.Size() {
				t.Fatalf("token %d of %d", id, m.Size())
			}
		}
	})
}
