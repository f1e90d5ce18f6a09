package sander2024

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"icar/estimator"
	"icar/figure"
	"icar/outcome"
)

// bySeed is a quantity of training runs by their seed, which draws the data,
// the initial weights and the test sequences of a run. The test sequences are
// averaged within each run.
//
// Two models trained from one seed differ from each other more by what training
// happened to find than by the sequences that they are tested on. So what is said
// of a kind of model is said of its runs: the unit is the run, and an interval is
// Student's over runs. One over test sequences, however many, speaks of the
// few models that were trained.
type bySeed map[uint64]float64

const (
	// seedLevel leaves one thousandth on either side.
	seedLevel = 0.998
	// fewestSeeds can be told from chance at all: of two runs the interval is 318
	// standard errors wide on either side.
	fewestSeeds = 3
)

// errFewSeeds says that there are too few training runs for an interval.
var errFewSeeds = errors.New("an interval over seeds needs two or more")

// values are the quantities in the order of their seeds.
func (x bySeed) values() []float64 {
	var values []float64
	for _, seed := range slices.Sorted(maps.Keys(x)) {
		values = append(values, x[seed])
	}
	return values
}

// logRatio is log(a/b) of every seed that has both. Errors of models differ by
// factors, and a run that training left behind stretches a ratio less than a
// difference.
func logRatio(a, b bySeed) bySeed {
	paired := bySeed{}
	for seed, x := range a {
		if y, ok := b[seed]; ok {
			paired[seed] = math.Log(x / y)
		}
	}
	return paired
}

// errorsBySeed are the test errors of the networks of a label.
func errorsBySeed(networks []network, label string) bySeed {
	x := bySeed{}
	for _, n := range networks {
		if n.Config.Label == label {
			x[n.Config.Seed] = n.Found.mse()
		}
	}
	return x
}

// seedClaim completes a claim about the mean of x over all training runs that
// there could be: measured is the end of its interval that is nearer to the
// prediction. There is no claim from fewer than three seeds.
func seedClaim(c outcome.Claim, x bySeed) ([]outcome.Claim, error) {
	return overSeeds(c, x, func(v float64) float64 { return v })
}

// ratioClaim is seedClaim of a ratio, whose logarithms are x.
func ratioClaim(c outcome.Claim, x bySeed) ([]outcome.Claim, error) {
	return overSeeds(c, x, math.Exp)
}

func overSeeds(c outcome.Claim, x bySeed, scale func(float64) float64) ([]outcome.Claim, error) {
	values := x.values()
	if len(values) < fewestSeeds {
		return nil, nil
	}
	interval, err := estimator.StudentInterval(values, seedLevel)
	if err != nil {
		return nil, fmt.Errorf("claim %s: %w", c.ID, err)
	}
	end, name := interval.High, "upper"
	if c.Relation == outcome.AtLeast {
		end, name = interval.Low, "lower"
	}
	// 0 where a model was compared with itself
	c.Measured = figure.Number(scale(strictly(end).Float()))
	c.Interval = outcome.Interval{Low: figure.Number(scale(interval.Low)),
		Mean: figure.Number(scale(mean(values))), High: figure.Number(scale(interval.High))}
	c.Statement = fmt.Sprintf(
		"%s (mean %.3g over %d seeds; measured is the %s end of its interval)",
		c.Statement, scale(mean(values)), len(values), name)
	c.Reason = fmt.Sprintf(
		"Student's interval over training runs, %.1f %%: this end errs once in a thousand; "+
			"the sequences of a run are averaged", 100*seedLevel)
	return []outcome.Claim{c}, nil
}

// lowerClaim says that models a have a lower test error than models b.
func lowerClaim(networks []network, id, source, statement, a, b string) ([]outcome.Claim, error) {
	return ratioClaim(outcome.Claim{ID: id, Source: source, Relation: outcome.AtMost, Predicted: 1,
		Statement: statement + ": ratio of test errors"},
		logRatio(errorsBySeed(networks, a), errorsBySeed(networks, b)))
}

// belowBestClaim says that models a have a lower test error than the best of the runs
// of models b, which is harder than their mean. Training leaves some runs of b far from
// what b can do (one layer, one in ten): they would make an interval of paired
// differences wide, and their mean say more of training than of b.
func belowBestClaim(networks []network,
	id, source, statement, a, b string) ([]outcome.Claim, error) {
	best := math.Inf(1)
	for _, e := range errorsBySeed(networks, b) {
		best = math.Min(best, e)
	}
	ratio := bySeed{}
	for seed, e := range errorsBySeed(networks, a) {
		ratio[seed] = math.Log(e / best)
	}
	return ratioClaim(outcome.Claim{ID: id, Source: source, Relation: outcome.AtMost, Predicted: 1,
		Statement: statement + ": ratio of test errors"}, ratio)
}
