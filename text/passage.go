package text

// m tokens of a passage to learn from, as many to predict; k dimensions

import (
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// Passages is R² on the second halves of passages, of the W of three sources.
// All are about the means of the training text.
type Passages struct {
	Own    Interval // fitted on the passage's first half
	Other  Interval // fitted on the first half of another passage
	Pooled Interval // fitted on the training text
	Gain   Interval // Own - Other
	Ahead  Interval // Pooled - Own
	Share  float64  // the ridge of Own and Other, best for Own on training passages
}

// shares are the ridges to choose from.
var shares = []float64{0.1, 0.3, 1, 3, 10, 30, 100, 300}

// ReadPassages cuts the text into passages of 2m tokens. The first four fifths
// of them train the pooled W, the axes and the ridge; in each of the rest a W
// of the first m tokens predicts each next one of the last m. Intervals
// are by a bootstrap over passages.
func (s *Sequence) ReadPassages(m, k int, rng *rand.Rand) (Passages, error) {
	count := len(s.Tokens) / (2 * m)
	train := count * 4 / 5
	if train < 5 || count-train < 5 {
		return Passages{}, fmt.Errorf(
			"%d tokens with a vector make %d passages of %d: 10 or more are needed", len(s.Tokens),
			count, 2*m)
	}
	training := s.Tokens[:train*2*m]
	reduced, err := s.Reduced(training, k)
	if err != nil {
		return Passages{}, err
	}
	g := newGram(reduced.Vectors)
	pooled, err := g.moments(training[:len(training)-1], training[1:]).fit(ridge)
	if err != nil {
		return Passages{}, err
	}
	all := make([]passage, count)
	for i := range all {
		t := s.Tokens[i*2*m : (i+1)*2*m]
		all[i] = passage{
			first: g.moments(t[:m-1], t[1:m]).about(pooled.meanX, pooled.meanY),
			last:  g.moments(t[m-1:2*m-1], t[m:]),
		}
	}
	result := Passages{}
	best := 0.0
	for i, share := range shares {
		e, err := sums(all[:train], pooled, share)
		if err != nil {
			return Passages{}, err
		}
		if r := 1 - total(e, 0)/total(e, 3); i == 0 || r > best {
			best, result.Share = r, share
		}
	}
	e, err := sums(all[train:], pooled, result.Share)
	if err != nil {
		return Passages{}, err
	}
	result.bootstrap(e, rng)
	return result, nil
}

// passage holds the moments of both halves; those of the first are about the
// means of the training text.
type passage struct{ first, last moments }

// errors4 are SSE of own, other and pooled W, and SST.
type errors4 [4]float64

// sums returns the errors on each passage; the other W is that of the passage
// half the list away.
func sums(all []passage, pooled Fit, share float64) ([]errors4, error) {
	fits := make([]Fit, len(all))
	for i, p := range all {
		fits[i] = Fit{meanX: pooled.meanX, meanY: pooled.meanY}
		if err := fits[i].solve(p.first, share); err != nil {
			return nil, err
		}
	}
	e := make([]errors4, len(all))
	for i, p := range all {
		e[i][0], e[i][3] = fits[i].errors(p.last)
		e[i][1], _ = fits[(i+len(all)/2)%len(all)].errors(p.last)
		e[i][2], _ = pooled.errors(p.last)
	}
	return e, nil
}

func total(e []errors4, column int) float64 {
	sum := 0.0
	for _, v := range e {
		sum += v[column]
	}
	return sum
}

// bootstrap sets the R² of each source and their differences.
func (p *Passages) bootstrap(e []errors4, rng *rand.Rand) {
	measures := func(e []errors4) [5]float64 {
		t := total(e, 3)
		own, other, pooled := 1-total(e, 0)/t, 1-total(e, 1)/t, 1-total(e, 2)/t
		return [5]float64{own, other, pooled, own - other, pooled - own}
	}
	const draws = 2000
	found := mat.NewDense(5, draws, nil)
	sample := make([]errors4, len(e))
	for d := range draws {
		for i := range sample {
			sample[i] = e[rng.IntN(len(e))]
		}
		v := measures(sample)
		found.SetCol(d, v[:])
	}
	for i, v := range measures(e) {
		*[]*Interval{&p.Own, &p.Other, &p.Pooled, &p.Gain, &p.Ahead}[i] = bootstrapped(v,
			found.RawRowView(i))
	}
}
