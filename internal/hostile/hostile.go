// Package hostile makes inputs that readers have to survive, the same for the
// same seed: what is nested, repeated or cut where a format did not mean it to
// be, and files that were whole until a few bytes were changed.
package hostile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// Input is what a reader is given.
type Input struct {
	Name string // says what is hostile about it
	Data []byte
}

// Wrap puts a text into a place of a file, such as the value of a key.
type Wrap func(text []byte) []byte

// Around returns the Wrap that puts a text between two others.
func Around(before, after string) Wrap {
	return func(text []byte) []byte { return concat([]byte(before), text, []byte(after)) }
}

// Safetensors puts a text into a file as its header.
func Safetensors(header Wrap) Wrap {
	return func(text []byte) []byte {
		h := header(text)
		return concat(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), h)
	}
}

// NPY puts a text into an array of NumPy as its header.
func NPY(header Wrap) Wrap {
	return func(text []byte) []byte {
		h := header(text)
		return concat([]byte("\x93NUMPY\x02\x00"),
			binary.LittleEndian.AppendUint32(nil, uint32(len(h))), h, make([]byte, 64))
	}
}

// Gzip compresses a text.
func Gzip(text []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(text) // a bytes.Buffer takes everything
	z.Close()
	return b.Bytes()
}

// units are what is repeated. A %d becomes the number of the repetition.
func units() []string {
	return []string{
		"[", "{", "]", "[[],", "{},", `{"a":`, `{"a":[`, `"`, `"a",`, `"k%d":1,`, `"k%d":{},`, ",",
		":", "1,", "[1],", "9", "-", "1e999,", "0.",
		"null,", "true,", "\\", "\\u0000", `\"`, "\n", "\r\n", "{}\n", "[]\n", "1\n", "- ", "? ",
		"- [", "k%d: 1\n", "k: 1\n", "k%d: {", "  k%d:\n",
		"&a ", "*a ", "&a [*a,", "!!x ", "|\n ", ">\n ", "'", "''", "#", "# x\n", "---\n", "...\n",
		"%%YAML 1.2\n", "<<: *a\n", "\t", " ", "\x00",
		"\ufeff", "\xff", "é", "a", "a 1\n", "word%d 1 2 3\n", "1 ", "(", "(1,", "1,1,", "NaN,",
		"Infinity,",
		`"t%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},`, `{"step":%d}` + "\n",
		`{"id":"a","pass":true},`, `{"series":[{"x":[1,1,1]}]},`,
	}
}

// Inputs returns n inputs of at most about size bytes, made of a valid file and
// of the places in which a text can stand.
func Inputs(seed uint64, n, size int, valid []byte, places ...Wrap) []Input {
	r := rand.New(rand.NewPCG(seed, uint64(len(valid))))
	places = append(places, func(text []byte) []byte { return text })
	all := make([]Input, n)
	for i := range all {
		if i%4 == 3 && len(valid) > 0 {
			all[i] = mutant(r, i, size, valid)
			continue
		}
		unit := units()[r.IntN(len(units()))]
		length := int(math.Exp(r.Float64() * math.Log(float64(size)))) // as many small ones as large
		if i%8 == 0 {
			length = size
		}
		place := r.IntN(len(places))
		all[i] = Input{fmt.Sprintf("%d: %d bytes of %q in place %d", i, length, unit, place),
			places[place](repeat(unit, length))}
	}
	return all
}

func repeat(unit string, length int) []byte {
	if !strings.Contains(unit, "%d") {
		return bytes.Repeat([]byte(unit), length/len(unit)+1)
	}
	var b bytes.Buffer
	for i := 0; b.Len() < length; i++ {
		fmt.Fprintf(&b, unit, i)
	}
	return b.Bytes()
}

// mutant is a valid file that was cut, of which bytes were changed, or a part
// comes again and again.
func mutant(r *rand.Rand, i, size int, valid []byte) Input {
	data := bytes.Clone(valid)
	switch r.IntN(4) {
	case 0:
		data = data[:r.IntN(len(data))]
		return Input{fmt.Sprintf("%d: cut after %d bytes", i, len(data)), data}
	case 1:
		from := r.IntN(len(data))
		part := data[from:min(len(data), from+1+r.IntN(40))]
		times := r.IntN(size)/len(part) + 1
		data = concat(data[:from], bytes.Repeat(part, times), data[from:])
		return Input{fmt.Sprintf("%d: the part %.40q comes %d times", i, part, times), data}
	case 2: // a number in the first bytes becomes very large
		for j := range min(8, len(data)) {
			data[(r.IntN(16)+j)%len(data)] = 0xff
		}
		return Input{fmt.Sprintf("%d: lengths of ones", i), data}
	default:
		changed := 1 + r.IntN(8)
		for range changed {
			data[r.IntN(len(data))] = byte(r.Uint32())
		}
		return Input{fmt.Sprintf("%d: %d bytes changed", i, changed), data}
	}
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
