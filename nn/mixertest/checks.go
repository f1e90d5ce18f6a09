package mixertest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"icar/nn"
)

// names checks the specs, in both float types.
func (s subject) names(r *rand.Rand) error {
	narrow, err := s.kind.Float32(s.config)
	if err != nil {
		return fmt.Errorf("Float64 takes the configuration and Float32 does not: %w", err)
	}
	others := narrow.Specs()
	if len(others) != len(s.specs) {
		return fmt.Errorf("%d tensors in float64 and %d in float32", len(s.specs), len(others))
	}
	seen := []string{ // which the block has, and no name
		"norm.weight", "norm.bias", "up.weight", "up.bias", "down.weight", "down.bias", "",
	}
	for i, t := range s.specs {
		switch {
		case slices.Contains(seen, t.Name):
			return fmt.Errorf("tensor %d has the name %q, which is empty or taken", i, t.Name)
		case t.Name != others[i].Name || !slices.Equal(t.Shape, others[i].Shape):
			return fmt.Errorf("tensor %d is %s %v in float64 and %s %v in float32",
				i, t.Name, t.Shape, others[i].Name, others[i].Shape)
		case size(t.Shape) < 1:
			return fmt.Errorf("%s has the shape %v", t.Name, t.Shape)
		}
		if v := t.Draw(r); math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s starts at %v", t.Name, v)
		}
		seen = append(seen, t.Name)
	}
	return nil
}

// causal changes a token and compares what comes before it.
func (s subject) causal(r *rand.Rand) error {
	before, _ := s.forward()
	t, d := r.IntN(s.length), s.config.Embed
	s.x = slices.Clone(s.x)
	for i := range d {
		s.x[t*d+i] += r.NormFloat64()
	}
	if after, _ := s.forward(); !same(before[:t*d], after[:t*d]) {
		return fmt.Errorf("not causal: outputs before token %d change with it", t)
	}
	return nil
}

// same returns whether x and y are the same bits.
func same(x, y []float64) bool {
	return slices.EqualFunc(x, y, func(a, b float64) bool {
		return math.Float64bits(a) == math.Float64bits(b)
	})
}

// tolerance of a derivative, relative to the gradient or to 1/1000 of the output:
// with the steps of slope an ulp of the output is 1e-16/(1e-5·1e-3) = 1e-8 of that,
// and the error of the differences 1e-12 times a fourth derivative.
const tolerance = 1e-6

// differs compares the derivative of f along a random direction of x with the
// gradient. Where f bends between the points of the differences, shorter steps
// are tried; a wrong gradient agrees at none.
func differs(r *rand.Rand, x, gradient []float64, output float64, f func() float64) error {
	u := normal(r, len(x))
	length := math.Sqrt(dot(u, u))
	for i := range u {
		u[i] /= length
	}
	scale := max(math.Sqrt(dot(gradient, gradient)), 1e-3*output)
	e := math.Inf(1)
	for _, h := range []float64{1e-3, 1e-4, 1e-5} {
		if e = min(e, math.Abs(dot(gradient, u)-slope(x, u, h, f))/scale); e < tolerance {
			return nil
		}
	}
	return fmt.Errorf("is off by %.1e", e)
}

// slope is the derivative of f along u at x by central differences of order 4:
// (8(f₁ - f₋₁) - (f₂ - f₋₂))/12h, f_k = f(x + khu). x is put back bit by bit.
func slope(x, u []float64, h float64, f func() float64) float64 {
	saved := slices.Clone(x)
	at := func(k float64) float64 {
		for i := range x {
			x[i] = saved[i] + k*h*u[i]
		}
		return f()
	}
	d := (8*(at(1)-at(-1)) - (at(2) - at(-2))) / (12 * h)
	copy(x, saved)
	return d
}

func dot(x, y []float64) float64 {
	sum := 0.0
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// gradient compares Backward with finite differences of dy·y.
func (s subject) gradient(r *rand.Rand) error {
	y, memo := s.forward()
	names, parts := s.all(s.backward(memo, nn.AllPaths))
	f := func() float64 {
		y, _ := s.forward()
		return dot(s.dy, y)
	}
	for i, x := range slices.Concat(s.tensors, [][]float64{s.x, s.pos}) {
		if len(x) == 0 {
			continue
		}
		if err := differs(r, x, parts[i], math.Sqrt(dot(y, y)), f); err != nil {
			return fmt.Errorf("the gradient of %s %w", names[i], err)
		}
	}
	return nil
}

// adds checks that Backward adds to what is there already, to the sums that
// PlaceBackward takes back as well.
func (s subject) adds(*rand.Rand) error {
	_, memo := s.forward()
	once := s.backward(memo, nn.AllPaths)
	_, memo = s.forward()
	twice := s.zero()
	m, grad := s.unbound.Bind(s.tensors), s.unbound.Bind(twice.tensors)
	m.Backward(twice.x, grad, s.dy, s.x, memo, nn.AllPaths)
	m.Backward(twice.x, grad, s.dy, s.x, memo, nn.AllPaths)
	s.placeBackward(twice, memo)
	names, parts := s.all(once)
	_, sums := s.all(twice)
	for i, part := range parts {
		for j, v := range part {
			if math.Abs(sums[i][j]-2*v) > 1e-9*(1+math.Abs(v)) {
				return fmt.Errorf("the backward does not add to the gradient of %s: "+
					"after two calls it is %v, after one %v", names[i], sums[i][j], v)
			}
		}
	}
	return nil
}

// query checks both directions along QueryPath.
func (s subject) query(r *rand.Rand) error {
	y, memo := s.forward()
	m, d := s.unbound.Bind(s.tensors), s.config.Embed
	moved, x := make([]float64, len(y)), slices.Clone(s.x)
	m.Forward(moved, x, memo, nn.QueryPath)
	if !same(y, moved) {
		return fmt.Errorf("along QueryPath the same tokens have other outputs")
	}
	_, memo = s.forward()
	gradient := s.backward(memo, nn.QueryPath).x
	_, memo = s.forward()
	f := func() float64 {
		m.Forward(moved, x, memo, nn.QueryPath)
		return dot(s.dy, moved)
	}
	if err := differs(r, x, gradient, math.Sqrt(dot(y, y)), f); err != nil {
		return fmt.Errorf("the gradient along QueryPath %w", err)
	}
	t := r.IntN(s.length)
	for i := range d {
		x[t*d+i] += r.NormFloat64()
	}
	f()
	if !same(y[:t*d], moved[:t*d]) || !same(y[(t+1)*d:], moved[(t+1)*d:]) {
		return fmt.Errorf("along QueryPath token %d acts on others", t)
	}
	return nil
}

// sameBits computes with a Memo that has seen a longer and a shorter sequence,
// while another sequence is under way, and compares with a new one.
func (s subject) sameBits(r *rand.Rand) error {
	y, memo := s.forward()
	want := s.backward(memo, nn.AllPaths)
	m, d := s.unbound.Bind(s.tensors), s.config.Embed
	used := s.memo(m)
	if s.pos == nil { // what is placed has its length
		for _, length := range []int{s.length + 5, 1} {
			x := normal(r, length*d)
			m.Forward(make([]float64, len(x)), x, used, nn.AllPaths)
			grad := s.unbound.Bind(s.zero().tensors)
			m.Backward(make([]float64, len(x)), grad, x, x, used, nn.AllPaths)
		}
	}
	again := make([]float64, len(y))
	m.Forward(again, s.x, used, nn.AllPaths)
	other := s
	other.x = normal(r, len(s.x))
	other.forward()
	names, parts := s.all(want)
	_, repeated := s.all(s.backward(used, nn.AllPaths))
	for i := range parts {
		if !same(parts[i], repeated[i]) {
			return fmt.Errorf("the gradient of %s has other bits the second time", names[i])
		}
	}
	if !same(y, again) {
		return fmt.Errorf("the output has other bits the second time")
	}
	return nil
}

// moved returns which tensors change the output.
func (s subject) moved() []bool {
	moved := make([]bool, len(s.specs))
	before, _ := s.forward()
	for i := range s.specs {
		saved := slices.Clone(s.tensors[i])
		for j := range saved {
			s.tensors[i][j] += 0.1 * float64(1+j%3)
		}
		after, _ := s.forward()
		moved[i] = !same(before, after)
		copy(s.tensors[i], saved)
	}
	return moved
}

// narrow compares the output in float32. Its terms are sums of up to T·D products
// of three numbers of size 1, each rounded to 6e-8.
func (s subject) narrow(*rand.Rand) error {
	unbound, err := s.kind.Float32(s.config)
	if err != nil {
		return err
	}
	var tensors [][]float32
	for _, t := range s.tensors {
		tensors = append(tensors, round[float32](t))
	}
	m, memo := unbound.Bind(tensors), &nn.Memo[float32]{Sums: new(nn.Memo[float32])}
	if s.pos != nil {
		memo.Place = new(nn.Memo[float32])
		m.(nn.Placer[float32]).Place(round[float32](s.pos), memo.Place)
	}
	got := make([]float32, len(s.x))
	m.Forward(got, round[float32](s.x), memo, nn.AllPaths)
	want, _ := s.forward()
	scale := math.Sqrt(dot(want, want))
	for i, v := range want {
		if e := math.Abs(float64(got[i]) - v); !(e <= 1e-4*(1+scale)) {
			return fmt.Errorf("output %d is %v in float32 and %v in float64", i, got[i], v)
		}
	}
	return nil
}
