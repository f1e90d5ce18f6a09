package run

import (
	"encoding/json"
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
	file   *os.File
	length int64 // bytes written
}

// createLines creates a file in dir that must not exist.
func createLines(dir, name string) (*lines, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	return &lines{file: f}, nil
}

// append writes v as one line with one write, so that a reader beside us sees
// whole lines.
func (l *lines) append(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	n, err := l.file.Write(append(line, '\n'))
	l.length += int64(n)
	return err
}
