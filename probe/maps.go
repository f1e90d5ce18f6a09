package probe

// Shapes: N sequences, T positions, d token dimension, c token width.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"icar/ar"
	"icar/estimator"
	"icar/nn"
)

// Maps are the in-context maps of a model on sequences: what it makes of the
// context, as a matrix that is applied to the query.
type Maps struct {
	N, T, D int
	// Predictions (N, T, d) of s_{T+1}.
	Predictions []float64
	// Gamma (N, T, d, d) is Γ_T, the Jacobian of the prediction in s_T with the
	// keys and values of every layer held fixed; nil of a model that offers no
	// maps. Of one linear layer without norm and biases the prediction is Γ_T s_T,
	// plus what Previous maps. Of a model of which less is known it may be of the
	// first sequences only, and the total derivative, see Total.
	Gamma []float64
	// Previous (N, T, d, d) is the same in the s_{T-1} of the query; nil if its
	// token has no s_{T-1}.
	Previous []float64
	// Total says that Gamma is the total derivative of the prediction in s_T: what
	// s_T changes in the keys and values is counted too.
	Total bool
	// Differences says how Gamma was found if that is by finite differences.
	Differences *Differenced
}

// Mapped is the number of sequences, the first ones, that Gamma is of.
func (m Maps) Mapped() int { return len(m.Gamma) / (m.T * m.D * m.D) }

// Maps computes the in-context maps on sequences, by d passes of the backward
// along the query path. The error is about sequences that do not fit the
// model, or the context's.
func (m *Model) Maps(ctx context.Context, s ar.Batch[float64]) (Maps, error) {
	b, err := m.Batch(s)
	if err != nil {
		return Maps{}, err
	}
	return m.maps(ctx, b)
}

func (m *Model) maps(ctx context.Context, b nn.Batch[float64]) (Maps, error) {
	d, c := m.Config.D, m.Config.Width
	tokens, err := m.Config.Encoding()
	if err != nil {
		return Maps{}, err
	}
	lagged, ok := tokens.(ar.Lagged)
	if !ok {
		return Maps{}, fmt.Errorf("%w: an in-context map, since tokens %s do not hold the last "+
			"states one after the other", ErrNotOffered, m.Config.Tokens)
	}
	zeros, states := lagged.Blocks()
	out, err := m.Net.Predict(ctx, b)
	if err != nil {
		return Maps{}, err
	}
	maps := Maps{N: b.N, T: b.T, D: d, Predictions: m.coordinates(out),
		Gamma: make([]float64, b.N*b.T*d*d)}
	if states > 1 {
		maps.Previous = make([]float64, len(maps.Gamma))
	}
	doutput := make([]float64, len(out))
	for i := range d {
		clear(doutput)
		for p := range b.N * b.T {
			doutput[p*c+i] = 1
		}
		rows, err := m.Net.Pullback(ctx, b, doutput, nn.QueryPath)
		if err != nil {
			return Maps{}, err
		}
		for p := range b.N * b.T {
			row, to := rows[p*c:(p+1)*c], (p*d+i)*d
			copy(maps.Gamma[to:to+d], row[zeros*d:])
			if states > 1 {
				copy(maps.Previous[to:to+d], row[(zeros+1)*d:])
			}
		}
	}
	return maps, nil
}

// At returns Γ (d, d) of sequence n at position t = T - 1, in place.
func (m Maps) At(n, t int) []float64 {
	size := m.D * m.D
	return m.Gamma[(n*m.T+t)*size:][:size]
}

// Distance are norms of the in-context map beside the hidden matrix, at every
// position, means over sequences: with P the projection on the span of
// s_1 … s_{T-1}, whose images the context shows.
type Distance struct {
	Whole []float64 `json:"whole"` // (T) |Γ - W|/|W|
	On    []float64 `json:"on"`    // (T) |(Γ - W)P|/|W|, what could have been learnt and was not
	// (T) |Γ(1 - P)|/|W|, what is made up where the context shows nothing
	Off []float64 `json:"off"`
	// Total (T) is |Γ + Γ'W⁻¹ - W|/|W| of an augmented query: since
	// s_{T-1} = W⁻¹ s_T, a model can carry part of W through its second slot. Of
	// plain tokens it is Whole.
	Total []float64 `json:"total"`
}

// Distance compares the maps with the hidden matrices of the sequences, which
// have to be known and real.
func (m Maps) Distance(s ar.Batch[float64]) (Distance, error) {
	r := Distance{make([]float64, m.T), make([]float64, m.T), make([]float64, m.T),
		make([]float64, m.T)}
	if len(s.Contexts) != s.N || s.Contexts[0].W == nil {
		return r, errors.New("the hidden matrices of the sequences are not known, or not real")
	}
	d, mapped := m.D, m.Mapped()
	for n := range mapped {
		w := s.Contexts[n].W
		size := norm(w) * float64(mapped)
		var back mat.Dense
		if err := back.Inverse(mat.NewDense(d, d, slices.Clone(w))); err != nil {
			return r, fmt.Errorf("the hidden matrix of sequence %d has no inverse: %w", n, err)
		}
		p := make([]float64, d*d) // the projection
		for t := range m.T {
			gamma := m.At(n, t)
			on, off := make([]float64, d*d), make([]float64, d*d)
			for i := range d {
				for j := range d {
					g, gp, wp := gamma[i*d+j], 0.0, 0.0
					for k := range d {
						gp += gamma[i*d+k] * p[k*d+j]
						wp += w[i*d+k] * p[k*d+j]
					}
					on[i*d+j], off[i*d+j] = gp-wp, g-gp
				}
			}
			r.Whole[t] += distance(gamma, w) / size
			r.Total[t] += distance(m.total(n, t, &back), w) / size
			r.On[t] += norm(on) / size
			r.Off[t] += norm(off) / size
			extend(p, state(s, n, t))
		}
	}
	return r, nil
}

// total returns Γ + Γ'W⁻¹ (d, d).
func (m Maps) total(n, t int, back *mat.Dense) []float64 {
	if m.Previous == nil {
		return m.At(n, t)
	}
	size := m.D * m.D
	var sum mat.Dense
	sum.Mul(mat.NewDense(m.D, m.D, m.Previous[(n*m.T+t)*size:][:size]), back)
	sum.Add(&sum, mat.NewDense(m.D, m.D, m.At(n, t)))
	return sum.RawMatrix().Data
}

// state returns s_{t+1} of sequence n.
func state(s ar.Batch[float64], n, t int) []float64 {
	return s.States[(n*(s.T+1)+t)*s.D:][:s.D]
}

// extend adds the direction of x to a projection p (d, d), unless x is in its
// range up to estimator.RCond, where least squares too takes it for known.
func extend(p, x []float64) {
	d := len(x)
	rest, inside := slices.Clone(x), make([]float64, d)
	for range 2 { // once more for what rounding leaves
		for i := range d {
			inside[i] = dot(p[i*d:(i+1)*d], rest)
		}
		for i, v := range inside {
			rest[i] -= v
		}
	}
	size := norm(rest)
	if size <= estimator.RCond*norm(x) {
		return
	}
	for i := range d {
		for j := range d {
			p[i*d+j] += rest[i] * rest[j] / (size * size)
		}
	}
}

// Spectrum returns the eigenvalues of a matrix (d, d).
func Spectrum(gamma []float64, d int) ([]complex128, error) {
	for _, v := range gamma {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errors.New("the matrix is not finite")
		}
	}
	var e mat.Eigen
	if !e.Factorize(mat.NewDense(d, d, slices.Clone(gamma)), mat.EigenNone) {
		return nil, errors.New("the eigenvalues did not converge")
	}
	return e.Values(nil), nil
}
