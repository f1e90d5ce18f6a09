package command

import (
	"bytes"
	"strings"
	"testing"

	"icar/run"
	"icar/train"
)

// What a run has come to is its last error, and its best one where that was before.
func TestTrainedSaysWhereItWasBest(t *testing.T) {
	c := train.DefaultConfig()
	c.D, c.Length, c.Train, c.Batch, c.Test, c.Epochs = 2, 3, 32, 16, 16, 2
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	at := func(step int, loss, test float64) run.Metric {
		return run.Metric{Step: step, Loss: loss, Evaluation: &run.Evaluation{TestMSE: test}}
	}
	for _, x := range []struct {
		history train.History
		best    string
	}{
		{train.History{at(2, 9, 0.125), at(4, 8, 0.25)}, "best 0.125 after step 2; the " +
			"checkpoint is the last"},
		{train.History{at(2, 9, 0.5), at(4, 8, 0.25)}, "best 0.25 the last"},
	} {
		var out bytes.Buffer
		if err := printTrained(t.Context(), &out, c, x.history, "here"); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(out.String()) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		for i, want := range []string{"steps 4", "train loss 8 last batch", "test MSE 0.25 16 " +
			"sequences", x.best} {
			if lines[i] != want {
				t.Errorf("line %d is %q, want %q", i, lines[i], want)
			}
		}
	}
}
