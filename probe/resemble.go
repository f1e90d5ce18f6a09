package probe

// Shapes: N sequences, T positions, d token dimension, D embed, L layers.

import (
	"context"
	stderrors "errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
)

// Resemblance is how like the iterations of algorithms the layers of a model
// are: the similarity of errors of Fu, Chen, Jia and Sharan, "Transformers
// learn to achieve second-order convergence rates for in-context linear
// regression", NeurIPS 2024, arXiv 2310.17086. A layer predicts through a
// linear readout of its own, fitted on other sequences; the similarity is the
// mean over sequences of the cosine of two error vectors, of T·d numbers.
type Resemblance struct {
	Algorithms []string      `json:"algorithms"` // columns
	Trained    figure.Values `json:"trained"`    // (L, columns)
	// Controls. All predictors of the same targets are alike: where they say
	// little, both errors are the target, and where they are good, what is left
	// is what no one can know. A similarity means something only as far as it
	// exceeds these.
	// (L, columns) before the first step, readouts fitted too
	Untrained figure.Values `json:"untrained"`
	// Permuted (L, columns) is of the model that sees its context in another order than
	// the algorithm; nil if it cannot be asked.
	Permuted figure.Values `json:"permuted"`
	// Control says what Untrained is where the model before training cannot be asked.
	Control string `json:"control,omitempty"`
	// Exceeds (L, columns) says where Trained is above both controls by more
	// than chance: the intervals over sequences of both differences, paired by
	// sequence, are above 0, at a level at which all of a table's hold together with
	// 95 % (Bonferroni).
	Exceeds []bool `json:"exceeds"`
}

// MostLike returns the column that layer l is most like among those that exceed
// both controls, and false if none does: then nothing can be said of the layer.
func (r Resemblance) MostLike(l int) (column int, ok bool) {
	k := len(r.Algorithms)
	for j := range k {
		if r.Exceeds[l*k+j] && (!ok || r.Trained[l*k+j] > r.Trained[l*k+column]) {
			column, ok = j, true
		}
	}
	return column, ok
}

// ridge keeps the normal equations of a readout regular, as a share of their
// mean diagonal.
const ridge = 1e-6

// Resemble compares the layers of a model with estimators on test sequences;
// the readouts are fitted on fitting. permute returns an order of the first T
// states of a sequence for the control.
func Resemble(ctx context.Context, m Layered, fitting, test ar.Batch[float64],
	algorithms []estimator.Estimator, permute func(n int) []int) (Resemblance, error) {
	untrained, err := m.Initial()
	if err != nil {
		return Resemblance{}, err
	}
	var r Resemblance
	var errors [][]float64 // of each algorithm (N, T, d)
	for _, a := range algorithms {
		e, err := residuals(ctx, test, a)
		if err != nil {
			return r, err
		}
		r.Algorithms, errors = append(r.Algorithms, a.Name()), append(errors, e)
	}
	shuffled := permuted(test, permute)
	var cells [3][][]float64 // of each run (L, columns) similarities of sequences
	if _, ok := untrained.(tokens); ok {
		r.Control = "a readout of s_T alone"
	}
	for i, run := range []struct {
		model Layered
		test  ar.Batch[float64]
		to    *figure.Values
	}{{m, test, &r.Trained}, {untrained, test, &r.Untrained}, {m, shuffled, &r.Permuted}} {
		layers, err := layerErrors(ctx, run.model, fitting, run.test, test.Targets())
		if i == 2 && stderrors.Is(err, ErrNotOffered) {
			cells[2] = cells[1] // the other control stands alone
			break
		}
		if err != nil {
			return r, err
		}
		for _, layer := range layers {
			for _, e := range errors {
				cell := similarities(layer, e, test.N)
				cells[i], *run.to = append(cells[i], cell), append(*run.to, average(cell))
			}
		}
	}
	level := jointLevel(2 * len(cells[0]))
	for c, trained := range cells[0] {
		r.Exceeds = append(r.Exceeds, exceeds(trained, cells[1][c], level) && exceeds(trained,
			cells[2][c], level))
	}
	return r, nil
}

// jointLevel is the level of n intervals that hold together with at least 95 %.
func jointLevel(n int) float64 { return 1 - 0.05/float64(n) }

// exceeds reports whether the interval of the mean of a - b of a level, paired by
// sequence, is above 0. A sequence where either is NaN is left out.
func exceeds(a, b []float64, level float64) bool {
	var differences []float64
	for i := range a {
		if d := a[i] - b[i]; !math.IsNaN(d) {
			differences = append(differences, d)
		}
	}
	interval, err := estimator.StudentInterval(differences, level)
	return err == nil && interval.Low > 0
}

// similarities are the cosines of the errors of each of n sequences.
func similarities(a, b []float64, n int) []float64 {
	size := len(a) / n
	cosines := make([]float64, n)
	for i := range n {
		cosines[i] = cosine(a[i*size:(i+1)*size], b[i*size:(i+1)*size])
	}
	return cosines
}

// residuals are the errors (N, T, d) of an estimator.
func residuals(ctx context.Context, s ar.Batch[float64], e estimator.Estimator) ([]float64, error) {
	errors, err := estimator.Predict(ctx, s, e)
	if err != nil {
		return nil, err
	}
	floats.Sub(errors, s.Targets())
	return errors, nil
}

// permuted returns the sequences with their first T states in another order.
func permuted(s ar.Batch[float64], order func(n int) []int) ar.Batch[float64] {
	p := s
	p.States = append([]float64(nil), s.States...)
	for n := range s.N {
		for t, from := range order(n) {
			copy(state(p, n, t), state(s, n, from))
		}
	}
	return p
}

// layerErrors returns the errors (N, T, d) of every layer's prediction of the
// targets on test, through readouts fitted on fitting.
func layerErrors(ctx context.Context, m Layered, fitting, test ar.Batch[float64],
	targets []float64) ([][]float64, error) {
	features, err := m.Hidden(ctx, fitting)
	if err != nil {
		return nil, err
	}
	tested, err := m.Hidden(ctx, test)
	if err != nil {
		return nil, err
	}
	d := test.D
	y := mat.NewDense(len(targets)/d, d, append([]float64(nil), targets...))
	var all [][]float64
	for l := range features {
		width := len(features[l])/(fitting.N*fitting.T) + 1
		w, err := fitReadout(withOne(features[l], width), fitting.Targets(), width, d)
		if err != nil {
			return nil, fmt.Errorf("readout of layer %d: %w", l+1, err)
		}
		var e mat.Dense
		e.Mul(mat.NewDense(test.N*test.T, width, withOne(tested[l], width)), w)
		e.Sub(&e, y)
		all = append(all, e.RawMatrix().Data)
	}
	return all, nil
}

// withOne returns rows of width - 1 features with a 1 after each.
func withOne(features []float64, width int) []float64 {
	rows := make([]float64, 0, len(features)/(width-1)*width)
	for at := 0; at < len(features); at += width - 1 {
		rows = append(append(rows, features[at:at+width-1]...), 1)
	}
	return rows
}

// fitReadout returns the ridge regression (width, d) of targets on features.
func fitReadout(features, targets []float64, width, d int) (*mat.Dense, error) {
	x := mat.NewDense(len(features)/width, width, features)
	var gram mat.SymDense
	gram.SymOuterK(1, x.T())
	penalty := ridge * mat.Trace(&gram) / float64(width)
	for i := range width {
		gram.SetSym(i, i, gram.At(i, i)+penalty)
	}
	var right, w mat.Dense
	right.Mul(x.T(), mat.NewDense(len(targets)/d, d, targets))
	var c mat.Cholesky
	if !c.Factorize(&gram) {
		return nil, fmt.Errorf("its features are linearly dependent")
	}
	return &w, c.SolveTo(&w, &right)
}
