package cuda_test

import (
	"context"
	"os"
	"slices"
	"testing"

	"icar/nn"
	"icar/nn/backendtest"
	"icar/nn/cuda"
	"icar/nn/cuda/emulator"
)

// TestIsABackend runs the suite of backends on the emulator, which also looks for races
// and reads of what was never written in all kernels: with as few tokens and heads a warp
// as there may be, which is the plan for small batches, and with as many. The whole
// suite takes a minute.
func TestIsABackend(t *testing.T) {
	test := backendtest.Small
	if os.Getenv("ICAR_SLOW") != "" {
		test = backendtest.Test
	}
	for name, build := range map[string]nn.NewBackend{
		"few": cuda.On(emulator.New()), "many": cuda.OnIdle(emulator.New()),
	} {
		if err := test(build); err != nil {
			t.Errorf("%s tokens and heads a warp: %v", name, err)
		}
	}
}

// TestTokensOfAWarp checks that the number of tokens of a warp is no matter of bits, of
// either attention, also where the last warp has fewer.
func TestTokensOfAWarp(t *testing.T) {
	for _, attention := range []nn.Attention{nn.LinearAttention, nn.SoftmaxAttention} {
		c := rich()
		c.Attention, c.Heads, c.Length = attention, 1, 7
		b, ctx := draw(c, 1, 35, 1)[0], context.Background()
		var got [2][]uint32
		for i, build := range []nn.NewBackend{cuda.On(emulator.New()), cuda.OnIdle(emulator.New())} {
			m := newModel(t, c, 1)
			backend, err := build(m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := backend.Gradient(ctx, b); err != nil {
				t.Fatal(err)
			}
			for _, p := range m.Parameters() {
				got[i] = append(got[i], bits(nn.Tensor[float32]{Data: p.Grad})...)
			}
		}
		if !slices.Equal(got[0], got[1]) {
			t.Errorf("%s attention: one token a warp gives other bits than four", attention)
		}
	}
}
