package nn

import (
	"icar/nn/kernel"
)

// Processor is what networks run on: the loops of a kernel, or a card with, for the
// models that it does not run, such loops. The zero value is no processor, see Or.
type Processor struct {
	Name string // go, avx2, avx512, neon or cuda
	// Arithmetic is that of the models which it is for: backends of one arithmetic give
	// the same bits. A model that a card does not run is in that of the loops.
	Arithmetic string
	// New makes a backend, or the reference of a model that nothing faster runs.
	New NewBackend
	// Loops are those of the machine's processor.
	Loops kernel.Kernel
}

// OnLoops returns the machine's processor with the loops of k.
func OnLoops(k kernel.Kernel) Processor {
	return Processor{k.Name(), k.Arithmetic(), OnKernel(k), k}
}

// Or returns p, or for the zero value the default kernel of the machine.
func (p Processor) Or() Processor {
	if p.New == nil {
		return OnLoops(kernel.Available()[0])
	}
	return p
}

// Card returns whether p is a card.
func (p Processor) Card() bool { return p.Loops != nil && p.Loops.Arithmetic() != p.Arithmetic }

// Arithmetics are those that a run on p can be in: its own, that of its loops, and the
// reference's.
func (p Processor) Arithmetics() []string {
	reference := (*Transformer[float32])(nil).Arithmetic()
	if !p.Card() {
		return []string{p.Arithmetic, reference}
	}
	return []string{p.Arithmetic, p.Loops.Arithmetic(), reference}
}
