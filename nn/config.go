package nn

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Attention says how scores q·k/√D become attention.
type Attention string

const (
	// LinearAttention uses the causal scores as they are.
	LinearAttention Attention = "linear"
	// SoftmaxAttention takes their softmax over the tokens seen so far.
	SoftmaxAttention Attention = "softmax"
)

// Position says how a model knows where a token stands.
type Position string

const (
	// NoPosition leaves the tokens unordered up to the causal mask.
	NoPosition Position = "none"
	// AdditivePosition adds a learnt vector to every token.
	AdditivePosition Position = "additive"
	// ProductPosition multiplies the attention of every head by a causal
	// softmax of the scores of learnt position vectors under the layer's
	// own queries and keys: the P of the paper.
	ProductPosition Position = "product"
)

// Activation is the nonlinearity of an MLP, number by number.
type Activation string

const (
	// Relu is max(x, 0). Its derivative at 0 is taken as 0, as in PyTorch.
	Relu Activation = "relu"
	// GELU is x Φ(x), Φ being the distribution function of a standard normal.
	//
	// Reference: Hendrycks, Gimpel, "Gaussian error linear units (GELUs)", arXiv
	// 1606.08415; the exact form, not the one with a tanh.
	GELU Activation = "gelu"
)

// Config is the shape of a Transformer. The zero value is not valid: decode
// into DefaultConfig().
type Config struct {
	// Width is the number c of numbers in a token, and in a prediction.
	Width int `json:"width" yaml:"width"`
	// Embed is D, the width inside the model, a multiple of c.
	Embed int `json:"embed" yaml:"embed"`
	// Depth is L, the number of layers.
	Depth int `json:"depth" yaml:"depth"`
	// Heads is H, the number of heads of a layer.
	Heads int `json:"heads" yaml:"heads"`
	// Mixer is the kind of mixer: "" for that of the paper, "full".
	Mixer string `json:"mixer,omitempty" yaml:"mixer,omitempty"`
	// Mixing is what Mixer names where that is no kind of this package, else nil.
	Mixing Mixing `json:"-" yaml:"-"`
	// Attention is linear or softmax.
	Attention Attention `json:"attention" yaml:"attention"`
	// Norm is whether there is a layer norm: after the mixer, or before it.
	Norm bool `json:"norm" yaml:"norm"`
	// PreNorm is whether it is before.
	PreNorm bool `json:"pre_norm,omitempty" yaml:"pre_norm,omitempty"`
	// Residual is whether there is a skip connection around mixer and norm.
	Residual bool `json:"residual" yaml:"residual"`
	// MLP is M/D, the hidden units of the MLP over D; 0 for no MLP.
	MLP int `json:"mlp" yaml:"mlp"`
	// Activation is what the hidden units of the MLP go through: "" for Relu.
	Activation Activation `json:"activation,omitempty" yaml:"activation,omitempty"`
	// MLPNorm is whether there is a layer norm before the MLP, inside its skip
	// connection.
	MLPNorm bool `json:"mlp_norm,omitempty" yaml:"mlp_norm,omitempty"`
	// FinalNorm is whether there is a layer norm before the readout.
	FinalNorm bool `json:"final_norm,omitempty" yaml:"final_norm,omitempty"`
	// Position is none, additive or product.
	Position Position `json:"position" yaml:"position"`
	// Length is the longest context: positions have this many vectors.
	Length int `json:"length" yaml:"length"`
	// Coords is C, the leading coordinates of a prediction that have a target.
	Coords int `json:"coords" yaml:"coords"`
}

// DefaultConfig returns one layer of one linear head with layer norm on plain
// tokens of dimension 3.
func DefaultConfig() Config {
	return Config{
		Width: 3, Embed: 3, Depth: 1, Heads: 1, Attention: LinearAttention, Norm: true,
		Position: NoPosition, Length: 7, Coords: 3,
	}
}

// maxParameters keeps a mistyped configuration from taking the machine's
// memory: 2³⁰ parameters are 4 GiB in float32 before any gradient.
const maxParameters = 1 << 30

// Check returns an error that says what to change when c is no Transformer.
func (c Config) Check() error {
	for _, f := range []struct {
		key   string
		value int
		least int
	}{
		{"width", c.Width, 1}, {"embed", c.Embed, 1}, {"depth", c.Depth, 1}, {"heads", c.Heads, 1},
		{"mlp", c.MLP, 0}, {"length", c.Length, 1}, {"coords", c.Coords, 1},
	} {
		if f.value < f.least {
			return fmt.Errorf("%s %d is too small: use %d or more", f.key, f.value, f.least)
		}
		if f.value > maxParameters {
			return fmt.Errorf("%s %d is too large: use at most %d", f.key, f.value, maxParameters)
		}
	}
	if r := c.Embed % c.Width; r != 0 {
		use := fmt.Sprint(c.Embed - r + c.Width)
		if c.Embed > c.Width {
			use = fmt.Sprintf("%d or %s", c.Embed-r, use)
		}
		return fmt.Errorf("embed %d is not a multiple of width %d: "+
			"tokens are repeated embed/width times; use embed %s", c.Embed, c.Width, use)
	}
	if c.Coords > c.Width {
		return fmt.Errorf("coords %d is larger than width %d: "+
			"targets are the first coordinates of a prediction; use coords %d or less",
			c.Coords, c.Width, c.Width)
	}
	if c.PreNorm && !c.Norm {
		return errors.New("pre_norm puts the layer norm before the mixer: use norm true")
	}
	if c.MLP == 0 && (c.MLPNorm || c.Activation != "") {
		return errors.New("mlp_norm and activation are about the MLP, and there is none: use mlp 4")
	}
	if err := allowed("activation", cmp.Or(c.Activation, Relu), Relu, GELU); err != nil {
		return err
	}
	if err := allowed("attention", c.Attention, LinearAttention, SoftmaxAttention); err != nil {
		return err
	}
	err := allowed("position", c.Position, NoPosition, AdditivePosition, ProductPosition)
	if err != nil {
		return err
	}
	n, err := c.count()
	if err != nil {
		return err
	}
	if n > maxParameters {
		return fmt.Errorf("the model has %.3g parameters, more than %d: "+
			"use a smaller embed, heads, mlp or depth", n, maxParameters)
	}
	return nil
}

// allowed returns an error unless value is one of a key's values.
func allowed[S ~string](key string, value S, values ...S) error {
	if slices.Contains(values, value) {
		return nil
	}
	return fmt.Errorf("unknown %s %q: use one of %v", key, string(value), values)
}

// postNorm returns whether there is a layer norm after the mixer.
func (c Config) postNorm() bool { return c.Norm && !c.PreNorm }

// Mixings returns the kinds of mixer of this package.
func Mixings() []Mixing { return []Mixing{FullHeads{}, MultiHead{}} }

// mixing returns the kind of mixer of c.
func (c Config) mixing() (Mixing, error) {
	kinds := Mixings()
	if c.Mixing != nil {
		kinds = []Mixing{c.Mixing}
	}
	var names []string
	for _, k := range kinds {
		if k.Name() == cmp.Or(c.Mixer, FullHeads{}.Name()) {
			return k, nil
		}
		names = append(names, k.Name())
	}
	return nil, allowed("mixer", c.Mixer, names...)
}

// Parameters returns the number of parameters of a Transformer of shape c, 0 where Check
// has an error.
func (c Config) Parameters() int {
	if c.Check() != nil {
		return 0
	}
	n, _ := c.count()
	return int(n)
}

// count returns the number of parameters, in floating point since it is asked
// of configurations whose number overflows an int. The error is about the mixer.
func (c Config) count() (float64, error) {
	mixer, err := newMixer[float64](c)
	if err != nil {
		return 0, err
	}
	if _, placer := mixer.(Placer[float64]); c.Position == ProductPosition && !placer {
		return 0, fmt.Errorf("the mixer %q has no position %s: use position %s or %s",
			c.Mixer, ProductPosition, NoPosition, AdditivePosition)
	}
	depth := float64(c.Depth)
	c.Depth = 0
	n := 0.0
	for _, s := range c.specs(nil) {
		n += s.size()
	}
	for _, s := range c.layer(mixer.Specs()) {
		n += depth * s.size()
	}
	return n, nil
}
