package nn

import (
	"math/rand/v2"
	"os"
	"runtime"
	"testing"

	"icar/internal/needs"
	"icar/nn/kernel"
)

// engineConfig is randomConfig with up to six layers and lengths around the
// sizes of panels and chunks.
func engineConfig(r *rand.Rand) Config {
	c := anyConfig(r)
	c.Depth = pick(r, 1, 1, 2, 3, 4, 5, 6)
	c.Length = pick(r, 1, 2, 5, 8, 9, 16, 19, 30)
	return c
}

// tame scales the parameters of models without layer norm down: a layer of
// linear attention is cubic in its input and sums T of them, so six of them
// leave the range of float32.
func tame(m *Transformer[float32]) {
	c := m.Config()
	if c.Attention == SoftmaxAttention || c.postNorm() || c.Depth == 1 {
		return
	}
	for _, p := range m.Parameters() {
		for i := range p.Data {
			p.Data[i] *= 0.4
		}
	}
}

// trainEngine makes steps of Adam on processors with k and returns all that
// came of it: losses, weights and predictions.
func trainEngine(t *testing.T, c Config, n int, k kernel.Kernel,
	processors, steps int) [][]float32 {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
	m := newModel[float32](t, c, 1)
	b := randomBatch[float32](c, n, 1)
	adam, err := NewOptimiser(AdamName, m.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t, m, k)
	var bits [][]float32
	for step := 1; step <= steps; step++ {
		loss, err := e.Gradient(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		adam.Step(step, 1e-2)
		bits = append(bits, []float32{float32(loss)})
	}
	out, err := e.Predict(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Parameters() {
		bits = append(bits, p.Data)
	}
	return append(bits, out)
}

// kinds are models that between them use every loop.
func kinds() map[string]Config {
	softmax := everything()
	linear, narrow, prefix, additive, gpt := softmax, softmax, softmax, softmax, softmax
	linear.Attention = LinearAttention
	narrow.Attention, narrow.Depth, narrow.Width, narrow.Embed = LinearAttention, 1, 5, 10
	prefix.Attention, prefix.Position, prefix.Length = LinearAttention, NoPosition, 2*segmentSize+9
	additive.Attention, additive.Position = LinearAttention, AdditivePosition
	gpt.Mixer, gpt.Position, gpt.PreNorm = MultiHead{}.Name(), AdditivePosition, true
	gpt.MLPNorm, gpt.FinalNorm, gpt.Activation = true, true, GELU
	wide := prefix
	wide.Embed, wide.Length, wide.MLP, wide.Depth = 66, 19, 1, 2
	return map[string]Config{"softmax": softmax, "linear": linear, "narrow": narrow,
		"prefix": prefix, "additive": additive, "gpt": gpt, "wide": wide,
		"many": manyHeads()}
}

// TestEngineSameBitsAtAnyWidth trains for 100 steps on every kernel of one
// arithmetic and on 1, 2 and 7 processors, with ICAR_SLOW=1 on 16 too, models that
// between them use every loop and those of the paper: what comes of it has one hash, on
// every machine of that arithmetic. With one kernel in assembly, as on arm64, it takes long
// where that is emulated, and runs when asked.
func TestEngineSameBitsAtAnyWidth(t *testing.T) {
	needs.Patience(t, "a hundred steps of every model, on every kernel")
	var kernels []kernel.Kernel
	for _, k := range kernel.Available() {
		if k.Arithmetic() != "go" {
			kernels = append(kernels, k)
		}
	}
	slow, counts := os.Getenv("ICAR_SLOW") == "1", []int{1, 2, 7}
	if slow {
		counts = append(counts, 16)
	}
	if len(kernels) == 0 || len(kernels) == 1 && !slow {
		t.Skipf("%d kernels in assembly on this machine: with one ICAR_SLOW=1 runs it", len(kernels))
	}
	for name, c := range sameModels() {
		t.Run(name, func(t *testing.T) {
			for _, k := range kernels {
				for _, processors := range counts {
					got := hashOf(trainEngine(t, c, 37, k, processors, 100))
					if got != trainedLong[name] {
						t.Errorf("%s on %d processors gives %s, want %s", k.Name(), processors,
							got, trainedLong[name])
					}
				}
			}
		})
	}
}

// TestBlocksAllocateAlike checks that what a block of 16 sequences allocates does not grow
// with the number of layers; heads that share the width are handed out, by a few
// allocations each time.
func TestBlocksAllocateAlike(t *testing.T) {
	models := kinds()
	delete(models, "gpt")
	for name, c := range models {
		count := func(depth, blocks int) float64 {
			c.Depth = depth
			m, b := newModel[float32](t, c, 1), randomBatch[float32](c, blocks*kernel.Lanes, 1)
			tame(m)
			e := newEngine(t, m, kernel.Available()[0])
			return testing.AllocsPerRun(2, func() {
				if _, err := e.Gradient(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			})
		}
		more := func(depth int) float64 { return count(depth, 6) - count(depth, 2) }
		if two, six := more(2), more(6); six > two {
			t.Errorf("%s: 4 blocks more take %v allocations in six layers, %v in two", name, six, two)
		}
	}
}
