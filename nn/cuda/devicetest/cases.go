package devicetest

import (
	"slices"

	"icar/nn"
)

// Case is a model, a shape of batches and what training comes to.
type Case struct {
	Name   string
	Config nn.Config
	N, T   int     // of a batch
	Clip   float64 // the largest norm of a gradient, 0 for any
	Steps  int     // 0 for one with each of three batches
	// Slow is whether the emulator takes seconds.
	Slow bool
	// Digest is the beginning of the SHA-256 of all losses, weights and moments after
	// the steps. Those of Cases were computed by the emulator; where kernels are changed on
	// purpose, ICAR_SLOW=1 go test ./nn/cuda/devicetest names what each comes to now.
	Digest string
}

// Cases returns models of the kinds that the experiments train, in the widths of these, on
// batches that do not fill a group of 32; two whose heads are not folded; two of these on
// which a warp has several tokens, as on the batches of the experiments; and what kernels
// of folded heads do otherwise where shapes are others.
func Cases() []Case { return slices.Concat(experiments(), shapes(), long()) }

// long are the models of the experiments over a hundred steps, in which a difference
// somewhere would have come to be one everywhere.
func long() []Case {
	digests := []string{"d33a5fe97b8b9d45", "531f69b2c25a3d37", "608b9e2f113ee5c9",
		"3b94e5ed825cff0e", "f40074e8994b5471", "ca3d32c7bda86d85"}
	list := experiments()[:len(digests)]
	for i := range list {
		c := &list[i]
		c.Name, c.Steps, c.Slow, c.Digest = c.Name+", 100 steps", 100, true, digests[i]
	}
	return list
}

func experiments() []Case {
	fig5 := nn.Config{Width: 15, Embed: 15, Depth: 1, Heads: 1, Attention: nn.LinearAttention,
		Norm: true, Residual: true, Position: nn.NoPosition, Length: 50, Coords: 5}
	fig7 := nn.Config{Width: 5, Embed: 10, Depth: 1, Heads: 8, Attention: nn.LinearAttention,
		Norm: true, Position: nn.ProductPosition, Length: 50, Coords: 5}
	deep, wide, softmax := fig5, fig7, fig7
	deep.Depth = 4
	wide.Heads = 64
	softmax.Attention = nn.SoftmaxAttention
	mlp := deep
	mlp.MLP = 4
	gpt := nn.Config{Width: 8, Embed: 16, Depth: 2, Heads: 4, Mixer: nn.MultiHead{}.Name(),
		Attention: nn.SoftmaxAttention, Norm: true, PreNorm: true, Residual: true, MLP: 4,
		Activation: nn.GELU, MLPNorm: true, FinalNorm: true, Position: nn.AdditivePosition,
		Length: 50, Coords: 8}
	large := nn.Config{Width: 8, Embed: 64, Depth: 1, Heads: 2, Attention: nn.SoftmaxAttention,
		Residual: true, Position: nn.ProductPosition, Length: 50, Coords: 8}
	many := softmax
	many.Width, many.Embed, many.Heads, many.Coords, many.FinalNorm = 4, 4, 128, 2, true
	general := wide
	general.FinalNorm = true
	return []Case{
		{"fig5-L1", fig5, 40, 17, 0, 0, false, "8072ce3a92fb75d6"},
		{"fig5-L4", deep, 33, 5, 0, 0, false, "90be7f57f92c04a1"},
		{"fig7-H8", fig7, 35, 11, 0, 0, false, "bc48fc162c3a99ef"},
		{"fig7-H64", wide, 33, 5, 0, 0, false, "0121c548e1498a0f"},
		{"softmax-H8", softmax, 33, 9, 0, 0, false, "709f7c9a9d4e7654"},
		{"mlp-L4", mlp, 33, 5, 0, 0, false, "aca73d0f920bcc02"},
		{"multihead", gpt, 33, 7, 0, 0, false, "ff81a9e9a40f0a16"},
		{"D = 64", large, 5, 5, 0, 0, false, "967610a3f79d9140"},
		{"H64 and a last norm, two tokens a warp", general, 33, 32, 0, 0, true, "030f7d260b2bb999"},
		{"softmax-H128 and a last norm, four tokens a warp", many, 33, 32, 0, 0, true,
			"e312826c7d1344fc"},
	}
}

// shapes are small: batches that do not fill a block of 8, lengths that do not fill a tile of
// 4, heads that do not fill a group.
func shapes() []Case {
	plain := nn.Config{Width: 2, Embed: 4, Depth: 1, Heads: 9, Attention: nn.SoftmaxAttention,
		Norm: true, Position: nn.ProductPosition, Length: 7, Coords: 2}
	four, two, one := plain, plain, plain
	four.Width, four.Embed, four.Heads, four.Position = 3, 6, 5, nn.NoPosition
	two.Width, two.Embed, two.Heads, two.Attention = 7, 7, 3, nn.LinearAttention
	one.Width, one.Embed, one.Heads, one.Residual, one.MLP = 3, 9, 1, true, 1
	added := nn.Config{Width: 4, Embed: 12, Depth: 2, Heads: 1, Attention: nn.LinearAttention,
		Norm: true, Residual: true, MLP: 2, Activation: nn.GELU, Position: nn.AdditivePosition,
		Length: 9, Coords: 4}
	pairs := two
	pairs.Width, pairs.Embed, pairs.Heads = 3, 6, 41
	return []Case{
		{"eight heads together", plain, 9, 6, 0, 0, false, "a5c808f85d22525e"},
		{"four heads together, no position", four, 11, 7, 0, 0, false, "e8b029b545184541"},
		{"two heads together", two, 3, 7, 0, 0, false, "079ce494a7854dc3"},
		{"one head, an odd number of units", one, 9, 5, 0, 0, false, "f42dcd245256db9d"},
		{"positions added, GELU", added, 9, 7, 0, 0, false, "0f0280c79a15318e"},
		{"pairs of an odd number of heads", pairs, 9, 6, 0, 0, false, "c7ba90002e0f1888"},
		{"a bound of the gradient", plain, 9, 6, 0.1, 0, false, "403f9a181d0f99f1"},
		{"a bound of the gradient of pairs", pairs, 9, 6, 0.1, 0, false, "0e94bb4644766083"},
	}
}
