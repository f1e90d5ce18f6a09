package mixertest_test

import (
	"errors"
	"strings"
	"testing"

	"icar/nn"
	"icar/nn/mixertest"
)

func TestMixers(t *testing.T) {
	for _, kind := range nn.Mixings() {
		if err := mixertest.Test(kind); err != nil {
			t.Errorf("%s: %v", kind.Name(), err)
		}
	}
}

// mutant is a mixer that is wrong in one way.
type mutant struct {
	nn.Mixer[float64]
	way *way
}

// way is how a mutant differs; what is nil does not.
type way struct {
	forward  func(y, x []float64, m *nn.Memo[float64], d int)
	backward func(dx, dy, x []float64, d int)
	path     func(nn.Path) nn.Path // of the backward
	instead  bool                  // the gradient is set, not added
	extra    bool                  // there is a tensor that has no effect
	d        int
}

func (m mutant) Specs() []nn.Spec {
	specs := m.Mixer.Specs()
	if m.way.extra {
		specs = append(specs, nn.LinearSpecs("extra", 2, 2)[0])
	}
	return specs
}

func (m mutant) Bind(tensors [][]float64) nn.Mixer[float64] {
	m.Mixer = m.Mixer.Bind(tensors[:len(m.Mixer.Specs())])
	return m
}

func (m mutant) Forward(y, x []float64, memo *nn.Memo[float64], path nn.Path) {
	m.Mixer.Forward(y, x, memo, path)
	if m.way.forward != nil {
		m.way.forward(y, x, memo, m.way.d)
	}
}

func (m mutant) Backward(dx []float64, grad nn.Mixer[float64], dy, x []float64,
	memo *nn.Memo[float64], path nn.Path) {
	if m.way.path != nil {
		path = m.way.path(path)
	}
	if m.way.instead {
		clear(dx)
	}
	m.Mixer.Backward(dx, grad.(mutant).Mixer, dy, x, memo, path)
	if m.way.backward != nil {
		m.way.backward(dx, dy, x, m.way.d)
	}
}

// mutants is a kind of them.
type mutants struct {
	nn.MultiHead
	way *way
}

// padded is a mixer in float32 with the tensor that has no effect.
type padded struct{ nn.Mixer[float32] }

func (m padded) Specs() []nn.Spec {
	return append(m.Mixer.Specs(), nn.LinearSpecs("extra", 2, 2)[0])
}

func (m padded) Bind(tensors [][]float32) nn.Mixer[float32] {
	return m.Mixer.Bind(tensors[:len(m.Mixer.Specs())])
}

func (k mutants) Float32(c nn.Config) (nn.Mixer[float32], error) {
	m, err := k.MultiHead.Float32(c)
	if k.way.extra {
		m = padded{m}
	}
	return m, err
}

func (k mutants) Float64(c nn.Config) (nn.Mixer[float64], error) {
	m, err := k.MultiHead.Float64(c)
	way := *k.way
	way.d = c.Embed
	return mutant{Mixer: m, way: &way}, err
}

// TestMutantsAreRefused checks that Test finds what is wrong with a mixer, and
// says it.
func TestMutantsAreRefused(t *testing.T) {
	if err := mixertest.Test(mutants{way: &way{}}); err != nil {
		t.Fatalf("a mutant that is wrong in no way: %v", err)
	}
	for _, test := range []struct {
		way  way
		want string
	}{
		{way{ // its gradient is right
			forward:  func(y, x []float64, _ *nn.Memo[float64], d int) { y[0] += x[len(x)-d] },
			backward: func(dx, dy, _ []float64, d int) { dx[len(dx)-d] += dy[0] },
		}, "not causal"},
		{way{backward: func(dx, _, _ []float64, _ int) { dx[0] *= 1.001 }},
			"the gradient of the input is off"},
		{way{forward: func(y, x []float64, _ *nn.Memo[float64], _ int) { y[0] += x[0] * x[0] }},
			"the gradient of the input is off"},
		{way{path: func(nn.Path) nn.Path { return nn.AllPaths }},
			"the gradient along QueryPath is off"},
		{way{path: func(nn.Path) nn.Path { return nn.QueryPath }},
			"the gradient of the input is off"},
		{way{instead: true}, "does not add to the gradient of the input"},
		{way{extra: true}, "no output depends on extra"},
		{way{forward: func(y, _ []float64, m *nn.Memo[float64], _ int) {
			calls := m.Keep("calls", 1)
			y[0] += calls[0]
			calls[0]++
		}}, "other"},
	} {
		err := mixertest.Test(mutants{way: &test.way})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("want %q in\n%v", test.want, err)
		}
	}
}

// picky is a kind that refuses nearly everything.
type picky struct{ nn.FullHeads }

func (k picky) Float64(c nn.Config) (nn.Mixer[float64], error) {
	if c.Heads < 3 || c.Embed < 12 {
		return nil, errors.New("use more of everything")
	}
	return k.FullHeads.Float64(c)
}

func TestRefusalsAreTooMany(t *testing.T) {
	err := mixertest.Test(picky{})
	if err == nil || !strings.Contains(err.Error(), "fewer than 20") ||
		!strings.Contains(err.Error(), "use more of everything") {
		t.Errorf("%v", err)
	}
}

// TestCompareNotices checks that a weight which is off by a millionth fails a case
// of PyTorch's, and that a file of another model is refused.
func TestCompareNotices(t *testing.T) {
	c, err := mixertest.ReadCase("../testdata/golden/multihead-L2.npz", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 16 { // one of each kind of tensor
		m, err := mixertest.NewModel[float64](c)
		if err != nil {
			t.Fatal(err)
		}
		p := m.Parameters()[i]
		if strings.HasSuffix(p.Name, "k.bias") {
			continue // a softmax does not change with it
		}
		p.Data[0] += 1e-6
		err = mixertest.Compare(c, m, m, 1e-10)
		if err == nil || !strings.Contains(err.Error(), "is off by") {
			t.Errorf("%s changed: %v", p.Name, err)
		}
	}
	c.Config.Depth = 1
	_, err = mixertest.NewModel[float64](c)
	if err == nil || !strings.Contains(err.Error(), "parameters, PyTorch has") {
		t.Errorf("a model of one layer: %v", err)
	}
	if _, err := mixertest.ReadCase("mixertest.go", nil); err == nil {
		t.Error("a file of Go is a case")
	}
}
