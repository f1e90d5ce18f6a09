package estimator

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// Interval is the range of a mean that a level of bootstrap resamples hit.
type Interval struct{ Low, High float64 }

// Bootstrap returns the percentile interval of the mean of a sample of
// independent values, such as [Errors.PerSequence]: that many resamples are drawn
// with replacement, and the interval leaves (1 - level)/2 of their means on
// either side (Efron 1979, doi:10.1214/aos/1176344552). It is an error if the
// sample is empty, or the level leaves less than one resample outside.
func Bootstrap(sample []float64, level float64, resamples int, r *rand.Rand) (Interval, error) {
	if err := checkBootstrap(len(sample), level, resamples); err != nil {
		return Interval{}, err
	}
	means := make([]float64, resamples)
	for i := range means {
		for range sample {
			means[i] += sample[r.IntN(len(sample))]
		}
	}
	floats.Scale(1/float64(len(sample)), means)
	slices.Sort(means)
	return percentiles(means, level), nil
}

// BootstrapDifference is [Bootstrap] for the mean of a - b, where a[n] and b[n]
// belong to the same sequence n: what the sequences have in common cancels,
// so that far smaller differences show than between two intervals. It is an
// error if the lengths differ.
func BootstrapDifference(a, b []float64, level float64, resamples int,
	r *rand.Rand) (Interval, error) {
	if len(a) != len(b) {
		return Interval{}, fmt.Errorf("paired samples of %d and %d values: use errors on the same "+
			"sequences", len(a), len(b))
	}
	return Bootstrap(floats.SubTo(make([]float64, len(a)), a, b), level, resamples, r)
}

// Intervals returns the percentile interval of [Bootstrap] of the mean error at
// each context length (T). Whole sequences are drawn, so that the positions
// move together as they would with other W.
func (e Errors) Intervals(level float64, resamples int, r *rand.Rand) ([]Interval, error) {
	if err := checkBootstrap(e.N, level, resamples); err != nil {
		return nil, err
	}
	var means mat.Dense
	means.Mul(Resamples(e.N, resamples, r), mat.NewDense(e.N, e.T, e.Squared))
	intervals, column := make([]Interval, e.T), make([]float64, resamples)
	for t := range intervals {
		mat.Col(column, t, &means)
		slices.Sort(column)
		intervals[t] = percentiles(column, level)
	}
	return intervals, nil
}

// Resamples returns how often each of n values is drawn, over n, in that many
// resamples (resamples, n): times a column of values it is the column of the
// resampled means.
func Resamples(n, resamples int, r *rand.Rand) *mat.Dense {
	times := mat.NewDense(resamples, n, nil)
	for i := range resamples {
		row := times.RawRowView(i)
		for range row {
			row[r.IntN(n)] += 1 / float64(n)
		}
	}
	return times
}

func checkBootstrap(n int, level float64, resamples int) error {
	if n == 0 {
		return errors.New("bootstrap of an empty sample")
	}
	if !(level > 0 && level < 1) {
		return fmt.Errorf("bootstrap level %v: use a fraction between 0 and 1, such as 0.95", level)
	}
	if tail := (1 - level) / 2; tail*float64(resamples) < 1 {
		return fmt.Errorf("%d resamples leave none outside an interval of level %v: use %.0f or more",
			resamples, level, 1/tail+1)
	}
	return nil
}

// percentiles is the interval of a level of sorted values.
func percentiles(sorted []float64, level float64) Interval {
	tail := (1 - level) / 2
	return Interval{
		Low:  stat.Quantile(tail, stat.LinInterp, sorted, nil),
		High: stat.Quantile(1-tail, stat.LinInterp, sorted, nil),
	}
}
