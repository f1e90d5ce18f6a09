package sander2024

import (
	"context"
	"testing"

	"icar/ar"
	"icar/estimator"
	"icar/experiment"
	"icar/outcome"
)

// A model that has seen what it predicts, at one position of one sequence in
// eight only, is found out; the Bayes predictor itself is not.
func TestLeakClaimFiresWhenOneTokenLeaks(t *testing.T) {
	sampler, err := ar.NewSampler[float64](ar.New(ar.Haar, 3), 512, 16, 5, "leak")
	if err != nil {
		t.Fatal(err)
	}
	batch := sampler.Batch(0)
	errors, err := estimator.MSE(context.Background(), batch, estimator.LeastSquares{})
	if err != nil {
		t.Fatal(err)
	}
	claim := func(squared []float64) outcome.Claim {
		e := estimator.Errors{N: batch.N, T: batch.T, Squared: squared}
		r := newNetworkResult(e)
		if err := r.compare(context.Background(), squared, batch); err != nil {
			t.Fatal(err)
		}
		trial := experiment.Done[networkConfig, networkResult]{Found: r}
		trial.Config.Family = ar.Haar
		c := leakClaims([]network{{Done: trial}})[0]
		if err := c.Judge(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := claim(errors.Squared); !c.Pass {
		t.Errorf("the Bayes predictor is said to leak: %v standard errors", c.Measured)
	}
	leaking := append([]float64(nil), errors.Squared...)
	for n := 0; n < batch.N; n += 8 {
		leaking[n*batch.T+1] = 0 // s_3 was seen when it was predicted
	}
	if c := claim(leaking); c.Pass {
		t.Errorf("a leak went unnoticed: %v standard errors", c.Measured)
	}
}
