package probe

// Shapes: N sequences, M of which have maps, T positions, d token dimension.

import (
	"context"
	"math"
	"slices"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
)

// Differences gives a Predictor of which nothing is known but what it predicts the
// total derivative of its predictions in s_T, by central finite differences: how
// ŷ_{T+1} changes with s_T in all that the model makes of it.
//
// The step. With u the relative rounding of a prediction and L the size of a
// coordinate, on whose scale a prediction f bends (f”' ~ f/L³), a step h errs by
// h²/6 · f/L³ from truncation and by u f/h from rounding; their sum is least at
// h = L (3u)^⅓, where it is 3^⅔/2 · u^⅔ ≈ u^⅔ in units of f/L: about 2e-11 of float64,
// 1.5e-5 of float32. Which of the two a model computes in is seen from its
// predictions, which in float32 are all numbers that a float32 holds, whatever they
// are sent as; then what it is asked at is too, so that nothing is lost on the way in.
//
// The error that is reported is measured: the same at twice the step, of which
// truncation errs four times as much and rounding half, so that the two differ by
// three times the error of truncation and by more than that of rounding.
type Differences struct{ Predictor }

// Differenced says how good finite differences are.
type Differenced struct {
	Step   figure.Number `json:"step"`   // h
	Single bool          `json:"single"` // whether the model computes in float32
	// Error is the largest difference between the maps at h and at 2h of the first
	// sequences, over the root mean square of all maps of the sequence, and Typical the
	// median: measurements, not bounds. Where a model has kinks, as with relu, the two
	// sides of a difference may lie on either side of one: few maps are then far off,
	// by more than Error may see.
	Error   figure.Number `json:"error"`
	Typical figure.Number `json:"typical"`
	// Ahead is the largest change of an earlier prediction with a later state, in the
	// same units: 0 up to rounding, or the model sees what it has to predict.
	Ahead figure.Number `json:"ahead"`
}

const (
	// doubled is the number of sequences of which the maps are taken at 2h too.
	doubled = 8
	// walked bounds the M T² d steps of an estimator whose total derivative is taken
	// beside the model's.
	walked = 500_000
	// fewestMapped and mostMapped bound M whatever that comes to.
	fewestMapped, mostMapped = 4, 256
)

// Maps returns the total derivatives of the first sequences, as many as time allows,
// with the predictions of all.
func (f Differences) Maps(ctx context.Context, s ar.Batch[float64]) (Maps, error) {
	predictions, err := predict(ctx, f.Predictor, s)
	if err != nil {
		return Maps{}, err
	}
	m := Maps{N: s.N, T: s.T, D: s.D, Predictions: predictions, Total: true}
	mapped := min(s.N, mostMapped, max(fewestMapped, walked/(s.T*s.T*s.D)))
	single := isSingle(predictions)
	h := step(s.States, single)
	var off []float64
	by := Differenced{Step: figure.Number(h), Single: single}
	for n := range mapped {
		gamma, ahead, err := f.jacobians(ctx, s, n, h, single)
		if err != nil {
			return Maps{}, err
		}
		size := norm(gamma) / math.Sqrt(float64(s.T))
		by.Ahead = max(by.Ahead, figure.Number(ahead/size))
		m.Gamma = append(m.Gamma, gamma...)
		if n >= doubled {
			continue
		}
		coarse, _, err := f.jacobians(ctx, s, n, 2*h, single)
		if err != nil {
			return Maps{}, err
		}
		for at := 0; at < len(gamma); at += s.D * s.D {
			off = append(off, distance(gamma[at:at+s.D*s.D], coarse[at:at+s.D*s.D])/size)
		}
	}
	slices.Sort(off)
	by.Error, by.Typical = figure.Number(off[len(off)-1]), figure.Number(off[len(off)/2])
	m.Differences = &by
	return m, nil
}

// isSingle reports whether all numbers are such that a float32 holds.
func isSingle(x []float64) bool {
	for _, v := range x {
		if v != float64(float32(v)) {
			return false
		}
	}
	return true
}

// step is h at states.
func step(states []float64, single bool) float64 {
	u := 0x1p-53
	if single {
		u = 0x1p-24
	}
	return norm(states) / math.Sqrt(float64(len(states))) * math.Cbrt(3*u)
}

// asked bounds the numbers that a model is asked about at a time.
const asked = 1 << 19

// jacobians returns the derivatives (T, d, d) of ŷ_{t+1} in s_t of sequence n, and the
// largest norm of what an earlier prediction changes by with a later state.
func (f Differences) jacobians(ctx context.Context, s ar.Batch[float64], n int, h float64,
	single bool) (gamma []float64, ahead float64, err error) {
	gamma = make([]float64, s.T*s.D*s.D)
	size := (s.T + 1) * s.D
	own := s.States[n*size : (n+1)*size]
	places := max(1, asked/(2*size))
	for from := 0; from < s.T*s.D; from += places {
		to := min(from+places, s.T*s.D)
		variants := moved(own, s.T, s.D, from, to, h, single)
		answers, err := predict(ctx, f.Predictor, variants)
		if err != nil {
			return nil, 0, err
		}
		ahead = max(ahead, quotients(gamma, variants, answers, from))
	}
	return gamma, ahead, nil
}

// moved are copies of a sequence, two for each of the places [from, to) of its states:
// the number there is h less, and h more.
func moved(own []float64, t, d, from, to int, h float64, single bool) ar.Batch[float64] {
	n := 2 * (to - from)
	s := ar.Batch[float64]{N: n, T: t, D: d, States: make([]float64, 0, n*len(own)),
		Contexts: make([]ar.Context, n)}
	for at := from; at < to; at++ {
		for _, step := range []float64{-h, h} {
			s.States = append(s.States, own...)
			x := &s.States[len(s.States)-len(own)+at]
			if *x += step; single {
				*x = float64(float32(*x))
			}
		}
	}
	return s
}

// quotients fills gamma (T, d, d) in from the answers about moved and returns the
// largest change of an earlier prediction.
func quotients(gamma []float64, s ar.Batch[float64], answers []float64, from int) (ahead float64) {
	d, size := s.D, (s.T+1)*s.D
	change := make([]float64, d)
	for pair := range s.N / 2 {
		at, down, up := from+pair, 2*pair, 2*pair+1
		step := s.States[up*size+at] - s.States[down*size+at]
		for t := range at/d + 1 {
			for i := range d {
				change[i] = (answers[(up*s.T+t)*d+i] - answers[(down*s.T+t)*d+i]) / step
			}
			if t < at/d {
				ahead = max(ahead, norm(change))
				continue
			}
			for i := range d {
				gamma[(t*d+i)*d+at%d] = change[i]
			}
		}
	}
	return ahead
}

// totalMaps are the same derivatives (T, d, d) of an estimator along a sequence. Its
// prediction is of low degree in s_T, and computed in float64.
func totalMaps(ctx context.Context, e estimator.Estimator, q estimator.Sequence,
	states []float64) ([]float64, error) {
	d := q.D
	gamma := make([]float64, q.T*d*d)
	h := step(states[:q.T*d], false)
	token, rest := make([]float64, d), make([]float64, d)
	sides := [2][]float64{make([]float64, d), make([]float64, d)}
	for t := range q.T {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		for j := range d {
			for side, prediction := range sides {
				stream, err := e.Start(q)
				if err != nil {
					return nil, err
				}
				for i := range t {
					stream.Next(rest, states[i*d:(i+1)*d])
				}
				copy(token, states[t*d:(t+1)*d])
				token[j] += float64(2*side-1) * h
				stream.Next(prediction, token)
			}
			for i := range d {
				gamma[(t*d+i)*d+j] = (sides[1][i] - sides[0][i]) / (2 * h)
			}
		}
	}
	return gamma, nil
}
