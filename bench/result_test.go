package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"icar/internal/needs"
	"icar/nn"
	"icar/nn/kernel"
)

func pointer(x float64) *float64 { return &x }

// TestSummary works one case out by hand: two rounds of two steps.
func TestSummary(t *testing.T) {
	c := Cases()[0]
	flops, err := c.Flops()
	if err != nil {
		t.Fatal(err)
	}
	ours := []Sample{{[]float64{4, 2}, pointer(10), "go"},
		{[]float64{8, 3}, pointer(12), "go"}}
	others := []Other{{c.Name, 40, nil, "old"}, {c.Name, 30, pointer(100), "new"}}
	r, err := Summarise(c, "go", flops, ours, others)
	if err != nil {
		t.Fatal(err)
	}
	if r.Against.Program != "new" {
		t.Errorf("against %q", r.Against.Program)
	}
	for _, check := range []struct {
		what      string
		got, want float64
	}{
		{"least", r.SecondsPerStep, 2}, {"peak", *r.PeakMiB, 12}, {"steps", float64(r.Steps), 4},
		{"roofline", *r.Roofline, 0.5}, {"gflops", *r.GFlops, flops / 2e9},
		{"the other's least", r.Against.SecondsPerStep, 30}, {"its peak", *r.Against.PeakMiB, 100},
		{"ratio", r.Against.Ratio, 15}, {"worst round", r.Against.WorstRound, 10},
	} {
		if check.got != check.want {
			t.Errorf("%s is %v, want %v", check.what, check.got, check.want)
		}
	}
	if r.MedianSeconds < 2 || r.MedianSeconds > 4 {
		t.Errorf("the median of 2, 3, 4, 8 is %v", r.MedianSeconds)
	}
}

// The exponent of T^b is b, in time and in memory; a case at one length has
// none, and memory that was not always measured has none.
func TestGrowths(t *testing.T) {
	var results []Result
	for _, b := range []float64{0, 1, 2} {
		for _, length := range []int{50, 100, 400} {
			y := 3 * math.Pow(float64(length), b)
			results = append(results, Result{Case: fmt.Sprint(b), Length: length, SecondsPerStep: y,
				PeakMiB: pointer(y * y)})
		}
	}
	results = append(results, Result{Case: "once", Length: 50, SecondsPerStep: 1})
	results[0].PeakMiB = nil
	growths := Growths(results)
	if len(growths) != 3 || growths[0].Memory != nil {
		t.Fatalf("%+v", growths)
	}
	for i, g := range growths {
		b := float64(i)
		if g.Case != fmt.Sprint(b) || math.Abs(g.Seconds-b) > 1e-12 || i > 0 &&
			math.Abs(*g.Memory-2*b) > 1e-12 {
			t.Errorf("the exponents of x^%v are %+v", b, g)
		}
	}
}

// TestMeasure runs every case at a small size in this process: so many steps
// are timed, and a cancelled context ends it with its cause.
func TestMeasure(t *testing.T) {
	p := nn.OnLoops(kernel.Available()[0])
	for _, c := range Cases() {
		s, err := Measure(t.Context(), c.AtLength(4), p, 2)
		if err != nil || len(s.Seconds) != 2 || s.Kernel != p.Name || s.Seconds[0] <= 0 ||
			s.PeakMiB != nil &&
				*s.PeakMiB < 1 {
			t.Errorf("%s: %+v, %v", c.Name, s, err)
		}
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if _, err := Measure(ctx, c, p, 1); !errors.Is(err, cause) {
			t.Errorf("%s, cancelled: %v", c.Name, err)
		}
	}
}

// TestAgainstFillsTheCommand lets echo print what it was given.
func TestAgainstFillsTheCommand(t *testing.T) {
	needs.Programs(t, "coreutils", "echo")
	line := []string{"echo",
		`{"case":"{case}","seconds_per_step":{steps},"peak_mib":7,"program":"its name"}`}
	o, err := Against(t.Context(), line, "fig5-L1", 3)
	if err != nil || o.Case != "fig5-L1" || o.Seconds != 3 || *o.PeakMiB != 7 ||
		o.Program != "its name" {
		t.Errorf("%+v, %v", o, err)
	}
	for _, words := range [][]string{{"echo"}, {"echo", "{case}"},
		{"echo", `{"case":"{case}","seconds_per_step":0}`}} {
		if _, err := Against(t.Context(), words, "fig5-L1", 3); !errors.Is(err, ErrNoResult) {
			t.Errorf("%v: %v", words, err)
		}
	}
}
