package train

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"icar/run"
)

// A run of 2 epochs that is extended to 5 has the weights and the losses of one that
// was 5 long from the start, with a warm-up and drawn sequences too; and all bytes,
// where an evaluation was due at its former end.
func TestExtendedIsAsLongFromTheStart(t *testing.T) {
	for _, eval := range []int{4, 3} {
		short := small() // 2 epochs of 4 steps
		short.Warmup, short.Fresh, short.EvalEvery = 3, eval == 3, eval
		short, err := short.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		long, err := short.Extended(5)
		if err != nil || long.Steps() != 20 {
			t.Fatalf("%+v, %v", long, err)
		}
		whole, extended := newDir(t, long), newDir(t, short)
		want, _, err := Train(t.Context(), long, Options{Dir: whole})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = Train(t.Context(), short, Options{Dir: extended})
		if err := errors.Join(err, extended.Close()); err != nil {
			t.Fatal(err)
		}
		dir, saved, err := run.Extend(extended.Path(), "go", false, long.YAML())
		if err != nil {
			t.Fatal(err)
		}
		got, history, err := Train(t.Context(), long, Options{Dir: dir, Saved: &saved})
		if err := errors.Join(err, dir.Close()); err != nil || len(history) != 20 {
			t.Fatalf("%d steps, %v", len(history), err)
		}
		for i, p := range want.Parameters() {
			if !slices.Equal(p.Data, got.Parameters()[i].Data) {
				t.Errorf("an evaluation every %d: %s is another", eval, p.Name)
			}
		}
		if (history[7].Evaluation == nil) || (history[8].Evaluation == nil) != (eval == 4) {
			t.Errorf("an evaluation every %d: %v and %v", eval, history[7], history[8])
		}
		for _, name := range []string{"config.yaml", "run.json", "metrics.jsonl",
			"checkpoint.safetensors", "DONE"} {
			a, err := os.ReadFile(filepath.Join(whole.Path(), name))
			b, err2 := os.ReadFile(filepath.Join(dir.Path(), name))
			same := bytes.Equal(a, b)
			if further := eval == 3 && (name == "metrics.jsonl" || name ==
				"checkpoint.safetensors"); errors.Join(err, err2) != nil || same == further {
				t.Errorf("an evaluation every %d: %s is the same: %v; %v, %v", eval, name, same,
					err, err2)
			}
		}
	}
}

// What cannot be extended says what to do.
func TestNotExtended(t *testing.T) {
	c := small()
	c.Schedule = Cosine
	if _, err := c.Extended(3); err == nil || !strings.Contains(err.Error(), "the schedule cosine "+
		"brings the learning rate to 0 at the last step of 2 epochs") ||
		!strings.Contains(err.Error(), "anew with epochs 3") {
		t.Errorf("%v", err)
	}
	c.Schedule = Constant
	if _, err := c.Extended(2); err == nil || !strings.Contains(err.Error(),
		"epochs 2 are no more than the 2 that the run has") {
		t.Errorf("%v", err)
	}
	if _, err := c.Extended(1 << 40); err == nil {
		t.Error("more epochs than there may be")
	}
}
