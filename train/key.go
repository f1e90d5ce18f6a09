package train

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"icar/nn"
	"icar/setting"
)

// Keys returns the keys of c in the order of its file; setting one sets the
// field of c. The names are those of nn/testdata/oracle.py where it has them.
func (c *Config) Keys() []setting.Key {
	return slices.Concat(c.lawKeys(), []setting.Key{c.tokensKey()}, c.encodingKeys(), c.ownKeys())
}

// processKeys are those of the law of the paper.
func (c *Config) processKeys() []setting.Key {
	return []setting.Key{
		setting.New("family",
			"law of the context matrices: `haar` (O(d)), `so` (SO(d)) or `rotation` (pairs)",
			(*string)(&c.Family)),
		setting.New("d", "token dimension", &c.D),
		setting.New("mu", "context spread μ ≥ 1: the angles of a rotation are uniform on [0, 2π/μ]",
			&c.Mu),
		setting.New("rho", "contraction ρ in (0, 1], the modulus of every eigenvalue", &c.Rho),
		setting.New("sigma", "noise level σ ≥ 0 in s_{t+1} = W s_t + σ ε", &c.Sigma),
		setting.New("noise", "law of ε: `real`, the one that real sequences have",
			(*string)(&c.Noise)),
	}
}

// lawKeys are the name of the law of c and the settings that it has.
func (c *Config) lawKeys() []setting.Key {
	name := setting.Key{
		Name: "law", Value: byName{&c.Law, processLaw}, Usual: processLaw,
		Means: orAdded("law of the sequences: `process`, that of the paper",
			c.catalogue.or().laws.names()),
	}
	if c.OfProcess() {
		return append([]setting.Key{name}, c.processKeys()...)
	}
	law, err := c.catalogue.or().laws.find("law", c.Law)
	if err != nil { // for Resolve to say
		return []setting.Key{name}
	}
	own, _ := c.Own.bind(law)
	return append([]setting.Key{name}, own...)
}

// orAdded adds the names that a program has added to what a key means.
func orAdded(means string, names []string) string {
	if len(names) == 0 {
		return means
	}
	return means + ", or `" + strings.Join(names, "`, `") + "`"
}

// byName is a part of a configuration by its name, "" standing for the usual one.
type byName struct {
	field *string
	usual string
}

// String returns the name.
func (n byName) String() string { return cmp.Or(*n.field, n.usual) }

// Type returns the kind of value.
func (n byName) Type() string { return "word" }

// Set names the part. Whether there is one of that name is for Resolve to say.
func (n byName) Set(name string) error {
	if *n.field = name; name == n.usual {
		*n.field = ""
	}
	return nil
}

// tokensKey is the name of the encoding.
func (c *Config) tokensKey() setting.Key {
	means := "`plain` (s_t), `augmented` (0, s_t, s_{t-1}) or `order` (s_t, …, s_{t-p+1})"
	added := c.catalogue.or().encodings.names()[len(Standard().encodings):]
	return setting.New("tokens", orAdded(means, added), (*string)(&c.Tokens))
}

// encodingKeys are those of the encoding of c besides its name.
func (c *Config) encodingKeys() []setting.Key {
	encoding, err := c.catalogue.or().encodings.find("tokens", string(c.Tokens))
	if err != nil { // for Resolve to say
		return nil
	}
	keys, _ := c.Own.bind(encoding)
	return keys
}

// mixerKey is the name of the kind of mixer.
func (c *Config) mixerKey() setting.Key {
	means := orAdded("`full` heads of dimension embed each, those of the paper, "+
		"or `multihead`, of embed/heads", c.catalogue.or().mixers.names())
	usual := nn.FullHeads{}.Name()
	return setting.Key{Name: "mixer", Means: means, Value: byName{&c.Mixer, usual}, Usual: usual}
}

// ownKeys are the keys that every configuration has: those of the model and of
// its training.
func (c *Config) ownKeys() []setting.Key {
	preNorm := setting.New("pre_norm", "the layer norm before the attention: `true` or `false`",
		&c.PreNorm)
	preNorm.Usual = "false"
	keep := setting.New("keep_every", "steps from one checkpoint that stays to the next, which "+
		"`icar probe --over-training` looks at; 0 for none", &c.KeepEvery)
	keep.Usual = "0"
	decay := setting.New("weight_decay", "weight decay λ of `adamw`, which at 0 is `adam`: "+
		"a step shrinks the weights by a factor 1 - ηλ; PyTorch's default is 0.01",
		&c.WeightDecay)
	decay.Usual = "0"
	activation := setting.Key{Name: "activation", Means: "of the MLP: `relu` or `gelu`",
		Value: byName{(*string)(&c.Activation), string(nn.Relu)}, Usual: string(nn.Relu)}
	mlpNorm := setting.New("mlp_norm", "a layer norm before the MLP: `true` or `false`", &c.MLPNorm)
	mlpNorm.Usual = "false"
	finalNorm := setting.New("final_norm", "a layer norm before the readout: `true` or `false`",
		&c.FinalNorm)
	finalNorm.Usual = "false"
	return []setting.Key{
		setting.New("width", "numbers in a token; 0 for what the tokens have, d or 3d", &c.Width),
		setting.New("embed", "dimension inside the model, a multiple of width; 0 for width",
			&c.Embed),
		setting.New("depth", "layers", &c.Depth),
		setting.New("heads", "heads of a layer", &c.Heads),
		c.mixerKey(),
		setting.New("attention", "`linear` or `softmax`", (*string)(&c.Attention)),
		setting.New("norm", "layer norm after the attention: `true` or `false`", &c.Norm),
		preNorm,
		setting.New("residual", "skip connection around the attention: `true` or `false`",
			&c.Residual),
		setting.New("mlp", "hidden dimension of the MLP over embed; 0 for no MLP", &c.MLP),
		activation, mlpNorm, finalNorm,
		setting.New("position", "`none`, `additive` or `product` (the P of the paper)",
			(*string)(&c.Position)),
		setting.New("length", "context length n: inputs s_1 … s_n, targets s_2 … s_{n+1}",
			&c.Length),
		setting.New("coords", "leading coordinates of a prediction that have a target; 0 for d",
			&c.Coords),
		setting.New("batch", "sequences in a batch", &c.Batch),
		setting.New("train", "training sequences in an epoch, a multiple of batch", &c.Train),
		setting.New("fresh",
			"`true`: every epoch draws new sequences; `false`: they are drawn once and shuffled every epoch",
			&c.Fresh),
		setting.New("test", "test sequences", &c.Test),
		setting.New("epochs", "passes over the training sequences, of train/batch steps each",
			&c.Epochs),
		setting.New("optimiser", "`adam`, `adamw`, `momentum` or `sgd`", &c.Optimiser),
		decay,
		setting.New("learning_rate", "learning rate η > 0", &c.LearningRate),
		setting.New("schedule", "of the learning rate: `constant`, or `cosine` from η to 0",
			(*string)(&c.Schedule)),
		setting.New("warmup",
			"first steps, over which the learning rate rises in proportion to the step; 0 for none",
			&c.Warmup),
		setting.New("clip",
			"largest norm of the gradient, which a longer one is scaled down to; 0 for any",
			&c.Clip),
		setting.New("seed",
			"seed of all randomness: initial weights, training and test sequences, shuffles",
			&c.Seed),
		setting.New("eval_every",
			"steps from one evaluation on the test sequences to the next; 0 for one at the end",
			&c.EvalEvery),
		setting.New("checkpoint_every",
			"steps from one checkpoint to the next; 0 for one at the start and one at the end",
			&c.CheckpointEvery),
		keep,
	}
}

// SequenceKeys are those of the keys of c that decide which sequences there are and
// what their tokens are: the others are of the model and of its training.
func (c *Config) SequenceKeys() []setting.Key { return c.ofSequences(c.Keys()) }

// SequenceKeys are the SequenceKeys of all configurations of the catalogue.
func (c *Catalogue) SequenceKeys() []setting.Key {
	config := c.Config()
	return config.ofSequences(c.Keys())
}

// ofSequences leaves out the keys of the model and of its training.
func (c *Config) ofSequences(keys []setting.Key) []setting.Key {
	return slices.DeleteFunc(keys, func(k setting.Key) bool {
		return k.Name != "length" && k.Name != "seed" && hasKey(c.ownKeys(), k.Name)
	})
}

// Assign sets keys of c, the law and the tokens first, since these decide which
// keys there are besides. The error is about a key that c has not, and then
// names the nearest one or the law that has it, or about a value of the wrong
// type. Whether the values make sense is for Resolve to say.
func (c *Config) Assign(settings ...setting.Setting) error {
	settings = slices.Clone(settings)
	slices.SortStableFunc(settings, func(a, b setting.Setting) int {
		return rank(a.Key) - rank(b.Key)
	})
	for _, s := range settings {
		if err := c.assign(s); err != nil {
			return err
		}
	}
	return nil
}

// rank puts the keys first that decide which others there are.
func rank(key string) int {
	if key == "law" || key == "tokens" {
		return 0
	}
	return 1
}

func (c *Config) assign(s setting.Setting) error {
	k, err := c.key(s.Key)
	if err != nil {
		return err
	}
	if err := k.Set(s.Value); err != nil {
		return fmt.Errorf("%s: %w", s.Key, err)
	}
	return nil
}

// key returns the key of a name.
func (c *Config) key(name string) (setting.Key, error) {
	for _, k := range c.Keys() {
		if k.Name == name {
			return k, nil
		}
	}
	if !c.OfProcess() { // of an unknown law it is not known
		if _, err := c.catalogue.or().laws.find("law", c.Law, processLaw); err != nil {
			return setting.Key{}, err
		}
	}
	return setting.Key{}, c.catalogue.unknown(name)
}

// unknown returns the error about a key that a configuration has not.
func (c *Catalogue) unknown(key string) error {
	c = c.or()
	owners := append(c.laws.owners("law", key), c.encodings.owners("tokens", key)...)
	if hasKey(new(Config).processKeys(), key) {
		owners = append(owners, "law "+processLaw)
	}
	if len(owners) > 0 {
		return fmt.Errorf("%s is a setting of %s: choose that, or leave %s out",
			key, strings.Join(owners, " and of "), key)
	}
	var names []string
	for _, k := range c.Keys() {
		names = append(names, k.Name)
	}
	return setting.Unknown("key", key, names...)
}

// Values returns the values of the keys of c by name.
func (c Config) Values() map[string]string {
	values := map[string]string{}
	for _, k := range c.Keys() {
		values[k.Name] = k.String()
	}
	return values
}

// Names returns the keys of some configurations, those of all laws and tokens
// that they have, in the order of the catalogue of the first.
func Names(configs ...Config) []string {
	has := map[string]bool{}
	for _, c := range configs {
		for _, k := range c.Keys() {
			has[k.Name] = has[k.Name] || k.Written()
		}
	}
	var names []string
	if len(configs) > 0 {
		for _, k := range configs[0].catalogue.Keys() {
			if has[k.Name] {
				names = append(names, k.Name)
			}
		}
	}
	return names
}
