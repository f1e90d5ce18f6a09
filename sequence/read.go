package sequence

import (
	"fmt"
	"math"
	"slices"

	"icar/ar"
	"icar/internal/npy"
)

// Read reads states (N, T+1, d), or (T+1, d) of a single sequence, from a .npy file.
// Their hidden matrices are not known. The error says that the file is none, of which
// other shape the array is, where a number is not finite, that they have no usable
// scale, or which coordinate never changes; sequences, rows and columns are counted
// from 0, as numpy does.
func Read(path string) (ar.Batch[float64], error) {
	s, _, err := ReadSum(path)
	return s, err
}

// ReadSum is Read that also returns the SHA-256 of the file, in hex.
func ReadSum(path string) (ar.Batch[float64], string, error) {
	shape, data, sum, err := npy.ReadSum(path)
	if err != nil {
		return ar.Batch[float64]{}, "", err
	}
	s, err := check(path, shape, data)
	return s, sum, err
}

// check makes states of an array that was read from a file.
func check(path string, shape []int, data []float64) (ar.Batch[float64], error) {
	if len(shape) == 2 {
		shape = append([]int{1}, shape...)
	}
	if len(shape) != 3 || slices.Min(shape) < 1 || shape[1] < 2 {
		return ar.Batch[float64]{}, fmt.Errorf("%s has the shape %s: save states as an array (N, "+
			"T+1, d), N sequences of two states or more of d numbers, or (T+1, d)",
			path, npy.Tuple(shape))
	}
	if err := checkFinite(path, shape, data); err != nil {
		return ar.Batch[float64]{}, err
	}
	if err := checkScale(path, data); err != nil {
		return ar.Batch[float64]{}, err
	}
	s := ar.Batch[float64]{N: shape[0], T: shape[1] - 1, D: shape[2], States: data,
		Contexts: make([]ar.Context, shape[0])}
	return s, checkVaries(path, s)
}

// checkFinite names the first number that is not finite, by its place in states.
func checkFinite(path string, shape []int, data []float64) error {
	columns := shape[len(shape)-1]
	rows := max(1, len(data)/shape[0]/columns) // of a sequence
	for i, x := range data {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			continue
		}
		row := i / columns
		return fmt.Errorf("%s: sequence %d, row %d, column %d is %v, counted from 0: every "+
			"number has to be finite",
			path, row/rows, row%rows, i%columns, x)
	}
	return nil
}

// scale bounds the largest number of states, so that a float64 holds the squares of
// squares that steps are fitted by.
const scale = 1e30

func checkScale(path string, data []float64) error {
	largest := 0.0
	for _, x := range data {
		largest = max(largest, math.Abs(x))
	}
	if largest > scale || largest < 1/scale {
		return fmt.Errorf("%s: its largest number is %.3g: scale the states to between %g and %g",
			path, largest, 1/scale, scale)
	}
	return nil
}

// checkVaries names a coordinate that is one number in all rows of all sequences:
// there is nothing in it to predict.
func checkVaries(path string, s ar.Batch[float64]) error {
	for column := range s.D {
		constant := true
		for at := column; at < len(s.States) && constant; at += s.D {
			constant = s.States[at] == s.States[column]
		}
		if constant {
			return fmt.Errorf("%s: column %d, counted from 0, is %v in all rows from 0 to %d of "+
				"every sequence: leave it out, numpy.delete(states, %d, -1)",
				path, column, s.States[column], s.T, column)
		}
	}
	return nil
}

// mostFitted is the largest number of sequences that is set apart to fit on.
const mostFitted = 512

// split sets the first sequences apart to fit on, one half of them but at most
// mostFitted, from the rest to measure on. Of a single sequence none is set apart.
func split(s ar.Batch[float64]) (fitting, rest ar.Batch[float64]) {
	n := min(mostFitted, s.N/2)
	return s.Part(0, n), s.Part(n, s.N)
}

// Parted are sequences to fit estimators on, of which there may be none, and others
// to measure on.
type Parted struct {
	Fitting, Test ar.Batch[float64]
	// All are those of the file: Test is a part of it, and Fitting, unless it is of
	// another one.
	All ar.Batch[float64]
	How string // they were told apart, in words for a page
}

// ReadParted reads the states in a file and takes those in the file fit to fit on,
// or, if that is "", sets some of the first apart. The error is that of [Read], or
// that the two files do not fit each other or are the same.
func ReadParted(path, fit string) (p Parted, err error) {
	if p.Test, err = Read(path); err != nil {
		return p, err
	}
	p.All = p.Test
	if fit == "" {
		n := p.Test.N
		p.Fitting, p.Test = split(p.Test)
		if p.Fitting.N == 0 {
			p.How = "There is a single sequence, and nothing is fitted."
		} else {
			p.How = fmt.Sprintf("Estimators are fitted on the first %d of the %d sequences of "+
				"%s; all errors are those on the other %d.", p.Fitting.N, n, path, p.Test.N)
		}
		return p, nil
	}
	if p.Fitting, err = Read(fit); err != nil {
		return p, err
	}
	if p.Fitting.T != p.Test.T || p.Fitting.D != p.Test.D {
		return p, fmt.Errorf("%s has sequences of %d states of %d numbers and %s of %d states of "+
			"%d: fit on sequences of the same shape",
			fit, p.Fitting.T+1, p.Fitting.D, path, p.Test.T+1, p.Test.D)
	}
	if slices.Equal(p.Fitting.States, p.Test.States) {
		return p, fmt.Errorf("%s and %s hold the same sequences, and errors on what was fitted "+
			"say nothing: leave --fit out, and some of them are set apart", path, fit)
	}
	n := p.Fitting.N
	p.Fitting = p.Fitting.Part(0, min(n, mostFitted))
	p.How = fmt.Sprintf("Estimators are fitted on the first %d of the %d sequences of %s; all "+
		"errors are those on the %d of %s.", p.Fitting.N, n, fit, p.Test.N, path)
	return p, nil
}
