package probe

// Shapes: N sequences, T positions, d token dimension.

import (
	"context"
	"fmt"
	"math"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
)

// Contest is what the estimators make of sequences, without any model: how far off
// each is at each position, and which of them is best there.
type Contest struct {
	Sequences  int      `json:"sequences"` // N
	Fitted     int      `json:"fitted"`    // sequences that estimators were fitted on
	Estimators []Entry  `json:"estimators"`
	Overall    Leader   `json:"overall"` // over all positions
	Leaders    []Leader `json:"leaders"` // (T)
	// Missing names what takes no part, and why.
	Missing []string `json:"missing,omitempty"`
}

// Entry is how far off an estimator is: squared errors, mean over the coordinates.
// Intervals are Student's of 95 % over sequences, each for itself; NaN of a single
// sequence.
type Entry struct {
	Name     string        `json:"name"`
	MSE      Mean          `json:"mse"`
	Position figure.Values `json:"position_mse"` // (T)
	Low      figure.Values `json:"low"`          // (T)
	High     figure.Values `json:"high"`         // (T)
}

// Leader is the estimator of least error, at a position or over all of them. Tied
// are those that cannot be told from it: of all others the interval of the
// difference, paired by sequence, is above 0, at a level at which all intervals of a
// contest hold together with 95 % (Bonferroni). Of a single sequence all are tied.
type Leader struct {
	Best string   `json:"best"`
	Tied []string `json:"tied"`
}

// Compete measures all estimators on test, those with something to fit after it was
// fitted on fitting, which has sequences of the same length, or none: then these stay
// out. The error is an estimator's or the context's.
func Compete(ctx context.Context, fitting, test ar.Batch[float64]) (Contest, error) {
	c := Contest{Sequences: test.N, Fitted: fitting.N}
	entrants := unfitted()
	if fitting.N > 0 {
		var err error
		if _, entrants, err = Estimators(ctx, 0, fitting); err != nil {
			return c, err
		}
		c.Missing = tooWide(test.D)
	} else {
		c.Missing = []string{"gradient descent, the normalised step, linear attention and ridge " +
			"regression: there is nothing to fit them on"}
	}
	c.Missing = append(c.Missing, unknownLaw)
	var errors []estimator.Errors
	for _, e := range entrants {
		measured, err := estimator.MSE(ctx, test, e)
		if err != nil {
			return c, err
		}
		errors = append(errors, measured)
		c.Estimators = append(c.Estimators, newEntry(e.Name(), measured))
	}
	c.lead(errors)
	return c, nil
}

// newEntry takes the means of errors.
func newEntry(name string, errors estimator.Errors) Entry {
	e := Entry{Name: name, MSE: student(errors.PerSequence())}
	for t := range errors.T {
		m := student(at(errors, t))
		e.Position, e.Low, e.High = append(e.Position, m.Value), append(e.Low,
			m.Low), append(e.High, m.High)
	}
	return e
}

// student is a mean with Student's interval.
func student(sample []float64) Mean {
	interval, err := estimator.StudentInterval(sample, 0.95)
	if err != nil { // of a single value
		interval = estimator.Interval{Low: math.NaN(), High: math.NaN()}
	}
	return Mean{average(sample), interval.Low, interval.High}
}

// at are the errors of all sequences at a position.
func at(e estimator.Errors, t int) []float64 {
	sample := make([]float64, e.N)
	for n := range sample {
		sample[n] = e.Squared[n*e.T+t]
	}
	return sample
}

// lead finds the leaders.
func (c *Contest) lead(errors []estimator.Errors) {
	level := jointLevel((len(errors) - 1) * (errors[0].T + 1))
	leader := func(sample func(estimator.Errors) []float64) Leader {
		var samples [][]float64
		best := 0
		for i, e := range errors {
			samples = append(samples, sample(e))
			if average(samples[i]) < average(samples[best]) {
				best = i
			}
		}
		l := Leader{Best: c.Estimators[best].Name, Tied: []string{}}
		for i, s := range samples {
			if i != best && !exceeds(s, samples[best], level) {
				l.Tied = append(l.Tied, c.Estimators[i].Name)
			}
		}
		return l
	}
	c.Overall = leader(estimator.Errors.PerSequence)
	for t := range errors[0].T {
		c.Leaders = append(c.Leaders, leader(func(e estimator.Errors) []float64 {
			return at(e, t)
		}))
	}
}

// unknownLaw names what is left out of sequences whose law is not known.
const unknownLaw = "the Bayes floor and the Kalman filter: the law of the sequences is not known"

// tooWide names the estimators that are not fitted in a dimension, since that costs
// O(d⁶).
func tooWide(d int) (names []string) {
	for _, e := range []struct {
		name string
		most int
	}{{"preconditioned descent by position", preconditionedUpTo},
		{estimator.LinearAttention{}.Name(), attentionUpTo}} {
		if d > e.most {
			names = append(names, fmt.Sprintf("%s: it is fitted up to d = %d", e.name, e.most))
		}
	}
	return names
}
