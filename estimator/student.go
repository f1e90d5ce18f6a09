package estimator

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// StudentInterval returns the interval of the mean of a few independent values
// that are about normal, such as the errors of models trained from several
// seeds: mean ± t s/√n with the quantile t of Student's distribution of n - 1
// degrees of freedom (Student 1908, doi:10.2307/2331554). It is an error if
// there are fewer than two values, or the level is no fraction.
func StudentInterval(sample []float64, level float64) (Interval, error) {
	if len(sample) < 2 {
		return Interval{}, fmt.Errorf("an interval from %d values: use two or more", len(sample))
	}
	if !(level > 0 && level < 1) {
		return Interval{}, fmt.Errorf("interval of level %v: use a fraction between 0 and 1, such "+
			"as 0.95", level)
	}
	n := float64(len(sample))
	mean, deviation := stat.MeanStdDev(sample, nil)
	half := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile((1+level)/2) * deviation / math.Sqrt(n)
	return Interval{mean - half, mean + half}, nil
}
