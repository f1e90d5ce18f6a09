package cuda_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"icar/internal/needs"
	"icar/nn"
	"icar/nn/backendtest"
	"icar/nn/cuda"
	"icar/nn/cuda/emulator"
)

// TestIsABackend runs the suite of backends on the emulator, which also looks for races
// and reads of what was never written in all kernels.
func TestIsABackend(t *testing.T) {
	needs.Patience(t, "the emulator takes seconds for the suite")
	if err := backendtest.Small(cuda.On(emulator.New())); err != nil {
		t.Error(err)
	}
}

// TestIsABackendWhole runs all of the suite, also with as many tokens and heads a warp as
// there may be.
func TestIsABackendWhole(t *testing.T) {
	needs.Time(t, "the whole suite takes minutes on the emulator")
	for name, build := range map[string]nn.NewBackend{
		"few": cuda.On(emulator.New()), "many": cuda.OnIdle(emulator.New()),
	} {
		if err := backendtest.Test(build); err != nil {
			t.Errorf("%s tokens and heads a warp: %v", name, err)
		}
	}
}

// TestTokensOfAWarp checks that the number of tokens of a warp is no matter of bits, of
// either attention, also where the last warp has fewer, nor is the number of heads
// where these are split.
func TestTokensOfAWarp(t *testing.T) {
	linear, softmax := rich(), rich()
	linear.Attention, linear.Heads, linear.Length = nn.LinearAttention, 1, 7
	softmax.Heads, softmax.Length = 1, 6
	heads := softmax
	heads.Mixer, heads.Position, heads.Heads = nn.MultiHead{}.Name(), nn.NoPosition, 4
	for name, c := range map[string]nn.Config{
		"linear": linear, "softmax": softmax, "split heads": heads,
	} {
		b := draw(c, 1, 35, 1)[0]
		few := gradient(t, cuda.On(emulator.New()), newModel(t, c, 1), b)
		many := gradient(t, cuda.OnIdle(emulator.New()), newModel(t, c, 1), b)
		if !slices.Equal(few, many) {
			t.Errorf("%s: one token a warp gives other bits than four", name)
		}
	}
}

// TestHeadsOfAWarp checks that heads which are added up in one warp, all of them or two,
// give the same as heads of a warp each, up to rounding.
func TestHeadsOfAWarp(t *testing.T) {
	c := rich()
	c.Heads, c.Attention = 4, nn.LinearAttention
	b := draw(c, 1, 35, 1)[0]
	one := gradient(t, cuda.On(emulator.New()), newModel(t, c, 1), b)
	all := gradient(t, cuda.OnIdle(emulator.New()), newModel(t, c, 1), b)
	// Of two groups of sequences and two tiles of tokens, eight warps are two parts of heads.
	two := gradient(t, cuda.OnBusy(emulator.New(), 8), newModel(t, c, 1), b)
	if slices.Equal(one, all) || slices.Equal(one, two) || slices.Equal(two, all) {
		t.Error("the bits are the same: the heads were not shared out otherwise")
	}
	const tolerance = 1e-5 // gradients are of the order of one
	for i := range one {
		want := math.Float32frombits(one[i])
		for _, bits := range []uint32{all[i], two[i]} {
			if got := math.Float32frombits(bits); math.Abs(float64(got-want)) > tolerance {
				t.Fatalf("number %d of the gradient is %v and %v", i, want, got)
			}
		}
	}
}

// TestBatchesOfOtherShapes checks that what a backend had of a batch is no part of the next, of
// fewer sequences, and that the first has the same bits after that, whether heads are folded or
// not.
func TestBatchesOfOtherShapes(t *testing.T) {
	for name, c := range map[string]nn.Config{"general": small(), "folded": foldedCase()} {
		all := draw(c, 1, 35, 1)[0]
		m, few := newModel(t, c, 1), of(all, []int{33, 2, 5})
		on, err := cuda.On(emulator.New())(m)
		if err != nil {
			t.Fatal(err)
		}
		same := func(model) (nn.Backend, error) { return on, nil }
		for i, b := range []batch{all, few, all} {
			want := gradient(t, cuda.On(emulator.New()), m, b)
			if got := gradient(t, same, m, b); !slices.Equal(got, want) {
				t.Errorf("%s: the gradient of batch %d has other bits than alone", name, i)
			}
		}
	}
}

// gradient returns the bits of that on b.
func gradient(t *testing.T, build nn.NewBackend, m model, b batch) (g []uint32) {
	t.Helper()
	backend, err := build(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backend.Gradient(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Parameters() {
		g = append(g, bits(nn.Tensor[float32]{Data: p.Grad})...)
	}
	return g
}
