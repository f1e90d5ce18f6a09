package theory

import (
	"errors"
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
	"pgregory.net/rapid"

	"icar/ar"
)

func TestFitCosineFindsACosine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(12, 60).Draw(t, "n")
		want := Cosine{Mean: rapid.Float64Range(-1, 1).Draw(t, "mean"),
			Amplitude: rapid.Float64Range(0.1, 2).Draw(t, "amplitude"),
			Frequency: rapid.Float64Range(0.5, 2.5).Draw(t, "frequency"),
			Phase:     rapid.Float64Range(-3, 3).Draw(t, "phase")}
		got, err := FitCosine(want.Curve(n))
		if err != nil || 1-got.R2 > 1e-12 || math.Abs(got.Frequency-want.Frequency) > 1e-6 ||
			math.Abs(got.Amplitude-want.Amplitude) > 1e-6 {
			t.Fatalf("fitted %+v to %+v: %v", got, want, err)
		}
		if off := floats.Distance(got.Curve(n), want.Curve(n), math.Inf(1)); off > 1e-6 {
			t.Fatalf("fitted %+v to %+v: the curves are %g apart", got, want, off)
		}
	})
}

// On a noisy curve no neighbour of the fit, in any of its four parameters,
// leaves less, and R² is the share of the variance that it explains.
func TestFitCosineIsTheLeastSquaresFit(t *testing.T) {
	r := ar.Rand(3, "cosine", 0)
	for range 20 {
		y := Cosine{Mean: 1, Amplitude: 1, Frequency: 0.3 + 2.4*r.Float64(), Phase: 1}.Curve(25)
		for t := range y {
			y[t] += 0.3 * r.NormFloat64()
		}
		fit, err := FitCosine(y)
		if err != nil {
			t.Fatal(err)
		}
		if want := stat.RSquaredFrom(fit.Curve(len(y)), y, nil); math.Abs(fit.R2-want) > 1e-12 {
			t.Errorf("R² = %g, the curve explains %g", fit.R2, want)
		}
		left := floats.Distance(fit.Curve(len(y)), y, 2)
		for _, h := range []float64{-1e-3, 1e-3} {
			for what, c := range map[string]Cosine{
				"mean":      {Mean: fit.Mean + h, Amplitude: fit.Amplitude, Frequency: fit.Frequency, Phase: fit.Phase},
				"amplitude": {Mean: fit.Mean, Amplitude: fit.Amplitude + h, Frequency: fit.Frequency, Phase: fit.Phase},
				"frequency": {Mean: fit.Mean, Amplitude: fit.Amplitude, Frequency: fit.Frequency + h, Phase: fit.Phase},
				"phase":     {Mean: fit.Mean, Amplitude: fit.Amplitude, Frequency: fit.Frequency, Phase: fit.Phase + h},
			} {
				if floats.Distance(c.Curve(len(y)), y, 2) < left {
					t.Errorf("another %s, by %g, fits better than %+v", what, h, fit)
				}
			}
		}
	}
}

func TestFitCosineErrors(t *testing.T) {
	if _, err := FitCosine([]float64{2, 2, 2, 2, 2}); !errors.Is(err, ErrNoVariance) {
		t.Errorf("a constant: %v", err)
	}
	if _, err := FitCosine([]float64{1, 2, 4, 3}); err == nil || errors.Is(err, ErrNoVariance) {
		t.Errorf("four points for four parameters: %v", err)
	}
}
