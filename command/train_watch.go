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

// interval is the time between two lines of the log while training.
const interval = 10 * time.Second

// trainWatch shows how training gets on: a bar with the loss and the time left
// on a terminal, else a line of the log every interval and one at the end.
type trainWatch struct {
	progress progress
	bar      bar
	loss     atomic.Value // string; the bar is drawn by another goroutine
	log      *slog.Logger // nil on a terminal
	first    int          // steps made before
	steps    int
	start    time.Time
	told     time.Time // when the last line was written
	test     string    // test error of the last evaluation, "" before there was one
}

// newTrainWatch begins to show the training of c; quiet shows nothing.
func newTrainWatch(stderr io.Writer, c train.Config, o train.Options, quiet bool) *trainWatch {
	w := &trainWatch{steps: c.Steps(), start: time.Now(), told: time.Now()}
	if o.Saved != nil {
		w.first = o.Saved.Checkpoint.Step
	}
	if quiet {
		w.log = slog.New(slog.DiscardHandler)
		return w
	}
	if w.progress = newProgress(stderr); w.progress.container == nil {
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
	if m.Evaluation != nil {
		w.test = report.Number(m.TestMSE)
	}
	if w.log == nil {
		shown := " loss " + report.Number(m.Loss)
		if w.test != "" {
			shown += " test " + w.test
		}
		w.loss.Store(shown)
		w.bar.step()
		return
	}
	if time.Since(w.told) < interval && m.Step < w.steps {
		return
	}
	w.told = time.Now()
	told := []any{"step", m.Step, "of", w.steps, "loss", report.Number(m.Loss)}
	if w.test != "" {
		told = append(told, "test_mse", w.test)
	}
	left := time.Since(w.start) / time.Duration(m.Step-w.first) * time.Duration(w.steps-m.Step)
	w.log.Info("trained", append(told, "left", left.Round(time.Second))...)
}

// end leaves the terminal in order.
func (w *trainWatch) end(err error) {
	if err != nil {
		w.bar.abort()
	}
	w.progress.wait()
}
