// Package bench times the standard cases: steps of training of the models of
// the paper's experiments at their batch of 1024 sequences, sampling, and models of
// other sizes. Each case runs in a process of its own, so that its peak memory is its
// own.
package bench

// Shapes: N batch, T context length, D embed, H heads, L layers.

import (
	"fmt"

	"icar/ar"
	"icar/internal/suggest"
	"icar/nn"
	"icar/train"
)

// Sampling is the name of the case that draws a batch of Haar sequences a step.
const Sampling = "haar-sampling"

// Case is something to time. The models have the names, sizes and step of
// nn/testdata/oracle.py: the gradient of the mean squared error on one batch,
// and Adam.
type Case struct {
	Name   string
	Config train.Config // its batch, length and model
}

// Cases returns the standard cases, those of the paper, and then the others.
func Cases() []Case { return append(Standard(), Others()...) }

// Others returns eight times the heads of the paper's largest model (fig7-H512), and
// wide models on small batches: a standard block of GPT-2 (gpt), the paper's layers at
// D = 64 and D = 256 (w64, w256), and long contexts of high dimension (d32).
func Others() []Case {
	w64 := train.DefaultConfig()
	w64.D, w64.Tokens, w64.Embed, w64.Heads, w64.Depth, w64.MLP = 16, ar.Plain, 64, 4, 4, 4
	w64.Attention, w64.Position, w64.Batch = nn.SoftmaxAttention, nn.AdditivePosition, 64
	gpt, w256, d32 := w64, w64, train.DefaultConfig()
	gpt.Mixer, gpt.Activation = nn.MultiHead{}.Name(), nn.GELU
	gpt.PreNorm, gpt.MLPNorm, gpt.FinalNorm = true, true, true
	w256.Embed, w256.Heads, w256.Depth = 256, 1, 12
	d32.D, d32.Depth, d32.Length, d32.Batch = 32, 4, 128, 256
	many := fig7()
	many.Heads = 512
	return []Case{{"fig7-H512", many}, {"gpt", gpt}, {"w64", w64}, {"w256", w256}, {"d32", d32}}
}

// Standard returns the cases of the paper's models, and sampling.
func Standard() []Case {
	fig5, fig7 := train.DefaultConfig(), fig7()
	deep, wide, softmax := fig5, fig7, fig7
	deep.Depth = 4
	wide.Heads = 64
	softmax.Attention = nn.SoftmaxAttention
	mlp := deep
	mlp.MLP = 4
	return []Case{
		{"fig5-L1", fig5}, {"fig5-L4", deep}, {"fig7-H8", fig7}, {"fig7-H64", wide},
		{"softmax-H8", softmax}, {"mlp-L4", mlp}, {Sampling, fig5},
	}
}

// fig7 is the model of the paper's Fig. 7 at 8 heads.
func fig7() train.Config {
	c := train.DefaultConfig()
	c.Tokens, c.Embed, c.Heads = ar.Plain, 10, 8
	c.Residual, c.Position = false, nn.ProductPosition
	return c
}

// Names returns the names of cases.
func Names(cases []Case) []string {
	var names []string
	for _, c := range cases {
		names = append(names, c.Name)
	}
	return names
}

// Choose returns the cases of those names, in the order of [Cases].
func Choose(names []string) ([]Case, error) {
	all := Cases()
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	var chosen []Case
	for _, c := range all {
		if wanted[c.Name] {
			chosen = append(chosen, c)
			delete(wanted, c.Name)
		}
	}
	for _, name := range names {
		if wanted[name] {
			return nil, fmt.Errorf("there is no case %q: %s", name, suggest.Instead(name, Names(all)))
		}
	}
	return chosen, nil
}

// AtLength returns c with contexts of length tokens and as many sequences as
// keep the cores at work: a sweep over lengths looks at one sequence, and
// 1024 of 6400 tokens would be mostly data.
func (c Case) AtLength(length int) Case {
	const sequences = 64
	c.Config.Length, c.Config.Batch = length, sequences
	return c
}

// Flops returns the operations of a step by [nn.Config.Flops], 0 for sampling,
// whose work is random bits. The error says why c cannot be run.
func (c Case) Flops() (float64, error) {
	resolved, err := c.resolve()
	if err != nil || c.Name == Sampling {
		return 0, err
	}
	return resolved.Flops(resolved.Batch, resolved.Length), nil
}

// resolve completes the configuration with one batch for training set.
func (c Case) resolve() (train.Config, error) {
	c.Config.Train, c.Config.Test, c.Config.Fresh = c.Config.Batch, 1, c.Name == Sampling
	return c.Config.Resolve()
}
