//go:build unix

package cardcheck

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"icar/bench"
	"icar/internal/needs"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// tiny is a case that an emulator trains in a moment.
func tiny(t *testing.T) bench.Case {
	t.Helper()
	cases, err := bench.Choose([]string{"fig5-L1"})
	if err != nil {
		t.Fatal(err)
	}
	c := cases[0].AtLength(2)
	c.Config.D, c.Config.Batch, c.Config.Train = 2, 4, 4
	return c
}

// slow is a device that takes a known time more for each replay of a recorded step of a
// run, and another for the recording.
type slow struct {
	device.Device
	step, recording time.Duration
	runs            map[device.Graph]int
}

func newSlow(step, recording time.Duration) slow {
	return slow{emulator.New(), step, recording, map[device.Graph]int{}}
}

func (s slow) Record(ctx context.Context, work []device.Launch) (device.Graph, error) {
	time.Sleep(s.recording)
	g, err := s.Device.Record(ctx, work)
	s.runs[g] = work[0].Grid[2]
	return g, err
}

func (s slow) Replay(ctx context.Context, g device.Graph, n int) error {
	time.Sleep(time.Duration(n*s.runs[g]) * s.step)
	return s.Device.Replay(ctx, g, n)
}

// numbers are two in what was found.
func numbers(t *testing.T, pattern string, f Finding) (a, b float64) {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(f.Detail)
	if found == nil {
		t.Fatalf("%q does not match %s", f.Detail, pattern)
	}
	a, err := strconv.ParseFloat(found[1], 64)
	b, err2 := strconv.ParseFloat(found[2], 64)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// Everything is told, in order, also after what is wrong, and what is wrong is counted.
func TestFindings(t *testing.T) {
	bad := errors.New("other bits")
	suite := func(err error) func(context.Context, device.Device) error {
		return func(context.Context, device.Device) error { return err }
	}
	c := Check{Device: newSlow(20*time.Millisecond, 0), Cases: []bench.Case{tiny(t)}, Steps: 1,
		Rounds: 1, Seeds: 4,
		Suites: []Suite{{"bits", "first", suite(bad)}, {"backend", "second", suite(nil)}},
		Against: func(_ context.Context, name string) (bench.Other, error) {
			return bench.Other{Case: name, Seconds: 8, Program: "another"}, nil
		}}
	var told []string
	wrong, err := c.Run(t.Context(), func(f Finding) {
		told = append(told, fmt.Sprint(f.What, " ", f.Wrong))
		if f.What == "time" {
			ms, times := numbers(t, `([\d.]+) ms a step.*; 8000.0000 ms by another: ([\d.]+) times`, f)
			if math.Abs(ms*times/8000-1) > 0.01 { // both are rounded
				t.Errorf("it says %q of the other program", f.Detail)
			}
		}
		if f.What == "seeds" {
			if _, times := numbers(t, `(4) runs .* take ([\d.]+) times one`, f); times < 1.5 {
				t.Errorf("of 4 runs it says %q", f.Detail)
			}
		}
	})
	want := []string{"bits other bits", "backend <nil>", "time <nil>", "seeds <nil>"}
	if err != nil || wrong != 1 || !slices.Equal(told, want) {
		t.Errorf("%d wrong, %v, told %q, want %q", wrong, err, told, want)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := c.Run(ctx, func(f Finding) { t.Errorf("%s is told", f.What) }); !errors.Is(err,
		cause) {
		t.Errorf("cancelled: %v", err)
	}
}

// A step's time is without what a course takes however long it is.
func TestTimeOfAStep(t *testing.T) {
	const step = 5 * time.Millisecond
	c := Check{Device: newSlow(step, 40*step), Steps: 3, Rounds: 2}
	all, err := c.measure(t.Context(), tiny(t), 1)
	// Besides the sleep there is what the emulator takes, on a machine that may be busy;
	// the recording alone would be 13 times the sleep.
	if err != nil || len(all) != 2 || slices.Max(all) < 0.9*step.Seconds() ||
		slices.Min(all) > 12*step.Seconds() {
		t.Errorf("a step of %v and a little is measured as %v s, %v", step, all, err)
	}
	if m := median([]float64{5, 1, 3, 2}); m != 2.5 {
		t.Errorf("the median is %v", m)
	}
}

// runs are killed until so many kills have hit; a run whose files are others, or that ends
// with an error, is found.
func TestKills(t *testing.T) {
	needs.Programs(t, "a shell", "sh")
	const run = `mkdir -p $0 && echo c > $0/config.yaml && for i in 1 2 3 4 5 6; do sleep 0.02; done; `
	kills := func(resume string) Kills {
		command := func(script string) func(context.Context, string) *exec.Cmd {
			return func(ctx context.Context, dir string) *exec.Cmd {
				return exec.CommandContext(ctx, "sh", "-c", script, dir)
			}
		}
		return Kills{2, t.TempDir(), command(run + "echo done > $0/done"), command(resume)}
	}
	f := kills(run + "echo done > $0/done; date > $0/timings.jsonl").run(t.Context())
	if f.Wrong != nil || !strings.Contains(f.Detail, "whose files are those of one go") {
		t.Errorf("%+v", f)
	}
	for resume, want := range map[string]string{
		"echo other > $0/done":                "/done is not as in one go",
		"true":                                "/done is not as in one go",
		"echo done > $0/done; echo > $0/more": "/more is not as in one go",
		"echo it has failed >&2; exit 4":      "exit status 4: it has failed",
	} {
		if f := kills(resume).run(t.Context()); f.Wrong == nil ||
			!strings.Contains(f.Wrong.Error(), want) {
			t.Errorf("%+v, want %s", f, want)
		}
	}
}
