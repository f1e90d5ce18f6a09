package command

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"gonum.org/v1/gonum/stat"

	"icar/estimator"
	"icar/internal/visible"
	"icar/report"
	"icar/train"
)

// printTrained prints what a run has come to.
func printTrained(ctx context.Context, out io.Writer, c train.Config, history train.History,
	dir string) error {
	test, err := train.Sequences(c, train.TestStream, c.Test)
	if err != nil {
		return err
	}
	if c.Data != "" {
		fmt.Fprintln(out, visible.Text(split(c)))
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	last := history[len(history)-1]
	fmt.Fprintf(w, "steps\t%d\n", last.Step)
	fmt.Fprintf(w, "train loss\t%s\tlast batch\n", report.Number(last.Loss))
	fmt.Fprintf(w, "test MSE\t%s\t%d sequences\n", report.Number(last.TestMSE), c.Test)
	if best := history.Best(); best.Step < last.Step {
		fmt.Fprintf(w, "  best\t%s\tafter step %d; the checkpoint is the last\n",
			report.Number(best.TestMSE), best.Step)
	} else {
		fmt.Fprintf(w, "  best\t%s\tthe last\n", report.Number(best.TestMSE))
	}
	for _, e := range []estimator.Estimator{estimator.Zero{}, estimator.CopyLast{}} {
		errors, err := estimator.MSE(ctx, test, e)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  %s\t%s\n", e.Name(), report.Number(errors.Mean()))
	}
	if floor, err := estimator.BayesFloor(c.Process, c.Length); err == nil &&
		c.OfProcess() { // none is known under noise
		fmt.Fprintf(w, "  Bayes floor\t%s\n", report.Number(stat.Mean(floor, nil)))
	}
	fmt.Fprintf(w, "directory\t%s\n", visible.Text(dir))
	return w.Flush()
}

// split says which sequences of files a run was trained and tested on.
func split(c train.Config) string {
	if c.TestData != "" {
		return fmt.Sprintf("trained on the first %d sequences of %s, tested on the last %d of %s",
			c.Train, c.Data, c.Test, c.TestData)
	}
	return fmt.Sprintf("trained on the first %d sequences of %s, tested on the last %d", c.Train,
		c.Data, c.Test)
}
