package bench

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// Exponent returns the b of y ∝ xᵇ, the slope of the least-squares line through
// the logarithms. It needs two different x.
func Exponent(x, y []float64) float64 {
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
