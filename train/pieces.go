package train

// Shapes: N sequences, T context length, d token dimension.

import (
	"iter"

	"icar/ar"
)

// Pieces yields the sequences from, …, n-1 of a stream in the order of [Sequences], bit
// for bit, at most size at a time: more of them than memory holds. Both from and size
// are multiples of [ar.BlockSize]. What was yielded is overwritten by the next piece.
// Of sequences in files, which memory holds, there may be fewer. The error is that of
// Sequences, once.
func Pieces(c Config, stream string, from, n, size int) iter.Seq2[ar.Batch[float64], error] {
	if c.Data != "" {
		return pieces(c, stream, from, n, size)
	}
	return func(yield func(ar.Batch[float64], error) bool) {
		sampler, err := newSampler[float64](c, n, stream)
		if err != nil {
			yield(ar.Batch[float64]{}, err)
			return
		}
		states := make([]float64, c.states(size))
		contexts := make([]ar.Context, size)
		for ; from < n; from += size {
			s := ar.Batch[float64]{N: min(size, n-from), T: c.Length, D: c.D}
			s.States, s.Contexts = states[:c.states(s.N)], contexts[:s.N]
			blocks := (s.N + ar.BlockSize - 1) / ar.BlockSize
			err := share(blocks, func(first, last int) error {
				for b := first; b < last; b++ {
					start, end := b*ar.BlockSize, min((b+1)*ar.BlockSize, s.N)
					copy(s.Contexts[start:end], sampler.Block(0, from/ar.BlockSize+b,
						s.States[c.states(start):c.states(end)]))
				}
				return nil
			})
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// pieces are those of sequences in files.
func pieces(c Config, stream string, from, n, size int) iter.Seq2[ar.Batch[float64], error] {
	return func(yield func(ar.Batch[float64], error) bool) {
		whole, err := Sequences(c, stream, n)
		if err != nil {
			yield(ar.Batch[float64]{}, err)
			return
		}
		for ; from < whole.N; from += size {
			if !yield(whole.Part(from, min(from+size, whole.N)), nil) {
				return
			}
		}
	}
}
