package nn

import (
	"sync/atomic"
	"testing"

	"icar/ar"
	"icar/nn/kernel"
)

// counted returns the operations that an Engine asks its kernel for, for one
// sequence of length tokens.
func counted(t *testing.T, c Config, length int) float64 {
	t.Helper()
	plain, err := kernel.Choose("go")
	if err != nil {
		t.Fatal(err)
	}
	var flops, entries atomic.Int64
	b := randomBatch[float32](c, 1, 1)
	b.T = length
	b.X, b.Y = b.X[:length*c.Width], b.Y[:length*c.Coords]
	m := newModel[float32](t, c, 1)
	tame(m)
	if _, err := newEngine(t, m, counter{plain, &flops, &entries}).Gradient(t.Context(),
		b); err != nil {
		t.Fatal(err)
	}
	return float64(flops.Load())
}

// TestFlopsAreWhatTheEngineDoes counts what an Engine asks of its kernel. With
// one token, and with one layer of linear attention and product positions, it
// is the formula exactly. Else the engine computes whole squares of 8 by 8
// scores, of which at least 36 are causal: it does at most 64/36 as much.
func TestFlopsAreWhatTheEngineDoes(t *testing.T) {
	for i := range 300 {
		r := ar.Rand(3, "flops", uint64(i))
		c := engineConfig(r)
		for _, length := range []int{1, c.Length} {
			want, got := c.Flops(1, length), counted(t, c, length)
			if most := want * 64 / 36; !(got >= want && got <= most) {
				t.Errorf("%+v, T = %d: %v operations, the formula has %v", c, length, got, want)
			}
			exact := length == 1 || c.Depth == 1 && c.Position == ProductPosition &&
				c.Attention == LinearAttention
			if exact && got != want {
				t.Errorf("%+v, T = %d: %v operations, the formula has %v", c, length, got, want)
			}
		}
	}
	c := standard()["fig7-H64"]
	if one, all := c.Flops(1, 50), c.Flops(1024, 50); all != 1024*one {
		t.Errorf("%v operations for one sequence, %v for 1024", one, all)
	}
}
