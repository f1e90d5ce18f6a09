package probe

// Shapes: K moments of training, E estimators, N sequences, T positions, d token
// dimension.

import (
	"context"
	"errors"
	"fmt"
	"math"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
)

// Snapshot is a model as it was after a step of its training.
type Snapshot struct {
	Step  int
	Model Predictor
}

// Training is what a model was like while it was trained: at each moment how far its
// predictions and maps are from those of the estimators.
type Training struct {
	Sequences  int      `json:"sequences"`  // N
	Estimators []string `json:"estimators"` // (E)
	// Errors (E) are the mean squared errors of the estimators themselves, and Floor is
	// the Bayes floor, mean over positions; NaN where it is not known.
	Errors  figure.Values `json:"errors"`
	Floor   figure.Number `json:"floor"`
	Moments []Moment      `json:"moments"` // (K) by step
}

// Moment is a model after a step, beside the estimators. Intervals are Student's of
// 95 % over sequences.
type Moment struct {
	Step int  `json:"step"`
	MSE  Mean `json:"mse"`
	// Distance (E) is the mean over sequences and positions of |ŷ - ŷ'|/√d, and Cosine
	// (E) that of the cosines of Γ and Γ' where both have one, as in Alignment; NaN of a
	// model that offers no maps.
	Distance figure.Values `json:"distance"`
	Cosine   figure.Values `json:"cosine"`
	// WithW is the mean cosine of Γ and W; NaN where one is not known.
	WithW Mean `json:"with_w"`
	// Nearest is the estimator of least distance. Tied are those that cannot be told from
	// it, as in [Nearest]: they are not farther in more sequences than chance allows, at a
	// level at which that holds for all moments together with 95 % (Bonferroni).
	Nearest int   `json:"nearest"`
	Tied    []int `json:"tied"`
}

// OverTraining looks at a model at several moments of its training, all on the same
// sequences, beside the estimators that Analyse has. The error is a model's, an
// estimator's, or the context's.
func OverTraining(ctx context.Context, snapshots []Snapshot, g Given) (Training, error) {
	return overTraining(ctx, snapshots, g, chunk(len(snapshots), g.Test))
}

// overTraining is OverTraining with size sequences looked at together.
func overTraining(ctx context.Context, snapshots []Snapshot, g Given, size int) (Training,
	error) {
	t := Training{Sequences: g.Test.N, Floor: figure.Number(math.NaN())}
	if g.Floor != nil {
		t.Floor = figure.Number(average(g.Floor))
	}
	if len(snapshots) == 0 {
		return t, errors.New("there are no moments of training to look at")
	}
	_, estimators, err := Estimators(ctx, g.Sigma, g.Fitting)
	if err != nil {
		return t, err
	}
	for _, e := range estimators {
		t.Estimators = append(t.Estimators, e.Name())
	}
	t.Errors = make(figure.Values, len(estimators))
	rows := make([]measured, len(snapshots))
	for k := range rows {
		rows[k] = newMeasured(len(estimators), g.Test.N)
	}
	for from := 0; from < g.Test.N; from += size {
		part := g.Test.Part(from, min(from+size, g.Test.N))
		if err := t.measure(ctx, rows, snapshots, estimators, part, from); err != nil {
			return t, err
		}
	}
	level := jointLevel(len(rows) * max(1, len(estimators)-1))
	for k, r := range rows {
		t.Moments = append(t.Moments, r.moment(snapshots[k].Step, level))
	}
	return t, nil
}

// chunk is how many sequences are looked at together: the maps of all moments are held
// at once, in some 128 MiB.
func chunk(moments int, s ar.Batch[float64]) int {
	const numbers = 1 << 24
	return max(1, numbers/(max(1, moments)*s.T*s.D*s.D))
}

// measured are samples over sequences of one moment.
type measured struct {
	mse, withW       []float64   // (N)
	distance, cosine [][]float64 // (E)(N)
}

func newMeasured(estimators, n int) measured {
	m := measured{mse: make([]float64, n), withW: make([]float64, n)}
	for range estimators {
		m.distance = append(m.distance, make([]float64, n))
		m.cosine = append(m.cosine, make([]float64, n))
	}
	return m
}

// measure fills the rows from sequence from on.
func (t *Training) measure(ctx context.Context, rows []measured, snapshots []Snapshot,
	estimators []estimator.Estimator, part ar.Batch[float64], from int) error {
	models := make([]Maps, len(snapshots))
	for k, s := range snapshots {
		a := analysis{Given: Given{Test: part}, model: s.Model}
		maps, err := a.maps(ctx) // without Γ of a model that offers none
		if err != nil {
			return fmt.Errorf("the model after step %d: %w", s.Step, err)
		}
		models[k] = maps
		copy(rows[k].mse[from:], perSequence(maps.Predictions, part.Targets(), part.N))
		for i := range part.N {
			rows[k].withW[from+i] = cosineWithW(maps, part, i)
		}
	}
	for i := range part.N {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		for e, is := range estimators {
			if err := t.beside(rows, models, e, is, part, i, from+i); err != nil {
				return err
			}
		}
	}
	return nil
}

// cosineWithW is the mean cosine of Γ and W over the positions of a sequence.
func cosineWithW(m Maps, s ar.Batch[float64], i int) float64 {
	if m.Gamma == nil || i >= len(s.Contexts) || s.Contexts[i].W == nil {
		return math.NaN()
	}
	cosines := make([]float64, m.T)
	for t := range cosines {
		cosines[t] = cosine(m.At(i, t), s.Contexts[i].W)
	}
	return average(cosines)
}

// beside walks an estimator, number e, along sequence i of part, number n of all, and
// compares all models with it.
func (t *Training) beside(rows []measured, models []Maps, e int, is estimator.Estimator,
	part ar.Batch[float64], i, n int) error {
	d, length := part.D, part.T
	sequence := estimator.Sequence{D: d, T: length}
	if i < len(part.Contexts) {
		sequence.W = part.Contexts[i].W
	}
	gamma, cosines := make([]float64, d*d), make([]float64, len(models)*length)
	err := estimator.Walk(is, sequence, part.States[i*(length+1)*d:],
		func(at int, prediction []float64, stream estimator.Stream) {
			stream.Map(gamma)
			off := distance(prediction, state(part, i, at+1))
			t.Errors[e] += off * off / float64(d*length*t.Sequences)
			for k, m := range models {
				p := i*length + at
				rows[k].distance[e][n] += distance(m.Predictions[p*d:(p+1)*d], prediction) /
					(float64(length) * math.Sqrt(float64(d)))
				cosines[k*length+at] = math.NaN()
				if m.Gamma != nil {
					cosines[k*length+at] = cosine(m.At(i, at), gamma)
				}
			}
		})
	for k := range models {
		rows[k].cosine[e][n] = average(cosines[k*length : (k+1)*length])
	}
	return err
}

// moment takes means over sequences and finds the nearest estimator.
func (m measured) moment(step int, level float64) Moment {
	at := Moment{Step: step, MSE: student(m.mse), WithW: student(known(m.withW)), Tied: []int{}}
	for e := range m.distance {
		at.Distance = append(at.Distance, average(m.distance[e]))
		at.Cosine = append(at.Cosine, average(m.cosine[e]))
		if at.Distance[e] < at.Distance[at.Nearest] {
			at.Nearest = e
		}
	}
	all, row := newMoments(len(m.distance)), make([]float64, len(m.distance))
	for n := range m.mse {
		for e, sample := range m.distance {
			row[e] = sample[n]
		}
		all.add(row, rounding*row[0]) // the first estimator predicts 0
	}
	for e := range m.distance {
		if e != at.Nearest && !all.farther(e, at.Nearest, level) {
			at.Tied = append(at.Tied, e)
		}
	}
	return at
}

// known are the numbers that are not NaN.
func known(x []float64) (is []float64) {
	for _, v := range x {
		if !math.IsNaN(v) {
			is = append(is, v)
		}
	}
	return is
}
