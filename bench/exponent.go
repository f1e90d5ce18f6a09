package bench

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// exponent returns the b of y ∝ xᵇ, the slope of the least-squares line through
// the logarithms. It needs two different x.
func exponent(x, y []float64) float64 {
	logs := func(v []float64) []float64 {
		w := make([]float64, len(v))
		for i := range v {
			w[i] = math.Log(v[i])
		}
		return w
	}
	_, slope := stat.LinearRegression(logs(x), logs(y), nil, false)
	return slope
}

// Growth is how a case grows with the context length: seconds_per_step ∝ Tᵇ.
type Growth struct {
	Case    string   `json:"case"`
	Seconds float64  `json:"seconds_per_step"` // the exponent of time
	Memory  *float64 `json:"peak_mib"`         // that of memory; nil where it was not measured
}

// Growths returns the exponents of the cases that were measured at two lengths
// or more. The results of a case stand together.
func Growths(results []Result) (all []Growth) {
	for rest := results; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Case == rest[0].Case {
			n++
		}
		if same := rest[:n]; same[0].Length != same[n-1].Length {
			all = append(all, growth(same))
		}
		rest = rest[n:]
	}
	return all
}

// growth fits the exponents to the results of one case.
func growth(results []Result) Growth {
	var lengths, seconds, peaks []float64
	for _, r := range results {
		lengths, seconds = append(lengths, float64(r.Length)), append(seconds, r.SecondsPerStep)
		if r.PeakMiB != nil {
			peaks = append(peaks, *r.PeakMiB)
		}
	}
	g := Growth{Case: results[0].Case, Seconds: exponent(lengths, seconds)}
	if len(peaks) == len(lengths) {
		memory := exponent(lengths, peaks)
		g.Memory = &memory
	}
	return g
}
