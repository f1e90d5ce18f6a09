package nn

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"icar/ar"
	"icar/nn/kernel"
)

// unit is the unit roundoff of float32.
const unit = 0x1p-24

// engineConfig is randomConfig with up to six layers and lengths around the
// sizes of panels and chunks.
func engineConfig(r *rand.Rand) Config {
	c := randomConfig(r)
	c.Depth = pick(r, 1, 1, 2, 3, 4, 5, 6)
	c.Length = pick(r, 1, 2, 5, 8, 9, 16, 19, 30)
	return c
}

// tame scales the parameters of models without layer norm down: a layer of
// linear attention is cubic in its input and sums T of them, so six of them
// leave the range of float32.
func tame(m *Transformer[float32]) {
	c := m.Config()
	if c.Attention == SoftmaxAttention || c.Norm || c.Depth == 1 {
		return
	}
	for _, p := range m.Parameters() {
		for i := range p.Data {
			p.Data[i] *= 0.4
		}
	}
}

// exactGradient returns the gradient of every parameter of m in float64, with
// parameters and tokens changed by a relative e times uniform numbers of
// [-1, 1] from r.
func exactGradient(t *testing.T, m *Transformer[float32], b Batch[float32], e float64, r *rand.Rand) (loss float64, grads [][]float64) {
	t.Helper()
	wide := func(x []float32) []float64 {
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = float64(v) * (1 + e*(2*r.Float64()-1))
		}
		return y
	}
	exact := newModel[float64](t, m.Config(), 1)
	for i, p := range m.Parameters() {
		copy(exact.Parameters()[i].Data, wide(p.Data))
	}
	loss, err := exact.Gradient(t.Context(), Batch[float64]{N: b.N, T: b.T, X: wide(b.X), Y: wide(b.Y)})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range exact.Parameters() {
		grads = append(grads, p.Grad)
	}
	return loss, grads
}

// distance is the Euclidean length of x - y.
func distance[F Float](x []F, y []float64) float64 {
	sum := 0.0
	for i, v := range x {
		sum += (float64(v) - y[i]) * (float64(v) - y[i])
	}
	return math.Sqrt(sum)
}

// terms counts the roundings that a number of the model's gradient went
// through one after the other: sums over T tokens and E entries forward and
// back in every layer, with two of D for the layer norm and the hidden units of
// the MLP, over H heads, 16 lanes as a tree of 4, blocks and strands.
func terms(c Config, b Batch[float32]) float64 {
	layer := 2*(2*b.T+6*(c.Embed+1)) + 4*c.Embed + 2*c.MLP*c.Embed + 2*c.Heads
	return float64(c.Depth*layer + 2*(c.Embed+1) + 4 + blockCount(b.N))
}

// TestEngineIsTheReference compares gradients with those of the float64 layers,
// on random models of every kind, on every kernel of the machine.
//
// A sum of n terms with unit roundoff u is the exact sum of terms changed by
// at most n·u relative, so the float32 gradient is that of numbers changed by
// about terms·u. What a change of u does to a gradient, its condition, is
// measured: the largest of four random changes of all parameters and tokens.
// To that comes u times the largest gradient of the model, since some
// gradients vanish in exact arithmetic (key biases under softmax) and so does
// their condition. The bound on the Euclidean distance is terms times both.
func TestEngineIsTheReference(t *testing.T) {
	kernels := kernel.Available()
	compared, worst := 0, map[string]float64{}
	for i := range 500 {
		r := ar.Rand(7, "engine", uint64(i))
		c := engineConfig(r)
		n, segments := pick(r, 1, 2, 15, 16, 17, 33, 40), pick(r, chunk, 2*chunk, segment)
		m := newModel[float32](t, c, uint64(i))
		tame(m)
		b := randomBatch[float32](c, n, uint64(i))
		b.T = 1 + r.IntN(c.Length)
		b.X, b.Y = b.X[:n*b.T*c.Width], b.Y[:n*b.T*c.Coords]
		loss, want := exactGradient(t, m, b, 0, r)
		condition, largest, dloss := make([]float64, len(want)), 0.0, 0.0
		for range 4 {
			changed, grads := exactGradient(t, m, b, unit, r)
			dloss = max(dloss, math.Abs(changed-loss))
			for j, g := range grads {
				condition[j] = max(condition[j], distance(g, want[j]))
				largest = max(largest, math.Sqrt(dot(want[j], want[j])))
			}
		}
		for _, k := range kernels {
			e := newEngine(t, m, k)
			e.segment = segments
			got, err := e.Gradient(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			check := func(what string, e, bound float64) {
				compared++
				worst[k.Name()] = max(worst[k.Name()], e/bound)
				if !(e <= bound) {
					t.Errorf("model %d, %+v, N = %d, T = %d, S = %d: %s of %s is off by %.3g, bound %.3g", i, c, n, b.T, segments, what, k.Name(), e, bound)
				}
			}
			check("loss", math.Abs(got-loss), terms(c, b)*(dloss+unit*loss))
			for j, p := range m.Parameters() {
				check("gradient of "+p.Name, distance(p.Grad, want[j]), terms(c, b)*(condition[j]+unit*largest))
			}
		}
	}
	t.Logf("%d comparisons, worst error over bound %v", compared, worst)
}

// trainEngine makes steps of Adam on processors with k and returns all that
// came of it: losses, weights and predictions.
func trainEngine(t *testing.T, c Config, n int, k kernel.Kernel, processors, steps int) [][]float32 {
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
	linear, narrow, prefix, additive := softmax, softmax, softmax, softmax
	linear.Attention = LinearAttention
	narrow.Attention, narrow.Depth, narrow.Width, narrow.Embed = LinearAttention, 1, 5, 10
	prefix.Attention, prefix.Position, prefix.Length = LinearAttention, NoPosition, 2*segment+9
	additive.Attention, additive.Position = LinearAttention, AdditivePosition
	return map[string]Config{"softmax": softmax, "linear": linear, "narrow": narrow, "prefix": prefix, "additive": additive}
}

// TestEngineSameBitsOnAnyProcessors trains for three steps on 1, 2 and 7
// processors, with a last block that is not full and several blocks a strand.
func TestEngineSameBitsOnAnyProcessors(t *testing.T) {
	for name, c := range kinds() {
		for _, k := range kernel.Available() {
			want := trainEngine(t, c, 16*35+5, k, 1, 3)
			for _, processors := range []int{2, 7} {
				for i, got := range trainEngine(t, c, 16*35+5, k, processors, 3) {
					if !sameBits(got, want[i]) {
						t.Errorf("%s, %s: %d processors give other bits in array %d", name, k.Name(), processors, i)
					}
				}
			}
		}
	}
}

// sameBits returns whether x and y are the same numbers, signs of zero included.
func sameBits(x, y []float32) bool {
	return slices.EqualFunc(x, y, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })
}

// TestEngineSameBitsAtAnyWidth trains for 100 steps on every kernel of one
// arithmetic and on 1, 2 and 7 processors, models that between them use every
// loop and those of the paper. It needs avx2 and avx512.
func TestEngineSameBitsAtAnyWidth(t *testing.T) {
	var kernels []kernel.Kernel
	for _, k := range kernel.Available() {
		if k.Arithmetic() != "go" {
			kernels = append(kernels, k)
		}
	}
	if len(kernels) < 2 {
		t.Skip("no two of avx2 and avx512 on this machine")
	}
	models := kinds()
	for _, name := range []string{"fig5-L1", "fig5-L4", "fig7-H8", "softmax-H8", "mlp-L4"} {
		models[name] = standard()[name]
	}
	for name, c := range models {
		want := trainEngine(t, c, 37, kernels[0], 1, 100)
		for _, k := range kernels {
			for _, processors := range []int{1, 2, 7} {
				for i, got := range trainEngine(t, c, 37, k, processors, 100) {
					if !sameBits(got, want[i]) {
						t.Errorf("%s: %s on %d processors gives other bits in array %d than %s on one", name, k.Name(), processors, i, kernels[0].Name())
					}
				}
			}
		}
	}
}

// TestEngineLeavesNoTrace checks that results do not depend on what an Engine
// computed before, on longer, shorter, larger or smaller batches.
func TestEngineLeavesNoTrace(t *testing.T) {
	for name, c := range kinds() {
		k := kernel.Available()[0]
		used := newEngine(t, newModel[float32](t, c, 1), k)
		for i, shape := range [][2]int{{3, 6}, {40, 2}, {1, 6}, {17, 1}, {5, c.Length}, {33, 6}} {
			b := randomBatch[float32](c, shape[0], uint64(i))
			b.T = shape[1]
			b.X, b.Y = b.X[:b.N*b.T*c.Width], b.Y[:b.N*b.T*c.Coords]
			fresh := newEngine(t, newModel[float32](t, c, 1), k)
			want, err := fresh.Gradient(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := used.Gradient(t.Context(), b); err != nil || got != want {
				t.Errorf("%s, batch %d: loss %v, %v after others, %v at first", name, i, got, err, want)
			}
			for j, p := range fresh.Model().Parameters() {
				if !slices.Equal(used.Model().Parameters()[j].Grad, p.Grad) {
					t.Errorf("%s, batch %d: gradient of %s differs after others", name, i, p.Name)
				}
			}
		}
	}
}

// TestEngineNamesWhatIsNotFinite puts a NaN or an infinity in a parameter or a
// token and checks that the error names it, also in a batch that does not
// fill its last block.
func TestEngineNamesWhatIsNotFinite(t *testing.T) {
	c := everything()
	for _, k := range kernel.Available() {
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
			m := newModel[float32](t, c, 1)
			e := newEngine(t, m, k)
			b := randomBatch[float32](c, 17, 1)
			for _, at := range []struct {
				tensor string
				place  *float32
				index  int
			}{
				{"layers.1.v.weight", nil, 3}, {"x", &b.X[16*c.Length*c.Width+4], 4}, {"y", &b.Y[2], 2},
			} {
				place := at.place
				for _, p := range m.Parameters() {
					if p.Name == at.tensor {
						place = &p.Data[at.index]
					}
				}
				good := *place
				*place = bad
				_, err := e.Gradient(t.Context(), b)
				var broken NonFiniteError
				if !errors.As(err, &broken) || broken != (NonFiniteError{at.tensor, at.index}) {
					t.Errorf("%s, %v in %s[%d]: error %v", k.Name(), bad, at.tensor, at.index, err)
				}
				*place = good
			}
			if _, err := e.Gradient(t.Context(), b); err != nil {
				t.Errorf("%s, all finite again: %v", k.Name(), err)
			}
		}
	}
}

// TestEngineStops checks that a cancelled context ends a call with its cause,
// and that batches the model refuses are refused.
func TestEngineStops(t *testing.T) {
	c := everything()
	e := newEngine(t, newModel[float32](t, c, 1), kernel.Available()[0])
	b := randomBatch[float32](c, 40, 1)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := e.Gradient(ctx, b); !errors.Is(err, cause) {
		t.Errorf("Gradient returns %v", err)
	}
	if _, err := e.Predict(ctx, b); !errors.Is(err, cause) {
		t.Errorf("Predict returns %v", err)
	}
	b.Y = nil
	if _, err := e.Gradient(t.Context(), b); !errors.Is(err, errNoTargets) {
		t.Errorf("Gradient without targets returns %v", err)
	}
	b.X = b.X[1:]
	if _, err := e.Predict(t.Context(), b); err == nil {
		t.Error("Predict takes a batch of the wrong size")
	}
}
