package estimator

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"icar/ar"
)

// On Gaussian samples the interval covers the mean as often as its level says:
// with n = 200 the percentile interval is narrower than Student's by
// √((n-1)/n) and its quantile, under 1 % in all, and the resampling of 400
// adds about 1 %, so coverage is between 0.88 and 0.92 but for the
// binomial error √(0.09/trials).
func TestBootstrapCovers(t *testing.T) {
	const n, trials, level = 200, 1000, 0.9
	covered := 0
	for i := range trials {
		r := ar.Rand(1, "coverage", uint64(i))
		sample := make([]float64, n)
		for j := range sample {
			sample[j] = r.NormFloat64() + 3
		}
		interval, err := Bootstrap(sample, level, 400, r)
		if err != nil {
			t.Fatal(err)
		}
		if interval.Low <= 3 && 3 <= interval.High {
			covered++
		}
	}
	got, slack := float64(covered)/trials, 4.5*math.Sqrt(level*(1-level)/trials)
	if !(math.Abs(got-level) <= slack+0.02) {
		t.Errorf("the 90 %% interval covers the mean in %.1f %% of samples", 100*got)
	}
}

// The width goes to that of the normal approximation, 2·1.96 standard errors.
// Each end is a quantile of the resampled means with density 0.0584 per
// standard error there, so known to √(0.025·0.975/5000)/0.0584 = 0.038 of one.
func TestBootstrapWidthIsThatOfTheMean(t *testing.T) {
	r := ar.Rand(1, "width", 0)
	sample := make([]float64, 1000)
	for i := range sample {
		sample[i] = r.ExpFloat64()
	}
	interval, err := Bootstrap(sample, 0.95, 5000, r)
	if err != nil {
		t.Fatal(err)
	}
	mean, std := stat.MeanStdDev(sample, nil)
	se := stat.StdErr(std, 1000)
	// 0.05 for the skewness of an exponential mean, 2/√1000·(z²-1)/6 each end.
	for end, got := range map[string]float64{"low": (mean - interval.Low) / se,
		"high": (interval.High - mean) / se} {
		if !(math.Abs(got-1.96) < zMax*0.038+0.05) {
			t.Errorf("%s end at %.3f standard errors from the mean, want 1.96", end, got)
		}
	}
}

func TestBootstrapOfAPairSeesWhatItHasInCommonCancel(t *testing.T) {
	r := ar.Rand(1, "pairs", 0)
	a, b := make([]float64, 300), make([]float64, 300)
	for i := range a {
		b[i] = 10 * r.NormFloat64()
		a[i] = b[i] + 0.5
	}
	interval, err := BootstrapDifference(a, b, 0.95, 200, r)
	if err != nil || math.Abs(interval.Low-0.5) > 1e-12 || math.Abs(interval.High-0.5) > 1e-12 {
		t.Errorf("a - b is 0.5 everywhere: %v, %v", interval, err)
	}
}

func TestBootstrapIsAFunctionOfItsGenerator(t *testing.T) {
	sample := []float64{1, 5, 2, 8}
	draw := func(step uint64) Interval {
		interval, err := Bootstrap(sample, 0.8, 101, ar.Rand(1, "again", step))
		if err != nil {
			t.Fatal(err)
		}
		return interval
	}
	if draw(1) != draw(1) {
		t.Error("the same generator gives two intervals")
	}
}

func TestBootstrapRefusals(t *testing.T) {
	r := ar.Rand(1, "refusals", 0)
	one := []float64{1}
	_, empty := Bootstrap(nil, 0.9, 100, r)
	_, level := Bootstrap(one, 1, 100, r)
	_, few := Bootstrap(one, 0.95, 39, r)
	_, lengths := BootstrapDifference(one, nil, 0.9, 100, r)
	for want, err := range map[string]error{
		"bootstrap of an empty sample":                                      empty,
		"bootstrap level 1: use a fraction between 0 and 1":                 level,
		"39 resamples leave none outside an interval of level 0.95: use 41": few,
		"paired samples of 1 and 0 values":                                  lengths,
	} {
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Of one position the intervals are those of Bootstrap on it, up to the draws:
// both ends are quantiles of resampled means (see above). Of positions that are
// multiples of each other they are multiples, since sequences are drawn whole.
func TestIntervalsOfPositions(t *testing.T) {
	r := ar.Rand(2, "positions", 0)
	const n, positions = 500, 3
	e := Errors{N: n, T: positions, Squared: make([]float64, n*positions)}
	first := make([]float64, n)
	for i := range first {
		first[i] = r.ExpFloat64()
		for p := range positions {
			e.Squared[i*positions+p] = float64(p+1) * first[i]
		}
	}
	got, err := e.Intervals(0.95, 5000, r)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Bootstrap(first, 0.95, 5000, r)
	if err != nil {
		t.Fatal(err)
	}
	_, std := stat.MeanStdDev(first, nil)
	slack := zMax * math.Sqrt2 * 0.038 * stat.StdErr(std, n)
	if math.Abs(got[0].Low-want.Low) > slack || math.Abs(got[0].High-want.High) > slack {
		t.Errorf("the interval of a position is %v, that of its errors %v", got[0], want)
	}
	for p, interval := range got {
		scale := float64(p + 1)
		if math.Abs(interval.Low-scale*got[0].Low) > 1e-12 ||
			math.Abs(interval.High-scale*got[0].High) > 1e-12 {
			t.Errorf("position %d: %v is not %g times %v", p+1, interval, scale, got[0])
		}
	}
	if _, err := (Errors{}).Intervals(0.95, 100, r); err == nil {
		t.Error("intervals of no sequences")
	}
	if _, err := e.Intervals(0.95, 10, r); err == nil || !strings.Contains(err.Error(), "resamples") {
		t.Errorf("ten resamples: %v", err)
	}
}
