package cuda

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"icar/ar"
	"icar/nn"
	"icar/nn/cuda/emulator"
)

// foldedCase is a model and how its positions are packed.
type foldedCase struct {
	config nn.Config
	t      int
	pairs  bool // all heads together
}

// foldedCases have every part: heads that fill no group, lengths that fill no tile, tokens
// that are repeated and that are not, layers that are alike and that are not, more tokens than
// warps make gradients of at a time, and so many heads that blocks share a row of W_o.
func foldedCases() []foldedCase {
	plain := nn.Config{Width: 3, Embed: 3, Depth: 3, Heads: 1, Attention: nn.LinearAttention,
		Norm: true, Position: nn.NoPosition, Length: 7, Coords: 3}
	product := nn.Config{Width: 2, Embed: 6, Depth: 2, Heads: 5, Attention: nn.SoftmaxAttention,
		Norm: true, MLP: 2, Position: nn.ProductPosition, Length: 9, Coords: 1}
	additive := nn.Config{Width: 1, Embed: 4, Depth: 2, Heads: 19, Attention: nn.LinearAttention,
		Position: nn.AdditivePosition, Length: 9, Coords: 1}
	many := nn.Config{Width: 5, Embed: 10, Depth: 1, Heads: 3, Attention: nn.LinearAttention,
		Position: nn.ProductPosition, Length: 37, Coords: 5}
	wide := plain
	wide.Width, wide.Embed, wide.Coords, wide.Depth, wide.MLP = 15, 15, 15, 1, 1
	long, shared := many, plain
	shared.Width, shared.Embed, shared.Heads, shared.Coords, shared.Depth = 1, 5, 33, 1, 1
	long.Width, long.Embed, long.Heads, long.Coords, long.Length = 2, 2, 1, 2, 70
	return []foldedCase{{plain, 7, false}, {product, 6, false}, {additive, 7, false},
		{many, 37, true}, {wide, 5, false}, {long, 70, true}, {shared, 3, false}}
}

// crowd is a case of so many heads that a block makes the positions of one, and warps more
// tokens of it than they make at a time.
func crowd() foldedCase {
	return foldedCase{nn.Config{Width: 2, Embed: 2, Depth: 1, Heads: placeBlocks + 1, Length: 38,
		Attention: nn.LinearAttention, Position: nn.ProductPosition, Coords: 2}, 38, true}
}

func (c foldedCase) String() string {
	return fmt.Sprintf("%d of %d, %d heads, %d layers, position %s, T = %d", c.config.Width,
		c.config.Embed, c.config.Heads, c.config.Depth, c.config.Position, c.t)
}

// foldedRig is runs of a case on the emulator, without kernels of sequences: what these leave
// is drawn.
type foldedRig struct {
	*runs
	c      foldedCase
	m      foldedMemory
	calls  foldedCalls
	slots  []gathering
	errors span
}

// Slots, and errors: more than a thread has under way at a time, and the rest no multiple.
const (
	rigSlots  = 149
	rigErrors = 2345
)

func newFoldedRig(t *testing.T, c foldedCase, count int) foldedRig {
	t.Helper()
	var models []*nn.Transformer[float32]
	for seed := range count {
		m, err := nn.New[float32](c.config, uint64(seed+1))
		if err != nil {
			t.Fatal(err)
		}
		models = append(models, m)
	}
	r := newRuns(emulator.New(), new(compiler), models...)
	p := newPlan(models[0], 4, c.t, 4, busyWarps, false)
	p.kernels = nil
	packing := newPacking(c.config.Heads, c.t)
	if c.pairs {
		packing.together = c.config.Heads
	}
	rig := foldedRig{runs: &r, c: c, m: p.allotFolded(newFolded(c.config, c.t), packing)}
	gathered := func(to span) {
		n := to.bytes / 4
		rig.slots = append(rig.slots, gathering{p.zeros(rigSlots * n), to, n, rigSlots})
	}
	gathered(rig.m.sum)
	for _, to := range rig.m.dp {
		gathered(to)
	}
	rig.errors = p.zeros(rigErrors)
	rig.calls = p.foldedEnds(rig.m, rig.slots, rig.errors, nil)
	ctx := context.Background()
	if err := r.load(ctx, p.kernels); err != nil {
		t.Fatal(err)
	}
	base, err := r.device.Alloc(ctx, p.bytes*count)
	if err != nil {
		t.Fatal(err)
	}
	r.plan, r.binding = p, binding{runs: count, base: base, runBytes: p.bytes}
	for i := range count {
		for _, s := range p.cleared {
			rig.set(t, i, s, make([]float32, s.bytes/4))
		}
		if err := r.sendModel(ctx, i); err != nil {
			t.Fatal(err)
		}
		var table []float32
		for k := range p.steps {
			table = append(table, 0.01/float32(k+1), 0.5, 0.99)
		}
		rig.set(t, i, p.rates, table)
	}
	return rig
}

func (r foldedRig) set(t *testing.T, run int, s span, v []float32) {
	t.Helper()
	if err := r.write(context.Background(), run, s, v); err != nil {
		t.Fatal(err)
	}
}

func (r foldedRig) get(t *testing.T, run int, s span) []float32 {
	t.Helper()
	v, err := r.read(context.Background(), run, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (r foldedRig) call(t *testing.T, lists ...[]call) {
	t.Helper()
	if err := r.launch(context.Background(), lists...); err != nil {
		t.Fatal(err)
	}
}

// draw fills slots and errors of a run, and returns the sums of the former.
func (r foldedRig) draw(t *testing.T, run int, seed uint64) (sums [][]float64) {
	t.Helper()
	random := ar.Rand(seed, "folded", uint64(run))
	for _, g := range r.slots {
		v, sum := normals(random, g.slots*g.numbers), make([]float64, g.numbers)
		for i, x := range v {
			sum[i%g.numbers] += float64(x)
		}
		r.set(t, run, g.from, v)
		sums = append(sums, sum)
	}
	r.set(t, run, r.errors, normals(random, rigErrors))
	return sums
}

func normals(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// after is where parameters, or a moment, in both places of s, are after a number of steps.
func (r foldedRig) after(s span, steps int) span {
	return span{s.from(steps % 2 * padded(r.plan.p)).at, 4 * r.plan.p}
}

// wideParameters are those of a run in float64, as they are after so many steps.
func (r foldedRig) wideParameters(t *testing.T, run, steps int) []float64 {
	t.Helper()
	var wide []float64
	for _, x := range r.get(t, run, r.after(r.plan.theta, steps)) {
		wide = append(wide, float64(x))
	}
	return wide
}

// closeTo fails the test where a number is off by more than tolerance, in parts of 1 or of the
// larger of them.
func closeTo(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, not %d", what, len(got), len(want))
	}
	for i, v := range want {
		if d := math.Abs(float64(got[i]) - v); !(d <= tolerance*max(1, math.Abs(v))) {
			t.Fatalf("%s: number %d is %g, not %g", what, i, got[i], v)
		}
	}
}

// losses are the sums over lanes of those of the first steps.
func (r foldedRig) losses(t *testing.T, run, steps int) []float64 {
	t.Helper()
	data := make([]byte, 8*32*steps)
	if err := r.device.Read(context.Background(), data, r.at(run, r.plan.losses)); err != nil {
		t.Fatal(err)
	}
	sums := make([]float64, steps)
	for i := range 32 * steps {
		sums[i/32] += math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
	}
	return sums
}
