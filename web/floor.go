package web

import (
	"math"

	"gonum.org/v1/gonum/stat"

	"icar/estimator"
	"icar/train"
)

// floor is the least error that a model of a run can have, as far as it is known.
type floor struct {
	Name  string  `json:"name"`
	Mean  float64 `json:"mean"`  // over the context lengths
	Exact bool    `json:"exact"` // some predictor has it; else none is better
	at    []float64
}

// floorOf returns the floor of a configuration; false where the law says nothing of it.
// Without noise the Bayes floor has a closed form. With noise it has none, but who knew W
// would still be off by the noise: σ² on each coordinate.
func floorOf(c train.Config) (floor, bool) {
	if !c.OfProcess() {
		return floor{}, false
	}
	f := floor{Name: "Bayes floor", Exact: true}
	var err error
	if f.at, err = estimator.BayesFloor(c.Process, c.Length); err != nil {
		if !(c.Sigma > 0) {
			return floor{}, false
		}
		f = floor{Name: "noise alone, σ²"}
		for range c.Length {
			f.at = append(f.at, c.Sigma*c.Sigma)
		}
	}
	f.Mean = stat.Mean(f.at, nil)
	return f, !math.IsNaN(f.Mean)
}
