package nn

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// TestInitialLaw checks the bound, mean and variance of every initial tensor
// over a wide model. U(-b, b) has variance b²/3 and that of its square is
// 4b⁴/45; a normal number has variance 1 and that of its square is 2. With 5
// standard errors and two checks on each of 15 random tensors a seed that is
// drawn anew fails with probability below 2·15·6e-7 = 1.8e-5.
func TestInitialLaw(t *testing.T) {
	c := Config{Width: 50, Embed: 100, Depth: 1, Heads: 2, Attention: LinearAttention, Norm: true,
		MLP: 2, Position: AdditivePosition, Length: 50, Coords: 5}
	fanIn := map[string]float64{"layers.0.down": 200} // 100 for the others
	random := 0
	for _, p := range newModel[float64](t, c, 3).Parameters() {
		if strings.Contains(p.Name, "norm") {
			want := 0.0
			if strings.HasSuffix(p.Name, "weight") {
				want = 1
			}
			if slices.ContainsFunc(p.Data, func(v float64) bool { return v != want }) {
				t.Errorf("%s is not %v everywhere", p.Name, want)
			}
			continue
		}
		random++
		bound, variance, spread := math.Inf(1), 1.0, math.Sqrt2
		if p.Name != "pos" {
			in := fanIn[p.Name[:strings.LastIndex(p.Name, ".")]]
			if in == 0 {
				in = 100
			}
			bound = 1 / math.Sqrt(in)
			variance, spread = bound*bound/3, math.Sqrt(4.0/45)*bound*bound
		}
		n := float64(len(p.Data))
		var mean, square float64
		for _, v := range p.Data {
			mean += v / n
			square += v * v / n
		}
		if top := norm(p.Data); top > bound || !math.IsInf(bound, 1) && top < 0.9*bound {
			t.Errorf("%s reaches %v, the bound is %v", p.Name, top, bound)
		}
		if e := 5 * math.Sqrt(variance/n); math.Abs(mean) > e {
			t.Errorf("%s has mean %v ± %v", p.Name, mean, e)
		}
		if e := 5 * spread / math.Sqrt(n); math.Abs(square-variance) > e {
			t.Errorf("%s has mean square %v ± %v, want %v", p.Name, square, e, variance)
		}
	}
	if random != 15 {
		t.Errorf("%d random tensors", random)
	}
}

// TestInitialStreams checks that a seed gives the same parameters each time
// and in both types, that another seed gives others, and that no two tensors
// of a model are alike.
func TestInitialStreams(t *testing.T) {
	c := DefaultConfig()
	a, b, other := newModel[float64](t, c, 1).Parameters(), newModel[float32](t, c,
		1).Parameters(), newModel[float64](t, c, 2).Parameters()
	for i, p := range a {
		if !slices.Equal(b[i].Data, convert[float32](p.Data)) {
			t.Errorf("%s differs in float32", p.Name)
		}
		if !strings.Contains(p.Name, "norm") && slices.Equal(p.Data, other[i].Data) {
			t.Errorf("%s does not depend on the seed", p.Name)
		}
		for _, q := range a[:i] {
			if slices.Equal(p.Data, q.Data) {
				t.Errorf("%s and %s start alike", p.Name, q.Name)
			}
		}
	}
}

// TestParameterNames checks names, order and shapes of a model with
// everything in it.
func TestParameterNames(t *testing.T) {
	c := Config{Width: 2, Embed: 4, Depth: 1, Heads: 3, Attention: LinearAttention, Norm: true,
		MLP: 2, Position: ProductPosition, Length: 7, Coords: 1}
	want := []struct {
		name  string
		shape []int
	}{
		{"pos", []int{7, 4}},
		{"layers.0.q.weight", []int{12, 4}}, {"layers.0.q.bias", []int{12}},
		{"layers.0.k.weight", []int{12, 4}}, {"layers.0.k.bias", []int{12}},
		{"layers.0.v.weight", []int{12, 4}}, {"layers.0.v.bias", []int{12}},
		{"layers.0.o.weight", []int{4, 4}}, {"layers.0.o.bias", []int{4}},
		{"layers.0.norm.weight", []int{4}}, {"layers.0.norm.bias", []int{4}},
		{"layers.0.up.weight", []int{8, 4}}, {"layers.0.up.bias", []int{8}},
		{"layers.0.down.weight", []int{4, 8}}, {"layers.0.down.bias", []int{4}},
		{"out.weight", []int{2, 4}}, {"out.bias", []int{2}},
	}
	got := newModel[float32](t, c, 1).Parameters()
	if len(got) != len(want) {
		t.Fatalf("%d parameters, want %d", len(got), len(want))
	}
	for i, w := range want {
		p := got[i]
		if p.Name != w.name || !slices.Equal(p.Shape, w.shape) || len(p.Grad) != len(p.Data) {
			t.Errorf("parameter %d is %s %v, want %s %v", i, p.Name, p.Shape, w.name, w.shape)
		}
	}
}
