package probe

// Shapes: N sequences, T positions, d token dimension.

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"icar/ar"
	"icar/estimator"
	"icar/train"
)

// Values are numbers of which one that is not finite is null in JSON, as are
// Values that are nil.
type Values []float64

// MarshalJSON implements json.Marshaler.
func (v Values) MarshalJSON() ([]byte, error) {
	if v == nil {
		return []byte("null"), nil
	}
	numbers := make([]*float64, len(v))
	for i := range v {
		numbers[i] = v.at(i)
	}
	return json.Marshal(numbers)
}

// Value is a number that is null in JSON if it is not finite.
type Value float64

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(Values{float64(v)}.at(0)) }

// at is nil for a number that is not finite.
func (v Values) at(i int) *float64 {
	if math.IsNaN(v[i]) || math.IsInf(v[i], 0) {
		return nil
	}
	return &v[i]
}

// Analysis is all that the package finds out about a model.
type Analysis struct {
	Sequences   int         `json:"sequences"`    // N, drawn as the test sequences of its training
	MSE         Mean        `json:"mse"`          // mean squared error
	PositionMSE Values      `json:"position_mse"` // (T)
	Floor       Values      `json:"floor"`        // (T) the Bayes floor; null where none is known
	Distance    Distance    `json:"distance"`     // of the in-context map from W
	Spectra     []Spectra   `json:"spectra"`      // at the last position, of the first sequences
	Alignments  []Aligned   `json:"alignments"`
	Resemblance Resemblance `json:"resemblance"`
	Heads       []Heads     `json:"heads"`
	Encodings   []Encoding  `json:"encodings"`
	Ablations   []Ablation  `json:"ablations"`
	Path        *PathToStep `json:"path,omitempty"` // where a gradient step can be constructed

	Attention []AttentionMap `json:"-"`
}

// Mean is a mean over sequences with its 95 % bootstrap interval over W. All
// three are NaN, and null in JSON, where the mean is of nothing.
type Mean struct{ Value, Low, High float64 }

// MarshalJSON implements json.Marshaler.
func (m Mean) MarshalJSON() ([]byte, error) {
	v := Values{m.Value, m.Low, m.High}
	return json.Marshal(struct {
		Value *float64 `json:"value"`
		Low   *float64 `json:"low"`
		High  *float64 `json:"high"`
	}{v.at(0), v.at(1), v.at(2)})
}

// Aligned is an Alignment with its means.
type Aligned struct {
	Alignment
	MeanError    float64 `json:"mean_error"` // of the estimator
	MeanDistance float64 `json:"mean_prediction_distance"`
	MeanMap      float64 `json:"mean_map_distance"`
	Mean         Mean    `json:"mean_cosine"`
}

// Spectra are the eigenvalues of a hidden matrix and of the map that a model
// has made of its context, as pairs of real and imaginary part.
type Spectra struct {
	W     [][2]float64 `json:"w"`
	Gamma [][2]float64 `json:"gamma"`
}

// PathToStep are mean squared errors on the way from the model to a
// constructed gradient step, see Model.OneStep.
type PathToStep struct {
	Eta   float64   `json:"eta"`
	Alpha []float64 `json:"alpha"`
	MSE   Values    `json:"mse"`
}

const (
	resamples     = 2000
	spectraShown  = 24  // sequences
	attentionOver = 64  // sequences
	fittedOn      = 512 // sequences

	// preconditionedUpTo is the largest d for which a step with a matrix is
	// fitted, which costs O(T d⁶).
	preconditionedUpTo = 8
)

// Analyse runs every probe on n test sequences of the model's training. The
// error is a probe's, or the context's.
func (m *Model) Analyse(ctx context.Context, n int) (Analysis, error) {
	a := Analysis{Sequences: n}
	test, err := train.Sequences(m.Config, train.TestStream, n)
	if err != nil {
		return a, err
	}
	fitting, err := train.Sequences(m.Config, train.TrainStream, fittedOn)
	if err != nil {
		return a, err
	}
	maps, err := m.Maps(ctx, test)
	if err != nil {
		return a, err
	}
	if err := m.measure(&a, test, maps); err != nil {
		return a, err
	}
	step, err := m.align(ctx, &a, fitting, test, maps)
	if err != nil {
		return a, err
	}
	return a, m.dissect(ctx, &a, fitting, test, step)
}

// measure sets what concerns the error and the map beside W.
func (m *Model) measure(a *Analysis, test ar.Batch[float64], maps Maps) (err error) {
	targets := test.Targets()
	if a.MSE, err = m.mean(perSequence(maps.Predictions, targets, test.N), "mse"); err != nil {
		return err
	}
	a.PositionMSE = make(Values, test.T)
	for i, y := range targets {
		e := maps.Predictions[i] - y
		a.PositionMSE[i/test.D%test.T] += e * e / float64(test.D*test.N)
	}
	if floor, err := estimator.BayesFloor(m.Config.Process, test.T); err == nil { // none is known under noise
		a.Floor = floor
	}
	if a.Distance, err = maps.Distance(test); err != nil {
		return err
	}
	for i := range min(spectraShown, test.N) {
		w, err := Spectrum(test.Contexts[i].W, test.D)
		if err != nil {
			return err
		}
		gamma, err := Spectrum(maps.At(i, test.T-1), test.D)
		if err != nil {
			return fmt.Errorf("the map of sequence %d: %w", i, err)
		}
		a.Spectra = append(a.Spectra, Spectra{pairs(w), pairs(gamma)})
	}
	return nil
}

func pairs(values []complex128) [][2]float64 {
	p := make([][2]float64, len(values))
	for i, v := range values {
		p[i] = [2]float64{real(v), imag(v)}
	}
	return p
}

// mean returns a mean of a sample over sequences with its interval.
func (m *Model) mean(sample []float64, name string) (Mean, error) {
	var finite []float64
	for _, v := range sample {
		if !math.IsNaN(v) {
			finite = append(finite, v)
		}
	}
	if len(finite) == 0 { // the maps of an estimator that predicts 0 have no direction
		return Mean{math.NaN(), math.NaN(), math.NaN()}, nil
	}
	interval, err := estimator.Bootstrap(finite, 0.95, resamples, ar.Rand(m.Config.Seed, "probe bootstrap "+name, 0))
	return Mean{average(finite), interval.Low, interval.High}, err
}

// align compares the model with every estimator and returns the fitted
// gradient step.
func (m *Model) align(ctx context.Context, a *Analysis, fitting, test ar.Batch[float64], maps Maps) (step estimator.GradientDescent, err error) {
	step, fitted, err := Estimators(ctx, m.Config.Process, fitting)
	if err != nil {
		return step, err
	}
	for _, e := range fitted {
		alignment, err := maps.Align(ctx, test, e)
		if err != nil {
			return step, err
		}
		aligned := Aligned{Alignment: alignment, MeanError: average(alignment.Error),
			MeanDistance: average(alignment.PredictionDistance), MeanMap: average(alignment.MapDistance)}
		if aligned.Mean, err = m.mean(alignment.PerSequence, e.Name()); err != nil {
			return step, err
		}
		a.Alignments = append(a.Alignments, aligned)
	}
	return step, nil
}

// Estimators returns what a model is compared with: the fixed algorithms, and
// those fitted on sequences of the process, of which one is a gradient step and
// those by position end with the length of these sequences.
func Estimators(ctx context.Context, p ar.Process, fitting ar.Batch[float64]) (estimator.GradientDescent, []estimator.Estimator, error) {
	step, err := estimator.FitGradientStep(ctx, fitting)
	if err != nil {
		return step, nil, err
	}
	positions, err := estimator.FitPerPositionStep(ctx, fitting)
	if err != nil {
		return step, nil, err
	}
	four, err := estimator.FitDescent(ctx, fitting, 4)
	if err != nil {
		return step, nil, err
	}
	normalised, err := estimator.FitNormalisedStep(ctx, fitting)
	if err != nil {
		return step, nil, err
	}
	dense, err := estimator.FitLinearAttention(ctx, fitting, 20, 1e-4)
	if err != nil {
		return step, nil, err
	}
	ridge, err := fitRidge(ctx, fitting)
	if err != nil {
		return step, nil, err
	}
	all := []estimator.Estimator{
		estimator.Zero{}, estimator.CopyLast{}, step, positions, four, normalised, dense, estimator.Kaczmarz{K: 1},
		estimator.NewtonSchulz{K: 4}, estimator.Chebyshev{K: 4}, estimator.ConjugateGradient{K: 2}, ridge,
	}
	if p.D <= preconditionedUpTo {
		preconditioned, err := estimator.FitPreconditionedStep(ctx, fitting)
		if err != nil {
			return step, nil, err
		}
		all = append(all, preconditioned)
	}
	if p.Sigma > 0 {
		all = append(all, estimator.Kalman{Sigma: p.Sigma, Variance: 1 / float64(p.D)})
	}
	return step, append(all, estimator.LeastSquares{}), nil
}

// fitRidge fits λ and names the estimator after the edge of the range if the
// best λ lies there: at its lower end the fit is least squares.
func fitRidge(ctx context.Context, fitting ar.Batch[float64]) (estimator.Estimator, error) {
	ridge, err := estimator.FitRidge(ctx, fitting)
	if err != nil {
		return nil, err
	}
	low, high := estimator.RidgeRange(fitting)
	switch ridge.Lambda {
	case low:
		return named{ridge, "ridge, λ → 0: least squares"}, nil
	case high:
		return named{ridge, fmt.Sprintf("ridge, λ ≥ %.3g: next to zero", high)}, nil
	}
	return ridge, nil
}

// named is an estimator under another name.
type named struct {
	estimator.Estimator
	name string
}

func (n named) Name() string { return n.name }

// iterations are the columns of the resemblance.
func iterations(ctx context.Context, fitting ar.Batch[float64]) ([]estimator.Estimator, error) {
	all := []estimator.Estimator{estimator.Zero{}}
	for _, k := range []int{1, 2, 4, 8} {
		e, err := estimator.FitDescent(ctx, fitting, k)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	for k := 1; k <= 6; k++ {
		all = append(all, estimator.NewtonSchulz{K: k})
	}
	for k := 1; k <= 3; k++ {
		all = append(all, estimator.ConjugateGradient{K: k})
	}
	return append(all, estimator.LeastSquares{}), nil
}

// dissect sets what concerns the parts of the model.
func (m *Model) dissect(ctx context.Context, a *Analysis, fitting, test ar.Batch[float64], step estimator.GradientDescent) error {
	algorithms, err := iterations(ctx, fitting)
	if err != nil {
		return err
	}
	order := func(n int) []int { return ar.Rand(m.Config.Seed, "probe order", uint64(n)).Perm(test.T) }
	if a.Resemblance, err = m.Resemble(ctx, fitting, test, algorithms, order); err != nil {
		return err
	}
	if a.Heads, err = m.Heads(); err != nil {
		return err
	}
	encodings, err := m.Encodings()
	if err != nil {
		return err
	}
	a.Encodings = append([]Encoding{}, encodings...) // [] in JSON if there are none
	few := test
	few.N = min(attentionOver, test.N)
	few.States = test.States[:few.N*(test.T+1)*test.D]
	if a.Attention, err = m.Attention(ctx, few); err != nil {
		return err
	}
	if a.Ablations, err = m.Ablate(ctx, test); err != nil {
		return err
	}
	built, err := m.OneStep(step.Eta[0])
	if err != nil { // the model is of another shape
		return nil
	}
	path := PathToStep{Eta: step.Eta[0]}
	for i := range 21 {
		path.Alpha = append(path.Alpha, float64(i)/20)
	}
	if path.MSE, err = m.Interpolate(ctx, built, path.Alpha, test); err != nil {
		return err
	}
	a.Path = &path
	return nil
}
