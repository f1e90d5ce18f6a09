package nn

import (
	"testing"

	"icar/nn/kernel"
)

// small is a model with a batch that has fewer blocks than there are processors.
type small struct {
	config Config
	n      int
	bits   string // what training it gives, of the arithmetic fma
}

// smalls are models whose blocks are cut, in every way that there is.
func smalls() map[string]small {
	softmax := Config{Width: 8, Embed: 64, Depth: 2, Heads: 2, Attention: SoftmaxAttention,
		Norm: true, Residual: true, MLP: 2, Position: AdditivePosition, Length: 33, Coords: 8}
	gpt, product, square, prefix := softmax, softmax, softmax, softmax
	gpt.Mixer, gpt.Heads, gpt.Activation = MultiHead{}.Name(), 4, GELU
	gpt.PreNorm, gpt.MLPNorm, gpt.FinalNorm = true, true, true
	product.Position, product.Embed, product.MLP = ProductPosition, 40, 0
	square.Attention, square.Position = LinearAttention, NoPosition
	square.Embed, square.Heads = 96, 1
	prefix.Attention, prefix.Position = LinearAttention, NoPosition
	prefix.Embed, prefix.Length = 40, 77
	prefixes := prefix
	prefixes.Depth, prefixes.Width, prefixes.Coords, prefixes.MLP = 1, 40, 8, 0
	return map[string]small{
		"softmax":  {softmax, 5, "eb4e5822891df53b"},
		"gpt":      {gpt, 17, "93cdf4191ba79962"},
		"product":  {product, 16, "5aeb7c070cefef8e"},
		"square":   {square, 9, "a2c060bf316c727e"},
		"prefix":   {prefix, 9, "3731bdc856f774b9"},
		"prefixes": {prefixes, 9, "25998dab338269e9"},
		"heads":    {standard()["fig7-H64"], 16, "d09c9e0e201e3b2c"},
		"soft":     {standard()["softmax-H8"], 7, "ada7d973826f4a65"},
	}
}

// TestSmallBatchesSameBits trains models on one or two blocks, which are cut when there
// are more processors: the bits are those of one processor, and those from before there
// were any cuts.
func TestSmallBatchesSameBits(t *testing.T) {
	k := kernel.Available()[0]
	for name, s := range smalls() {
		want := hashOf(trainEngine(t, s.config, s.n, k, 1, 2))
		if k.Arithmetic() == "fma" && want != s.bits {
			t.Errorf("%s on one processor gives %s, want %q", name, want, s.bits)
		}
		for _, processors := range []int{2, 7, 16} {
			if got := hashOf(trainEngine(t, s.config, s.n, k, processors, 2)); got != want {
				t.Errorf("%s on %d processors gives %s, on one %s", name, processors, got, want)
			}
		}
	}
}
