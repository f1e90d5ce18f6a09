// Package npy reads and writes arrays of real numbers in NumPy's .npy format. Of what
// is read nothing is believed: every size is checked against the bytes that are there
// before anything is allocated. (npyio panics on some malformed headers.)
//
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
package npy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"regexp"

	"icar/internal/budget"
)

// maxFile is the largest file that is read, in bytes.
const maxFile = 1 << 28

// ReadFile reads a file of float32 or float64 numbers and returns its shape and
// its content, row-major. The error says what is wrong with the file.
func ReadFile(path string) (shape []int, data []float64, err error) {
	shape, data, _, err = ReadSum(path)
	return shape, data, err
}

// ReadSum is ReadFile that also returns the SHA-256 of the bytes that it has read, in
// hex: so a file cannot change between what is hashed and what is used.
func ReadSum(path string) (shape []int, data []float64, sum string, err error) {
	file, err := budget.ReadFile(path, maxFile)
	if err != nil {
		return nil, nil, "", err
	}
	if shape, data, err = Parse(file); err != nil {
		return nil, nil, "", fmt.Errorf("%s: %w", path, err)
	}
	digest := sha256.Sum256(file)
	return shape, data, hex.EncodeToString(digest[:]), nil
}

// header is the Python dictionary that describes an array.
var header = regexp.MustCompile(`^\{'descr': '([<>=])f([48])', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\), ?\} *\n?$`)

// Parse reads the content of a file.
func Parse(file []byte) (shape []int, data []float64, err error) {
	text, rest, err := split(file)
	if err != nil {
		return nil, nil, err
	}
	m := header.FindStringSubmatch(text)
	if m == nil {
		return nil, nil, errors.New("its header is not that of an array of float32 or float64: save " +
			"it with numpy.save of array.astype('<f8')")
	}
	size := int(m[2][0] - '0')
	shape, ok := lengths(m[4])
	if !ok {
		return nil, nil, fmt.Errorf("its shape (%s) is no list of lengths", m[4])
	}
	count := 1
	for _, n := range shape {
		if n != 0 && count > len(rest)/n {
			return nil, nil, fmt.Errorf("its header claims the shape (%s), there are %d bytes: the "+
				"file is cut short", m[4], len(rest))
		}
		count *= n
	}
	if count*size != len(rest) {
		return nil, nil, fmt.Errorf("its header claims the shape (%s), %d bytes, and there are %d",
			m[4], count*size, len(rest))
	}
	var order binary.ByteOrder = binary.LittleEndian
	if m[1] == ">" {
		order = binary.BigEndian
	}
	data = make([]float64, count)
	numbers(data, rest, size, order)
	if m[3] == "True" && len(shape) > 1 {
		data = rowMajor(shape, data)
	}
	return shape, data, nil
}

// numbers reads floating-point numbers of size bytes each.
func numbers(into []float64, from []byte, size int, order binary.ByteOrder) {
	for i := range into {
		if size == 4 {
			into[i] = float64(math.Float32frombits(order.Uint32(from[4*i:])))
		} else {
			into[i] = math.Float64frombits(order.Uint64(from[8*i:]))
		}
	}
}

// split returns the header and the data of a file.
func split(file []byte) (text string, rest []byte, err error) {
	const magic = "\x93NUMPY"
	if len(file) < len(magic)+4 || !bytes.HasPrefix(file, []byte(magic)) {
		return "", nil, errors.New("it is no .npy file: save it with numpy.save")
	}
	var length, start int
	switch major := file[len(magic)]; major {
	case 1:
		length, start = int(binary.LittleEndian.Uint16(file[8:])), 10
	case 2, 3:
		if len(file) < 12 {
			return "", nil, errors.New("its header is cut short")
		}
		length, start = int(binary.LittleEndian.Uint32(file[8:])), 12
	default:
		return "", nil, fmt.Errorf("it is of version %d of the format: save it with version 1 to 3",
			major)
	}
	if length > len(file)-start {
		return "", nil, fmt.Errorf("its header claims %d bytes, there are %d: the file is cut short",
			length, len(file)-start)
	}
	return string(file[start : start+length]), file[start+length:], nil
}

// rowMajor reorders an array whose first index runs fastest.
func rowMajor(shape []int, data []float64) []float64 {
	out := make([]float64, len(data))
	index := make([]int, len(shape))
	for from := range data {
		to := 0
		for axis, n := range shape {
			to = to*n + index[axis]
		}
		out[to] = data[from]
		for axis := range index {
			if index[axis]++; index[axis] < shape[axis] {
				break
			}
			index[axis] = 0
		}
	}
	return out
}
