package sander2024

import (
	"icar/ar"
	"icar/estimator"
	"icar/figure"
)

// T positions

// curve is an error by position, the mean over sequences, with the ends of its
// 95 % bootstrap interval over W: sequences are drawn whole.
type curve struct {
	Mean []float64 `json:"mean"` // (T)
	Low  []float64 `json:"low"`  // (T)
	High []float64 `json:"high"` // (T)
}

// curveResamples leave ten resampled means outside the interval on either side.
const curveResamples = 400

// newCurve draws the resamples of a seed: curves of one seed share the
// sequences that they draw, so that they can be compared.
func newCurve(e estimator.Errors, seed uint64) (curve, error) {
	intervals, err := e.Intervals(0.95, curveResamples, ar.Rand(seed, "bootstrap/curve", 0))
	c := curve{Mean: e.PerPosition()}
	for _, i := range intervals {
		c.Low, c.High = append(c.Low, i.Low), append(c.High, i.High)
	}
	return c, err
}

// series draws the curve with its intervals.
func (c curve) series(label string, style figure.Style) figure.Series {
	return figure.NewSeries(label, style, figure.Positions(len(c.Mean)), c.Mean).Between(c.Low,
		c.High)
}
