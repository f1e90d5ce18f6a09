package sander2024

import (
	"math"
	"slices"
	"testing"

	"icar/ar"
	"icar/estimator"
	"icar/experiment"
	"icar/probe"
)

// Of the tokens (1, 0), (0, b), (·, ·), d = 2, one context has more than two, and
// its Gram matrix, of the first two, is diag(1, b²): κ = b². Of eight sequences
// with b = 1 … 8 each quarter has two.
func TestConditioningIsThatOfTheKeys(t *testing.T) {
	order := []int{5, 2, 8, 1, 7, 4, 3, 6}
	s := ar.Batch[float64]{N: 8, T: 3, D: 2}
	squared := make([]float64, 8*3)
	for n, b := range order {
		s.States = append(s.States, 1, 0, 0, float64(b), 30, 40, 50, 60)
		squared[3*n], squared[3*n+1], squared[3*n+2] = 1e6, 1e6, float64(b*b*b)
	}
	q, err := conditioning(s)
	if err != nil {
		t.Fatal(err)
	}
	for n, b := range order {
		if got := q.quarter[3*n : 3*n+3]; !slices.Equal(got, []int{-1, -1, (b - 1) / 2}) {
			t.Errorf("b = %d: quarters %v", b, got)
		}
	}
	allNear(t, "median κ", q.median, []float64{1, 9, 25, 49}, 1e-9)
	means := q.means(estimator.Errors{N: 8, T: 3, Squared: squared})
	allNear(t, "means", means, []float64{(1 + 8) / 2., (27 + 64) / 2., (125 + 216) / 2.,
		(343 + 512) / 2.}, 1e-9)
}

// Predictions are 3, 4, 5 and 12, 13 times √2 apart… of d = 2: 5/√2, 13/√2, 0.
func TestDistanceIsTheMedian(t *testing.T) {
	near(t, "distance", distance([]float64{3, 4, 0, 0, 5, 12}, make([]float64, 6), 2), 5/math.Sqrt2,
		1e-12)
}

// The distances of one algorithm lie on a parabola, those of another fall to the end.
func TestStepsBetweenWholeNumbers(t *testing.T) {
	var r depthResult
	for k := 1; k <= 20; k++ {
		x := float64(k) - 3.3
		r.Iterate = append(r.Iterate, depthPredictor{Name: newtonAlgorithm, K: k, Apart: 1 + x*x},
			depthPredictor{Name: descentAlgorithm, K: k, Apart: 0.5 / float64(k)},
			depthPredictor{Name: chebyshevAlgorithm, K: k, Apart: float64(k)})
	}
	near(t, "parabola", r.steps(newtonAlgorithm), 3.3, 1e-9)
	near(t, "last", r.steps(descentAlgorithm), 20, 0)
	near(t, "first", r.steps(chebyshevAlgorithm), 1, 0)
	if p := r.nearest(newtonAlgorithm); p.K != 3 || p.Name != newtonAlgorithm {
		t.Errorf("nearest %+v", p)
	}
}

// A layer that takes the gradient step of the fitted size is nearest to one step of
// descent; its errors, and those on the quarters, are recomputed.
func TestDepthOfAModelThatIsAGradientStep(t *testing.T) {
	c := smallConfig()
	c.Label, c.Train, c.Test, c.Length = "step", 160*20, 64, 8
	eta := fitted(testBatch(t, c, "train", 20), 0, c.Length)
	net := written(t, c.Config, func(name string, data []float32) {
		set := func(row, column int, x float64) { data[6*row+column] = float32(x) }
		for i := range 2 {
			switch name {
			case "layers.0.q.weight":
				set(i, 2+i, 1)
			case "layers.0.k.weight":
				set(i, 4+i, 1)
			case "layers.0.v.weight":
				set(i, 2+i, eta*math.Sqrt(6))
			case "layers.0.o.weight", "out.weight":
				set(i, i, 1)
			}
		}
	})
	model, err := probe.New(c.Config, net)
	if err != nil {
		t.Fatal(err)
	}
	beside, err := c.algorithms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := beside.measure(t.Context(), c, model)
	if err != nil {
		t.Fatal(err)
	}
	test := testBatch(t, c, "test", c.Test)
	squared := squaredOf(test, func(context [][]float64) []float64 {
		g := correlation(context)
		return []float64{eta * g[0], eta * g[1]}
	})
	near(t, "mse", r.Model.MSE, mean(squared), single)
	if p := r.nearest(descentAlgorithm); p.K != 1 ||
		p.Apart > 1e-4 { // η is searched for, to its tolerance
		t.Errorf("nearest is descent of k = %d, %v apart", p.K, p.Apart)
	}
	near(t, "floor", r.Floor, (1./2+1./4)/8, 1e-12) // (d - t)/d² of the first two of eight positions
	byError := quartersOf(test, squared)
	allNear(t, "quarters", r.Model.Kappa, byError, single*10)
	allNear(t, "quarters of all test sequences", r.Within, byError, single*10)
	near(t, "margin", r.Margin, r.nearest(descentAlgorithm).Apart/r.nearest(newtonAlgorithm).Apart-1,
		1e-12)
	for _, p := range r.Iterate {
		var e estimator.Estimator
		switch p.Name {
		case newtonAlgorithm:
			e = estimator.NewtonSchulz{K: p.K}
		case chebyshevAlgorithm:
			e = estimator.Chebyshev{K: p.K}
		case conjugateAlgorithm:
			e = estimator.ConjugateGradient{K: p.K}
		case descentAlgorithm:
			if e, err = estimator.FitDescent(t.Context(), testBatch(t, c, "train", 20),
				p.K); err != nil {
				t.Fatal(err)
			}
		}
		errors, err := estimator.MSE(t.Context(), test, e)
		if err != nil {
			t.Fatal(err)
		}
		near(t, e.Name(), p.MSE, errors.Mean(), 1e-12)
	}
}

// quartersOf are the mean errors of contexts of d = 2 by κ, whose closed form is
// that of the eigenvalues of a 2 × 2 matrix.
func quartersOf(s ar.Batch[float64], squared []float64) []float64 {
	type context struct{ kappa, e float64 }
	var all []context
	for n := range s.N {
		var a, b, c float64 // of Σ_{t<T} s_t s_tᵀ
		for t := range s.T {
			if t >= 2 {
				root := math.Sqrt((a-c)*(a-c) + 4*b*b)
				all = append(all, context{(a + c + root) / (a + c - root), squared[n*s.T+t]})
			}
			x := s.States[(n*(s.T+1)+t)*2:][:2]
			a, b, c = a+x[0]*x[0], b+x[0]*x[1], c+x[1]*x[1]
		}
	}
	slices.SortFunc(all, func(x, y context) int {
		if x.kappa < y.kappa {
			return -1
		}
		return 1
	})
	means := make([]float64, 4)
	for i, x := range all {
		means[i*4/len(all)] += x.e / float64(len(all)/4)
	}
	return means
}

// Two layers are nearest to twice the steps of one, in every seed, and gain a factor 16
// on the best conditioned quarter, 2, 4 and 8 on the others: log 8 is ¾ of log 16.
func TestDepthClaimsCompareSeeds(t *testing.T) {
	var all []experiment.Done[networkConfig, depthResult]
	for seed, luck := range []float64{1, 3, 2} {
		for layers := 1; layers <= 3; layers++ {
			var r depthResult
			for k := 1; k <= 20; k++ {
				x := float64(k) - 1.6*luck*float64(layers)
				r.Iterate = append(r.Iterate,
					depthPredictor{Name: newtonAlgorithm, K: k, Apart: 1 + x*x},
					depthPredictor{Name: descentAlgorithm, K: k, Apart: 1})
			}
			r.Margin = 0.25 * float64(layers)
			gains := []float64{4, 1, 2, 3}
			if layers == 3 {
				gains[3] = 1
			}
			for _, gain := range gains {
				r.Within = append(r.Within, luck*math.Exp2(-gain*float64(layers*layers-1)/3))
			}
			c := networkConfig{Label: depthLabel(layers)}
			c.Depth, c.Seed = layers, uint64(seed)
			all = append(all, experiment.Done[networkConfig, depthResult]{Config: c, Found: r})
		}
	}
	claims, err := depthClaims(all)
	if err != nil {
		t.Fatal(err)
	}
	measured(t, claims, map[string]float64{"iterations": 2, "one-layer": 0.25,
		"conditioning": 0.75})
	// With nothing gained on the best conditioned quarter nothing is claimed to hold.
	if x := rivalGain([]float64{1, 2, 2, 2}, []float64{1, 1, 1, 1}); !math.IsNaN(x) {
		t.Errorf("of no gain the share is %v", x)
	}
}
