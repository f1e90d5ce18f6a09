package nn

import (
	"fmt"
	"math"
	"testing"

	"icar/nn/kernel"
)

// manyHeads is a model whose first layer takes tensors of pairs on 5 sequences and more,
// and the second loops over its heads.
func manyHeads() Config {
	c := everything()
	c.Attention, c.Heads = LinearAttention, 70
	return c
}

// TestPairsAreFewerOperations checks for which models and batches the first layer takes
// tensors of pairs, by operations of a pair of tokens that are counted by hand. The
// sizes of the paper, up to 64 heads, loop over them on any batch.
func TestPairsAreFewerOperations(t *testing.T) {
	fig7 := standard()["fig7-H64"]
	with := func(f func(*Config)) Config {
		c := fig7
		c.Heads = 512
		f(&c)
		return c
	}
	for _, test := range []struct {
		name string
		c    Config
		n    int
		want bool
	}{
		{"the paper's", fig7, 1 << 20, false},
		{"65 heads", with(func(c *Config) { c.Heads = 65 }), 1024, true},
		// 4320 n + 6480 H against 85.6 n H: they meet at n = 4320 → 84.06
		{"512 heads, a batch too small", with(func(*Config) {}), 84, false},
		{"512 heads", with(func(*Config) {}), 85, true},
		{"softmax", with(func(c *Config) { c.Attention = SoftmaxAttention }), 1024, false},
		{"no position", with(func(c *Config) { c.Position = NoPosition }), 1024, false},
		{"a norm before", with(func(c *Config) { c.PreNorm = true }), 1024, false},
		{"a norm of one number", with(func(c *Config) { c.Width, c.Embed = 1, 1 }), 1024, false},
		{"one number without norm", with(func(c *Config) {
			c.Width, c.Embed, c.Norm = 1, 1, false
		}), 1024, true},
		{"wide tokens", with(func(c *Config) { c.Width, c.Embed = 32, 32 }), 1024, false},
	} {
		if got := test.c.paired(test.n, 50); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestPairsAgreeWithReference compares losses, gradients and predictions with those of the
// reference in float64: with and without a layer norm after the heads, with heads that
// fill registers and that do not, and of tokens of one number. A number is a sum of some
// thousand products at most on its way, each rounded by 2⁻²⁴.
func TestPairsAgreeWithReference(t *testing.T) {
	const tolerance = 2000 * 0x1p-24
	close := func(what string, got float32, want, scale float64) {
		t.Helper()
		if !(math.Abs(float64(got)-want) <= tolerance*scale) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	for _, c := range []Config{
		{Width: 3, Embed: 6, Heads: 70, Norm: true, Residual: true},
		{Width: 2, Embed: 6, Heads: 80, MLP: 1},
		{Width: 1, Embed: 4, Heads: 66, Norm: true},
	} {
		c.Depth, c.Length, c.Coords = 1, 11, c.Width
		c.Attention, c.Position = LinearAttention, ProductPosition
		m, b := newModel[float32](t, c, 1), randomBatch[float32](c, 37, 1)
		e, exact := newEngine(t, m, kernel.Available()[0]), newModel[float64](t, c, 1)
		wide := Batch[float64]{N: b.N, T: b.T, X: widened(b.X), Y: widened(b.Y)}
		for i, p := range m.Parameters() {
			copy(exact.Parameters()[i].Data, widened(p.Data))
		}
		got, err := e.Gradient(t.Context(), b)
		if err != nil || e.pairs == nil {
			t.Fatalf("%v, tensors of pairs: %v", err, e.pairs != nil)
		}
		want, err := exact.Gradient(t.Context(), wide)
		if err != nil {
			t.Fatal(err)
		}
		close("the loss", float32(got), want, want)
		largest := 0.0
		for _, p := range exact.Parameters() {
			for _, g := range p.Grad {
				largest = max(largest, math.Abs(g))
			}
		}
		for i, p := range m.Parameters() {
			for j, g := range exact.Parameters()[i].Grad {
				close(fmt.Sprintf("%+v: gradient %d of %s", c, j, p.Name), p.Grad[j], g, largest)
			}
		}
		out, err := e.Predict(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		outs, err := exact.Predict(t.Context(), wide)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range outs {
			close(fmt.Sprintf("prediction %d", i), out[i], v, 1+math.Abs(v))
		}
	}
}

func widened(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// TestFlopsOfPairs counts what an Engine asks of its kernel. Registers lie along
// sequences, heads or monomials, so operations on a lane times 16 are all of them. A
// batch more of 1024 adds what one sequence takes 1024 times, but for registers that
// monomials do not fill; the rest are heads that become tensors and positions.
func TestFlopsOfPairs(t *testing.T) {
	c := standard()["fig7-H64"]
	c.Heads, c.Length = 96, 16
	k := kernel.Available()[0]
	count := func(n int) float64 {
		flops, _, err := Counted(t.Context(), newModel[float32](t, c, 1), k,
			randomBatch[float32](c, n, 1))
		if err != nil {
			t.Fatal(err)
		}
		return flops
	}
	one, two := count(1024), count(2048)
	want := c.Flops(2048, 16) - c.Flops(1024, 16)
	if got := two - one; !(got >= want && got < 1.04*want) {
		t.Errorf("1024 sequences more take %v operations, the formula has %v", got, want)
	}
	fold := 2*c.Flops(1024, 16) - c.Flops(2048, 16)
	if got := 2*one - two; !(got >= fold && got < 1.15*fold) {
		t.Errorf("folding takes %v operations, the formula has %v", got, fold)
	}
}

// TestPairsAddUpOverRounds compares the gradient of a batch of two rounds with the mean
// of those of its sequences in parts of one round, weighted by their number.
func TestPairsAddUpOverRounds(t *testing.T) {
	c := manyHeads()
	c.Length = 3
	const n, part = roundBlocks*kernel.Lanes + 21, 500
	b := randomBatch[float32](c, n, 1)
	m := newModel[float32](t, c, 1)
	e := newEngine(t, m, kernel.Available()[0])
	want := make([][]float64, len(m.Parameters()))
	loss := 0.0
	for from := 0; from < n; from += part {
		count := min(part, n-from)
		x, y := len(b.X)/n, len(b.Y)/n
		some := Batch[float32]{N: count, T: b.T, X: b.X[from*x:][:count*x], Y: b.Y[from*y:][:count*y]}
		share := float64(count) / n
		l, err := e.Gradient(t.Context(), some)
		if err != nil || e.pairs == nil {
			t.Fatal(err, e.pairs)
		}
		loss += share * l
		for i, p := range m.Parameters() {
			for j, g := range p.Grad {
				if j == len(want[i]) {
					want[i] = append(want[i], 0)
				}
				want[i][j] += share * float64(g)
			}
		}
	}
	got, err := e.Gradient(t.Context(), b)
	if err != nil || math.Abs(got-loss) > 1e-6*loss {
		t.Errorf("the loss is %v, %v, want %v", got, err, loss)
	}
	again, err := e.Loss(t.Context(), b)
	if err != nil || again != got {
		t.Errorf("Loss returns %v, %v, Gradient %v", again, err, got)
	}
	for i, p := range m.Parameters() {
		largest, off := 0.0, 0.0
		for j, g := range p.Grad {
			largest = max(largest, math.Abs(want[i][j]))
			off = max(off, math.Abs(float64(g)-want[i][j]))
		}
		// A sum of n terms in float32 is off by n·2⁻²⁴ at most of that of their sizes;
		// by its root, and sums no more than ten times the largest result, in practice.
		if bound := 10 * math.Sqrt(n) * 0x1p-24 * largest; !(off <= bound) {
			t.Errorf("%s is off by %v, the bound is %v", p.Name, off, bound)
		}
	}
}
