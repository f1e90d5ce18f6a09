package probe

// Shapes: H heads, D embed, L layers.

import (
	"context"
	"fmt"
	"strings"

	"icar/ar"
	"icar/nn"
)

// Ablation is a model with a part taken out.
type Ablation struct {
	Part        string    `json:"part"`
	Head        bool      `json:"-"` // whether the part is a head
	MSE         float64   `json:"mse"`
	PerSequence []float64 `json:"-"` // (N)
}

// Biases is the part of an Ablation that is the biases of queries, keys and
// values in all layers.
const Biases = "biases of queries, keys and values"

// Ablate measures the error of a model whole and without each of its parts. What
// is left is not trained again, so an error says what the rest leans on, not what
// a smaller model could do.
func Ablate[M interface {
	Predictor
	Separable
}](ctx context.Context, m M, s ar.Batch[float64]) ([]Ablation, error) {
	return ablate(ctx, m, m.Without(), s)
}

func ablate(ctx context.Context, m Predictor, parts []Variant,
	s ar.Batch[float64]) ([]Ablation, error) {
	whole := Variant{Part: "nothing", Model: func() (Predictor, error) { return m, nil }}
	var all []Ablation
	for _, v := range append([]Variant{whole}, parts...) {
		model, err := v.Model()
		if err != nil {
			return nil, err
		}
		predictions, err := model.Predict(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("without %s: %w", v.Part, err)
		}
		errors := perSequence(predictions, s.Targets(), s.N)
		all = append(all, Ablation{v.Part, v.Head, average(errors), errors})
	}
	return all, nil
}

// Without lists each head, the positions, the biases of queries, keys and
// values, the norm, and each layer, of what the model has.
func (m *Model) Without() []Variant {
	c := m.Config
	var parts []Variant
	add := func(part string, head bool, without func() (*Model, error)) {
		parts = append(parts, Variant{part, head, func() (Predictor, error) { return without() }})
	}
	_, heads := m.parameters()["layers.0.v.bias"] // as nn.FullHeads and MultiHead have them
	for l := range c.Depth {
		for h := range c.Heads {
			if c.Depth*c.Heads > 1 && heads {
				add(fmt.Sprintf("layer %d, head %d", l+1, h+1), true,
					func() (*Model, error) { return m.withoutHead(l, h) })
			}
		}
	}
	if c.Position != nn.NoPosition {
		add("positions", false, m.withoutPositions)
	}
	if heads {
		add(Biases, false, func() (*Model, error) { return m.WithoutBiases("q", "k", "v") })
	}
	if c.Norm || c.MLPNorm || c.FinalNorm {
		add("layer norm", false, m.withoutNorm)
	}
	for l := range c.Depth {
		if c.Depth > 1 {
			add(fmt.Sprintf("layer %d", l+1), false,
				func() (*Model, error) { return m.withoutLayer(l) })
		}
	}
	return parts
}

// withoutHead sets the values of a head to zero.
func (m *Model) withoutHead(l, h int) (*Model, error) {
	model, err := m.clone()
	if err != nil {
		return nil, err
	}
	for _, part := range []string{"weight", "bias"} {
		values := model.parameters()[fmt.Sprintf("layers.%d.v.%s", l, part)]
		size := len(values) / m.Config.Heads
		clear(values[h*size : (h+1)*size])
	}
	return model, nil
}

// withoutPositions sets all position vectors to zero: a product position is
// then 1/i for each of the i tokens up to a query, an additive one adds nothing.
func (m *Model) withoutPositions() (*Model, error) {
	model, err := m.clone()
	if err == nil {
		clear(model.parameters()["pos"])
	}
	return model, err
}

// WithoutBiases returns a copy of the model in which the biases of some of the
// linear maps q, k, v and o (queries, keys, values, output of the attention) are
// zero in every layer.
func (m *Model) WithoutBiases(parts ...string) (*Model, error) {
	model, err := m.clone()
	if err != nil {
		return nil, err
	}
	own := model.parameters()
	for l := range m.Config.Depth {
		for _, part := range parts {
			bias, ok := own[fmt.Sprintf("layers.%d.%s.bias", l, part)]
			if !ok {
				return nil, fmt.Errorf("no bias of %q: use q, k, v or o", part)
			}
			clear(bias)
		}
	}
	return model, nil
}

// withoutNorm leaves out all layer norms, their gains and biases too.
func (m *Model) withoutNorm() (*Model, error) {
	c, own := m.Config.Config, m.parameters()
	c.Norm, c.PreNorm, c.MLPNorm, c.FinalNorm = false, false, false, false
	return m.with(c, func(name string, data []float64) { copy(data, own[name]) })
}

// withoutLayer joins the layers before and after a layer.
func (m *Model) withoutLayer(l int) (*Model, error) {
	c, own := m.Config.Config, m.parameters()
	c.Depth--
	return m.with(c, func(name string, data []float64) {
		from := name
		if k := layerOf(name); k >= l {
			from = strings.Replace(name, fmt.Sprintf("layers.%d.", k),
				fmt.Sprintf("layers.%d.", k+1), 1)
		}
		copy(data, own[from])
	})
}
