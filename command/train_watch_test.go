package command

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"icar/run"
	"icar/train"
)

// Off a terminal there is a line when training begins, one every ten seconds however
// short the steps are, and one of the last step; each has the last test error and the
// time left. A quiet watch writes nothing.
func TestLogEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, err := run.Create(t.TempDir()+"/run", []byte("d: 2\n"), run.NewInfo(0, "go"))
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		c := train.DefaultConfig()
		c.Batch, c.Train, c.Epochs = 1, 100, 1
		o := train.Options{Dir: dir, Saved: &run.Saved{Checkpoint: run.Checkpoint{Step: 50}}}
		var out, silent bytes.Buffer
		loud, quiet := newTrainWatch(&out, c, o, false), newTrainWatch(&silent, c, o, true)
		for k := 51; k <= 100; k++ {
			time.Sleep(700 * time.Millisecond)
			m := run.Metric{Step: k, Loss: 0.5}
			if k == 60 {
				m.Evaluation = &run.Evaluation{TestMSE: 0.25}
			}
			loud.step(m)
			quiet.step(m)
		}
		loud.end(nil)
		quiet.end(nil)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		for i, want := range []string{
			"msg=training after=50 steps=100 directory=" + dir.Path(),
			// The 15th step of 0.7 s is the first that ends after ten seconds.
			"msg=trained step=65 of=100 loss=0.5 test_mse=0.25 left=25s",
			"msg=trained step=80 of=100 loss=0.5 test_mse=0.25 left=14s",
			"msg=trained step=95 of=100 loss=0.5 test_mse=0.25 left=4s",
			"msg=trained step=100 of=100 loss=0.5 test_mse=0.25 left=0s",
		} {
			if i >= len(lines) || !strings.HasSuffix(lines[i], want) {
				t.Errorf("line %d of %d is not %s", i+1, len(lines), want)
			}
		}
		if len(lines) != 5 || silent.Len() > 0 {
			t.Errorf("%d lines; quiet, %q", len(lines), silent.String())
		}
	})
}
