package text

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// made is a sequence of n tokens, of which next says what follows what.
func made(rng *rand.Rand, n, words, d int, next func(int32) int32) *Sequence {
	s := &Sequence{Vectors: mat.NewDense(words, d, nil)}
	for i := range words {
		for j := range d {
			s.Vectors.Set(i, j, rng.NormFloat64())
		}
	}
	token := int32(0)
	for range n {
		s.Tokens = append(s.Tokens, token)
		token = next(token)
	}
	return s
}

// TestFit holds a fit and its errors, from sums over distinct tokens, against
// the pairs one by one.
func TestFit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const k = 3
	s := made(rng, 400, 12, k, func(int32) int32 { return rng.Int32N(12) })
	x, y := s.Tokens[:299], s.Tokens[1:300]
	g := newGram(s.Vectors)
	f, err := g.moments(x, y).fit(ridge)
	if err != nil {
		t.Fatal(err)
	}
	mean := func(of []int32, j int) (m float64) {
		for _, a := range of {
			m += s.Vectors.At(int(a), j) / float64(len(of))
		}
		return m
	}
	trace := 0.0
	for j := range k {
		if math.Abs(f.meanX[j]-mean(x, j)) > 1e-12 || math.Abs(f.meanY[j]-mean(y, j)) > 1e-12 {
			t.Errorf("mean %d is %v, %v", j, f.meanX[j], f.meanY[j])
		}
		for _, a := range x {
			trace += math.Pow(s.Vectors.At(int(a), j)-f.meanX[j], 2)
		}
	}
	residual := func(a, b int32, i int) float64 {
		r := s.Vectors.At(int(b), i) - f.meanY[i]
		for j := range k {
			r -= f.W.At(i, j) * (s.Vectors.At(int(a), j) - f.meanX[j])
		}
		return r
	}
	for i := range k { // the gradient of the ridge is 0
		for j := range k {
			gradient := -ridge * trace / k * f.W.At(i, j)
			for p := range x {
				gradient += residual(x[p], y[p], i) * (s.Vectors.At(int(x[p]), j) - f.meanX[j])
			}
			if math.Abs(gradient) > 1e-9 {
				t.Errorf("gradient %d,%d is %g", i, j, gradient)
			}
		}
	}
	testX, testY := s.Tokens[300:399], s.Tokens[301:]
	sse, sst := 0.0, 0.0
	for p := range testX {
		for i := range k {
			sse += math.Pow(residual(testX[p], testY[p], i), 2)
			sst += math.Pow(s.Vectors.At(int(testY[p]), i)-f.meanY[i], 2)
		}
	}
	if a, b := f.errors(g.moments(testX, testY)); math.Abs(a-sse) > 1e-9*sse ||
		math.Abs(b-sst) > 1e-9*sst {
		t.Errorf("SSE %v, SST %v, want %v, %v", a, b, sse, sst)
	}
}

// TestRollout: independent tokens are fitted exactly, whatever they are; a
// repeated one with two successors is not; a cycle is.
func TestRollout(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := made(rng, 1, 20, 10, func(int32) int32 { return 0 })
	for _, test := range []struct {
		window []int32
		exact  bool
	}{
		{[]int32{1, 2, 3, 4, 5}, true},
		{[]int32{1, 2, 3, 4, 1}, true},
		{[]int32{1, 2, 1, 2, 1}, true},
		{[]int32{1, 1, 1, 1, 1}, true},
		{[]int32{1, 2, 1, 3, 4}, false},
		{[]int32{1, 1, 2, 3, 4}, false},
	} {
		if e := s.Rollout(test.window); (e < 1e-8) != test.exact || math.IsNaN(e) {
			t.Errorf("%v: error %g", test.window, e)
		}
	}
	// s = a, a, b: the W of least norm sends a to (a + b)/2.
	two := &Sequence{Vectors: mat.NewDense(2, 2, []float64{1, 0, 0, 1})}
	want := math.Sqrt((1.0/2 + 5.0/8) / 2) // ŝ_2 = (a+b)/2, ŝ_3 = (a+b)/4
	if e := two.Rollout([]int32{0, 0, 1}); math.Abs(e-want) > 1e-12 {
		t.Errorf("error %v, want %v", e, want)
	}
}

// TestStudy: where each word has one successor most of the time, W finds it
// on held-out windows, and in no null but the chain's own.
func TestStudy(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const words = 8
	s := made(rng, 6000, words, words, func(a int32) int32 {
		if rng.IntN(4) == 0 {
			return rng.Int32N(words)
		}
		return (a + 1) % words
	})
	for _, split := range []Split{Random, Contiguous} {
		w, err := s.Cut(5, 1000, rng)
		if err != nil {
			t.Fatal(err)
		}
		study, err := NewStudy(s, w, split, words, rng)
		if err != nil {
			t.Fatal(err)
		}
		f, r, err := study.Measure(1, rng)
		if err != nil || r.Value < 0.4 || r.Low > r.Value || r.High < r.Value || r.Low < r.Value-0.1 {
			t.Errorf("%s: R² %v, %v", split, r, err)
		}
		if _, singular := f.Orthogonality(); len(singular) != words || singular[0] < 1 {
			t.Errorf("singular values %v", singular)
		}
		for null, above := range map[Null]bool{TokensPermuted: false, WindowsSwapped: false,
			Markov: true} {
			values, err := study.Nulls(context.Background(), null, 1, 9, rng, nil)
			if err != nil || len(values) != 9 || (slices.Min(values) > 0.3) != above ||
				(slices.Max(values) < 0.05) == above {
				t.Errorf("%s: %v, %v", null, values, err)
			}
			if p := PValue(r.Value, values); !above && p != 0.1 {
				t.Errorf("%s: p = %v", null, p)
			}
		}
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	w, _ := s.Cut(5, 100, rng)
	study, _ := NewStudy(s, w, Random, 2, rng)
	if _, err := study.Nulls(cancelled, Markov, 1, 9, rng, nil); err == nil {
		t.Error("cancelled, and no error")
	}
	if _, err := NewStudy(s, w, Random, 9, rng); err == nil {
		t.Error("9 axes of 8 dimensions")
	}
	if _, err := s.Cut(1000, 10, rng); err == nil {
		t.Error("6 windows are cut")
	}
}

func TestOrthogonality(t *testing.T) {
	for _, test := range []struct {
		w    []float64
		want float64
	}{{[]float64{0.6, -0.8, 0.8, 0.6}, 0}, {make([]float64, 4), 1},
		{[]float64{2, 0, 0, 1}, 3 / math.Sqrt2}} {
		if d, _ := (Fit{W: mat.NewDense(2, 2, test.w)}).Orthogonality(); math.Abs(d-test.want) > 1e-12 {
			t.Errorf("%v: %v, want %v", test.w, d, test.want)
		}
	}
}

// TestPassages: each passage has a chain of its own, which only its own W has.
func TestPassages(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const words, m = 6, 200
	n := 0
	step := int32(1)
	s := made(rng, 2*m*40, words, words, func(a int32) int32 {
		if n++; n%(2*m) == 0 {
			step = 1 + rng.Int32N(words-1)
		}
		return (a + step) % words
	})
	p, err := s.ReadPassages(m, words, rng)
	if err != nil {
		t.Fatal(err)
	}
	if p.Own.Value < 0.9 || p.Gain.Low < 0.2 || p.Ahead.High > 0 {
		t.Errorf("%+v", p)
	}
	if _, err := s.ReadPassages(m*40, words, rng); err == nil {
		t.Error("one passage")
	}
}
