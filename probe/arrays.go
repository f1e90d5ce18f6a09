package probe

// Shapes: N sequences, T positions, d token dimension, D width inside, L layers.

import (
	"context"
	"fmt"
	"slices"

	"icar/ar"
)

// Arrays are what a model has made of sequences, saved by whoever ran it: a Predictor
// that answers about these sequences, or some of them in a row, and offers nothing
// about others. What was not saved it does not offer.
type Arrays struct {
	Sequences   ar.Batch[float64] // N
	Predictions []float64         // (N, T, d) of s_{T+1} at every position
	Gamma       []float64         // (N, T, d, d) in-context maps, nil for none
	Total       bool              // whether these are total derivatives in s_T
	Hidden      [][]float64       // (L)(N, T, D) what layers pass on, nil for none
}

// at returns the number of the first of sequences that are some of a's.
func (a Arrays) at(s ar.Batch[float64]) (int, error) {
	size := (s.T + 1) * s.D
	if s.N > 0 && s.T == a.Sequences.T && s.D == a.Sequences.D {
		for n := range a.Sequences.N - s.N + 1 {
			if &a.Sequences.States[n*size] == &s.States[0] {
				return n, nil
			}
		}
	}
	return 0, fmt.Errorf("%w: anything about other sequences than those that were saved",
		ErrNotOffered)
}

// Predict implements Predictor.
func (a Arrays) Predict(_ context.Context, s ar.Batch[float64]) ([]float64, error) {
	n, err := a.at(s)
	if err != nil {
		return nil, err
	}
	size := s.T * s.D
	return a.Predictions[n*size : (n+s.N)*size], nil
}

// Maps implements Mapper.
func (a Arrays) Maps(ctx context.Context, s ar.Batch[float64]) (Maps, error) {
	if a.Gamma == nil {
		return Maps{}, fmt.Errorf("%w: maps", ErrNotOffered)
	}
	n, err := a.at(s)
	if err != nil {
		return Maps{}, err
	}
	predictions, err := a.Predict(ctx, s)
	size := s.T * s.D * s.D
	return Maps{N: s.N, T: s.T, D: s.D, Predictions: predictions, Total: a.Total,
		Gamma: a.Gamma[n*size : (n+s.N)*size]}, err
}

// Layers returns a with its hidden states offered, as a Layered.
func (a Arrays) Layers() Predictor { return layeredArrays{a} }

// layeredArrays are Arrays with hidden states. Their model before training cannot be
// asked: the control is a readout of the token s_T alone.
type layeredArrays struct{ Arrays }

// Hidden implements Layered.
func (a layeredArrays) Hidden(_ context.Context, s ar.Batch[float64]) ([][]float64, error) {
	n, err := a.at(s)
	if err != nil {
		return nil, err
	}
	var layers [][]float64
	for _, layer := range a.Arrays.Hidden {
		size := len(layer) / a.Sequences.N
		layers = append(layers, layer[n*size:(n+s.N)*size])
	}
	return layers, nil
}

// Initial implements Layered.
func (a layeredArrays) Initial() (Layered, error) { return tokens{len(a.Arrays.Hidden)}, nil }

// tokens is a model each of whose layers passes on s_T alone.
type tokens struct{ layers int }

// Hidden implements Layered.
func (m tokens) Hidden(_ context.Context, s ar.Batch[float64]) ([][]float64, error) {
	x, err := s.Inputs(ar.Plain)
	return slices.Repeat([][]float64{x}, m.layers), err
}

// Initial implements Layered.
func (m tokens) Initial() (Layered, error) { return m, nil }
