package sequence

import (
	"fmt"
	"math"
	"slices"

	"icar/internal/npy"
)

// ReadArray reads an array of a shape from a .npy file, of which the first axis is
// over sequences and those between it and the last over rows. The error says that the
// file is none, of which other shape it is and what is wanted, in the words of what,
// or where a number is not finite.
func ReadArray(path, what string, shape ...int) ([]float64, error) {
	got, data, err := npy.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(got, shape) {
		return nil, fmt.Errorf("%s has the shape %s: %s have the shape %s", path, npy.Tuple(got),
			what, npy.Tuple(shape))
	}
	return data, checkFinite(path, got, data)
}

// ReadHidden reads what L layers pass on, (L, N, T, D), or (N, T, D) of a single one,
// of n sequences of t positions: (L)(N, T, D). The error is that of [ReadArray].
func ReadHidden(path string, n, t int) ([][]float64, error) {
	shape, data, err := npy.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(shape) == 3 {
		shape = append([]int{1}, shape...)
	}
	if len(shape) != 4 || shape[0] < 1 || shape[1] != n || shape[2] != t || shape[3] < 1 {
		return nil, fmt.Errorf("%s has the shape %s: hidden states have the shape (L, %d, %d, "+
			"D), of L layers of width D, or (%d, %d, D) of a single one",
			path, npy.Tuple(shape), n, t, n, t)
	}
	for i, x := range data {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			at := i / shape[3]
			return nil, fmt.Errorf("%s: layer %d, sequence %d, row %d, column %d is %v, counted "+
				"from 0: every number has to be finite",
				path, at/t/n, at/t%n, at%t, i%shape[3], x)
		}
	}
	return slices.Collect(slices.Chunk(data, len(data)/shape[0])), nil
}
