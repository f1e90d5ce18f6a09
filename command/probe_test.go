package command

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"icar/run"
	"icar/train"
)

// A run says how far it has come while it is trained and once it was stopped, and nothing
// at its end.
func TestUnfinished(t *testing.T) {
	for _, c := range []struct {
		stop           int // step
		written, after string
	}{
		{3, "the run is still trained, after 3 of 4 steps, and these are the weights of step 3",
			"the run was stopped after 3 of 4 steps, and these are the weights of step 3"},
		{0, "", ""},
	} {
		config := train.DefaultConfig()
		config.D, config.Length, config.Train, config.Batch = 2, 3, 32, 16
		config.Test, config.Epochs = 16, 2
		config, err := config.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "run")
		dir, err := run.Create(path, config.YAML(), run.NewInfo(config.Seed, "go"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		_, _, err = train.Train(ctx, config, train.Options{Dir: dir, Observe: func(m run.Metric) {
			if m.Step == c.stop {
				cancel()
			}
		}})
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if got, err := unfinished(path, config); err != nil || got != c.written {
			t.Errorf("while it is written: %q, %v, want %q", got, err, c.written)
		}
		if err := dir.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := unfinished(path, config); err != nil || got != c.after {
			t.Errorf("afterwards: %q, %v, want %q", got, err, c.after)
		}
		if c.stop == 0 {
			continue
		}
		// Killed after a step, before its weights were saved.
		metrics, err := os.OpenFile(filepath.Join(path, "metrics.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = io.WriteString(metrics, `{"step":4,"loss":1,"learning_rate":0.01}`+"\n")
			err = errors.Join(err, metrics.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		const want = "the run was stopped after 4 of 4 steps, and these are the weights of step 3"
		if got, err := unfinished(path, config); err != nil || got != want {
			t.Errorf("killed: %q, %v, want %q", got, err, want)
		}
	}
}
