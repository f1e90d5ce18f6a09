package train

import (
	"fmt"
	"math"
	"slices"

	"icar/ar"
	"icar/nn"
	"icar/setting"
)

// Schedule is how the learning rate changes over the steps.
type Schedule string

const (
	// Constant keeps the learning rate η.
	Constant Schedule = "constant"
	// Cosine lets it fall from η to 0 along half a cosine:
	// η (1 + cos(π (k-1)/K))/2 at step k = 1, …, K; after U steps of warm-up
	// k - U takes the place of k, and K - U that of K.
	//
	// Reference: Loshchilov, Hutter, "SGDR: stochastic gradient descent with
	// warm restarts", ICLR 2017, arXiv 1608.03983.
	Cosine Schedule = "cosine"
)

// Config is a training run. [Config.Keys] says what each field is. The zero
// value is not valid: decode into [DefaultConfig], or into the Config of a
// [Catalogue]. A width, embed or coords of 0 stands for what follows from the
// tokens, see [Config.Resolve].
type Config struct {
	// Law is the name of the law of the sequences in the catalogue; "" is the
	// process of the paper, whose settings are the fields of ar.Process. Of any
	// other law only D is left of these, the dimension of its states, and so it is
	// of sequences in files.
	Law string `json:"law,omitempty"`
	ar.Process
	Recorded
	// Tokens is the name of the encoding.
	Tokens ar.Tokens `json:"tokens"`
	// Own are the settings of the law and the encoding that are no fields here.
	Own Own `json:"own,omitempty"`
	nn.Config

	Batch int  `json:"batch"`
	Train int  `json:"train"`
	Fresh bool `json:"fresh"`
	Test  int  `json:"test"`

	Epochs       int      `json:"epochs"`
	Optimiser    string   `json:"optimiser"`
	WeightDecay  float64  `json:"weight_decay,omitempty"`
	LearningRate float64  `json:"learning_rate"`
	Schedule     Schedule `json:"schedule"`
	Warmup       int      `json:"warmup"`
	Clip         float64  `json:"clip"`
	Seed         uint64   `json:"seed"`

	EvalEvery       int `json:"eval_every"`
	CheckpointEvery int `json:"checkpoint_every"`
	KeepEvery       int `json:"keep_every,omitempty"`

	catalogue *Catalogue // of Law and Tokens; nil is the standard one
}

// DefaultConfig returns the run of Fig. 5 at depth 1: one layer of one linear
// head with layer norm and skip connection on augmented tokens of Haar
// sequences, d = 5, n = 50, with the sizes and the descent of the authors.
func DefaultConfig() Config {
	return Config{
		Process: ar.New(ar.Haar, 5), Tokens: ar.Augmented,
		Config: nn.Config{
			Depth: 1, Heads: 1, Attention: nn.LinearAttention, Norm: true, Residual: true,
			Position: nn.NoPosition, Length: 50,
		},
		Batch: 1024, Train: 1 << 14, Test: 1 << 10,
		Epochs: 200, Optimiser: nn.AdamName, LearningRate: 1e-2, Schedule: Constant,
		EvalEvery: 16, CheckpointEvery: 100,
	}
}

// Steps returns the number of optimiser steps, 0 for a batch of none, which
// Resolve refuses.
func (c Config) Steps() int {
	if c.Batch < 1 {
		return 0
	}
	return c.Epochs * (c.Train / c.Batch)
}

// Resolve returns c with width, embed and coords filled in where they are 0:
// the width of the tokens, the width, and d; and with every setting of a law or
// an encoding written out. The error says what to change when c cannot be run.
//
// It opens no files: sequences in files have been read before, by [Files.Fill].
func (c Config) Resolve() (Config, error) {
	c, err := c.resolveSequences()
	if err != nil {
		return c, err
	}
	tokens, err := c.Encoding()
	if err != nil {
		return c, err
	}
	c.Own = c.written()
	if c.Mixing, err = c.mixing(); err != nil {
		return c, err
	}
	if width := tokens.Width(c.D); c.Width == 0 {
		c.Width = width
	} else if c.Width != width {
		return c, fmt.Errorf("width %d does not fit: %s tokens of d = %d have width %d; "+
			"use that, or 0", c.Width, c.Tokens, c.D, width)
	}
	if c.Embed == 0 {
		c.Embed = c.Width
	}
	if c.Coords == 0 {
		c.Coords = c.D
	} else if c.Coords != c.D {
		return c, fmt.Errorf("coords %d does not fit: "+
			"a target is a state of d = %d coordinates; use that, or 0", c.Coords, c.D)
	}
	for _, check := range []func() error{c.Config.Check, c.checkCounts, c.checkDescent, c.checkKept,
		c.checkSize} {
		if err := check(); err != nil {
			return c, err
		}
	}
	return c, nil
}

// resolveSequences returns c with the settings of its law, or of its files, alone.
func (c Config) resolveSequences() (Config, error) {
	if err := c.checkData(); err != nil {
		return c, err
	}
	if c.Data != "" {
		if c.D < 1 {
			return c, fmt.Errorf("d %d does not fit: leave it out, and it follows from %s", c.D,
				c.Data)
		}
		c.Process = ar.Process{D: c.D}
		return c, nil
	}
	law, err := c.law()
	if err != nil {
		return c, err
	}
	if _, err := ar.NewSampler[float32](law, 1, 1, 0,
		""); err != nil { // the law, and that it is real
		return c, err
	}
	if c.OfProcess() {
		c.Law = ""
	} else {
		c.Process = ar.Process{D: law.Dim()}
	}
	return c, nil
}

// maxCount bounds every count, so that products of two fit an int.
const maxCount = 1 << 30

func (c Config) checkCounts() error {
	for _, f := range []struct {
		key          string
		value, least int
	}{
		{"batch", c.Batch, 1}, {"train", c.Train, 1}, {"test", c.Test, 1}, {"epochs", c.Epochs, 1},
		{"eval_every", c.EvalEvery, 0}, {"checkpoint_every", c.CheckpointEvery, 0},
		{"keep_every", c.KeepEvery, 0},
	} {
		if f.value < f.least {
			return fmt.Errorf("%s %d is too small: use %d or more", f.key, f.value, f.least)
		}
		if f.value > maxCount {
			return fmt.Errorf("%s %d is too large: use at most %d", f.key, f.value, maxCount)
		}
	}
	if c.Batch > c.Train {
		return fmt.Errorf("batch %d is more than the %d training sequences: use batch %d or less",
			c.Batch, c.Train, c.Train)
	}
	if r := c.Train % c.Batch; r != 0 {
		return fmt.Errorf("train %d is not a multiple of batch %d: use train %d or %d",
			c.Train, c.Batch, c.Train-r, c.Train-r+c.Batch)
	}
	return nil
}

// maxKept bounds the checkpoints that stay: a mistyped interval fills no disk.
const maxKept = 10_000

func (c Config) checkKept() error {
	if steps := c.Steps(); c.KeepEvery > 0 && steps/c.KeepEvery > maxKept {
		return fmt.Errorf("keep_every %d keeps %d checkpoints of the %d steps: use %d or more, "+
			"or 0 for none", c.KeepEvery, steps/c.KeepEvery, steps, (steps+maxKept-1)/maxKept)
	}
	return nil
}

func (c Config) checkDescent() error {
	if !(c.LearningRate > 0) || math.IsInf(c.LearningRate, 1) { // so written, NaN fails
		return fmt.Errorf("learning_rate %v is not a positive number: use 0.01, as the paper does",
			c.LearningRate)
	}
	if !slices.Contains(nn.Optimisers(), c.Optimiser) {
		return setting.Unknown("optimiser", c.Optimiser, nn.Optimisers()...)
	}
	if err := c.checkDecay(); err != nil {
		return err
	}
	switch c.Schedule {
	case Constant, Cosine:
	default:
		return setting.Unknown("schedule", string(c.Schedule), string(Constant), string(Cosine))
	}
	if steps := c.Steps(); c.Warmup < 0 || c.Warmup >= steps {
		return fmt.Errorf("warmup %d leaves none of the %d steps at the full learning rate: "+
			"use 0 for no warm-up, or at most %d", c.Warmup, steps, steps-1)
	}
	if !(c.Clip >= 0) || math.IsInf(c.Clip, 1) {
		return fmt.Errorf("clip %v is not a norm: "+
			"use 0 for no clipping, or a positive number such as 1", c.Clip)
	}
	return nil
}

func (c Config) checkDecay() error {
	switch {
	case !(c.WeightDecay >= 0) || math.IsInf(c.WeightDecay, 1):
		return fmt.Errorf("weight_decay %v is not a number from 0 on: use %v, as PyTorch does",
			c.WeightDecay, nn.UsualDecay)
	case c.WeightDecay > 0 && c.Optimiser != nn.AdamWName:
		return fmt.Errorf("weight_decay %v is a setting of the optimiser %s: use that, or "+
			"weight_decay 0", c.WeightDecay, nn.AdamWName)
	case c.LearningRate*c.WeightDecay >= 1:
		return fmt.Errorf("weight_decay %v at the learning_rate %v takes away all of a weight in "+
			"a step: use one below %v", c.WeightDecay, c.LearningRate, 1/c.LearningRate)
	}
	return nil
}

// maxNumbers keeps a mistyped configuration from taking the machine's memory:
// 2³¹ float32 are 8 GiB.
const maxNumbers = 1 << 31

// checkSize returns an error if one of the large arrays of the run is too
// large. Sizes are in floating point since an int could overflow.
func (c Config) checkSize() error {
	t, d, heads, depth := float64(c.Length), float64(c.Embed), float64(c.Heads), float64(c.Depth)
	sequences := 0.0 // kept for the whole run
	if !c.Fresh {
		sequences = float64(c.Train)
	}
	tokens := t * float64(c.Width+c.Coords)
	for _, a := range []struct {
		what    string
		numbers float64
		use     string
	}{
		{"the training sequences", sequences * (t + 1) * float64(c.D),
			"train, length or d, or fresh sequences"},
		{"the test sequences", float64(c.Test) * tokens, "test, length or d"},
		{"a batch", float64(c.Batch) * tokens, "batch, length or d"},
		{"the attention of a sequence", depth * heads * t * (t + 3*d), "length, heads or depth"},
		{"the hidden units of a sequence", 2 * depth * t * float64(c.MLP) * d,
			"mlp, length, embed or depth"}, // and their gradients
		{"the gradients of the blocks of a batch",
			math.Ceil(float64(c.Batch)/ar.BlockSize) * depth *
				(3*heads + 1 + 2*float64(c.MLP)) * d * d, "batch, embed, heads or depth"},
	} {
		if a.numbers > maxNumbers {
			return fmt.Errorf("%s would be %.3g numbers, more than %d: use a smaller %s",
				a.what, a.numbers, maxNumbers, a.use)
		}
	}
	return nil
}
