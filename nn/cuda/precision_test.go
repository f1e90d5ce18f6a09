package cuda_test

import (
	"context"
	"math"
	"os"
	"slices"
	"testing"

	"icar/internal/needs"
	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/devicetest"
	"icar/nn/cuda/emulator"
)

// TestGradientsAreAsCloseAsTheReferences compares gradients with those of the reference in
// float64. The reference in float32 sums one term after the other, a card over lanes and
// slots, in fewer roundings: its gradient as a whole is to be closer. On a single batch that is
// a matter of chance, as roundings cancel or do not, so it is held to the geometric mean over
// batches of its error in parts of the reference's.
//
// Of a single tensor that mean is below one as a rule, and 1.3 of the keys' bias under a
// softmax, whose gradient is 0 but for roundings. What has a wrong term comes to thousands;
// a tensor that loses half a bit has been summed in another way than it was.
func TestGradientsAreAsCloseAsTheReferences(t *testing.T) {
	needs.Patience(t, "the emulator takes seconds for these gradients")
	const batches, mostOfTensors = 5, 1.5
	few := []string{"softmax-H8", "mlp-L4", "multihead"}
	for _, c := range devicetest.Cases()[:7] {
		if os.Getenv("ICAR_SLOW") == "" && !slices.Contains(few, c.Name) {
			continue
		}
		c.Config.Length = 10
		m := newModel(t, c.Config, 1)
		backend, err := cuda.On(emulator.New())(m)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, p := range m.Parameters() {
			names = append(names, "the gradient of "+p.Name)
		}
		names = append(names, "the gradient")
		logs := make([]float64, len(names))
		for _, b := range draw(c.Config, batches, 20, 1) {
			want := exact(t, m, b)
			ours, reference := squaresOff(t, m, backend, b, want), squaresOff(t, m, m, b, want)
			for j := range logs {
				logs[j] += math.Log(ours[j]/reference[j]) / (2 * batches)
			}
		}
		for j, name := range names {
			most := float64(mostOfTensors)
			if j == len(names)-1 {
				most = 1
			}
			if ratio := math.Exp(logs[j]); !(ratio <= most) {
				t.Errorf("%s: %s is off by %.2f times as much as the reference's, more than %g",
					c.Name, name, ratio, most)
			}
		}
	}
}

// squaresOff are the sums, for every tensor and for all of them, of the squares by which the
// gradient of a backend on b is off.
func squaresOff(t *testing.T, m model, by nn.Backend, b batch,
	want []nn.Parameter[float64]) (squares []float64) {
	t.Helper()
	if _, err := by.Gradient(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	all := 0.0
	for j, p := range m.Parameters() {
		square := 0.0
		for k, g := range p.Grad {
			square += (float64(g) - want[j].Grad[k]) * (float64(g) - want[j].Grad[k])
		}
		squares, all = append(squares, square), all+square
	}
	return append(squares, all)
}

// exact returns the parameters of m in float64, with the gradient on b.
func exact(t *testing.T, m model, b batch) []nn.Parameter[float64] {
	t.Helper()
	wide, err := nn.New[float64](m.Config(), 1)
	if err != nil {
		t.Fatal(err)
	}
	convert := func(to []float64, from []float32) []float64 {
		for i, v := range from {
			to[i] = float64(v)
		}
		return to
	}
	for i, p := range m.Parameters() {
		convert(wide.Parameters()[i].Data, p.Data)
	}
	_, err = wide.Gradient(context.Background(), nn.Batch[float64]{N: b.N, T: b.T,
		X: convert(make([]float64, len(b.X)), b.X), Y: convert(make([]float64, len(b.Y)), b.Y)})
	if err != nil {
		t.Fatal(err)
	}
	return wide.Parameters()
}
