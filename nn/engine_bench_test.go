package nn

import (
	"fmt"
	"testing"

	"icar/nn/kernel"
)

// newEngine returns the Engine of a model that has one.
func newEngine(t testing.TB, m *Transformer[float32], k kernel.Kernel) *Engine {
	t.Helper()
	e, err := NewEngine(m, k)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// standard are the shapes of the paper's experiments and their variants, as in
// testdata/oracle.py.
func standard() map[string]Config {
	fig5 := Config{Width: 15, Embed: 15, Depth: 1, Heads: 1, Attention: LinearAttention, Norm: true,
		Residual: true, Position: NoPosition, Length: 50, Coords: 5}
	fig7 := Config{Width: 5, Embed: 10, Depth: 1, Heads: 8, Attention: LinearAttention, Norm: true,
		Position: ProductPosition, Length: 50, Coords: 5}
	deep, wide, soft := fig5, fig7, fig7
	deep.Depth = 4
	wide.Heads = 64
	soft.Attention = SoftmaxAttention
	mlp := deep
	mlp.MLP = 4
	return map[string]Config{"fig5-L1": fig5, "fig5-L4": deep, "fig7-H8": fig7, "fig7-H64": wide,
		"softmax-H8": soft, "mlp-L4": mlp}
}

// BenchmarkEngine times one optimiser step, gradient and Adam, of every
// standard shape on every kernel of the machine, 1024 sequences.
func BenchmarkEngine(b *testing.B) {
	for _, name := range []string{"fig5-L1", "fig5-L4", "fig7-H8", "fig7-H64", "softmax-H8",
		"mlp-L4"} {
		for _, k := range kernel.Available() {
			b.Run(name+"/"+k.Name(), func(b *testing.B) {
				m, err := New[float32](standard()[name], 1)
				if err != nil {
					b.Fatal(err)
				}
				adam, err := NewOptimiser(AdamName, m.Parameters())
				if err != nil {
					b.Fatal(err)
				}
				e := newEngine(b, m, k)
				batch := randomBatch[float32](m.Config(), 1024, 1)
				t := 0
				b.ReportAllocs()
				for b.Loop() {
					t++
					if _, err := e.Gradient(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
					adam.Step(t, 1e-2)
				}
			})
		}
	}
}

// BenchmarkLength times the gradient of plain linear attention on 32 sequences
// of growing length: O(T).
func BenchmarkLength(b *testing.B) {
	for _, length := range []int{50, 200, 800, 3200, 6400} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			c := standard()["fig5-L1"]
			c.Length = length
			m, err := New[float32](c, 1)
			if err != nil {
				b.Fatal(err)
			}
			e := newEngine(b, m, kernel.Available()[0])
			batch := randomBatch[float32](c, 32, 1)
			for b.Loop() {
				if _, err := e.Gradient(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*length*32), "ns/token")
		})
	}
}
