package estimator

// Fits, cutoffs and intervals whose answer is a number found by hand.

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"icar/ar"
)

// line is a batch of one sequence of numbers, d = 1.
func line(states ...float64) ar.Batch[float64] {
	return ar.Batch[float64]{N: 1, T: len(states) - 1, D: 1, States: states,
		Contexts: make([]ar.Context, 1)}
}

// On one pair (1, 1) every method's factor w of s_2 = 1 is known, and s_3 is
// chosen so that one parameter makes w s_2 = s_3.
func TestFitsFindTheParameterThatIsExact(t *testing.T) {
	ctx := t.Context()
	close := func(what string, got, want, tolerance float64) {
		t.Helper()
		if !(math.Abs(got/want-1) <= tolerance) {
			t.Errorf("%s = %v, want %v", what, got, want)
		}
	}
	step, err := FitGradientStep(ctx, line(1, 1, 0.3)) // w = η
	close("η", fitted(t, step, err).Eta[0], 0.3, 1e-15)
	norm, err := FitNormalisedStep(ctx, line(1, 1, 0.3)) // w = c
	close("norm", fitted(t, norm, err).Norm, 0.3, 1e-15)
	ridge, err := FitRidge(ctx, line(1, 1, 0.8)) // w = 1/(1 + λ)
	close("λ", fitted(t, ridge, err).Lambda, 0.25, searchWidth)
	// w = 1 - (1-η)³, and of two pairs (1, 1), (1, w): (1+w)/2 (1 - (1-2η)³).
	three, err := FitDescent(ctx, line(1, 1, 0.875), 3)
	close("η of 3 steps", fitted(t, three, err).Eta[0], 0.5, searchWidth)
	each, err := FitPerPositionDescent(ctx, line(1, 1, 0.875, 0.875*0.9375*0.875), 3)
	each = fitted(t, each, err)
	// At T = 3 the pairs are (1, 1) and (1, 0.875): S = 1.875, G = 2.
	close("η_2 of 3 steps", each.Eta[1], 0.5, searchWidth)
	close("η_3 of 3 steps", each.Eta[2], 0.25, searchWidth)
	one, err := FitPerPositionStep(ctx, line(1, 1, 0.5, 0.3)) // 0.3 = η (1 + 0.5) 0.5
	one = fitted(t, one, err)
	close("η_2", one.Eta[1], 0.5, 1e-15)
	close("η_3", one.Eta[2], 0.4, 1e-15)
	matrix, err := FitPreconditionedStep(ctx, line(1, 1, 0.5, 0.3))
	matrix = fitted(t, matrix, err)
	close("P_2", matrix.P[1][0], 0.5, 1e-12)
	close("P_3", matrix.P[2][0], 0.4, 1e-12)
}

// Two positions pull one step to where their squares balance, η = Σ ⟨y, p⟩/Σ p²:
// p = 1 and 0.75 for y = 0.5 and 0.3 of the sequence above.
func TestOneStepForAllPositions(t *testing.T) {
	step, err := FitGradientStep(t.Context(), line(1, 1, 0.5, 0.3))
	if want := (0.5 + 0.75*0.3) / (1 + 0.75*0.75); math.Abs(fitted(t, step, err).Eta[0]-want) > 1e-15 {
		t.Errorf("η = %v, want %v", step.Eta[0], want)
	}
}

// The ends of the range of λ are themselves what is returned there.
func TestRidgeRange(t *testing.T) {
	b := line(2, 1, 0.5, 0.25)
	m := (4 + 1 + 0.25 + 0.0625) / 4
	low, high := RidgeRange(b)
	if math.Abs(low-1e-8*m) > 1e-22 || math.Abs(high-10*m) > 1e-14 {
		t.Errorf("the range is %v to %v, want 1e-8 and 10 times %v", low, high, m)
	}
	exact, err := FitRidge(t.Context(), b)
	if fitted(t, exact, err).Lambda != low {
		t.Errorf("of exact data λ = %v, want %v", exact.Lambda, low)
	}
	b = line(1, 1, -1, -1, 1)
	_, high = RidgeRange(b)
	useless, err := FitRidge(t.Context(), b)
	if fitted(t, useless, err).Lambda != high {
		t.Errorf("of useless data λ = %v, want %v", useless.Lambda, high)
	}
}

// The alternating fit ends where its rule says: with a tolerance of 1 after
// the second round, with 0 after all of them.
func TestLinearAttentionStopsByItsTolerance(t *testing.T) {
	b := batch(t, ar.New(ar.Haar, 2), 40, 6, "train")
	fit := func(rounds int, tolerance float64) float64 {
		e, err := FitLinearAttention(t.Context(), b, rounds, tolerance)
		return mse(t, b, fitted(t, e, err)).Mean()
	}
	errors := []float64{0}
	for rounds := 1; rounds <= 6; rounds++ {
		errors = append(errors, fit(rounds, 0))
	}
	if fit(6, 1) != errors[2] || fit(1, 1) != errors[1] {
		t.Error("a tolerance of 1 does not end it at the second round")
	}
	// The gain of round 3 as a fraction of the error: just below goes on, above ends.
	gain := (errors[2] - errors[3]) / errors[2]
	if gain2 := (errors[1] - errors[2]) / errors[1]; !(gain2 > 1.1*gain) {
		t.Fatalf("gains %v and %v do not tell", gain2, gain)
	}
	if fit(6, 1.05*gain) != errors[3] || fit(4, 0.5*gain) == errors[3] {
		t.Errorf("tolerances about the gain %v of round 3 do not end it there", gain)
	}
}

// What counts as 0: eigenvalues of G and of the normal equations, and what is
// left of a token outside the span.
func TestCutoffs(t *testing.T) {
	low, high := newSpectrum(3).ends(square(3, []float64{2e-11, 0, 0, 0, 2, 0, 0, 0, 2e-13}))
	if math.Abs(low/2e-11-1) > 1e-4 || math.Abs(high-2) > 1e-14 {
		t.Errorf("the spectrum ends at %v and %v, want 2e-11 and 2", low, high)
	}
	x, err := leastNorm(mat.NewSymDense(3, []float64{1, 0, 0, 0, 1e-9, 0, 0, 0, 1e-11}),
		[]float64{3, 4e-9, 5e-11})
	if err != nil || !floats.EqualApprox(x, []float64{3, 4, 0}, 1e-9) {
		t.Errorf("of least norm is %v, want 3, 4, 0 (%v)", x, err)
	}
	for angle, rank := range map[float64]int{1e-9: 2, 1e-11: 1} {
		o := newOrthogonal(2)
		o.learn([]float64{1, 0}, []float64{0, 1})
		o.learn([]float64{1, angle}, []float64{0, 1})
		if o.rank != rank {
			t.Errorf("a token at an angle of %v makes the rank %d, want %d", angle, o.rank, rank)
		}
	}
}

// The floors by hand: ρ²ᵀ(d+1-T)/d², and 1 - |m_1|² for the half circle and the whole.
func TestBayesFloorByHand(t *testing.T) {
	haar := ar.New(ar.Haar, 4)
	haar.Rho = 0.8
	half := ar.New(ar.Rotation, 4)
	half.Mu, half.Rho = 2, 0.5
	whole := half
	whole.Mu = 1
	special := ar.New(ar.Special, 3)
	for _, c := range []struct {
		p    ar.Process
		want []float64
	}{
		{haar, []float64{0.16, 0.0768, 0.032768, 0.01048576, 0}},
		{special, []float64{3. / 9, 2. / 9, 0, 0, 0}},
		{half, []float64{0.25 * (1 - 4/(math.Pi*math.Pi)), 0, 0, 0, 0}},
		{whole, []float64{0.25, 0, 0, 0, 0}},
	} {
		if got, err := BayesFloor(c.p, 5); err != nil || !floats.EqualApprox(got, c.want, 1e-15) {
			t.Errorf("%s: %v, want %v (%v)", c.p.Family, got, c.want, err)
		}
	}
}

// The interval leaves (1 - level)/2 of the resampled means on either side,
// recomputed from the same draws.
func TestIntervalsLeaveTheirTails(t *testing.T) {
	const n, resamples = 7, 400
	sample := []float64{0.3, 1.7, 2.9, 4.1, 8.3, 16.9, 31.1}
	draws := ar.Rand(4, "tails", 0)
	means := make([]float64, resamples)
	for i := range means {
		for range n {
			means[i] += sample[draws.IntN(n)] / n
		}
	}
	slices.Sort(means)
	e := Errors{N: n, T: 1, Squared: sample}
	for _, level := range []float64{0.5, 0.9, 0.95} {
		tail := int(math.Round((1 - level) / 2 * resamples))
		want := Interval{means[tail-1], means[resamples-tail-1]}
		got, err := Bootstrap(sample, level, resamples, ar.Rand(4, "tails", 0))
		all, other := e.Intervals(level, resamples, ar.Rand(4, "tails", 0))
		if err != nil || other != nil {
			t.Fatal(err, other)
		}
		for _, i := range []Interval{got, all[0]} {
			// The quantile of a whole number of values is between it and the next.
			if i.Low < want.Low-1e-12 || i.Low > means[tail]+1e-12 || i.High < want.High-1e-12 ||
				i.High > means[resamples-tail]+1e-12 {
				t.Errorf("level %v: %v, want it to leave %d of %d on either side: %v", level, i, tail,
					resamples, want)
			}
		}
	}
	rows := Resamples(n, resamples, ar.Rand(4, "tails", 0))
	again := make([]float64, resamples)
	for i := range again {
		again[i] = floats.Dot(rows.RawRowView(i), sample)
	}
	slices.Sort(again)
	if !floats.EqualApprox(again, means, 1e-12) {
		t.Error("the resamples are of other draws")
	}
	difference, err := BootstrapDifference([]float64{3, 5, 9}, []float64{2, 3, 5}, 0.5, 99,
		ar.Rand(4, "pair", 0))
	alone, other := Bootstrap([]float64{1, 2, 4}, 0.5, 99, ar.Rand(4, "pair", 0))
	if err != nil || other != nil || difference != alone {
		t.Errorf("a - b has %v, and 1, 2, 4 have %v", difference, alone)
	}
}

// Predict has the predictions in their order, MSE the squares of what they
// miss over d, of every sequence with its own W.
func TestPredictAndMeasure(t *testing.T) {
	b := batch(t, ar.New(ar.Haar, 2), 2, 3, "order")
	got, err := Predict(t.Context(), b, CopyLast{})
	if err != nil {
		t.Fatal(err)
	}
	oracle, err := Predict(t.Context(), b, Oracle{})
	if err != nil {
		t.Fatal(err)
	}
	measured := mse(t, b, CopyLast{})
	for n := range 2 {
		s := b.States[n*8 : (n+1)*8]
		if !floats.Equal(got[n*6:(n+1)*6], s[:6]) || !floats.EqualApprox(oracle[n*6:(n+1)*6], s[2:],
			1e-14) {
			t.Errorf("sequence %d: copies %v, the oracle %v of %v", n, got[n*6:(n+1)*6],
				oracle[n*6:(n+1)*6], s)
		}
		for at := range 3 {
			x, y := s[at*2+2]-s[at*2], s[at*2+3]-s[at*2+1]
			if math.Abs(measured.Squared[n*3+at]-(x*x+y*y)/2) > 1e-15 {
				t.Errorf("sequence %d, T = %d: %v", n, at+1, measured.Squared[n*3+at])
			}
		}
	}
}

// The iterations on one pair (1, 1), where G = S = 1, and (2, 2): W after K steps.
func TestIterationsOnANumber(t *testing.T) {
	for _, c := range []struct {
		e    Estimator
		want float64 // W after the pairs (1, 1) and (1, 2)
	}{
		{GradientDescent{K: 2, Eta: []float64{0.1}}, 1.5 * (1 - 0.64)},
		{PreconditionedDescent{K: 2, P: [][]float64{{0.1}}}, 1.5 * (1 - 0.64)},
		{Ridge{Lambda: 0.5}, 3 / 2.5}, {RLS{Lambda: 0.5}, 3 / 2.5},
		{Kalman{Sigma: 1, Variance: 2}, 3 / 2.5},
		{LeastSquares{}, 1.5}, {ConjugateGradient{K: 1}, 1.5}, {Kaczmarz{K: 1}, 2},
		// G = 2 is its own norm: X_0 = 1/2 is the inverse at once.
		{NewtonSchulz{K: 0}, 1.5}, {Chebyshev{K: 1}, 1.5},
		{NormalisedStep{Norm: 0.7}, 0}, {Zero{}, 0}, {CopyLast{}, 1},
	} {
		stream, gamma, prediction := start(t, c.e, Sequence{D: 1, T: 3}), make([]float64, 1),
			make([]float64, 1)
		for _, s := range []float64{1, 1, 2} {
			stream.Next(prediction, []float64{s})
		}
		stream.Map(gamma)
		next := 2 * c.want
		if _, ok := c.e.(NormalisedStep); ok { // its direction is all of a line
			next = 0.7
		}
		if math.Abs(gamma[0]-c.want) > 1e-7 || math.Abs(prediction[0]-next) > 1e-7 {
			t.Errorf("%s: Γ = %v and prediction %v, want %v and %v", c.e.Name(), gamma[0], prediction[0],
				c.want, next)
		}
	}
}

func TestNames(t *testing.T) {
	two := [][]float64{{1}, {1}}
	for want, e := range map[string]Estimator{
		"zero": Zero{}, "copy last": CopyLast{}, "oracle": Oracle{}, "least squares": LeastSquares{},
		"least squares on SO(d)":                    SpecialOrthogonal{},
		"gradient descent, k = 3":                   GradientDescent{K: 3, Eta: []float64{1}},
		"gradient descent by position, k = 2":       GradientDescent{K: 2, Eta: []float64{1, 2}},
		"preconditioned descent, k = 1":             PreconditionedDescent{K: 1, P: two[:1]},
		"preconditioned descent by position, k = 1": PreconditionedDescent{K: 1, P: two},
		"normalised step":                           NormalisedStep{},
		"ridge, λ = 0.123":                          Ridge{Lambda: 0.12345},
		"RLS, λ = 2":                                RLS{Lambda: 2},
		"Kalman, σ = 0.1":                           Kalman{Sigma: 0.1},
		"Newton-Schulz, k = 4":                      NewtonSchulz{K: 4},
		"Chebyshev, k = 5":                          Chebyshev{K: 5},
		"conjugate gradient, k = 2":                 ConjugateGradient{K: 2},
		"Kaczmarz, k = 6":                           Kaczmarz{K: 6},
		"linear attention":                          LinearAttention{},
	} {
		if got := e.Name(); got != want || strings.TrimSpace(got) != got {
			t.Errorf("%T is called %q, want %q", e, got, want)
		}
	}
}
