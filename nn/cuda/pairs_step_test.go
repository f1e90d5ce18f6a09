package cuda

import (
	"fmt"
	"math"
	"testing"

	"icar/internal/needs"
	"icar/nn"
)

// pairStep is a step of a model on the emulator.
type pairStep struct {
	*board
	pairTensors
}

// newPairStep writes down a step for m, which it fills with numbers of float32.
func newPairStep(t *testing.T, m *pairModel) pairStep {
	c := m.Config
	b := newBoard(t)
	m.e = foldedInput(c, 0)
	draw := func(n int, scale float64) (v []float64) {
		for _, x := range b.draw(n) {
			v = append(v, float64(x*float32(scale)))
		}
		return v
	}
	m.m, m.u = draw(c.Heads*m.e*m.e, 0.3), draw(c.Heads*c.Embed*m.e, 0.3)
	m.bias, m.gamma, m.beta = draw(c.Embed, 1), draw(c.Embed, 1), draw(c.Embed, 1)
	m.out = draw(c.Width*(c.Embed+1), 1)
	m.p = make([]float64, c.Heads*c.Length*c.Length)
	for h := range c.Heads {
		for i := range c.Length {
			row := m.p[(h*c.Length+i)*c.Length:][:i+1]
			sum := 0.0
			for j := range row {
				row[j] = float64(1 + b.rand.IntN(8))
				sum += row[j]
			}
			for j := range row {
				row[j] = float64(float32(row[j] / sum))
			}
		}
	}
	b.batch = nn.Batch[float32]{N: m.n, T: c.Length,
		X: b.draw(m.n * c.Length * c.Width), Y: b.draw(m.n * c.Length * c.Coords)}
	s := pairStep{board: b}
	p := b.plan
	p.config, p.n, p.t, p.groups = c, m.n, c.Length, up(m.n, piece)*piece/32
	p.allotBearings(m.n, 1)
	weights, positions := m.folded()
	deltas := p.zeros(len(weights) + 1) // so that something stands behind the gradient
	s.pairTensors = p.newPairTensors(b.put(weights, len(weights)), deltas,
		b.put(positions, len(positions)))
	for _, z := range p.cleared {
		b.data[z] = make([]float32, z.bytes/4)
	}
	p.pairsForward(&b.list, s.pairTensors)
	p.pairsBackward(&b.list, s.pairTensors)
	sums := s.gatherings(p.numbers(s.packing(c.Length).number()))
	reduction, flag := reduce{sums, s.errors.bytes / 4}, p.numbers(4)
	args := []argument{p.course.argument, s.errors.argument, p.numbers(2 * 32).argument,
		flag.argument}
	for _, g := range sums {
		args = append(args, g.from.argument, g.to.argument)
	}
	p.add(&b.list, reduction.kernel(), [2]int{reduction.blocks(), 1}, foldThreads, args...)
	p.pairsUnfold(&b.list, s.pairTensors)
	return s
}

// folded returns the weights and P as they lie in memory.
func (m pairModel) folded() (weights, positions []float32) {
	c, f := m.Config, newFolded(m.Config, m.Length)
	l := f.layer(0)
	weights = make([]float32, f.numbers)
	rows := func(at int, v []float64, cols int) {
		for i, x := range v {
			weights[at+i/cols*padded(cols)+i%cols] = float32(x)
		}
	}
	turned := make([]float64, len(m.u))
	for i, v := range m.u {
		h, d, e := i/m.e/c.Embed, i/m.e%c.Embed, i%m.e
		turned[(h*m.e+e)*c.Embed+d] = v
	}
	rows(l.m, m.m, m.e)
	rows(l.u, turned, c.Embed)
	rows(l.o, m.bias, c.Embed)
	if c.Norm {
		rows(l.gamma, m.gamma, c.Embed)
		rows(l.beta, m.beta, c.Embed)
	}
	rows(f.out, m.out, c.Embed+1)
	at := newPairs(c).packing(c.Length)
	positions = make([]float32, at.number())
	for i, v := range m.p {
		h, row, j := i/c.Length/c.Length, i/c.Length%c.Length, i%c.Length
		if j <= row {
			positions[at.index(h, row, j)] = float32(v)
		}
	}
	return weights, positions
}

// TestPairSteps compares loss and gradients of whole steps with those of the
// heads in float64. Of P that is compared which is orthogonal to its rows, as a softmax
// passes on no more.
func TestPairSteps(t *testing.T) {
	needs.Patience(t, "the emulator takes seconds for these steps")
	shape := func(heads, width, embed, length, coords int) nn.Config {
		return nn.Config{Width: width, Embed: embed, Depth: 1, Heads: heads, Length: length,
			Coords: coords, Attention: nn.LinearAttention, Position: nn.ProductPosition}
	}
	normed, skipped := shape(41, 5, 5, 13, 3), shape(64, 2, 4, 7, 2)
	normed.Norm, skipped.Residual = true, true
	both := shape(70, 3, 3, 4, 3)
	both.Norm, both.Residual = true, true
	for _, c := range []pairModel{{Config: normed, n: 130}, {Config: skipped, n: 40},
		{Config: both, n: 3}, {Config: shape(40, 6, 2, 2, 6), n: 5}} {
		s := newPairStep(t, &c)
		s.checkAgainst(c)
	}
}

// checkAgainst runs the step and compares.
func (s pairStep) checkAgainst(m pairModel) {
	t, c := s.board.t, m.Config
	t.Helper()
	want, squares := m.gradient(s.batch)
	got := s.run(s.deltas, s.dPositions, s.errors)
	sum := 0.0
	for _, v := range got[2] {
		sum += float64(v)
	}
	if math.Abs(sum-squares) > 2e-6*squares {
		t.Errorf("%+v: squared errors are %v, not %v", c, sum, squares)
	}
	compare := func(what string, want []float64, at func(i int) float32) {
		t.Helper()
		square, off := 0.0, 0.0
		for i, v := range want {
			square += v * v
			off += (float64(at(i)) - v) * (float64(at(i)) - v)
		}
		if !(off <= 1e-10*square) {
			t.Errorf("%+v: %s is off by %.3g of %.3g", c, what, math.Sqrt(off), math.Sqrt(square))
		}
	}
	l, f := s.layer, newFolded(c, c.Length)
	if v := got[0][f.numbers]; v != 0 {
		t.Errorf("%+v: behind the gradient stands %v", c, v)
	}
	rows := func(at, cols int) func(i int) float32 {
		return func(i int) float32 { return got[0][at+i/cols*padded(cols)+i%cols] }
	}
	compare("dM", want.m, rows(l.m, m.e))
	compare("dU", want.u, func(i int) float32 {
		h, d, e := i/m.e/c.Embed, i/m.e%c.Embed, i%m.e
		return got[0][l.u+(h*m.e+e)*padded(c.Embed)+d]
	})
	compare("the bias' gradient", want.bias, rows(l.o, c.Embed))
	if c.Norm {
		compare("dγ", want.gamma, rows(l.gamma, c.Embed))
		compare("dβ", want.beta, rows(l.beta, c.Embed))
	}
	compare("the readout's gradient", want.out, rows(f.out, c.Embed+1))
	at := s.packing(c.Length)
	slots := len(got[1]) / at.number()
	mine := make([]float64, len(m.p))
	for i := range mine {
		h, row, j := i/c.Length/c.Length, i/c.Length%c.Length, i%c.Length
		for slot := range slots {
			if j <= row {
				mine[i] += float64(got[1][slot*at.number()+at.index(h, row, j)])
			}
		}
	}
	for i := 0; i < len(mine); i += c.Length {
		for _, v := range [][]float64{mine, want.p} {
			mean := 0.0
			for j, p := range m.p[i:][:c.Length] {
				mean += p * v[i+j]
			}
			for j, p := range m.p[i:][:c.Length] {
				v[i+j] = p * (v[i+j] - mean)
			}
		}
	}
	compare("the gradient of positions", want.p, func(i int) float32 { return float32(mine[i]) })
}

// TestPairsAreWhereHeadsAreMany looks at the models that take this path.
func TestPairsAreWhereHeadsAreMany(t *testing.T) {
	fig7 := nn.Config{Width: 5, Embed: 10, Depth: 1, Heads: 64, Length: 50, Coords: 5, Norm: true,
		Attention: nn.LinearAttention, Position: nn.ProductPosition}
	if !paired(fig7, 50) {
		t.Error("64 heads of one layer are not pairs")
	}
	for what, change := range map[string]func(c *nn.Config){
		"8 heads":       func(c *nn.Config) { c.Heads = 8 },
		"2 layers":      func(c *nn.Config) { c.Depth = 2 },
		"a softmax":     func(c *nn.Config) { c.Attention = nn.SoftmaxAttention },
		"no position":   func(c *nn.Config) { c.Position = nn.NoPosition },
		"an MLP":        func(c *nn.Config) { c.MLP = 4 },
		"a norm before": func(c *nn.Config) { c.PreNorm = true },
		"split heads":   func(c *nn.Config) { c.Mixer = nn.MultiHead{}.Name() },
		"wide tokens":   func(c *nn.Config) { c.Width = 10 },
	} {
		c := fig7
		change(&c)
		if paired(c, 50) {
			t.Error(fmt.Sprint("pairs are taken with ", what))
		}
	}
}
