package command

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"icar/internal/needs"
)

// peakOf runs icar in a process of its own and returns the largest resident memory
// that it has had, in MiB, with what it printed. What getrusage says will not do: it
// counts what the process was before it was icar.
func peakOf(t *testing.T, args ...string) (mib float64, stdout []byte) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	c := exec.Command(binary, args...)
	c.Dir, c.Env = t.TempDir(), append(os.Environ(), runAsCommand+"=1")
	c.Stdout, c.Stderr = &out, os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for tick := time.Tick(50 * time.Millisecond); ; {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			return mib, []byte(out.String())
		case <-tick:
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
			if err != nil {
				continue // it ends
			}
			for line := range strings.Lines(string(status)) {
				var kib float64
				if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kib); n == 1 {
					mib = max(mib, kib/1024)
				}
			}
		}
	}
}

// A million sequences go through a program in the memory that ten thousand take.
func TestMillionSequencesThroughAProgram(t *testing.T) {
	needs.Time(t, "it takes many minutes")
	probe := func(n int) float64 {
		begun := time.Now()
		mib, out := peakOf(t, "probe", "--program", "cat", "--d", "5", "--length", "50",
			"--sequences", strconv.Itoa(n), "--out", "out", "--json")
		var d struct {
			Analysis struct {
				Sequences, Detailed int
				MSE                 struct{ Value, Low, High float64 }
				Nearest             struct{ Estimator string }
			}
		}
		if err := json.Unmarshal(out, &d); err != nil {
			t.Fatal(err)
		}
		a := d.Analysis
		t.Logf("%d sequences: %v, %.0f MiB", n, time.Since(begun).Round(time.Second), mib)
		// Of W uniform in O(5) |W s - s|² is 2 in the mean, at every position.
		if a.Sequences != n || a.Detailed != 1024 || a.Nearest.Estimator != "copy last" ||
			a.MSE.Value < 2./5-5*(a.MSE.High-a.MSE.Low) || a.MSE.Value > 2./5+5*(a.MSE.High-a.MSE.Low) {
			t.Errorf("%+v", a)
		}
		return mib
	}
	few, many := probe(10_000), probe(1_000_000)
	if few == 0 || many > 1.3*few || many > 128 {
		t.Errorf("%.0f MiB for a million sequences, %.0f for ten thousand", many, few)
	}
}
