package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// anyHeader is the dictionary that describes an array of whatever numbers.
var anyHeader = regexp.MustCompile(`^\{'descr': (.+), 'fortran_order': (True|False), ` +
	`'shape': \(([0-9, ]*)\), ?\} *\n?$`)

// mostHeader is the longest header that is read of a stream, in bytes: that of an
// array of numbers takes 118.
const mostHeader = 1 << 12

// Read reads one array from a stream, of which nothing is known but the shape that
// it has to have, into as many numbers; what follows it stays unread. Only arrays of
// '<f4' and '<f8' in C order are taken. The error is io.EOF before the first byte,
// io.ErrUnexpectedEOF within the array, the stream's, or says what it is instead and
// what to write.
func Read(r io.Reader, shape []int, into []float64) error {
	size, err := readHeader(r, shape)
	if err != nil {
		return err
	}
	buffer := make([]byte, 1<<16)
	for len(into) > 0 {
		n := min(len(into), len(buffer)/size)
		if _, err := io.ReadFull(r, buffer[:n*size]); err != nil {
			return cutShort(err)
		}
		numbers(into[:n], buffer, size, binary.LittleEndian)
		into = into[n:]
	}
	return nil
}

// cutShort is the error of a stream that ended where something had to follow.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readHeader reads what stands before the numbers and returns the size of one.
func readHeader(r io.Reader, shape []int) (size int, err error) {
	const magic = "\x93NUMPY"
	start := make([]byte, len(magic)+4) // with the version and the first half of the length
	if n, err := io.ReadFull(r, start); err != nil {
		if n > 0 && !bytes.HasPrefix([]byte(magic), start[:min(n, len(magic))]) {
			return 0, noArray(start[:n])
		}
		return 0, err // io.EOF if nothing came, else io.ErrUnexpectedEOF
	}
	if !bytes.HasPrefix(start, []byte(magic)) {
		return 0, noArray(start)
	}
	length := int(binary.LittleEndian.Uint16(start[8:]))
	switch major := start[6]; major {
	case 1:
	case 2, 3:
		more := make([]byte, 2)
		if _, err := io.ReadFull(r, more); err != nil {
			return 0, cutShort(err)
		}
		length |= int(binary.LittleEndian.Uint16(more)) << 16
	default:
		return 0, fmt.Errorf("it is of version %d of the format: write version 1 to 3", major)
	}
	if length > mostHeader {
		return 0, fmt.Errorf("its header claims %d bytes, more than %d: write an array of numbers",
			length, mostHeader)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return 0, cutShort(err)
	}
	return checkHeader(string(text), shape)
}

// noArray is the error about bytes that begin no array: as a rule a print.
func noArray(start []byte) error {
	return fmt.Errorf("it begins with %q, which is no .npy array: write arrays with numpy.save, "+
		"and print to standard error only", start)
}

func checkHeader(text string, shape []int) (size int, err error) {
	m := anyHeader.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("its header is not that of an array of numbers: %.60q", text)
	}
	switch m[1] {
	case "'<f4'":
		size = 4
	case "'<f8'":
		size = 8
	default:
		return 0, fmt.Errorf("it is an array of %.20s: write float32 or float64 of this "+
			"machine's order, .astype('<f8')", m[1])
	}
	if got, ok := lengths(m[3]); !ok || !slices.Equal(got, shape) {
		return 0, fmt.Errorf("it has the shape (%.60s), want %s", m[3], Tuple(shape))
	}
	if m[2] == "True" && len(shape) > 1 {
		return 0, errors.New("it is in Fortran order: write numpy.ascontiguousarray of it")
	}
	return size, nil
}

// lengths reads the inside of a tuple.
func lengths(text string) (all []int, ok bool) {
	if text == "" {
		return nil, true
	}
	for field := range strings.SplitSeq(strings.TrimSuffix(text, ","), ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil {
			return nil, false
		}
		all = append(all, n)
	}
	return all, true
}

// Tuple writes a shape as Python does.
func Tuple(shape []int) string {
	lengths := make([]string, len(shape))
	for i, n := range shape {
		lengths[i] = strconv.Itoa(n)
	}
	if len(lengths) == 1 {
		return "(" + lengths[0] + ",)"
	}
	return "(" + strings.Join(lengths, ", ") + ")"
}
