package train

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"icar/nn"
	"icar/run"
)

// isOver checks that a directory says why its run is over, and is not gone on with.
func isOver(t *testing.T, d *run.Dir, why error) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := run.Read(d.Path())
	if err != nil || r.State != run.Diverged || r.Info.Diverged != why.Error() {
		t.Errorf("the run is %s, since %q, %v", r.State, r.Info.Diverged, err)
	}
	if _, err := os.Stat(filepath.Join(d.Path(), "DONE")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is marked as done: %v", err)
	}
	before, err := os.ReadFile(filepath.Join(d.Path(), "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := run.Open(d.Path(), "go", false); !errors.Is(err, run.ErrDiverged) ||
		!strings.Contains(err.Error(), why.Error()) {
		t.Errorf("it is opened again: %v", err)
	}
	after, err := os.ReadFile(filepath.Join(d.Path(), "metrics.jsonl"))
	if err != nil || string(after) != string(before) {
		t.Errorf("what it measured has changed, %v", err)
	}
}

// far is a model of c that predicts some 1000 in every coordinate.
func far(t *testing.T, c Config) *nn.Transformer[float32] {
	t.Helper()
	m := firstModel(t, c)
	for _, p := range m.Parameters() {
		if p.Name == "out.bias" {
			for i := range p.Data {
				p.Data[i] = 1000
			}
		}
	}
	return m
}

// A model that starts at a million times the error of predicting 0 and stays there
// is let be until the end; then it has diverged, and its last weights are there.
func TestTrainedModelBeyondUse(t *testing.T) {
	c := small() // 8 steps, an evaluation every 4
	c.Optimiser, c.LearningRate = nn.SGDName, 1e-9
	d := newDir(t, c)
	m, history, err := Train(t.Context(), c, Options{Model: far(t, c), Dir: d})
	var over DivergedError
	var excess ExcessError
	if !errors.As(err, &over) || !errors.As(err, &excess) || over.Step != 8 || len(history) != 8 {
		t.Fatalf("%v after %d steps", err, len(history))
	}
	// Haar sequences have |s| = 1, so that predicting 0 is wrong by 1/3 in a coordinate.
	if math.Abs(excess.Zero-1.0/3) > 1e-6 || excess.TestMSE != history.Last().TestMSE ||
		math.Abs(excess.TestMSE-1e6) > 1e4 {
		t.Errorf("%+v, the last evaluation is %v", excess, history.Last().TestMSE)
	}
	if want := "training diverged at step 8: the test error 1e+06 is more than 100 times " +
		"that of predicting 0, 0.333; use a learning_rate below 1e-09"; err.Error() != want {
		t.Errorf("%v", err)
	}
	isOver(t, d, err)
	saved, err := Load(c, filepath.Join(d.Path(), "checkpoint.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range saved.Parameters() {
		if p.Data[0] != m.Parameters()[i].Data[0] {
			t.Errorf("%s is not saved as it was at the end", p.Name)
		}
	}
}

// A learning rate that throws the model away ends the run at the next evaluation.
func TestDivergenceEndsTheRun(t *testing.T) {
	c := small()
	c.Optimiser, c.LearningRate, c.EvalEvery = nn.SGDName, 2000, 1
	c.Warmup = 2 // the first step has half of the rate
	d := newDir(t, c)
	_, history, err := Train(t.Context(), c, Options{Dir: d})
	var over DivergedError
	if !errors.As(err, &over) || over.Step != 1 || len(history) != 1 || over.LearningRate != 1000 {
		t.Fatalf("%v after %d steps", err, len(history))
	}
	isOver(t, d, err)
}

// What to do is about the sequences where they are to blame, inputs and targets alike.
func TestDivergenceSaysWhatToUse(t *testing.T) {
	for tensor, want := range map[string]string{"x": "smaller sigma", "y": "smaller sigma",
		"out.weight": "learning_rate below 0.5"} {
		err := DivergedError{3, 0.5, nn.NonFiniteError{Tensor: tensor}}
		if !strings.HasSuffix(err.Error(), "; use a "+want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Where the bound is, and for whom.
func TestExcess(t *testing.T) {
	c := small() // 8 steps
	for _, test := range []struct {
		step       int
		mse, start float64
		over       bool
	}{
		{4, 99, 1, false}, {4, 101, 1, true}, {4, 101, 51, false}, {4, 101, 50, true},
		{8, 101, 1000, true}, {8, 99, 1, false},
	} {
		tr := trainer{config: c, zero: 1, history: History{{Loss: test.start}, {Loss: 1000}}}
		m := run.Metric{Step: test.step, Evaluation: &run.Evaluation{TestMSE: test.mse}}
		if err := tr.excess(m); (err != nil) != test.over {
			t.Errorf("%+v: %v", test, err)
		}
	}
	if err := (&trainer{config: c, zero: 1}).excess(run.Metric{Step: 8}); err != nil {
		t.Errorf("without an evaluation: %v", err)
	}
}
