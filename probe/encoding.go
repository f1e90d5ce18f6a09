package probe

// Shapes: N sequences, T positions, H heads, D embed.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"icar/ar"
	"icar/figure"
	"icar/nn"
	"icar/theory"
)

// Encoding is a positional encoding as it was learnt, or a part of one.
type Encoding struct {
	Name string
	// Values (T) are the weights p_{T,j} of the last query on position j of a
	// product position, or a coordinate of the vectors of an additive one.
	Values     []float64
	Coordinate bool          // whether Values are such a coordinate
	Fit        theory.Cosine // the cosine nearest to Values, of a constant only its mean
}

// Periodic reports whether Values show at least half a period of the cosine
// nearest to them. Of less they show no period: the nearest cosine is then a
// parabola, whose frequency goes to 0 as its amplitude goes to infinity. At
// whole positions a frequency f is also the alternation (-1)^t times π - f,
// of which half a period has to be seen too.
func (e Encoding) Periodic() bool {
	across := float64(len(e.Values) - 1)
	return min(e.Fit.Frequency, math.Pi-e.Fit.Frequency)*across >= math.Pi
}

// MarshalJSON implements json.Marshaler; the fit is null unless e is Periodic.
func (e Encoding) MarshalJSON() ([]byte, error) {
	type cosine struct {
		Mean      float64 `json:"mean"`
		Amplitude float64 `json:"amplitude"`
		Frequency float64 `json:"frequency"`
		Phase     float64 `json:"phase"`
		R2        float64 `json:"r2"`
	}
	document := struct {
		Name   string        `json:"name"`
		Values figure.Values `json:"values"`
		Fit    *cosine       `json:"fit"`
	}{Name: e.Name, Values: e.Values}
	if e.Periodic() {
		fit := cosine(e.Fit)
		document.Fit = &fit
	}
	return json.Marshal(document)
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
		if errors.Is(err, theory.ErrNoVariance) {
			fit, err = theory.Cosine{Mean: values[0]}, nil
		}
		all = append(all, Encoding{name, values, c.Position == nn.AdditivePosition, fit})
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
			if err := add(fmt.Sprintf("layer %d, head %d", layerOf(t.Name)+1, h+1),
				last); err != nil {
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

// Attention returns the attention maps of every head, none of a mixer that keeps
// no attention.
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
		if byName["layers.0.attention"] == nil {
			return []AttentionMap{}, nil
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
