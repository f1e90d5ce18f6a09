package probe

// Shapes: N sequences, T positions, H heads, D embed.

import (
	"context"
	"fmt"
	"math"

	"icar/ar"
	"icar/nn"
	"icar/theory"
)

// Encoding is a positional encoding as it was learnt, or a part of one.
type Encoding struct {
	Name string `json:"name"`
	// Values (T) are the weights p_{T,j} of the last query on position j of a
	// product position, or a coordinate of the vectors of an additive one.
	Values []float64     `json:"values"`
	Fit    theory.Cosine `json:"fit"` // the cosine nearest to Values
}

// Encodings returns the learnt encodings, one for each layer and head of a
// product position or each coordinate of an additive one, fitted by cosines.
// A model without positions, or with fewer than five, has none.
func (m *Model) Encodings() ([]Encoding, error) {
	c := m.Config
	if c.Position == nn.NoPosition || c.Length < 5 {
		return nil, nil
	}
	var all []Encoding
	add := func(name string, values []float64) error {
		fit, err := theory.FitCosine(values)
		all = append(all, Encoding{name, values, fit})
		return err
	}
	if c.Position == nn.AdditivePosition {
		pos := m.parameters()["pos"]
		for i := range c.Embed {
			values := make([]float64, c.Length)
			for t := range values {
				values[t] = pos[t*c.Embed+i]
			}
			if err := add(fmt.Sprintf("coordinate %d", i+1), values); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	tensors, err := m.Net.Activations(make([]float64, c.Length*c.Width))
	if err != nil {
		return nil, err
	}
	for _, t := range tensors {
		if len(t.Shape) != 3 || t.Name != fmt.Sprintf("layers.%d.position", layerOf(t.Name)) {
			continue
		}
		for h := range c.Heads {
			last := t.Data[(h*c.Length+c.Length-1)*c.Length:][:c.Length]
			if err := add(fmt.Sprintf("layer %d, head %d", layerOf(t.Name)+1, h+1), last); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// AttentionMap is the mean over sequences of the size of the attention of a
// head: |a_ij|, times p_ij under a product position.
type AttentionMap struct {
	Layer  int       `json:"layer"`
	Head   int       `json:"head"`
	Values []float64 `json:"values"` // (T, T), 0 above the diagonal
}

// Attention returns the attention maps of every head.
func (m *Model) Attention(ctx context.Context, s ar.Batch[float64]) ([]AttentionMap, error) {
	b, err := m.Batch(s)
	if err != nil {
		return nil, err
	}
	c := m.Config
	maps := make([]AttentionMap, c.Depth*c.Heads)
	for i := range maps {
		maps[i] = AttentionMap{i / c.Heads, i % c.Heads, make([]float64, b.T*b.T)}
	}
	for n := range b.N {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		tensors, err := m.Net.Activations(b.X[n*b.T*c.Width : (n+1)*b.T*c.Width])
		if err != nil {
			return nil, err
		}
		byName := map[string][]float64{}
		for _, t := range tensors {
			byName[t.Name] = t.Data
		}
		for i, a := range maps {
			scores := byName[fmt.Sprintf("layers.%d.attention", a.Layer)][a.Head*b.T*b.T:][:b.T*b.T]
			position := byName[fmt.Sprintf("layers.%d.position", a.Layer)]
			for p, v := range scores {
				if position != nil {
					v *= position[a.Head*b.T*b.T+p]
				}
				maps[i].Values[p] += math.Abs(v) / float64(b.N)
			}
		}
	}
	return maps, nil
}
