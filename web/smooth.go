package web

import "math"

// smoothed returns the means of y up to each x_k, weighted by e^{-(x_k - x_j)/span}:
//
//	ȳ_k = Σ_{j≤k} e^{-(x_k - x_j)/span} y_j / Σ_{j≤k} e^{-(x_k - x_j)/span}
//
// the exponential moving average of points that need not be evenly spaced, without its
// pull towards 0 at the beginning. What is not finite is left out of the means and has
// none itself.
func smoothed(x, y []float64, span float64) []float64 {
	means := make([]float64, len(y))
	sum, weight := 0.0, 0.0
	for k := range y {
		if k > 0 {
			decay := math.Exp(-(x[k] - x[k-1]) / span)
			sum, weight = sum*decay, weight*decay
		}
		if math.IsNaN(y[k]) || math.IsInf(y[k], 0) {
			means[k] = math.NaN()
			continue
		}
		sum, weight = sum+y[k], weight+1
		means[k] = sum / weight
	}
	return means
}
