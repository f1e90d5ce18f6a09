package text

// N tokens of the text, U distinct ones, V tokens of the vocabulary, d dimension

import (
	"cmp"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// Sequence is a text as the vectors of its tokens.
type Sequence struct {
	Tokens  []int32    // (N) rows of Vectors, in the order of the text
	Vectors *mat.Dense // (U, d), of the distinct tokens
	Dropped int        // tokens of the text without a vector
}

// NewSequence cuts a text into tokens and drops those without a vector, which
// makes neighbours of those around them. The table has to have as many rows as
// the tokenizer has tokens, or that filled up to a multiple of 64 or 128.
func NewSequence(text string, k Tokenizer, t *Table) (*Sequence, error) {
	if n := k.Size(); n > 0 && t.Rows != n && t.Rows != (n+63)/64*64 && t.Rows != (n+127)/128*128 {
		return nil, fmt.Errorf(
			"the tokenizer has %d tokens and the embeddings have %d rows: they are of two models",
			n, t.Rows)
	}
	tokens, err := k.Encode(text)
	if err != nil {
		return nil, err
	}
	s := &Sequence{Tokens: make([]int32, 0, len(tokens))}
	place := map[int32]int32{}
	var rows []int32
	for _, id := range tokens {
		if id < 0 {
			s.Dropped++
			continue
		}
		at, known := place[id]
		if !known {
			at = int32(len(rows))
			place[id] = at
			rows = append(rows, id)
		}
		s.Tokens = append(s.Tokens, at)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf(
			"none of the text's %d tokens has a vector: the embeddings are of another vocabulary",
			s.Dropped)
	}
	s.Vectors = mat.NewDense(len(rows), t.Dim, nil)
	for i, id := range rows {
		for j, v := range t.Row(int(id)) {
			s.Vectors.Set(i, j, float64(v))
		}
	}
	return s, nil
}

// Dim is d.
func (s *Sequence) Dim() int { return s.Vectors.RawMatrix().Cols }

// Unit returns the sequence with each vector divided by its norm; 0 stays 0.
func (s *Sequence) Unit() *Sequence {
	unit := mat.DenseCopyOf(s.Vectors)
	for i := range unit.RawMatrix().Rows {
		v := unit.RawRowView(i)
		if norm := floats.Norm(v, 2); norm > 0 {
			floats.Scale(1/norm, v)
		}
	}
	return &Sequence{Tokens: s.Tokens, Vectors: unit, Dropped: s.Dropped}
}

// Without returns the sequence without its n most frequent tokens.
func (s *Sequence) Without(n int) *Sequence {
	counts := make([]int, s.Vectors.RawMatrix().Rows)
	for _, t := range s.Tokens {
		counts[t]++
	}
	order := make([]int32, len(counts))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(counts[b], counts[a]) })
	frequent := make([]bool, len(counts))
	for _, t := range order[:min(n, len(order))] {
		frequent[t] = true
	}
	kept := &Sequence{Vectors: s.Vectors, Dropped: s.Dropped}
	for _, t := range s.Tokens {
		if !frequent[t] {
			kept.Tokens = append(kept.Tokens, t)
		}
	}
	return kept
}

// covariance returns that of the vectors of the given tokens, by the counts of
// the distinct ones.
func (s *Sequence) covariance(tokens []int32) *mat.SymDense {
	counts := make([]float64, s.Vectors.RawMatrix().Rows)
	for _, t := range tokens {
		counts[t]++
	}
	var rows, weights []float64
	for t, n := range counts {
		if n > 0 {
			rows, weights = append(rows, s.Vectors.RawRowView(t)...), append(weights, n)
		}
	}
	var c mat.SymDense
	stat.CovarianceMatrix(&c, mat.NewDense(len(weights), s.Dim(), rows), weights)
	return &c
}

// Reduced returns the sequence with vectors projected on the first k principal
// axes of the given tokens; k = d leaves them
// as they are.
func (s *Sequence) Reduced(tokens []int32, k int) (*Sequence, error) {
	d := s.Dim()
	if k == d {
		return s, nil
	}
	if k < 1 || k > d {
		return nil, fmt.Errorf("%d principal axes of %d dimensions: use 1 to %d", k, d, d)
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(s.covariance(tokens), true) {
		return nil, fmt.Errorf("the principal axes of %d dimensions do not converge", d)
	}
	var axes, projected mat.Dense
	eigen.VectorsTo(&axes) // ascending
	projected.Mul(s.Vectors, axes.Slice(0, d, d-k, d))
	return &Sequence{Tokens: s.Tokens, Vectors: &projected, Dropped: s.Dropped}, nil
}
