package sander2024

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"icar/estimator"
	"icar/figure"
	"icar/outcome"
)

// seedDifference is the mean over seeds of a - b, each seed's a less the same
// seed's b, with Student's interval of a level. It is an error if a and b are
// of different seeds, and errFewSeeds if they are of fewer than two.
func seedDifference(a, b bySeed, level float64) (float64, estimator.Interval, error) {
	seeds := slices.Sorted(maps.Keys(a))
	if other := slices.Sorted(maps.Keys(b)); !slices.Equal(seeds, other) {
		return 0, estimator.Interval{}, fmt.Errorf(
			"models of seeds %v cannot be paired with models of seeds %v: train both from the same",
			seeds, other)
	}
	difference := bySeed{}
	for _, s := range seeds {
		difference[s] = a[s] - b[s]
	}
	return seedMean(difference, level)
}

// seedMean is the mean over seeds with Student's interval of a level. It is
// errFewSeeds if there are fewer than two seeds.
func seedMean(x bySeed, level float64) (float64, estimator.Interval, error) {
	var values []float64
	for _, s := range slices.Sorted(maps.Keys(x)) { // a sum depends on its order in the last bit
		values = append(values, x[s])
	}
	if len(values) < 2 {
		return 0, estimator.Interval{}, fmt.Errorf("%w, not %d", errFewSeeds, len(values))
	}
	interval, err := estimator.StudentInterval(values, level)
	return mean(values), interval, err
}

// belowClaim says that models a have less of something than models b of the
// same seeds: the upper end of the interval of a - b is below 0. It returns no
// claim where there are fewer than two seeds, of which nothing can be said.
func belowClaim(id, source, statement string, a, b bySeed) ([]outcome.Claim, error) {
	m, interval, err := seedDifference(a, b, seedLevel)
	if errors.Is(err, errFewSeeds) {
		return nil, nil
	}
	return []outcome.Claim{{ID: id, Source: source, Relation: outcome.AtMost,
		Measured: strictly(interval.High), Interval: known(m, interval),
		Statement: fmt.Sprintf(
			"%s: upper end of the interval of the difference, whose mean is %.3g",
			statement, m),
		Reason: fmt.Sprintf(
			"Student's interval over %d training seeds, each paired with itself, of level %g %%: "+
				"its upper end is below 0 once in a thousand where there is no difference", len(a),
			100*seedLevel)}}, err
}

// known is a mean with the ends of its interval.
func known(mean float64, i estimator.Interval) outcome.Interval {
	return outcome.Interval{Low: figure.Number(i.Low), Mean: figure.Number(mean),
		High: figure.Number(i.High)}
}

// strictly is not a number where the end of an interval is 0, as it is when a
// model was compared with itself: claims allow equality, these do not.
func strictly(end float64) figure.Number {
	if end == 0 {
		return figure.Number(math.NaN())
	}
	return figure.Number(end)
}

// boundsClaim fills in a claim that a number, of each kind of model by seed, is
// above 0 (AtLeast) or below 0 (AtMost) for every kind: it measures the end of
// the interval that is nearest to 0, or farthest on its other side. It returns
// no claim where there is no kind, or one has fewer than two seeds.
func boundsClaim[K cmp.Ordered](c outcome.Claim, kinds map[K]bySeed) ([]outcome.Claim, error) {
	if len(kinds) == 0 {
		return nil, nil
	}
	sign := 1.0
	if c.Relation == outcome.AtMost {
		sign = -1
	}
	least, at, seeds := math.Inf(1), outcome.Interval{}, 0
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		m, interval, err := seedMean(kinds[k], seedLevel)
		if errors.Is(err, errFewSeeds) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		end := min(sign*interval.Low, sign*interval.High)
		if end < least {
			least, at, seeds = end, known(m, interval), len(kinds[k])
		}
	}
	c.Measured, c.Interval = strictly(sign*least), at
	c.Statement += fmt.Sprintf(": the end towards 0 of its interval, whose mean is %.3g", at.Mean)
	c.Reason = fmt.Sprintf("Student's interval over %d training seeds of level %g %%: "+
		"where there is nothing, one side errs once in a thousand", seeds, 100*seedLevel)
	return []outcome.Claim{c}, nil
}
