package ar

import (
	"math"
	"math/cmplx"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	"pgregory.net/rapid"
)

// must returns the states of a rollout that has no reason to fail.
func must[S Scalar](t rapid.TB, p Process, c Context, n int, stream string) []S {
	t.Helper()
	s, err := Rollout[S](p, c, n, Rand(7, stream, 0))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// norm returns |s| in float64.
func norm[S Scalar](s []S) float64 {
	sum := 0.0
	for _, x := range s {
		switch x := any(x).(type) {
		case float32:
			sum += float64(x) * float64(x)
		case float64:
			sum += x * x
		case complex128:
			sum += real(x)*real(x) + imag(x)*imag(x)
		}
	}
	return math.Sqrt(sum)
}

func TestRolloutStartsAsThePaper(t *testing.T) {
	h := 1 / math.Sqrt(3)
	for _, c := range []struct {
		family Family
		want   []float64
	}{
		{Rotation, []float64{math.Sqrt2, 0, math.Sqrt2, 0}},
		{Haar, []float64{h, h, h}},
		{Special, []float64{h, h, h}},
	} {
		p := New(c.family, len(c.want))
		if s := must[float64](t, p, p.Context(Rand(1, "start", 0)), 1, ""); !floats.EqualApprox(s,
			c.want, 1e-16) {
			t.Errorf("%s: s_1 = %v, want %v", c.family, s, c.want)
		}
	}
	for _, family := range []Family{Unitary, Rotation} {
		p := New(family, 2)
		if s := must[complex128](t, p, p.Context(Rand(1, "start", 0)), 1, ""); s[0] != 1 || s[1] != 1 {
			t.Errorf("%s: s_1 = %v, want (1, 1)", family, s)
		}
	}
}

func TestRolloutRefusals(t *testing.T) {
	r := Rand(1, "refusals", 0)
	unitary, haar, noisy := New(Unitary, 4), New(Haar, 4), New(Haar, 4)
	noisy.Sigma = 0.1
	real := func(p Process, c Context, n int) error {
		_, err := Rollout[float32](p, c, n, nil)
		return err
	}
	eigen := func(p Process, c Context, n int) error {
		_, err := Rollout[complex128](p, c, n, nil)
		return err
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{real(unitary, unitary.Context(r), 3), "the unitary family has complex states and no real " +
			"form, and package nn takes real data: use the rotation family"},
		{eigen(haar, haar.Context(r), 3), "the haar family has real states: ask for float64 ones"},
		{eigen(New(Special, 4), haar.Context(r), 3),
			"the so family has real states: ask for float64 ones"},
		{real(New(Rotation, 5), Context{}, 3), "token dimension d = 5 is odd"},
		{real(haar, New(Haar, 3).Context(r), 3), "the context is not one of the haar family with d = 4"},
		{eigen(New(Rotation, 4), haar.Context(r), 3),
			"the context is not one of the rotation family with d = 4"},
		{real(haar, haar.Context(r), 0), "n = 0 states: use n = 1 or more"},
		{real(noisy, noisy.Context(r), 2), "noise level σ = 0.1 without a generator"},
		{real(haar, haar.Context(r), 2), ""},
	} {
		if c.want == "" {
			if c.err != nil {
				t.Error(c.err)
			}
		} else if c.err == nil || !strings.HasPrefix(c.err.Error(), c.want) {
			t.Errorf("got %v, want %s", c.err, c.want)
		}
	}
}

// process draws a valid process for property tests.
func process(t *rapid.T) Process {
	p := New(rapid.SampledFrom(Families()).Draw(t, "family"), rapid.IntRange(1, 9).Draw(t, "d"))
	if p.Family == Rotation {
		p.D *= 2
	}
	if p.Family.Diagonal() {
		p.Mu = rapid.SampledFrom([]float64{1, 2, 50}).Draw(t, "mu")
	}
	if p.Family == Unitary && rapid.Bool().Draw(t, "real") {
		p.Noise = RealNoise
	}
	p.Rho = rapid.Float64Range(0.5, 1).Draw(t, "rho")
	p.Sigma = rapid.SampledFrom([]float64{0, 0.3}).Draw(t, "sigma")
	return p
}

// |s_{t+1}| = ρ^t |s_1| and s_{t+1} = W s_t, for every family and form. Each
// step adds d products and sums, so t steps are off by at most 2dt ulp.
func TestStatesFollowTheRecursionAndContract(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := process(t)
		p.Sigma = 0
		n, d := rapid.IntRange(1, 40).Draw(t, "n"), p.D
		c := p.Context(Rand(rapid.Uint64().Draw(t, "seed"), "recursion", 0))
		ulp := 0x1p-52 * float64(2*d*n)
		if p.Family.Real() {
			s := must[float64](t, p, c, n, "")
			for k := range n - 1 {
				for i := range d {
					want := floats.Dot(c.W[i*d:(i+1)*d], s[k*d:(k+1)*d])
					if math.Abs(s[(k+1)*d+i]-want) > ulp {
						t.Fatalf("s_%d[%d] = %v, want %v", k+2, i, s[(k+1)*d+i], want)
					}
				}
			}
			checkNorms(t, p, s, ulp)
		}
		if p.Family.Diagonal() {
			s := must[complex128](t, p, c, n, "")
			for k := range n {
				for i, lambda := range c.Lambda {
					want := cmplx.Pow(lambda, complex(float64(k), 0))
					// Pow multiplies the phase by k, an error of k·π ulp.
					if cmplx.Abs(s[k*d+i]-want) > 4*ulp {
						t.Fatalf("s_%d[%d] = %v, want %v", k+1, i, s[k*d+i], want)
					}
				}
			}
			checkNorms(t, p, s, ulp)
		}
	})
}

func checkNorms[S Scalar](t rapid.TB, p Process, s []S, tolerance float64) {
	t.Helper()
	first := norm(s[:p.D])
	for k := range len(s) / p.D {
		want := math.Pow(p.Rho, float64(k)) * first
		if got := norm(s[k*p.D : (k+1)*p.D]); !(math.Abs(got-want) <= tolerance*first) {
			t.Fatalf("|s_%d| = %v, want %v", k+1, got, want)
		}
	}
}

// The unitary change of basis (x, y) → ((x+iy)/√2, (x-iy)/√2) of each pair maps
// the real form onto the complex one, noise included, sequence by sequence.
func TestRotationIsOneProcessInBothForms(t *testing.T) {
	const n = 60
	worst := 0.0
	for _, sigma := range []float64{0, 0.5} {
		for d := 2; d <= 8; d += 2 {
			p := New(Rotation, d)
			p.Mu, p.Rho, p.Sigma = 3, 0.98, sigma
			c := p.Context(Rand(1, "forms", uint64(d)))
			x, z := must[float64](t, p, c, n, "noise"), must[complex128](t, p, c, n, "noise")
			for k := 0; k < n*d; k += 2 {
				image := complex(x[k], x[k+1]) / math.Sqrt2
				worst = max(worst, cmplx.Abs(z[k]-image), cmplx.Abs(z[k+1]-cmplx.Conj(image)))
			}
			for k := range n {
				worst = max(worst, math.Abs(norm(x[k*d:(k+1)*d])-norm(z[k*d:(k+1)*d])))
			}
		}
	}
	// 60 steps of a few ulp on states of modulus below 10.
	if !(worst <= 1e-12) {
		t.Errorf("the forms differ by %.1e", worst)
	}
	t.Logf("worst difference of the forms %.1e", worst)
}

// Rounding to float32 moves |s_t| and |s_1| by at most 2⁻²⁴ of themselves, and
// a step in float64 adds about d·2⁻⁵². The recursion run in float32 from the
// same W shows why the library does not.
func TestFloat32NormStaysAfter512Steps(t *testing.T) {
	const steps = 512
	worst, naive := 0.0, 0.0
	for _, family := range []Family{Rotation, Haar, Special} {
		for d := 2; d <= 16; d++ {
			p := New(family, d)
			if p.Check() != nil {
				continue // odd d
			}
			for trial := range uint64(4) {
				c := p.Context(Rand(trial, "float32", uint64(d)))
				s := must[float32](t, p, c, steps+1, "")
				first := norm(s[:d])
				for k := range steps {
					drift := math.Abs(norm(s[(k+1)*d:(k+2)*d]) - first)
					worst = max(worst, drift)
					if !(drift <= (0x1p-23+steps*float64(d)*0x1p-51)*first) {
						t.Fatalf("%s d = %d: |s_%d| is off |s_1| by %.1e", family, d, k+2, drift)
					}
				}
				naive = max(naive, math.Abs(norm(float32Recursion(c.W, s[:d], steps))-first))
			}
		}
	}
	if !(worst <= 1e-5) {
		t.Errorf("worst drift %.1e, want at most 1e-5", worst)
	}
	if !(naive > 1e-5) {
		t.Errorf("a recursion in float32 drifts by %.1e only: it would do", naive)
	}
	t.Logf("worst drift %.1e, of a float32 recursion %.1e", worst, naive)
}

// float32Recursion returns s_{n+1} with W and every state rounded to float32.
func float32Recursion(w []float64, start []float32, n int) []float32 {
	d := len(start)
	s := append([]float32(nil), start...)
	next := make([]float32, d)
	for range n {
		for i := range next {
			next[i] = 0
			for j, x := range s {
				next[i] += float32(w[i*d+j]) * x
			}
		}
		s, next = next, s
	}
	return s
}

func TestFloat32StatesAreTheFloat64OnesRounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := process(t)
		if !p.Family.Real() {
			p = New(Haar, p.D)
		}
		c, n := p.Context(Rand(3, "rounding", 0)), rapid.IntRange(1, 30).Draw(t, "n")
		wide, narrow := must[float64](t, p, c, n, "noise"), must[float32](t, p, c, n, "noise")
		for i := range wide {
			if narrow[i] != float32(wide[i]) {
				t.Fatalf("entry %d: %v is not %v rounded", i, narrow[i], wide[i])
			}
		}
	})
}

func BenchmarkRollout(b *testing.B) {
	const n, d = 51, 10
	p := New(Rotation, d)
	c := p.Context(Rand(1, "benchmark", 0))
	b.Run("float32", func(b *testing.B) { benchmarkRollout[float32](b, p, c, n) })
	b.Run("complex128", func(b *testing.B) { benchmarkRollout[complex128](b, p, c, n) })
	p.Sigma = 0.1
	b.Run("float32-noise", func(b *testing.B) { benchmarkRollout[float32](b, p, c, n) })
	b.Run("complex128-noise", func(b *testing.B) { benchmarkRollout[complex128](b, p, c, n) })
}

func benchmarkRollout[S Scalar](b *testing.B, p Process, c Context, n int) {
	r, s := Rand(1, "benchmark", 0), make([]S, n*p.D)
	b.ReportAllocs()
	for b.Loop() {
		rollout(p, c, s, r)
	}
}
