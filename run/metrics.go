package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	stdhash "hash"
	"io"
	"os"
	"path/filepath"
)

// Metric is what a step measured, a line of metrics.jsonl.
type Metric struct {
	Step         int     `json:"step"`          // 1, 2, …
	Loss         float64 `json:"loss"`          // of the step's batch, before the step
	LearningRate float64 `json:"learning_rate"` // of the step
	*Evaluation          // after the step; nil if there was none
}

// Evaluation is the error on the test sequences: the mean over sequences and
// coordinates of the squared error.
type Evaluation struct {
	TestMSE     float64   `json:"test_mse"`     // mean over positions
	PositionMSE []float64 `json:"position_mse"` // (T) at each position
}

// Timing is the wall time of a step, a line of timings.jsonl.
type Timing struct {
	Step    int     `json:"step"`
	Seconds float64 `json:"seconds"` // with its evaluation, without its checkpoint
}

// lines is a file that lines of JSON are appended to.
type lines struct {
	on     disk
	file   *os.File
	length int64        // bytes written
	hash   stdhash.Hash // SHA-256 of them
}

// createLines creates a file in dir that must not exist.
func createLines(on disk, dir, name string) (*lines, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL,
		filePermission)
	if err != nil {
		return nil, err
	}
	return &lines{on: on, file: f, hash: sha256.New()}, nil
}

// openLines opens a file to read it and then to append to it. One that is not
// there is made.
func openLines(on disk, dir, name string) (*lines, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, filePermission)
	if err != nil {
		return nil, err
	}
	return &lines{on: on, file: f, hash: sha256.New()}, nil
}

// sum returns the SHA-256 of what was written in hex.
func (l *lines) sum() string { return hex.EncodeToString(l.hash.Sum(nil)) }

// errChanged is the error about recorded numbers that are no longer those that
// were measured.
var errChanged = errors.New("they were changed since and do not match their checksum")

// read returns the metrics of a beginning of the file, which has to be what was
// written there.
func (l *lines) read(first extent) ([]Metric, error) {
	stat, err := l.file.Stat()
	if err != nil {
		return nil, err
	}
	if stat.Size() < first.bytes || first.bytes < 0 {
		return nil, fmt.Errorf("there are %d", stat.Size())
	}
	sum, err := l.hashed(first.bytes)
	if err != nil {
		return nil, err
	}
	if first.sum != "" && first.sum != hex.EncodeToString(sum.Sum(nil)) {
		return nil, errChanged
	}
	var metrics []Metric
	for d := json.NewDecoder(io.NewSectionReader(l.file, 0, first.bytes)); ; {
		var m Metric
		err := d.Decode(&m)
		if err == io.EOF {
			return metrics, nil
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(metrics)+1, err)
		}
		metrics = append(metrics, m)
	}
}

// hashed returns the hash of the first length bytes.
func (l *lines) hashed(length int64) (stdhash.Hash, error) {
	h := sha256.New()
	_, err := io.Copy(h, io.NewSectionReader(l.file, 0, length))
	return h, err
}

// cut goes back to the first length bytes.
func (l *lines) cut(length int64) (err error) {
	if l.hash, err = l.hashed(length); err != nil {
		return err
	}
	l.length = length
	_, err = l.file.Seek(length, io.SeekStart)
	return errors.Join(err, l.on.truncate(l.file, length))
}

// append writes v as one line with one write, so that a reader beside us sees
// whole lines.
func (l *lines) append(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	n, err := l.on.write(l.file, line)
	l.length += int64(n)
	l.hash.Write(line[:n]) // never an error
	return err
}
