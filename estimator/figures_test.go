package estimator

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"icar/ar"
)

// The reference figures on Haar sequences, d = 5, n = 50: mean squared error per
// coordinate over all positions, fitted on other sequences. Least squares has a
// proven value, the Bayes floor. The others were measured once, on 80,000
// sequences (linear attention: on 6000, after fitting 12,000), with the error
// given; the tolerance is zMax times it and this sample's, added in square.
func TestReferenceFigures(t *testing.T) {
	const d, n = 5, 50
	ctx := t.Context()
	haar := ar.New(ar.Haar, d)
	train, test := batch(t, haar, 3000, n, "train"), batch(t, haar, 6000, n, "test")
	step, err := FitGradientStep(ctx, train)
	step = fitted(t, step, err)
	perPosition, err := FitPerPositionStep(ctx, train)
	perPosition = fitted(t, perPosition, err)
	normalised, err := FitNormalisedStep(ctx, train)
	normalised = fitted(t, normalised, err)
	attention, err := FitLinearAttention(ctx, train, 2, 0)
	attention = fitted(t, attention, err)
	t.Logf("η = %.5f, norm %.4f", step.Eta[0], normalised.Norm)
	for _, c := range []struct {
		e           Estimator
		want, error float64
	}{
		{LeastSquares{}, float64(d+1) / (2 * n * d), 0},
		{step, 0.0873, 0.0001},
		{perPosition, 0.0600, 0.00012},
		{normalised, 0.0416, 0.00005},
		{attention, 0.0805, 0.0003},
	} {
		errors := mse(t, test, c.e).PerSequence()
		mean, std := stat.MeanStdDev(errors, nil)
		se := stat.StdErr(std, float64(len(errors)))
		interval, err := Bootstrap(errors, 0.95, 200, ar.Rand(1, "figures", 0))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-40s MSE %.5f ± %.5f, 95 %% interval [%.5f, %.5f], want %.5f ± %.5f", c.e.Name(), mean,
			se, interval.Low, interval.High, c.want, c.error)
		if !(math.Abs(mean-c.want) <= zMax*math.Hypot(se, c.error)) {
			t.Errorf("%s: MSE %.5f ± %.5f, want %.5f ± %.5f", c.e.Name(), mean, se, c.want, c.error)
		}
		if _, ok := c.e.(LeastSquares); ok && !(math.Abs(mean-0.0120) <= 0.0002) {
			t.Errorf("least squares: MSE %.5f, want 0.01200 ± 0.0002", mean)
		}
	}
}

// From T = d+1 on least squares is exact, but for rounding. Γ is off by a
// rounding over the smallest new part of a token, √r_{d-1}, whose density at 0
// does not vanish: the largest error of a batch is far above the median. The
// predictions are off by less: where s_d hardly leaves the span of the tokens
// before, s_{d+1} hardly leaves it either, and the error acts on what leaves.
func TestLeastSquaresIsExactInEverySequence(t *testing.T) {
	const d, n, N = 5, 12, 6000
	b := batch(t, ar.New(ar.Haar, d), N, n, "test")
	measured := mse(t, b, LeastSquares{})
	var errors, gammas []float64
	for i := range N {
		for T := d + 1; T <= n; T++ {
			errors = append(errors, d*measured.Squared[i*n+T-1]) // |prediction - target|²
		}
		o, gamma, s := newOrthogonal(d), make([]float64, d*d), states(b, i)
		for t := range d {
			o.learn(s[t*d:(t+1)*d], s[(t+1)*d:(t+2)*d])
		}
		o.jacobian(gamma, nil)
		gap, root := floats.Distance(gamma, b.Contexts[i].W, 2), math.Abs(o.r[d*d-1])
		gammas = append(gammas, gap)
		if root < 0.1 && !(gap*root < 50*0x1p-52) { // else other directions count too
			t.Errorf("sequence %d: |Γ - W| = %.2g with √r = %.2g, want it below 50 roundings over √r", i,
				gap, root)
		}
	}
	slices.Sort(errors)
	slices.Sort(gammas)
	median := func(x []float64) float64 { return stat.Quantile(0.5, stat.Empirical, x, nil) }
	largest := errors[len(errors)-1]
	t.Logf("RCond %.0e, T = %d to %d of %d sequences: median squared error %.2g, largest %.2g", RCond,
		d+1, n, N, median(errors), largest)
	t.Logf("|Γ - W|_F at T = %d: median %.2g, largest %.2g", d+1, median(gammas), gammas[N-1])
	if !(largest < 1e-20) {
		t.Errorf("largest squared error %.2g, want at most 1e-20", largest)
	}
}
