package nn

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// descentCase is a descent of PyTorch on given gradients, which testdata/oracle.py
// wrote and says what is in it.
type descentCase struct {
	Optimiser string      `json:"optimiser"`
	Decay     float64     `json:"weight_decay"`
	Clip      float64     `json:"clip"`
	Start     []float64   `json:"start"`     // (5)
	Gradients [][]float64 `json:"gradients"` // (K, 5)
	Rates     []float64   `json:"rates"`     // (K)
	After     [][]float64 `json:"after"`     // (K, 5)
}

// TestDescentOfPyTorch follows every optimiser, with clipping and with a rate that
// changes, and compares the parameters with PyTorch's after every step.
func TestDescentOfPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/descent.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []descentCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range cases {
		seen[c.Optimiser] = true
		wide, narrow := 1e-14, 1e-6
		if c.Clip > 0 {
			// PyTorch scales by clip/(|g| + 1e-6), Clip by clip/|g|: |g| is above 1 here, so
			// that the gradients differ by less than 1e-6 of themselves.
			wide = 1e-6
		}
		if e := follow[float64](t, c); !(e < wide) {
			t.Errorf("%s, clip %v: off by %.1e", c.Optimiser, c.Clip, e)
		}
		if e := follow[float32](t, c); !(e < narrow) {
			t.Errorf("%s, clip %v, float32: off by %.1e", c.Optimiser, c.Clip, e)
		}
	}
	for _, name := range Optimisers() {
		if !seen[name] {
			t.Errorf("there is no case of %s", name)
		}
	}
}

// follow makes the steps of a case and returns the largest difference from PyTorch.
func follow[F Float](t *testing.T, c descentCase) (worst float64) {
	t.Helper()
	parameters := []Parameter[F]{
		{Tensor[F]{"w", []int{3}, make([]F, 3)}, make([]F, 3)},
		{Tensor[F]{"b", []int{2}, make([]F, 2)}, make([]F, 2)},
	}
	set := func(values []float64, to func(Parameter[F]) []F) {
		for _, p := range parameters {
			for i := range to(p) {
				to(p)[i] = F(values[i])
			}
			values = values[len(p.Data):]
		}
	}
	set(c.Start, func(p Parameter[F]) []F { return p.Data })
	o, err := NewOptimiser(c.Optimiser, parameters)
	if c.Optimiser == AdamWName {
		o = NewAdamW(parameters, c.Decay)
	}
	if err != nil {
		t.Fatal(err)
	}
	for k, g := range c.Gradients {
		set(g, func(p Parameter[F]) []F { return p.Grad })
		if c.Clip > 0 {
			Clip(parameters, c.Clip)
		}
		o.Step(k+1, c.Rates[k])
		worst = max(worst, gap(parameters[0].Data, c.After[k][:3]),
			gap(parameters[1].Data, c.After[k][3:]))
	}
	return worst
}

// AdamW without decay is Adam, bit by bit; by default it has PyTorch's.
func TestAdamWWithoutDecayIsAdam(t *testing.T) {
	step := func(build func([]Parameter[float32]) Optimiser[float32]) []float32 {
		parameters := oneParameter[float32](5)
		o := build(parameters)
		for k := 1; k <= 3; k++ {
			for i := range parameters[0].Grad {
				parameters[0].Grad[i] = float32(i*k) - 2
			}
			o.Step(k, 0.1)
		}
		return parameters[0].Data
	}
	named := func(name string) func([]Parameter[float32]) Optimiser[float32] {
		return func(p []Parameter[float32]) Optimiser[float32] {
			o, err := NewOptimiser(name, p)
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
	}
	decayed := func(decay float64) func([]Parameter[float32]) Optimiser[float32] {
		return func(p []Parameter[float32]) Optimiser[float32] { return NewAdamW(p, decay) }
	}
	if !slices.Equal(step(decayed(0)), step(named(AdamName))) {
		t.Error("AdamW with decay 0 is not Adam")
	}
	usual := step(named(AdamWName))
	if !slices.Equal(usual, step(decayed(0.01))) || slices.Equal(usual, step(named(AdamName))) {
		t.Error("AdamW has not the decay 0.01 by default")
	}
}
