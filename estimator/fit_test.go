package estimator

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
)

func batch(t testing.TB, p ar.Process, n, T int, stream string) ar.Batch[float64] {
	t.Helper()
	s, err := ar.NewSampler[float64](p, n, T, 1, stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.Batch(0)
}

func mse(t testing.TB, b ar.Batch[float64], e Estimator) Errors {
	t.Helper()
	measured, err := MSE(t.Context(), b, e)
	if err != nil {
		t.Fatal(err)
	}
	return measured
}

func fitted[E Estimator](t testing.TB, e E, err error) E {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// No change of a fitted parameter lowers the error on the sequences it was
// fitted on: a central difference of the error is a rounding. Quadratic fits
// have error e(p ± h) - e(p) = h²·curvature exactly, the same on both sides.
func TestFitsAreStationary(t *testing.T) {
	const d, T, h = 3, 8, 1e-4
	ctx := t.Context()
	b := batch(t, ar.New(ar.Haar, d), 60, T, "train")
	step, err := FitGradientStep(ctx, b)
	step = fitted(t, step, err)
	byPosition, err := FitPerPositionStep(ctx, b)
	byPosition = fitted(t, byPosition, err)
	normalised, err := FitNormalisedStep(ctx, b)
	normalised = fitted(t, normalised, err)
	preconditioned, err := FitPreconditionedStep(ctx, b)
	preconditioned = fitted(t, preconditioned, err)
	attention, err := FitLinearAttention(ctx, b, 3000, 0)
	attention = fitted(t, attention, err)
	parameters := func(e Estimator, p []float64) {
		t.Helper()
		for i := range p {
			saved := p[i]
			p[i] = saved + h
			up := mse(t, b, e).Mean()
			p[i] = saved - h
			down := mse(t, b, e).Mean()
			p[i] = saved
			here := mse(t, b, e).Mean()
			if slope := (up - down) / (2 * h); !(math.Abs(slope) < 1e-6*(1+here)) || up < here-1e-9 ||
				down < here-1e-9 {
				t.Errorf("%s: parameter %d has slope %.2g; error %.9f, %.9f either side", e.Name(), i,
					slope, here, up)
			}
		}
	}
	parameters(step, step.Eta)
	parameters(byPosition, byPosition.Eta)
	for _, p := range preconditioned.P {
		parameters(preconditioned, p)
	}
	parameters(attention, attention.V)
	parameters(attention, attention.M)
	at := func(c float64) float64 { return mse(t, b, NormalisedStep{Norm: normalised.Norm + c}).Mean() }
	if slope := (at(h) - at(-h)) / (2 * h); !(math.Abs(slope) < 1e-9) {
		t.Errorf("normalised step: slope %.2g", slope)
	}
}

// One step by search is one step in closed form, and richer families do no
// worse on the sequences they were fitted on.
func TestFittedStepsAreOrdered(t *testing.T) {
	ctx := t.Context()
	b := batch(t, ar.New(ar.Haar, 3), 100, 8, "train")
	closed, err := FitGradientStep(ctx, b)
	closed = fitted(t, closed, err)
	searched, err := FitDescent(ctx, b, 1)
	searched = fitted(t, searched, err)
	if !(math.Abs(math.Log(closed.Eta[0]/searched.Eta[0])) < searchWidth) {
		t.Errorf("η = %.6f in closed form, %.6f by search", closed.Eta[0], searched.Eta[0])
	}
	perPosition, err := FitPerPositionStep(ctx, b)
	perPosition = fitted(t, perPosition, err)
	searchedPerPosition, err := FitPerPositionDescent(ctx, b, 1)
	searchedPerPosition = fitted(t, searchedPerPosition, err)
	if perPosition.Eta[0] != 0 {
		t.Errorf("η_1 = %v, and there is no pair at T = 1", perPosition.Eta[0])
	}
	for n, eta := range perPosition.Eta[1:] {
		if !(math.Abs(math.Log(eta/searchedPerPosition.Eta[n+1])) < searchWidth) {
			t.Errorf("η_%d = %.6f in closed form, %.6f by search", n+2, eta, searchedPerPosition.Eta[n+1])
		}
	}
	preconditioned, err := FitPreconditionedStep(ctx, b)
	preconditioned = fitted(t, preconditioned, err)
	three, err := FitDescent(ctx, b, 3)
	three = fitted(t, three, err)
	threePerPosition, err := FitPerPositionDescent(ctx, b, 3)
	threePerPosition = fitted(t, threePerPosition, err)
	zero, one := mse(t, b, Zero{}).Mean(), mse(t, b, closed).Mean()
	one1, one2 := mse(t, b, perPosition).Mean(), mse(t, b, preconditioned).Mean()
	k3, k31 := mse(t, b, three).Mean(), mse(t, b, threePerPosition).Mean()
	if !(one < zero && one1 < one && one2 < one1 && k3 < one && k31 < k3) {
		t.Errorf("errors: zero %.4f, one step %.4f, by position %.4f, preconditioned %.4f; 3 steps "+
			"%.4f, by position %.4f", zero, one, one1, one2, k3, k31)
	}
}

// A long context wants a smaller step than the grid of one pair reaches.
func TestSearchReachesTheStepsOfLongContexts(t *testing.T) {
	b := batch(t, ar.New(ar.Haar, 2), 30, 60, "train")
	closed, err := FitGradientStep(t.Context(), b)
	closed = fitted(t, closed, err)
	searched, err := FitDescent(t.Context(), b, 1)
	searched = fitted(t, searched, err)
	if !(math.Abs(math.Log(closed.Eta[0]/searched.Eta[0])) < searchWidth) {
		t.Errorf("η = %.6f in closed form, %.6f by search", closed.Eta[0], searched.Eta[0])
	}
}

// Where the data leave P free, the fit keeps it small: at T = 1 there is no
// pair, at T = 2 the prediction is s_2 s_1ᵀ P s_2, of d unknowns.
func TestPreconditionersAreOfLeastNorm(t *testing.T) {
	const d = 3
	b := batch(t, ar.New(ar.Haar, d), 60, 3, "train")
	e, err := FitPreconditionedStep(t.Context(), b)
	e = fitted(t, e, err)
	if norm := floats.Norm(e.P[0], 2); norm != 0 {
		t.Errorf("|P_1| = %v", norm)
	}
	// P_2 = s_1 aᵀ: each row is the same, as s_1 is 1_d/√d.
	for i := 1; i < d; i++ {
		if gap := floats.Distance(e.P[1][:d], e.P[1][i*d:(i+1)*d], 2); !(gap < 1e-9) {
			t.Errorf("rows of P_2 differ by %.2g", gap)
		}
	}
}

// More rounds of alternating least squares never raise the error.
func TestAlternatingLeastSquaresDescends(t *testing.T) {
	b := batch(t, ar.New(ar.Haar, 2), 50, 6, "train")
	last := math.Inf(1)
	for rounds := 1; rounds <= 5; rounds++ {
		e, err := FitLinearAttention(t.Context(), b, rounds, 0)
		now := mse(t, b, fitted(t, e, err)).Mean()
		if !(now <= last*(1+1e-12)) {
			t.Errorf("round %d raises the error from %.9f to %.9f", rounds, last, now)
		}
		last = now
	}
	step, err := FitGradientStep(t.Context(), b)
	if one := mse(t, b, fitted(t, step, err)).Mean(); !(last < one) {
		t.Errorf("the best linear attention has error %.6f, a gradient step, which is one, %.6f", last,
			one)
	}
}

func TestFitsRefuseAndCancel(t *testing.T) {
	b := batch(t, ar.New(ar.Haar, 2), 3, 4, "train")
	zeros := b
	zeros.States = make([]float64, len(b.States))
	_, err := FitDescent(t.Context(), b, 0)
	_, zero := FitDescent(t.Context(), zeros, 2)
	_, rounds := FitLinearAttention(t.Context(), b, 0, 0.1)
	for want, err := range map[string]error{
		"number of iterations K = 0 to fit: use K = 1 or more": err,
		"every state is 0":               zero,
		"0 rounds to a tolerance of 0.1": rounds,
	} {
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if e, err := FitGradientStep(t.Context(), zeros); err != nil || e.Eta[0] != 0 {
		t.Errorf("one step on zeros: %v, %v", e, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, a := FitGradientStep(ctx, b)
	_, c := FitPreconditionedStep(ctx, b)
	_, d := FitDescent(ctx, b, 2)
	_, e := FitLinearAttention(ctx, b, 2, 0)
	_, f := MSE(ctx, b, Zero{})
	_, g := FitNormalisedStep(ctx, b)
	for i, err := range []error{a, c, d, e, f, g} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d: got %v after cancelling", i, err)
		}
	}
}

// The layout of the errors, by hand: zero on states (1, 0), (0, 2), (2, 2).
func TestErrorsAreAveragedOverTheRightThings(t *testing.T) {
	b := ar.Batch[float64]{N: 2, T: 2, D: 2, Contexts: make([]ar.Context, 2),
		States: []float64{1, 0, 0, 2, 2, 2, 0, 0, 4, 0, 0, 6}}
	e := mse(t, b, Zero{})
	if !floats.Equal(e.Squared, []float64{2, 4, 8, 18}) || !floats.Equal(e.PerPosition(),
		[]float64{5, 11}) ||
		!floats.Equal(e.PerSequence(), []float64{3, 13}) || e.Mean() != 8 {
		t.Errorf("%v: by position %v, by sequence %v, mean %v", e, e.PerPosition(), e.PerSequence(),
			e.Mean())
	}
	if e := mse(t, b, CopyLast{}); !floats.Equal(e.Squared, []float64{2.5, 2, 8, 26}) {
		t.Errorf("copy last: %v", e.Squared)
	}
	if _, err := MSE(t.Context(), b, Oracle{}); err == nil || !strings.HasPrefix(err.Error(),
		"oracle: the oracle needs the hidden matrix") {
		t.Errorf("oracle without W: %v", err)
	}
}

// Under noise the best λ is near σ²d, that of the Kalman filter, which no other
// λ beats but by the sequences drawn; without noise it is the lowest.
func TestFitRidge(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct{ sigma, low, high float64 }{{0.3, 0.2, 0.7}, {0, 0, 1e-6}} {
		p := ar.New(ar.Haar, 4)
		p.Sigma = c.sigma
		sampler, err := ar.NewSampler[float64](p, 400, 20, 1, "ridge")
		if err != nil {
			t.Fatal(err)
		}
		batch := sampler.Batch(0)
		fitted, err := FitRidge(ctx, batch)
		if err != nil {
			t.Fatal(err)
		}
		if fitted.Lambda < c.low || fitted.Lambda > c.high {
			t.Errorf("σ = %g: λ = %g is not from %g to %g", c.sigma, fitted.Lambda, c.low, c.high)
		}
		best, err := MSE(ctx, batch, fitted)
		if err != nil {
			t.Fatal(err)
		}
		for _, factor := range []float64{0.5, 2} {
			other, err := MSE(ctx, batch, Ridge{Lambda: factor * fitted.Lambda})
			if err != nil {
				t.Fatal(err)
			}
			if c.sigma > 0 && !(other.Mean() > best.Mean()) {
				t.Errorf("σ = %g: λ = %g has an error of %g, %g times it of %g", c.sigma, fitted.Lambda,
					best.Mean(), factor, other.Mean())
			}
		}
	}
	if _, err := FitRidge(ctx, ar.Batch[float64]{N: 1, T: 2, D: 1,
		States: make([]float64, 3)}); err == nil {
		t.Error("λ was fitted on zeros")
	}
}
