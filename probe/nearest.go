package probe

// Shapes: N sequences, T positions, d token dimension, E estimators.

import (
	"context"
	"errors"
	"math"
	"sync"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
)

// Nearest says which estimator the predictions of a model are nearest to, and
// whether that means anything. The distance of two predictors on a sequence is the
// mean over its positions of |ŷ - ŷ'|/√d. One distance is below another by more than
// chance if it is in so many sequences that a fair coin would do it in one case of 20
// for all comparisons together (sign test, Bonferroni); differences of less than 1e-6
// of the size of the predictions are rounding and count for nothing.
type Nearest struct {
	Estimator string `json:"estimator"`
	Distance  Mean   `json:"distance"` // intervals of 95 %, as all here
	// Share is the distance over that from predicting 0, the size of the model's
	// predictions.
	Share figure.Number `json:"share"`
	Next  string        `json:"next"` // estimator by distance
	Gap   Mean          `json:"next_distance"`
	Tied  []string      `json:"tied"` // those that are not farther by more than chance
	// Controls are what the distance has to be below.
	Controls []Control `json:"controls"`
	Above    bool      `json:"above"` // whether it is, below all of them, by more than chance
}

// Control is a distance that a nearness is held against.
type Control struct {
	Name     string `json:"name"`
	Distance Mean   `json:"distance"`
	// Clear says whether the nearness is below it by more than chance.
	Clear bool `json:"clear"`
}

// Names of the controls that ask the model: its distance from the same estimator on
// the context as it is.
const (
	permutedControl  = "the model with the context in another order"
	untrainedControl = "the model before training"
)

// nearness measures a model and its controls beside estimators, sequence by sequence.
type nearness struct {
	estimators []estimator.Estimator // (E)
	models     []Predictor           // the model, then those of the controls
	names      []string              // of the controls
	permute    func(n, t int) []int  // an order of t states for sequence n
	seen       int                   // sequences
	moments    *moments              // of (E, models) distances
	mse        *moments              // of the model's error
	squares    []float64             // (T) Σ of squared errors of the model, mean over coordinates
	apart      [][]float64           // (E)(T) Σ of distances of the model
	errors     [][]float64           // (E)(T) Σ of squared errors of the estimators
}

// reordered is a model that sees its context in another order.
type reordered struct {
	Predictor
	permute func(n, t int) []int
	from    *int // number of the first sequence of what it is asked
}

func (r reordered) Predict(ctx context.Context, s ar.Batch[float64]) ([]float64, error) {
	return r.Predictor.Predict(ctx, permuted(s, func(n int) []int {
		return r.permute(*r.from+n, s.T)
	}))
}

// newNearness finds out by asking which controls a model offers; the others are
// returned as missing.
func newNearness(ctx context.Context, m Predictor, estimators []estimator.Estimator,
	permute func(n, t int) []int, s ar.Batch[float64]) (c *nearness, missing []string, err error) {
	c = &nearness{estimators: estimators, models: []Predictor{m}, permute: permute}
	shuffled := reordered{m, permute, &c.seen}
	switch _, err := shuffled.Predict(ctx, s.Part(0, 1)); {
	case errors.Is(err, ErrNotOffered):
		missing = append(missing, "a control: "+permutedControl)
	case err != nil:
		return nil, nil, err
	default:
		c.models, c.names = append(c.models, shuffled), append(c.names, permutedControl)
	}
	untrained, err := initial(m)
	switch {
	case errors.Is(err, ErrNotOffered):
		missing = append(missing, "a control: "+untrainedControl)
	case err != nil:
		return nil, nil, err
	default:
		c.models, c.names = append(c.models, untrained), append(c.names, untrainedControl)
	}
	e := len(estimators)
	c.moments, c.mse = newMoments(e*len(c.models)), newMoments(1)
	c.squares = make([]float64, s.T)
	for range estimators {
		c.apart, c.errors = append(c.apart, make([]float64, s.T)),
			append(c.errors, make([]float64, s.T))
	}
	return c, missing, nil
}

// initial is the model before training, if there is one that predicts.
func initial(m Predictor) (Predictor, error) {
	layered, ok := m.(Layered)
	if !ok {
		return nil, ErrNotOffered
	}
	before, err := layered.Initial()
	if err != nil {
		return nil, err
	}
	if untrained, ok := before.(Predictor); ok {
		return untrained, nil
	}
	return nil, ErrNotOffered
}

// atOnce is the number of sequences of which the predictions of all estimators are held
// at a time.
const atOnce = 256

// add takes in sequences; predictions are the model's, which add asks for if they are
// nil. Sums are taken in the order of the sequences, whoever predicts first.
func (c *nearness) add(ctx context.Context, s ar.Batch[float64], predictions []float64) error {
	made := s.T * s.D
	for from := 0; from < s.N; from += atOnce {
		to := min(from+atOnce, s.N)
		var own []float64
		if predictions != nil {
			own = predictions[from*made : to*made]
		}
		if err := c.addPart(ctx, s.Part(from, to), own); err != nil {
			return err
		}
	}
	return nil
}

func (c *nearness) addPart(ctx context.Context, s ar.Batch[float64], predictions []float64) error {
	all := make([][]float64, len(c.models))
	for i, m := range c.models {
		if i == 0 && predictions != nil {
			all[0] = predictions
			continue
		}
		var err error
		if all[i], err = predict(ctx, m, s); err != nil {
			return err
		}
	}
	k := len(c.models)
	rows := make([]float64, s.N*len(c.estimators)*k)
	failed := make([]error, len(c.estimators))
	var workers sync.WaitGroup
	for i, e := range c.estimators {
		workers.Go(func() {
			own, err := estimator.Predict(ctx, s, e)
			if err != nil {
				failed[i] = err
				return
			}
			c.beside(i, s, own, all, rows)
		})
	}
	workers.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	for n := range s.N {
		row := rows[n*len(c.estimators)*k:][:len(c.estimators)*k]
		c.moments.add(row, rounding*row[0]) // the first estimator predicts 0
	}
	measured := estimator.ErrorsOf(all[0], s)
	for _, e := range measured.PerSequence() {
		c.mse.add([]float64{e}, 0)
	}
	for i, e := range measured.Squared {
		c.squares[i%s.T] += e
	}
	c.seen += s.N
	return nil
}

// beside measures estimator i, whose predictions are own, and fills its columns of rows
// (N, E, models).
func (c *nearness) beside(i int, s ar.Batch[float64], own []float64, all [][]float64,
	rows []float64) {
	d, k, root := s.D, len(c.models), math.Sqrt(float64(s.D))
	for p := range s.N * s.T {
		n, t := p/s.T, p%s.T
		prediction := own[p*d : (p+1)*d]
		for j, predictions := range all {
			away := distance(predictions[p*d:(p+1)*d], prediction) / root
			rows[(n*len(c.estimators)+i)*k+j] += away / float64(s.T)
			if j == 0 {
				c.apart[i][t] += away
			}
		}
		e := distance(prediction, state(s, n, t+1))
		c.errors[i][t] += e * e / float64(d)
	}
}

// predict is Predict with a check of how much has been answered.
func predict(ctx context.Context, m Predictor, s ar.Batch[float64]) ([]float64, error) {
	predictions, err := m.Predict(ctx, s)
	if err == nil {
		err = checkCount(predictions, s)
	}
	return predictions, err
}

// rounding is a share of the size of predictions below which a difference is not told
// from that of float32 arithmetic.
const rounding = 1e-6

// contextFree is the number of estimators, the first ones, that make nothing of a
// context: zero and copy last.
const contextFree = 2

// nearest draws the conclusion.
func (c *nearness) nearest() Nearest {
	k := len(c.models)
	best, next := 0, -1
	for i := range c.estimators {
		switch {
		case c.moments.mean[i*k] < c.moments.mean[best*k]:
			best, next = i, best
		case i != best && (next < 0 || c.moments.mean[i*k] < c.moments.mean[next*k]):
			next = i
		}
	}
	level := jointLevel(len(c.estimators) * (k - 1 + contextFree + 1))
	r := Nearest{Estimator: c.estimators[best].Name(), Tied: []string{},
		Distance: c.moments.interval(best*k, 0.95), Next: c.estimators[next].Name(),
		Gap:   c.moments.interval(next*k, 0.95),
		Share: figure.Number(c.moments.mean[best*k] / c.moments.mean[0]),
		Above: best >= contextFree}
	control := func(name string, column int) {
		clear := c.moments.farther(column, best*k, level)
		r.Controls = append(r.Controls, Control{name, c.moments.interval(column, 0.95), clear})
		r.Above = r.Above && clear
	}
	for i, e := range c.estimators {
		if i < contextFree && i != best {
			control(e.Name()+", which uses no context", i*k)
		} else if i != best && !c.moments.farther(i*k, best*k, level) {
			r.Tied = append(r.Tied, e.Name())
		}
	}
	for j, name := range c.names {
		control(name, best*k+j+1)
	}
	return r
}
