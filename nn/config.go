package nn

import (
	"fmt"
	"slices"
	"strings"
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

// Config is the shape of a Transformer. The zero value is not valid: decode
// into DefaultConfig().
type Config struct {
	Width     int       `json:"width" yaml:"width"`                     // numbers in a token, and in a prediction
	Embed     int       `json:"embed" yaml:"embed"`                     // D, dimension inside the model, a multiple of width
	Depth     int       `json:"depth" yaml:"depth"`                     // L, layers
	Heads     int       `json:"heads" yaml:"heads"`                     // H, heads, each of dimension D
	Mixer     string    `json:"mixer,omitempty" yaml:"mixer,omitempty"` // kind of mixer; "" for that of the paper, FullHeads
	Mixing    Mixing    `json:"-" yaml:"-"`                             // what Mixer names, where that is no kind of this package; else nil
	Attention Attention `json:"attention" yaml:"attention"`             // linear or softmax
	Norm      bool      `json:"norm" yaml:"norm"`                       // layer norm after the attention
	Residual  bool      `json:"residual" yaml:"residual"`               // skip connection around the attention
	MLP       int       `json:"mlp" yaml:"mlp"`                         // hidden dimension of the MLP over D; 0 for none
	Position  Position  `json:"position" yaml:"position"`               // none, additive or product
	Length    int       `json:"length" yaml:"length"`                   // longest context; positions have this many vectors
	Coords    int       `json:"coords" yaml:"coords"`                   // leading coordinates of a prediction that have a target
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
		return fmt.Errorf("embed %d is not a multiple of width %d: tokens are repeated embed/width times; use embed %s", c.Embed, c.Width, use)
	}
	if c.Coords > c.Width {
		return fmt.Errorf("coords %d is larger than width %d: targets are the first coordinates of a prediction; use coords %d or less", c.Coords, c.Width, c.Width)
	}
	if err := allowed("attention", c.Attention, LinearAttention, SoftmaxAttention); err != nil {
		return err
	}
	if err := allowed("position", c.Position, NoPosition, AdditivePosition, ProductPosition); err != nil {
		return err
	}
	n, err := c.count()
	if err != nil {
		return err
	}
	if n > maxParameters {
		return fmt.Errorf("the model has %.3g parameters, more than %d: use a smaller embed, heads, mlp or depth", n, maxParameters)
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

// Mixings returns the kinds of mixer of this package.
func Mixings() []Mixing { return []Mixing{FullHeads{}} }

// mixing returns the kind of mixer of c.
func (c Config) mixing() (Mixing, error) {
	kinds := Mixings()
	if c.Mixing != nil {
		kinds = []Mixing{c.Mixing}
	}
	var names []string
	for _, k := range kinds {
		if k.Name() == c.Mixer {
			return k, nil
		}
		names = append(names, fmt.Sprintf("%q", k.Name()))
	}
	return nil, fmt.Errorf("unknown mixer %q: use one of %s", c.Mixer, strings.Join(names, ", "))
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
