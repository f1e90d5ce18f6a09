package probe

// Shapes: N sequences, T positions, D width inside, L layers.

import (
	"context"
	"fmt"

	"icar/ar"
)

// Hidden returns what every layer passes on, (L)(N, T, D).
func (m *Model) Hidden(ctx context.Context, s ar.Batch[float64]) ([][]float64, error) {
	b, err := m.Batch(s)
	if err != nil {
		return nil, err
	}
	c := m.Config
	hidden := make([][]float64, c.Depth)
	for n := range b.N {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		tensors, err := m.Net.Activations(b.X[n*b.T*c.Width : (n+1)*b.T*c.Width])
		if err != nil {
			return nil, err
		}
		for l := range c.Depth {
			var last []float64 // of the layer's tensors in their order
			for _, t := range tensors {
				if len(t.Shape) == 2 && t.Shape[1] == c.Embed && layerOf(t.Name) == l {
					last = t.Data
				}
			}
			hidden[l] = append(hidden[l], last...)
		}
	}
	return hidden, nil
}

// layerOf returns the layer in the name of a tensor, -1 if there is none.
func layerOf(name string) int {
	l := -1
	if _, err := fmt.Sscanf(name, "layers.%d.", &l); err != nil {
		return -1
	}
	return l
}

// Initial returns the model of the same seed before its first step.
func (m *Model) Initial() (Layered, error) { return Untrained(m.Config) }
