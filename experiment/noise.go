package experiment

import (
	"context"
	"fmt"
	"math"
	"time"

	"icar/ar"
	"icar/estimator"
	"icar/train"
)

// noise trains on s_{t+1} = W s_t + σ ε and compares with the Kalman filter,
// which is ridge regression with λ = σ²d: a Gaussian prior of variance 1/d.
func noise() Experiment {
	return define(spec[networkConfig, transferResult]{
		name: "noise", source: "ours",
		summary: "models trained with and without noise on noisy sequences, beside least squares and the Kalman filter, which is ridge regression",
		quick:   2400 * time.Millisecond, paper: 9 * time.Minute,
		trials: func(scale Scale, seed uint64) []networkConfig {
			var trials []networkConfig
			for _, sigma := range []float64{0, noiseLevels[0], noiseLevels[1]} {
				for _, t := range depthTrials(scale, seed, seedsOf(scale), func(c *train.Config) { c.Sigma = sigma }, 2) {
					t.Label = fmt.Sprintf("L = 2, trained at σ = %g", sigma)
					trials = append(trials, t)
				}
			}
			return trials
		},
		train: func(ctx context.Context, c networkConfig, m Means) (transferResult, error) {
			var laws []law
			for _, sigma := range noiseLevels {
				p := c.Process
				p.Sigma = sigma
				laws = append(laws, law{noiseLaw(sigma), p, c.Length})
			}
			return transfer(ctx, c, m, laws)
		},
		collect: collectNoise,
	})
}

// noiseLevels are the σ of the sequences, whose states have length near 1.
var noiseLevels = [2]float64{0.1, 0.3}

func noiseLaw(sigma float64) string { return fmt.Sprintf("σ = %g", sigma) }

func collectNoise(all []done[networkConfig, transferResult]) (Findings, error) {
	found := Findings{Data: Data{Tables: []Table{transferTable(all)}}}
	sigma := noiseLevels[1]
	var with, without, kalman, least []float64
	for _, t := range all {
		test, err := t.Found.test(noiseLaw(sigma))
		if err != nil {
			return found, err
		}
		switch t.Config.Sigma {
		case sigma:
			with = append(with, test.Model.PerSequence...)
			kalman, least = append(kalman, test.of(kalmanName).PerSequence...), append(least, test.of(leastSquaresName).PerSequence...)
			if len(found.Figures) == 0 {
				found.Figures = []Figure{transferFigure("Under noise", t.Found, t.Config.Label)}
			}
		case 0:
			without = append(without, test.Model.PerSequence...)
		}
	}
	// A mean would say nothing: where the context is nearly singular least
	// squares divides noise by a number whose inverse has no expectation.
	below := 0.0
	for i, e := range kalman {
		if e < least[i] {
			below++
		}
	}
	found.Claims = []Claim{{ID: "kalman", Source: "ours", Relation: AtLeast, Measured: Number(below / float64(len(kalman))), Predicted: 0.5, Tolerance: -3.7 * 0.5 / math.Sqrt(float64(len(kalman))),
		Statement: fmt.Sprintf("under noise least squares is no longer best: share of sequences on which the Kalman filter has the lower error, at σ = %g", sigma),
		Reason:    "a half is a tie: 3.7 standard errors of a tie above it"}}
	for _, c := range []struct {
		id, statement string
		a, b          []float64
	}{
		{"adapts", "a model trained under noise has a lower error there than one trained without", with, without},
		{"above-kalman", "a model of two layers does not reach the Kalman filter: the filter's error is lower than the model's", kalman, with},
	} {
		interval, err := estimator.BootstrapDifference(c.a, c.b, 0.9998, 10_001, ar.Rand(1, "bootstrap/noise/"+c.id, 0))
		if err != nil {
			return found, err
		}
		difference := mean(c.a) - mean(c.b)
		found.Claims = append(found.Claims, Claim{ID: c.id, Source: "ours", Relation: AtMost, Measured: Number(difference), Tolerance: -(interval.High - difference),
			Statement: fmt.Sprintf("%s: difference of relative errors at σ = %g", c.statement, sigma),
			Reason:    "paired bootstrap over test sequences: the upper end of the 99.98 % interval is below 0"})
	}
	return found, nil
}
