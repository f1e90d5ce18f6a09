package nn

import (
	"math"
	"slices"
	"testing"

	"icar/ar"
)

// rule is an optimiser written out again for one number in float64: it is
// given all gradients up to step t and returns the change of θ in that step.
type rule func(gradients []float64, rate float64) float64

// rules are the optimisers as sums over the past instead of recursions.
var rules = map[string]rule{
	SGDName: func(g []float64, rate float64) float64 {
		return -rate * g[len(g)-1]
	},
	MomentumName: func(g []float64, rate float64) float64 {
		v := 0.0
		for i := range g {
			v += math.Pow(0.9, float64(len(g)-1-i)) * g[i]
		}
		return -rate * v
	},
	AdamName: func(g []float64, rate float64) float64 {
		var m, v, weight1, weight2 float64 // weighted means of g and g²
		for i := range g {
			w1, w2 := math.Pow(0.9, float64(len(g)-1-i)), math.Pow(0.999, float64(len(g)-1-i))
			m, weight1 = m+w1*g[i], weight1+w1
			v, weight2 = v+w2*g[i]*g[i], weight2+w2
		}
		return -rate * (m / weight1) / (math.Sqrt(v/weight2) + 1e-8)
	},
}

// oneParameter is a parameter of n entries with random values.
func oneParameter[F Float](n int) []Parameter[F] {
	p := Parameter[F]{Tensor[F]{"w", []int{n}, make([]F, n)}, make([]F, n)}
	r := ar.Rand(1, "parameter", 0)
	for i := range p.Data {
		p.Data[i] = F(r.NormFloat64())
	}
	return []Parameter[F]{p}
}

// TestOptimisersAreTheirEquations follows every optimiser for 50 steps with
// changing rates and gradients from 1e-9 to 1 and compares it with the sums.
func TestOptimisersAreTheirEquations(t *testing.T) {
	for name, change := range rules {
		const n = 10
		parameters := oneParameter[float64](n)
		p := parameters[0]
		o, err := NewOptimiser(name, parameters)
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(p.Data)
		past := make([][]float64, n)
		r := ar.Rand(1, name, 0)
		for step := 1; step <= 50; step++ {
			rate := 1 / float64(10+step)
			for i := range n {
				p.Grad[i] = math.Pow(10, -float64(i)) * r.NormFloat64()
				past[i] = append(past[i], p.Grad[i])
				want[i] += change(past[i], rate)
			}
			o.Step(step, rate)
			if e := gap(p.Data, want); !(e < 1e-12) {
				t.Fatalf("%s, step %d: off by %.1e", name, step, e)
			}
		}
	}
}

// TestOptimisersDescend minimises ½Σ_i i θ_i² in float32 with every optimiser.
func TestOptimisersDescend(t *testing.T) {
	for name := range rules {
		parameters := oneParameter[float32](10)
		p := parameters[0]
		o, err := NewOptimiser(name, parameters)
		if err != nil {
			t.Fatal(err)
		}
		for step := 1; step <= 1000; step++ {
			for i := range p.Data {
				p.Grad[i] = float32(1+i) * p.Data[i]
			}
			o.Step(step, 0.02*(1-float64(step)/1001))
		}
		if e := gap(p.Data, make([]float64, 10)); !(e < 1e-3) {
			t.Errorf("%s stops at a distance of %.1e", name, e)
		}
	}
}

// TestOptimiserResumes checks that state and step are all an optimiser needs
// to go on with the same bits, and that the state is named after parameters.
func TestOptimiserResumes(t *testing.T) {
	names := map[string][]string{SGDName: nil, MomentumName: {"momentum.v/w"},
		AdamName: {"adam.m/w", "adam.v/w"}, AdamWName: {"adam.m/w", "adam.v/w"}}
	for _, name := range Optimisers() {
		run := func(parameters []Parameter[float32], o Optimiser[float32], from, to int) {
			for step := from; step <= to; step++ {
				r := ar.Rand(2, name, uint64(step))
				for i := range parameters[0].Grad {
					parameters[0].Grad[i] = float32(r.NormFloat64())
				}
				o.Step(step, 0.1)
			}
		}
		start := func() ([]Parameter[float32], Optimiser[float32]) {
			parameters := oneParameter[float32](5)
			o, err := NewOptimiser(name, parameters)
			if err != nil {
				t.Fatal(err)
			}
			return parameters, o
		}
		whole, o := start()
		run(whole, o, 1, 6)

		first, saved := start()
		run(first, saved, 1, 3)
		second, restored := start()
		copy(second[0].Data, first[0].Data)
		var got []string
		for i, s := range saved.State() {
			got = append(got, s.Name)
			copy(restored.State()[i].Data, s.Data)
		}
		if !slices.Equal(got, names[name]) {
			t.Errorf("%s has the state %v, want %v", name, got, names[name])
		}
		run(second, restored, 4, 6)
		if !slices.Equal(second[0].Data, whole[0].Data) {
			t.Errorf("%s goes another way after a resume", name)
		}
	}
}

func TestUnknownOptimiser(t *testing.T) {
	_, err := NewOptimiser("adagrad", oneParameter[float32](1))
	const want = `unknown optimiser "adagrad": use one of [adam adamw momentum sgd]`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// BenchmarkAdam times a step of Adam alone, to be held against
// BenchmarkEngine's step of the same model.
func BenchmarkAdam(b *testing.B) {
	for _, name := range []string{"fig5-L4", "fig7-H64", "mlp-L4"} {
		b.Run(name, func(b *testing.B) {
			m, err := New[float32](standard()[name], 1)
			if err != nil {
				b.Fatal(err)
			}
			adam, err := NewOptimiser(AdamName, m.Parameters())
			if err != nil {
				b.Fatal(err)
			}
			for t := 1; b.Loop(); t++ {
				adam.Step(t, 1e-2)
			}
		})
	}
}
