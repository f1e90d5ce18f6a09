package cuda_test

import (
	"context"
	"math"
	"os"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"

	"icar/internal/needs"
	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/devicetest"
	"icar/nn/cuda/emulator"
	"icar/nn/kernel"
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

// TestReLUsThatFlip shows what a batch of mlp-L4 has that makes one program's gradient fifty
// times as far off as another's: a ReLU so close to 0 that its roundings switch it. In most
// batches there is none, and in those of a GELU, which has no corner, never.
func TestReLUsThatFlip(t *testing.T) {
	needs.Time(t, "references in float64 take most of a minute")
	const usual, most = 3e-7, 1.5e-6
	c := devicetest.Cases()[slices.IndexFunc(devicetest.Cases(),
		func(c devicetest.Case) bool { return c.Name == "mlp-L4" })].Config
	for _, c.Activation = range []nn.Activation{nn.Relu, nn.GELU} {
		m := newModel(t, c, 1)
		loops, err := nn.OnKernel(kernel.Available()[0])(m)
		if err != nil {
			t.Fatal(err)
		}
		var off [2][]float64 // of the loops and of the reference, a batch each
		for _, b := range draw(c, 10, 256, 1) {
			want := exact(t, m, b)
			norm := 0.0
			for _, p := range want {
				norm += floats.Dot(p.Grad, p.Grad)
			}
			for i, by := range []nn.Backend{loops, m} {
				squares := squaresOff(t, m, by, b, want)
				off[i] = append(off[i], math.Sqrt(squares[len(squares)-1]/norm))
			}
		}
		t.Logf("%q: error over |g|, %.2g; of the reference %.2g", c.Activation, off[0], off[1])
		for _, of := range off {
			slices.Sort(of)
			if of[len(of)/2] > usual || c.Activation == nn.GELU && of[len(of)-1] > most {
				t.Errorf("%q: errors %.2g, want a median below %g, and a GELU's below %g",
					c.Activation, of, usual, most)
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
