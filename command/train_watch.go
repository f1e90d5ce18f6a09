package command

import (
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8/decor"

	"icar/report"
	"icar/run"
	"icar/train"
)

// trainWatch shows how training gets on: a bar with the loss and the time left
// on a terminal, else a line of the log at every evaluation.
type trainWatch struct {
	progress progress
	bar      bar
	loss     atomic.Value // string; the bar is drawn by another goroutine
	log      *slog.Logger
	first    int // steps made before
	steps    int
	start    time.Time
}

func newTrainWatch(stderr io.Writer, c train.Config, o train.Options) *trainWatch {
	w := &trainWatch{progress: newProgress(stderr), steps: c.Steps(), start: time.Now()}
	if o.Saved != nil {
		w.first = o.Saved.Checkpoint.Step
	}
	if w.progress.container == nil {
		w.log = slog.New(slog.NewTextHandler(stderr, nil))
		w.log.Info("training", "after", w.first, "steps", w.steps, "directory", o.Dir.Path())
		return w
	}
	w.loss.Store("")
	w.bar = w.progress.bar("train", w.steps-w.first,
		decor.Any(func(decor.Statistics) string { return w.loss.Load().(string) }))
	return w
}

// step shows a step.
func (w *trainWatch) step(m run.Metric) {
	if w.log == nil {
		w.loss.Store(" loss " + report.Number(m.Loss))
		w.bar.step()
		return
	}
	if m.Evaluation != nil {
		left := time.Since(w.start) / time.Duration(m.Step-w.first) * time.Duration(w.steps-m.Step)
		w.log.Info("trained", "step", m.Step, "loss", report.Number(m.Loss), "test_mse",
			report.Number(m.TestMSE), "left", left.Round(time.Second))
	}
}

// end leaves the terminal in order.
func (w *trainWatch) end(err error) {
	if err != nil {
		w.bar.abort()
	}
	w.progress.wait()
}
