package train

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
)

// Key is a field of a configuration by the name that files and flags know it
// by. It is a flag.Value of the flag of that name.
type Key struct {
	Name  string
	Means string // its unit or values too
	field any    // *string, *mixerName, *int, *uint64, *float64 or *bool in the configuration
}

// Keys returns the keys of c in the order of its file; setting one sets the
// field of c. The names are those of nn/testdata/oracle.py where it has them.
func (c *Config) Keys() []Key {
	return []Key{
		{"family", "law of the context matrices: `haar` (O(d)), `so` (SO(d)) or `rotation` (pairs)", (*string)(&c.Family)},
		{"d", "token dimension", &c.D},
		{"mu", "context spread μ ≥ 1: the angles of a rotation are uniform on [0, 2π/μ]", &c.Mu},
		{"rho", "contraction ρ in (0, 1], the modulus of every eigenvalue", &c.Rho},
		{"sigma", "noise level σ ≥ 0 in s_{t+1} = W s_t + σ ε", &c.Sigma},
		{"noise", "law of ε: `real`, the one that real sequences have", (*string)(&c.Noise)},
		{"tokens", "`plain` (s_t) or `augmented` (0, s_t, s_{t-1})", (*string)(&c.Tokens)},
		{"width", "numbers in a token; 0 for what the tokens have, d or 3d", &c.Width},
		{"embed", "dimension inside the model, a multiple of width; 0 for width", &c.Embed},
		{"depth", "layers", &c.Depth},
		{"heads", "heads of a layer", &c.Heads},
		{"mixer", "`full` heads of dimension embed each, those of the paper, or `multihead`, of embed/heads", (*mixerName)(&c.Mixer)},
		{"attention", "`linear` or `softmax`", (*string)(&c.Attention)},
		{"norm", "layer norm after the attention: `true` or `false`", &c.Norm},
		{"pre_norm", "the layer norm before the attention: `true` or `false`", &c.PreNorm},
		{"residual", "skip connection around the attention: `true` or `false`", &c.Residual},
		{"mlp", "hidden dimension of the MLP over embed; 0 for no MLP", &c.MLP},
		{"position", "`none`, `additive` or `product` (the P of the paper)", (*string)(&c.Position)},
		{"length", "context length n: inputs s_1 … s_n, targets s_2 … s_{n+1}", &c.Length},
		{"coords", "leading coordinates of a prediction that have a target; 0 for d", &c.Coords},
		{"batch", "sequences in a batch", &c.Batch},
		{"train", "training sequences in an epoch, a multiple of batch", &c.Train},
		{"fresh", "`true`: every epoch draws new sequences; `false`: they are drawn once and shuffled every epoch", &c.Fresh},
		{"test", "test sequences", &c.Test},
		{"epochs", "passes over the training sequences, of train/batch steps each", &c.Epochs},
		{"optimiser", "`adam`, `momentum` or `sgd`", &c.Optimiser},
		{"learning_rate", "learning rate η > 0", &c.LearningRate},
		{"schedule", "of the learning rate: `constant`, or `cosine` from η to 0", (*string)(&c.Schedule)},
		{"warmup", "first steps, over which the learning rate rises in proportion to the step; 0 for none", &c.Warmup},
		{"clip", "largest norm of the gradient, which a longer one is scaled down to; 0 for any", &c.Clip},
		{"seed", "seed of all randomness: initial weights, training and test sequences, shuffles", &c.Seed},
		{"eval_every", "steps from one evaluation on the test sequences to the next; 0 for one at the end", &c.EvalEvery},
		{"checkpoint_every", "steps from one checkpoint to the next; 0 for one at the start and one at the end", &c.CheckpointEvery},
	}
}

// mixerName is the mixer of a configuration by its name; the usual one is "".
type mixerName string

const usualMixer = "full"

// absent returns whether a file goes without the key: at the value it had before
// there was a key for it.
func (k Key) absent() bool {
	return k.Name == "mixer" && k.String() == usualMixer || k.Name == "pre_norm" && k.String() == "false"
}

// String returns the field's value as Set reads it.
func (k Key) String() string {
	switch f := k.field.(type) {
	case *string:
		return *f
	case *mixerName:
		return cmp.Or(string(*f), usualMixer)
	case *int:
		return strconv.Itoa(*f)
	case *uint64:
		return strconv.FormatUint(*f, 10)
	case *float64:
		return strconv.FormatFloat(*f, 'f', -1, 64) // YAML 1.1 takes 1e-05 for a word
	case *bool:
		return strconv.FormatBool(*f)
	}
	return ""
}

// Set sets the field. The error says what a value of its type looks like; the
// values that make sense are Config.Resolve's to judge.
func (k Key) Set(text string) (err error) {
	switch f := k.field.(type) {
	case *string:
		*f = text
	case *mixerName:
		*f = mixerName(text)
		if text == usualMixer {
			*f = ""
		}
	case *int:
		err = set(f, text, "a whole number", func(s string) (int, error) { return strconv.Atoi(s) })
	case *uint64:
		err = set(f, text, "a whole number from 0 to 2⁶⁴-1", func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
	case *float64:
		err = set(f, text, "a number", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case *bool:
		err = set(f, text, "true or false", parseBool)
	}
	return err
}

// Type returns the kind of value, for the help of a flag.
func (k Key) Type() string {
	switch k.field.(type) {
	case *string, *mixerName:
		return "word"
	case *bool:
		return "bool"
	case *float64:
		return "number"
	}
	return "integer"
}

func set[T any](field *T, text, want string, parse func(string) (T, error)) error {
	value, err := parse(text)
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%s is out of range: use %s that a computer holds", text, want)
	}
	if err != nil {
		return fmt.Errorf("%q is not %s", text, want)
	}
	*field = value
	return nil
}

func parseBool(text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, strconv.ErrSyntax
	}
	return text == "true", nil
}
