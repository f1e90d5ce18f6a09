package run

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"icar/internal/budget"
)

// maxLine is the longest line of metrics.jsonl and timings.jsonl that is read,
// in bytes: that of an evaluation at tens of thousands of positions.
const maxLine = 1 << 20

// maxHeld bounds the memory that metrics take above the size of their file, in
// bytes. Those that icar train writes take less than their file does.
const maxHeld = 32 << 20

// eachLine calls f with each line of a file; errors number them from first on.
// It holds one line at a time, so that the length of the file costs no memory.
// A last line without an end is still being written and is left out.
func eachLine(r io.Reader, first int, f func(line []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	lines.Split(func(data []byte, _ bool) (int, []byte, error) {
		if end := bytes.IndexByte(data, '\n'); end >= 0 {
			return end + 1, data[:end], nil
		}
		return 0, nil, nil
	})
	number := first
	for ; lines.Scan(); number++ {
		if err := f(lines.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d bytes", number, maxLine)
	}
	return lines.Err()
}

// decodeLine decodes a line of JSON.
func decodeLine[T any](line []byte) (v T, err error) {
	err = budget.Unmarshal(line, &v, budget.Record())
	return v, err
}

// readMetrics reads metrics.jsonl.
func readMetrics(fsys fs.FS) ([]Metric, error) {
	f, err := budget.OpenIn(fsys, metricsFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var all []Metric
	held := -info.Size()
	err = eachLine(f, 1, func(line []byte) error {
		m, err := decodeLine[Metric](line)
		if err != nil {
			return err
		}
		if held += m.held(); held > maxHeld {
			return fmt.Errorf("%w: as numbers the lines take %d bytes more than the file",
				budget.ErrTooMuch, maxHeld)
		}
		all = append(all, m)
		return nil
	})
	return all, err
}

// held is about how many bytes m takes.
func (m Metric) held() int64 {
	const fixed, evaluation = 32, 32
	if m.Evaluation == nil {
		return fixed
	}
	return fixed + evaluation + int64(8*len(m.PositionMSE))
}

// readSeconds returns the sum of the times in timings.jsonl, 0 if there is none.
func readSeconds(fsys fs.FS) (seconds float64, err error) {
	f, err := budget.OpenIn(fsys, timingsFile)
	if err != nil {
		return 0, ignore(fs.ErrNotExist, err)
	}
	defer f.Close()
	err = eachLine(f, 1, func(line []byte) error {
		t, err := decodeLine[Timing](line)
		seconds += t.Seconds
		return err
	})
	return seconds, err
}
