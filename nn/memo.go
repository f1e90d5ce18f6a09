package nn

import "slices"

// Memo is the memory of a mixer for one sequence: tensors by name, which
// Forward leaves for Backward and for probes, and scratch. The zero value is
// ready to use.
type Memo[F Float] struct {
	// Place is what Place has kept, the same for all sequences of a batch; nil
	// without a product position.
	Place *Memo[F]
	// Sums takes up the gradients with respect to the tensors of Place, summed
	// over sequences.
	Sums *Memo[F]

	kept    []Tensor[F] // in the order of the first Keep
	scratch map[string][]F
}

// Keep returns the tensor of that name: zeros at first, afterwards what it was
// left with.
func (m *Memo[F]) Keep(name string, shape ...int) []F {
	size := 1
	for _, s := range shape {
		size *= s
	}
	for i := range m.kept {
		if t := &m.kept[i]; t.Name == name {
			if len(t.Data) != size {
				t.Shape, t.Data = slices.Clone(shape), make([]F, size)
			}
			return t.Data
		}
	}
	m.kept = append(m.kept, Tensor[F]{name, slices.Clone(shape), make([]F, size)})
	return m.kept[len(m.kept)-1].Data
}

// Placed returns what Place has kept under a name, nil without a product
// position. From the first call on probes see it among the tensors of m.
func (m *Memo[F]) Placed(name string) []F {
	if m.Place == nil {
		return nil
	}
	named := func(t Tensor[F]) bool { return t.Name == name }
	t := m.Place.kept[slices.IndexFunc(m.Place.kept, named)]
	if i := slices.IndexFunc(m.kept, named); i >= 0 {
		m.kept[i] = t
	} else {
		m.kept = append(m.kept, t)
	}
	return t.Data
}

// Tensors returns what was kept, in that order and sharing its memory.
func (m *Memo[F]) Tensors() []Tensor[F] { return m.kept }

// clear sets all that was kept to zero.
func (m *Memo[F]) clear() {
	for _, t := range m.kept {
		clear(t.Data)
	}
}

// Scratch returns n zeros under a name. They are the mixer's until its method
// returns: the layers of a model take the same memory in turns.
func (m *Memo[F]) Scratch(name string, n int) []F {
	if m.scratch == nil {
		m.scratch = map[string][]F{}
	}
	if cap(m.scratch[name]) < n {
		m.scratch[name] = make([]F, n)
	}
	s := m.scratch[name][:n]
	clear(s)
	return s
}
