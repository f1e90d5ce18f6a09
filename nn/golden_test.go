package nn

import (
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"codeberg.org/sbinet/npyio/npz"
)

// golden is one case of PyTorch's autograd in float64, written by
// "testdata/oracle.py golden".
type golden struct {
	name   string
	config Config
	n      int
	arrays map[string][]float64 // x, y, out, loss, w/NAME, g/NAME, adam3/NAME
}

func readGolden(t *testing.T, path string) golden {
	t.Helper()
	z, err := npz.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	g := golden{
		name:   strings.TrimSuffix(filepath.Base(path), ".npz"),
		config: DefaultConfig(),
		arrays: map[string][]float64{},
	}
	for _, key := range z.Keys() {
		name := strings.TrimSuffix(key, ".npy")
		if name == "config" {
			var text string
			if err := z.Read(key, &text); err != nil {
				t.Fatal(err)
			}
			file := struct {
				*Config
				Batch *int `json:"batch"` // the trainer's, not the model's
			}{&g.config, &g.n}
			if err := json.Unmarshal([]byte(text), &file); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var data []float64
		if err := z.Read(key, &data); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		g.arrays[name] = data
	}
	return g
}

// goldenModel returns the Transformer with the case's weights.
func goldenModel[F Float](t *testing.T, g golden) *Transformer[F] {
	t.Helper()
	m, err := New[F](g.config, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Parameters() {
		w := g.arrays["w/"+p.Name]
		if len(w) != len(p.Data) {
			t.Fatalf("%s: %d numbers, PyTorch has %d", p.Name, len(p.Data), len(w))
		}
		copy(p.Data, convert[F](w))
	}
	weights := 0
	for name := range g.arrays {
		if strings.HasPrefix(name, "w/") {
			weights++
		}
	}
	if weights != len(m.Parameters()) {
		t.Fatalf("%d parameters, PyTorch has %d", len(m.Parameters()), weights)
	}
	return m
}

func convert[F Float](x []float64) []F {
	y := make([]F, len(x))
	for i, v := range x {
		y[i] = F(v)
	}
	return y
}

// norm is the largest magnitude in x.
func norm(x []float64) float64 {
	top := 0.0
	for _, v := range x {
		top = max(top, math.Abs(v))
	}
	return top
}

// gap is the largest difference of got and want.
func gap[F Float](got []F, want []float64) float64 {
	top := 0.0
	for i, v := range want {
		top = max(top, math.Abs(float64(got[i])-v))
	}
	return top
}

// TestGolden compares loss, predictions, every gradient and the weights after
// three steps of Adam with PyTorch. An error is the largest difference in a
// tensor over the largest magnitude in PyTorch's.
//
// Where a gradient is 0 in exact arithmetic (the key bias under softmax: it
// shifts all scores of a query alike) PyTorch's is rounding noise; there the
// error is relative to the largest gradient of the case, and Adam, which
// divides the noise by its own size, is not compared.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/golden/*.npz")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != 9 {
		t.Fatalf("%d golden cases, want 9", len(paths))
	}
	t.Logf("%-20s %-8s %-9s %-9s %-9s %-9s", "case", "type", "loss", "out", "gradient", "adam3")
	for _, path := range paths {
		g := readGolden(t, path)
		checkGolden[float64](t, g, "float64", 1e-10)
		checkGolden[float32](t, g, "float32", 1e-4)
	}
}

func checkGolden[F Float](t *testing.T, g golden, kind string, tolerance float64) {
	m := goldenModel[F](t, g)
	b := Batch[F]{N: g.n, T: g.config.Length, X: convert[F](g.arrays["x"]), Y: convert[F](g.arrays["y"])}
	var worst [4]float64 // loss, out, gradient, adam3
	check := func(column int, name string, got []F, scale float64, want []float64) {
		t.Helper()
		e := gap(got, want) / scale
		worst[column] = max(worst[column], e)
		if !(e <= tolerance) {
			t.Errorf("%s %s: %s is off by %.1e", g.name, kind, name, e)
		}
	}

	out, err := m.Predict(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	check(1, "out", out, norm(g.arrays["out"]), g.arrays["out"])
	loss, err := m.Gradient(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	check(0, "loss", []F{F(loss)}, norm(g.arrays["loss"]), g.arrays["loss"])

	largest := 0.0
	for _, p := range m.Parameters() {
		largest = max(largest, norm(g.arrays["g/"+p.Name]))
	}
	var noise []string
	for _, p := range m.Parameters() {
		want := g.arrays["g/"+p.Name]
		scale := norm(want)
		if scale < 1e-12*largest {
			if !strings.HasSuffix(p.Name, "k.bias") || g.config.Attention != SoftmaxAttention {
				t.Errorf("%s: PyTorch's gradient of %s vanishes", g.name, p.Name)
			}
			noise = append(noise, p.Name)
			scale = largest
		}
		check(2, "gradient of "+p.Name, p.Grad, scale, want)
	}

	adam, err := NewOptimiser(AdamName, m.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; step <= 3; step++ {
		if _, err := m.Gradient(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		adam.Step(step, 1e-2)
	}
	for _, p := range m.Parameters() {
		if slices.Contains(noise, p.Name) {
			continue
		}
		want := g.arrays["adam3/"+p.Name]
		check(3, p.Name+" after Adam", p.Data, norm(want), want)
	}
	t.Logf("%-20s %-8s %-9.1e %-9.1e %-9.1e %-9.1e %v", g.name, kind, worst[0], worst[1], worst[2], worst[3], noise)
}
