package estimator

import (
	"math"
	"testing"

	"icar/ar"
)

// The quantile for two degrees of freedom has a closed form, t = (2p-1)/√(2p(1-p)).
func TestStudentIntervalOfThree(t *testing.T) {
	got, err := StudentInterval([]float64{1, 2, 3}, 0.95)
	half := 0.95 / math.Sqrt(2*0.975*0.025) / math.Sqrt(3)
	if err != nil || math.Abs(got.Low-(2-half)) > 1e-9 || math.Abs(got.High-(2+half)) > 1e-9 {
		t.Errorf("%v, %v, want 2 ± %v", got, err, half)
	}
}

// Of 4000 intervals of level 0.9, each from four normal values, 0.9 hold the
// mean; five standard errors of that share are 0.024.
func TestStudentIntervalCovers(t *testing.T) {
	const n = 4000
	r, held := ar.Rand(1, "student", 0), 0
	for range n {
		i, err := StudentInterval([]float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64(),
			r.NormFloat64()}, 0.9)
		if err != nil {
			t.Fatal(err)
		}
		if i.Low <= 0 && 0 <= i.High {
			held++
		}
	}
	if share := float64(held) / n; math.Abs(share-0.9) > 0.024 {
		t.Errorf("%v of the intervals hold the mean, want 0.9", share)
	}
}

func TestStudentIntervalErrors(t *testing.T) {
	for _, level := range []float64{0, 1, math.NaN()} {
		if _, err := StudentInterval([]float64{1, 2}, level); err == nil {
			t.Errorf("level %v was taken", level)
		}
	}
	if _, err := StudentInterval([]float64{1}, 0.95); err == nil {
		t.Error("one value was taken")
	}
}
