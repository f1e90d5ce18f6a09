package cuda

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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
// that are repeated and that are not, layers that are alike and that are not.
func foldedCases() []foldedCase {
	plain := nn.Config{Width: 3, Embed: 3, Depth: 3, Heads: 1, Attention: nn.LinearAttention,
		Norm: true, Position: nn.NoPosition, Length: 7, Coords: 3}
	product := nn.Config{Width: 2, Embed: 6, Depth: 2, Heads: 5, Attention: nn.SoftmaxAttention,
		Norm: true, MLP: 2, Position: nn.ProductPosition, Length: 9, Coords: 1}
	additive := nn.Config{Width: 1, Embed: 4, Depth: 2, Heads: 19, Attention: nn.LinearAttention,
		Position: nn.AdditivePosition, Length: 9, Coords: 1}
	many := nn.Config{Width: 5, Embed: 10, Depth: 1, Heads: 6, Attention: nn.LinearAttention,
		Position: nn.ProductPosition, Length: 37, Coords: 5}
	wide := plain
	wide.Width, wide.Embed, wide.Coords, wide.MLP = 15, 15, 15, 1
	return []foldedCase{{plain, 7, false}, {product, 6, false}, {additive, 7, false},
		{many, 37, true}, {wide, 5, false}}
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

// rigSlots is the number of slots, and of errors: neither fills what is done at a time.
const (
	rigSlots  = 21
	rigErrors = 300
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
	r := newRuns(emulator.New(), models...)
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
	for l := range rig.m.dp {
		to := rig.m.dp[l]
		to.bytes = 4 * packing.number()
		gathered(to)
	}
	rig.errors = p.zeros(rigErrors)
	rig.calls = p.foldedEnds(rig.m, rig.slots, rig.errors)
	ctx := context.Background()
	if err := r.load(ctx, p); err != nil {
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

// wideParameters are those of a run in float64, as they are after so many steps.
func (r foldedRig) wideParameters(t *testing.T, run, steps int) []float64 {
	t.Helper()
	v := r.get(t, run, r.plan.theta)
	var wide []float64
	for _, x := range v[steps%2*padded(r.plan.p):][:r.plan.p] {
		wide = append(wide, float64(x))
	}
	return wide
}

// define returns the folded weights and the packed positions of parameters by their
// definition, in float64.
func (r foldedRig) define(theta []float64) (weights []float64, positions [][]float64) {
	c, d, f := r.c.config, r.c.config.Embed, r.m.layout
	weights = make([]float64, f.numbers)
	tensor := func(l int, name string) []float64 {
		if l >= 0 {
			name = layerName(l, name)
		}
		return theta[r.plan.parameters[name]:]
	}
	affine := func(w, b []float64, o, rows int, x []float64) float64 {
		sum := b[o]
		for i, v := range x {
			sum += w[o*rows+i] * v
		}
		return sum
	}
	for l := range c.Depth {
		y := f.layer(l)
		// column is W̃ of a head times unit vector i, which is a token, repeated, or 1.
		column := func(name string, h, i int) []float64 {
			x, bias := make([]float64, d), 0.0
			for k := range x {
				if i < y.e-1 && k%(y.e-1) == i {
					x[k] = 1
				}
			}
			if i == y.e-1 {
				bias = 1
			}
			w, b, out := tensor(l, name+".weight"), tensor(l, name+".bias"), make([]float64, d)
			for o := range out {
				out[o] = affine(w, make([]float64, c.Heads*d), h*d+o, d, x) + bias*b[h*d+o]
			}
			return out
		}
		for h := range c.Heads {
			for n := range y.e {
				for m := range y.e {
					weights[y.m+(h*y.e+n)*padded(y.e)+m] = inner(column("k", h, n),
						column("q", h, m)) / math.Sqrt(float64(d))
				}
				value := column("v", h, n)
				for o := range d {
					weights[y.u+(h*y.e+n)*padded(d)+o] = inner(tensor(l, "o.weight")[o*d:][:d], value)
				}
			}
		}
		copy(weights[y.o:][:d], tensor(l, "o.bias"))
		if c.Norm {
			copy(weights[y.gamma:][:d], tensor(l, "norm.weight"))
			copy(weights[y.beta:][:d], tensor(l, "norm.bias"))
		}
		for m := range c.MLP * d {
			copy(weights[y.up+m*padded(d+1):][:d], tensor(l, "up.weight")[m*d:])
			weights[y.up+m*padded(d+1)+d] = tensor(l, "up.bias")[m]
			for o := range d {
				weights[y.down+m*padded(d)+o] = tensor(l, "down.weight")[o*c.MLP*d+m]
			}
		}
		if c.MLP > 0 {
			copy(weights[y.downBias:][:d], tensor(l, "down.bias"))
		}
		if c.Position == nn.ProductPosition {
			positions = append(positions, r.definePositions(affine, tensor, l))
		}
	}
	for o := range c.Width {
		copy(weights[f.out+o*padded(d+1):][:d], tensor(-1, "out.weight")[o*d:])
		weights[f.out+o*padded(d+1)+d] = tensor(-1, "out.bias")[o]
	}
	if c.Position == nn.AdditivePosition {
		for i := range r.c.t {
			copy(weights[f.pos+i*padded(d):][:d], tensor(-1, "pos")[i*d:])
		}
	}
	return weights, positions
}

// definePositions are the softmax of scores of the position vectors, packed.
func (r foldedRig) definePositions(affine func(w, b []float64, o, rows int, x []float64) float64,
	tensor func(l int, name string) []float64, l int) []float64 {
	d, p := r.c.config.Embed, make([]float64, r.m.packing.number())
	vector := func(name string, h, i int) []float64 {
		out, pos := make([]float64, d), tensor(-1, "pos")[i*d:][:d]
		for o := range out {
			out[o] = affine(tensor(l, name+".weight"), tensor(l, name+".bias"), h*d+o, d, pos)
		}
		return out
	}
	for h := range r.c.config.Heads {
		var keys [][]float64
		for i := range r.c.t {
			keys = append(keys, vector("k", h, i))
			query, sum := vector("q", h, i), 0.0
			for _, key := range keys {
				sum += math.Exp(inner(query, key) / math.Sqrt(float64(d)))
			}
			for j, key := range keys {
				p[r.m.packing.index(h, i, j)] = math.Exp(inner(query, key)/math.Sqrt(float64(d))) / sum
			}
		}
	}
	return p
}

func inner(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// close fails the test where a number is off by more than tolerance, in parts of 1 or of the
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

// TestFoldedWeightsAreThoseOfTheirDefinition folds, in two runs side by side. Weights are
// rounded once; positions are sums of few terms in float32.
func TestFoldedWeightsAreThoseOfTheirDefinition(t *testing.T) {
	for _, c := range foldedCases() {
		r := newFoldedRig(t, c, 2)
		r.call(t, r.calls.begin)
		for run := range 2 {
			weights, positions := r.define(r.wideParameters(t, run, 0))
			closeTo(t, fmt.Sprint(c, ": weights"), r.get(t, run, r.m.weights), weights, 1e-7)
			for l, p := range positions {
				closeTo(t, fmt.Sprint(c, ": positions"), r.get(t, run, r.m.p[l])[:len(p)], p, 2e-6)
			}
		}
	}
}

// TestUnfoldedGradientsAreThoseOfAFunctionOfTheFoldedWeights takes the sum of folded weights and
// positions, each times a number that is drawn: these are its gradient, and that with respect
// to the parameters is known from differences of the definition, which is linear or
// bilinear but for the softmax.
func TestUnfoldedGradientsAreThoseOfAFunctionOfTheFoldedWeights(t *testing.T) {
	for _, c := range foldedCases() {
		r := newFoldedRig(t, c, 2)
		r.draw(t, 0, 1)
		sums := r.draw(t, 1, 2)
		r.call(t, r.calls.begin, r.calls.gradient)
		for i, g := range r.slots {
			to := g.to
			to.bytes = 4 * g.numbers
			closeTo(t, fmt.Sprint(c, ": slots"), r.get(t, 1, to), sums[i], 1e-5)
		}
		theta := r.wideParameters(t, 1, 0)
		function := func() float64 {
			weights, positions := r.define(theta)
			sum := inner(weights, sums[0])
			for l, p := range positions {
				sum += inner(p, sums[1+l])
			}
			return sum
		}
		want := make([]float64, len(theta))
		for i, v := range theta {
			const h = 1e-4
			theta[i] = v + h
			above := function()
			theta[i] = v - h
			want[i], theta[i] = (above-function())/(2*h), v
		}
		got := r.get(t, 1, r.plan.gradient)
		closeTo(t, fmt.Sprint(c, ": gradient"), got, want, 2e-5)
		if steps, broken, err := r.fate(context.Background(), 1); steps != 1 || broken || err != nil {
			t.Errorf("%s: after a gradient the clock is %d, stopped %t, %v", c, steps, broken, err)
		}
	}
}

// TestStepsOfFoldedWeightsAreAdams makes steps: parameters and moments are those that Adam's
// operations make of the gradient, to the bit; the folded weights are those of the new
// parameters; the losses are the sums of the errors.
func TestStepsOfFoldedWeightsAreAdams(t *testing.T) {
	for _, c := range foldedCases() {
		r := newFoldedRig(t, c, 1)
		r.call(t, r.calls.begin)
		n := r.plan.p
		moments := make([]float32, 2*n)
		for step := range 3 {
			before := r.wideParameters(t, 0, step)
			r.draw(t, 0, uint64(step))
			r.call(t, r.calls.descend)
			for i, g := range r.get(t, 0, r.plan.gradient) {
				m, v := &moments[i], &moments[n+i]
				*m += float32(float32(1-beta1) * (g - *m))
				*v = float32(beta2**v) + float32(float32(float32(1-beta2)*g)*g)
				x := float32(float32(before[i]) * 0.99)
				rate := 0.01 / float32(step+1)
				x -= float32(rate**m) / (float32(math.Sqrt(float64(*v)))/0.5 + epsilon)
				before[i] = float64(x)
			}
			if got := r.wideParameters(t, 0, step+1); !slices.Equal(got, before) {
				t.Fatalf("%s: step %d makes other parameters than Adam", c, step)
			}
			for k, s := range []span{r.plan.m, r.plan.v} {
				got := r.get(t, 0, s)[(step+1)%2*padded(n):][:n]
				if !slices.Equal(got, moments[k*n:][:n]) {
					t.Fatalf("%s: step %d makes other moments than Adam", c, step)
				}
			}
			weights, _ := r.define(before)
			closeTo(t, fmt.Sprint(c, ": weights"), r.get(t, 0, r.m.weights), weights, 1e-7)
			sum := 0.0
			for _, e := range r.get(t, 0, r.errors) {
				sum += float64(e)
			}
			losses := r.losses(t, 0, step+1)
			if math.Abs(losses[step]-sum) > 1e-12*math.Abs(sum) {
				t.Errorf("%s: the errors of step %d add up to %g, not %g", c, step, losses[step], sum)
			}
		}
		if steps, broken, _ := r.fate(context.Background(), 0); steps != 3 || broken {
			t.Errorf("%s: after 3 steps the clock is %d, stopped %t", c, steps, broken)
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

// TestAStepThatIsNotFiniteChangesNothing spoils a number of each kind in one of two runs: it
// keeps parameters, moments, folded weights and clock for good, the other goes on.
func TestAStepThatIsNotFiniteChangesNothing(t *testing.T) {
	c := foldedCases()[1]
	r := newFoldedRig(t, c, 2)
	layout := r.m.layout
	spoils := map[string]struct {
		in span
		at int
	}{
		"M":        {r.slots[0].from, 17*layout.numbers + layout.layer(1).m},
		"U":        {r.slots[0].from, layout.layer(0).u},
		"gamma":    {r.slots[0].from, layout.layer(1).gamma},
		"readout":  {r.slots[0].from, layout.out + 8 + 6},
		"position": {r.slots[2].from, r.m.packing.index(4, 5, 3)},
		"error":    {r.errors, 299},
	}
	for name, s := range spoils {
		for i := range 2 {
			if err := r.sendModel(context.Background(), i); err != nil {
				t.Fatal(err)
			}
			r.draw(t, i, 7)
		}
		r.call(t, r.calls.begin, r.calls.descend)
		weights := r.get(t, 1, r.m.weights)
		theta := r.wideParameters(t, 1, 1)
		good := r.get(t, 1, s.in)[s.at]
		r.set(t, 1, s.in.from(s.at), []float32{float32(math.Inf(1))})
		r.call(t, r.calls.descend)
		r.set(t, 1, s.in.from(s.at), []float32{good})
		r.call(t, r.calls.descend)
		for i, want := range []struct {
			steps  int
			broken bool
		}{{3, false}, {1, true}} {
			steps, broken, err := r.fate(context.Background(), i)
			if steps != want.steps || broken != want.broken || err != nil {
				t.Errorf("%s: run %d is at step %d, stopped %t, not %d, %t (%v)", name, i, steps,
					broken, want.steps, want.broken, err)
			}
		}
		if !slices.Equal(r.get(t, 1, r.m.weights), weights) {
			t.Errorf("%s: the folded weights have changed", name)
		}
		if !slices.Equal(r.wideParameters(t, 1, 1), theta) {
			t.Errorf("%s: the parameters have changed", name)
		}
	}
}
