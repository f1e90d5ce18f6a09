package cuda

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"icar/nn"
	"icar/nn/cuda/ptx"
)

// TestThePositionsOfLongSequencesFitIntoSharedMemory looks at the widest model: with 124 tokens
// a head's gradients just fit.
func TestThePositionsOfLongSequencesFitIntoSharedMemory(t *testing.T) {
	c := nn.Config{Width: 5, Embed: 15, Depth: 2, Heads: 1, Attention: nn.LinearAttention,
		Position: nn.ProductPosition, Length: 124, Coords: 1}
	m, err := nn.New[float32](c, 1)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlan(m, 4, c.Length, 1, busyWarps, false)
	k := p.allotFolded(newFolded(c, c.Length), newPacking(1, c.Length)).kernels(p)
	for _, kernel := range []*ptx.Kernel{k.unfold(true), k.fold(0)} {
		if kernel.Asked() > SharedPerBlock {
			t.Errorf("%s asks for %d bytes", kernel.Name(), kernel.Asked())
		}
	}
}

// TestHeadsFoldWhereThereIsSharedMemory plans sequences that just fit and such as do not: of
// layers above the first, whose tokens have more coordinates, and of pairs.
func TestHeadsFoldWhereThereIsSharedMemory(t *testing.T) {
	deep := nn.Config{Width: 3, Embed: 12, Depth: 2, Heads: 1, Attention: nn.LinearAttention,
		Norm: true, Position: nn.NoPosition, Length: 200, Coords: 3}
	pairs := nn.Config{Width: 5, Embed: 10, Depth: 1, Heads: 64, Attention: nn.LinearAttention,
		Position: nn.ProductPosition, Length: 200, Coords: 5}
	for _, s := range []struct {
		config nn.Config
		t      int
		folds  bool
	}{{deep, 56, true}, {deep, 64, false}, {deep, 65, false}, {pairs, 136, true},
		{pairs, 137, false}, {pairs, 200, false}} {
		m, err := nn.New[float32](s.config, 1)
		if err != nil {
			t.Fatal(err)
		}
		p := newPlan(m, 8, s.t, 1, busyWarps, true)
		if p.folds != s.folds || p.shared() > SharedPerBlock {
			t.Errorf("%d heads, T = %d: folded %t, with %d bytes a block", s.config.Heads, s.t,
				p.folds, p.shared())
		}
	}
}

// TestFoldedWeightsAreThoseOfTheirDefinition folds, in two runs side by side. Weights are
// rounded once; positions are sums of few terms in float32.
func TestFoldedWeightsAreThoseOfTheirDefinition(t *testing.T) {
	for _, c := range append(foldedCases(), crowd()) {
		r := newFoldedRig(t, c, 2)
		r.call(t, r.calls.begin)
		for run := range 2 {
			weights, positions := r.define(r.wideParameters(t, run, 0))
			closeTo(t, fmt.Sprint(c, ": weights"), r.get(t, run, r.m.weights), weights, 1e-7)
			for l, p := range positions {
				closeTo(t, fmt.Sprint(c, ": positions"), r.get(t, run, r.m.p[l]), p, 2e-6)
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
			closeTo(t, fmt.Sprint(c, ": slots"), r.get(t, 1, g.to), sums[i], 1e-5)
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
		if steps, broken, err := r.fate(t.Context(), 1); steps != 1 || broken || err != nil {
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
		r.flagged(t)
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
				if !slices.Equal(r.get(t, 0, r.after(s, step+1)), moments[k*n:][:n]) {
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
				t.Errorf("%s: the errors of step %d add up to %g, not %g", c, step, losses[step],
					sum)
			}
		}
		if steps, broken, _ := r.fate(context.Background(), 0); steps != 3 || broken {
			t.Errorf("%s: after 3 steps the clock is %d, stopped %t", c, steps, broken)
		}
	}
}

// flagged checks that there is a flag for every block that makes a step.
func (r foldedRig) flagged(t *testing.T) {
	t.Helper()
	blocks := 0
	for _, c := range r.calls.descend {
		if strings.HasPrefix(c.kernel, "unfold") || strings.HasPrefix(c.kernel, "settle") {
			blocks += c.grid[0]
		}
	}
	if got := r.m.flags(r.plan); got != blocks || r.m.losing.bytes != 4*(1+blocks) {
		t.Errorf("%s: %d flags, in %d bytes with that of the errors, for %d blocks", r.c, got,
			r.m.losing.bytes, blocks)
	}
}

// TestAStepThatIsNotFiniteChangesNothing spoils a number of each kind in one of two runs, of
// steps without a bound of the gradient and with one: the run keeps parameters, moments,
// folded weights and clock for good, the other goes on.
func TestAStepThatIsNotFiniteChangesNothing(t *testing.T) {
	c := foldedCases()[1]
	r := newFoldedRig(t, c, 2)
	layout := r.m.layout
	for name, s := range map[string]spoil{
		"M":        {r.slots[0].from, 147*layout.numbers + layout.layer(1).m},
		"U":        {r.slots[0].from, layout.layer(0).u},
		"gamma":    {r.slots[0].from, layout.layer(1).gamma},
		"readout":  {r.slots[0].from, layout.out + 8 + 6},
		"position": {r.slots[2].from, r.m.packing.index(4, 5, 3)},
		"error":    {r.errors, rigErrors - 1},
	} {
		r.spoiled(t, name, s, r.calls.descend)
		r.spoiled(t, name+", with a bound", s, r.calls.clip)
	}
}

// spoil is a number.
type spoil struct {
	in span
	at int
}

// spoiled makes steps in two runs, the second of which has a number that is not finite in its
// second step.
func (r foldedRig) spoiled(t *testing.T, name string, s spoil, step []call) {
	t.Helper()
	ctx := context.Background()
	for i := range 2 {
		if err := errors.Join(r.sendModel(ctx, i), r.bound(ctx, i, 0.5)); err != nil {
			t.Fatal(err)
		}
		r.draw(t, i, 7)
	}
	r.call(t, r.calls.begin, step)
	weights := r.get(t, 1, r.m.weights)
	state := func() (numbers []float32) {
		for _, s := range []span{r.plan.theta, r.plan.m, r.plan.v} {
			numbers = append(numbers, r.get(t, 1, r.after(s, 1))...)
		}
		return numbers
	}
	before := state()
	good := r.get(t, 1, s.in)[s.at]
	r.set(t, 1, s.in.from(s.at), []float32{float32(math.Inf(1))})
	r.call(t, step)
	r.set(t, 1, s.in.from(s.at), []float32{good})
	r.call(t, step)
	for i, want := range []struct {
		steps  int
		broken bool
	}{{3, false}, {1, true}} {
		steps, broken, err := r.fate(ctx, i)
		if steps != want.steps || broken != want.broken || err != nil {
			t.Errorf("%s: run %d is at step %d, stopped %t, not %d, %t (%v)", name, i, steps,
				broken, want.steps, want.broken, err)
		}
	}
	if !slices.Equal(r.get(t, 1, r.m.weights), weights) {
		t.Errorf("%s: the folded weights have changed", name)
	}
	if !slices.Equal(state(), before) {
		t.Errorf("%s: parameters or moments have changed", name)
	}
}

// bound has the gradients of a run be no longer than that.
func (r foldedRig) bound(ctx context.Context, run int, most float64) error {
	return r.device.Write(ctx, r.at(run, r.plan.bound), encodeBound(most))
}

// TestFlagsWithoutABoundAreNothingToStepsWithOne stops a run by a gradient that is not finite
// and begins it anew with a bound, whose steps have fewer flags.
func TestFlagsWithoutABoundAreNothingToStepsWithOne(t *testing.T) {
	ctx := context.Background()
	r := newFoldedRig(t, foldedCases()[1], 1)
	for _, bad := range []bool{true, false} {
		if err := errors.Join(r.sendModel(ctx, 0), r.bound(ctx, 0, 0.5)); err != nil {
			t.Fatal(err)
		}
		r.draw(t, 0, 7)
		step := r.calls.clip
		if bad {
			step = r.calls.descend
			place := r.m.packing.index(4, 5, 3)
			r.set(t, 0, r.slots[2].from.from(place), []float32{float32(math.Inf(1))})
		}
		r.call(t, r.calls.begin, step)
		if _, broken, err := r.fate(ctx, 0); broken != bad || err != nil {
			t.Errorf("a step is stopped: %t, not %t (%v)", broken, bad, err)
		}
	}
}
