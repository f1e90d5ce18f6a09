package cuda

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"icar/nn"
	"icar/nn/cuda/emulator"
)

// TestSequencesGiveTheGradientOfFoldedWeights compares what the kernels of sequences sum
// with the differences of the loss: for all parts of a model, batches that do not fill a
// block, lengths that do not fill a tile, or whose tiles do not fill a round of warps, heads
// that do not fill a group, several that are too wide for one.
func TestSequencesGiveTheGradientOfFoldedWeights(t *testing.T) {
	augmented := nn.Config{Width: 6, Embed: 6, Depth: 1, Heads: 1, Attention: nn.LinearAttention,
		Norm: true, Residual: true, Coords: 2}
	deep, added, plain := augmented, augmented, augmented
	deep.Depth, deep.MLP = 3, 2
	added.Position, added.Embed, added.MLP, added.Activation = nn.AdditivePosition, 12, 1, nn.GELU
	plain.Width, plain.Embed, plain.Heads, plain.Residual = 3, 6, 5, false
	plain.Position = nn.ProductPosition
	soft, many, bare, eight, two := plain, plain, plain, plain, plain
	soft.Attention, soft.Heads, soft.MLP = nn.SoftmaxAttention, 8, 1
	many.Heads, many.Residual = 11, true
	one, softOne := plain, soft
	one.Heads, softOne.Heads = 1, 1
	square := plain
	square.Width, square.Embed, square.MLP, square.Position = 2, 4, 2, nn.NoPosition
	bare.Norm, bare.Position, bare.Attention = false, nn.NoPosition, nn.SoftmaxAttention
	eight.Width, eight.Embed, eight.Heads = 2, 4, 9
	two.Width, two.Embed, two.Heads, two.Attention = 7, 7, 3, nn.SoftmaxAttention
	odd := augmented
	odd.Width, odd.Embed, odd.MLP = 5, 5, 1
	narrow, apart := added, softOne
	narrow.Width, narrow.Embed, narrow.Coords, narrow.MLP = 1, 4, 1, 0
	apart.Width, apart.Embed, apart.Heads = 13, 13, 2
	for name, s := range map[string]struct {
		nn.Config
		n, t, together int
	}{
		"augmented": {augmented, 11, 6, 1}, "deep": {deep, 9, 7, 1}, "added": {added, 9, 5, 1},
		"plain": {plain, 11, 6, 4}, "softmax": {soft, 9, 6, 4}, "many": {many, 9, 6, 4},
		"bare": {bare, 11, 6, 4}, "one": {one, 11, 6, 1}, "one softly": {softOne, 11, 6, 1},
		"square": {square, 9, 7, 4}, "eight": {eight, 9, 6, 8}, "two": {two, 9, 6, 2},
		"odd units": {odd, 9, 6, 1}, "long": {one, 2, 37, 1}, "many warps": {two, 1, 33, 2},
		"a round of warps that is not full": {one, 1, 21, 1}, "narrow": {narrow, 2, 5, 1},
		"wide heads": {apart, 2, 5, 1},
	} {
		t.Run(name, func(t *testing.T) { holdSequences(t, s.Config, s.n, s.t, s.together) })
	}
}

func holdSequences(t *testing.T, c nn.Config, n, length, together int) {
	f := drawFolded(t, c, n, length)
	if f.pack.together != together {
		t.Fatalf("%d heads are together, not %d", f.pack.together, together)
	}
	loss, dw, dp := runSequences(t, f)
	if want := f.loss(); math.Abs(loss-want) > 1e-5*want {
		t.Errorf("the loss is %v, not %v", loss, want)
	}
	f.compare(t, "weight", dw, f.w)
	if c.Position == nn.ProductPosition {
		f.compare(t, "position", dp, f.p)
	}
}

// TestNoNumberComesToNone has one of the weights be no number, of every part of a model that
// has them all: so is the loss, and a step will be told.
func TestNoNumberComesToNone(t *testing.T) {
	linear := nn.Config{Width: 5, Embed: 5, Depth: 1, Heads: 1, Attention: nn.LinearAttention,
		Norm: true, MLP: 1, Residual: true, Coords: 2, Activation: nn.Relu}
	softmax := linear
	softmax.Heads, softmax.Attention, softmax.Activation = 2, nn.SoftmaxAttention, nn.GELU
	for _, c := range []nn.Config{linear, softmax} {
		f := drawFolded(t, c, 1, 5)
		at := f.where.layer(0)
		for part, place := range map[string]int{"M": at.m, "U": at.u, "the bias": at.o,
			"γ": at.gamma, "β": at.beta, "the MLP's first": at.up, "its second": at.down,
			"its bias": at.downBias, "the readout": f.where.out} {
			v := f.w[place]
			f.w[place] = math.NaN()
			if loss, _, _ := runSequences(t, f); !math.IsNaN(loss) {
				t.Errorf("%s: with no number in %s the loss is %v", c.Attention, part, loss)
			}
			f.w[place] = v
		}
	}
}

// drawFolded draws folded weights, positions and a batch.
func drawFolded(t *testing.T, c nn.Config, n, length int) plainFolded {
	t.Helper()
	c.Length = length
	if !foldable(c, length) {
		t.Fatalf("%+v is not folded", c)
	}
	r := rand.New(rand.NewPCG(1, 2))
	f := plainFolded{config: c, where: newFolded(c, length), batch: nn.Batch[float32]{N: n,
		T: length, X: make([]float32, n*length*c.Width), Y: make([]float32, n*length*c.Coords)}}
	for _, s := range [][]float32{f.batch.X, f.batch.Y} {
		for i := range s {
			s[i] = float32(r.NormFloat64())
		}
	}
	f.w = make([]float64, f.where.numbers)
	for i := range f.w {
		f.w[i] = float64(float32(r.NormFloat64() / 2))
	}
	f.pack = sequencesFor(c, f.where, 0, passTurn, length).pack
	f.p = make([]float64, f.pack.number())
	for h := range c.Heads {
		for i := range length {
			for j := range i + 1 {
				f.p[f.pack.index(h, i, j)] = float64(float32(r.Float64()))
			}
		}
	}
	return f
}

// compare holds a gradient to differences of the loss.
func (f plainFolded) compare(t *testing.T, what string, got, of []float64) {
	t.Helper()
	const h = 1e-6 // small, for a ReLU has a kink
	want, largest := make([]float64, len(of)), 0.0
	for i, v := range of {
		of[i] = v + h
		up := f.loss()
		of[i] = v - h
		want[i] = (up - f.loss()) / (2 * h)
		of[i] = v
		largest = max(largest, math.Abs(want[i]))
	}
	for i := range want {
		if d := math.Abs(got[i] - want[i]); !(d <= 2e-5*largest) && want[i] != 0 {
			t.Fatalf("the gradient of %s %d is %v, not %v", what, i, got[i], want[i])
		}
	}
	if largest == 0 {
		t.Errorf("no gradient of a %s is another than 0", what)
	}
}

// runSequences returns what the kernels come to on the emulator.
func runSequences(t *testing.T, f plainFolded) (loss float64, dw, dp []float64) {
	t.Helper()
	ctx := context.Background()
	d := emulator.New()
	p := &plan{config: f.config, n: f.batch.N, t: f.batch.T}
	p.allotBearings(p.n, 1)
	w := p.zeros(f.where.numbers)
	positions := make([]span, f.config.Depth)
	positions[0] = p.numbers(f.pack.number())
	m := p.allotSequences(f.where, w, positions)
	var list []call
	p.sequences(&list, m)
	base, err := d.Alloc(ctx, p.bytes)
	if err != nil {
		t.Fatal(err)
	}
	r := &runs{device: d, compiler: new(compiler), side: []int{0}, plan: p,
		binding: binding{runs: 1, base: base, runBytes: p.bytes}}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range p.cleared {
		check(r.write(ctx, 0, s, make([]float32, s.bytes/4)))
	}
	narrow := func(v []float64) []float32 {
		w := make([]float32, len(v))
		for i := range v {
			w[i] = float32(v[i])
		}
		return w
	}
	check(r.write(ctx, 0, w, narrow(f.w)))
	product := f.config.Position == nn.ProductPosition
	if product {
		check(r.write(ctx, 0, positions[0], narrow(f.p)))
	}
	check(r.send(ctx, f.batch))
	check(r.load(ctx, p.kernels))
	check(r.launch(ctx, list))
	sum := func(s span, n int) []float64 {
		v, err := r.read(ctx, 0, s)
		check(err)
		sums := make([]float64, n)
		for i, x := range v {
			sums[i%n] += float64(x)
		}
		return sums
	}
	dw = sum(m.slots, f.where.numbers)
	if product {
		dp = sum(m.layers[0].dp, f.pack.number())
	}
	losses := sum(m.errors, 1)[0]
	return losses / float64(f.batch.N*f.batch.T*f.config.Coords), dw, dp
}

// TestSequencesAreWhereHeadsAreFew looks at the models that take this path.
func TestSequencesAreWhereHeadsAreFew(t *testing.T) {
	softmax := nn.Config{Width: 5, Embed: 15, Depth: 1, Heads: 8, Length: 64, Coords: 5, MLP: 4,
		Norm: true, Residual: true, Attention: nn.SoftmaxAttention, Position: nn.ProductPosition}
	deep := softmax
	deep.Depth, deep.Heads, deep.Attention = 4, 1, nn.LinearAttention
	deep.Position = nn.AdditivePosition
	added := deep
	added.Depth = 1
	for _, c := range []nn.Config{softmax, deep, added} {
		if !foldable(c, mostLength) || foldable(c, mostLength+1) {
			t.Errorf("%+v is folded otherwise than up to %d tokens", c, mostLength)
		}
		for what, change := range map[string]func(c *nn.Config){
			"wide tokens":               func(c *nn.Config) { c.Embed = 16 },
			"a norm before the mixer":   func(c *nn.Config) { c.PreNorm = true },
			"a norm before the MLP":     func(c *nn.Config) { c.MLPNorm = true },
			"a norm before the readout": func(c *nn.Config) { c.FinalNorm = true },
			"split heads":               func(c *nn.Config) { c.Mixer = nn.MultiHead{}.Name() },
			"a mixer of one's own":      func(c *nn.Config) { c.Mixing = nn.FullHeads{} },
			"layers of several heads":   func(c *nn.Config) { c.Depth, c.Heads = 2, 2 },
			"layers with a softmax": func(c *nn.Config) {
				c.Depth, c.Attention = 2, nn.SoftmaxAttention
			},
			"layers with product position": func(c *nn.Config) {
				c.Depth, c.Position = 2, nn.ProductPosition
			},
		} {
			other := c
			if change(&other); foldable(other, mostLength) {
				t.Errorf("with %s, %+v is folded", what, other)
			}
		}
	}
	for what, change := range map[string]func(c *nn.Config){
		"several heads": func(c *nn.Config) { c.Heads = 2 },
		"a softmax":     func(c *nn.Config) { c.Attention = nn.SoftmaxAttention },
	} {
		other := added
		if change(&other); foldable(other, mostLength) {
			t.Errorf("with positions added and %s, %+v is folded", what, other)
		}
	}
}
