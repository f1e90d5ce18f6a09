package sander2024

import (
	"context"
	"fmt"
	"math"
	"time"

	"icar/experiment"
	"icar/figure"
	"icar/outcome"
	"icar/train"
)

// noise trains on s_{t+1} = W s_t + σ ε and compares with the Kalman filter,
// which is ridge regression with λ = σ²d: a Gaussian prior of variance 1/d.
func noise() experiment.Experiment {
	return experiment.Define(experiment.Spec[networkConfig, transferResult]{
		Name: "noise", Source: "ours",
		Summary: "models trained with and without noise on noisy sequences, beside least squares " +
			"and the Kalman filter, which is ridge regression",
		Quick: 4100 * time.Millisecond, Paper: 15 * time.Minute,
		Trials: func(scale outcome.Scale, seed uint64) []networkConfig {
			var trials []networkConfig
			levels := []float64{0, noiseLevels[1]}
			if scale == outcome.Paper {
				levels = []float64{0, noiseLevels[0], noiseLevels[1]}
			}
			for _, sigma := range levels {
				for _, t := range lawTrials(scale, seed, 8,
					func(c *train.Config) { c.Sigma = sigma }, 2) {
					t.Label = fmt.Sprintf("L = 2, trained at σ = %g", sigma)
					trials = append(trials, t)
				}
			}
			return trials
		},
		Train: func(ctx context.Context, c networkConfig,
			m experiment.Env) (transferResult, error) {
			var laws []law
			for _, sigma := range noiseLevels {
				p := c.Process
				p.Sigma = sigma
				laws = append(laws, law{noiseLaw(sigma), p, c.Length})
			}
			return transfer(ctx, c, m, laws)
		},
		Collect: collectNoise,
	})
}

// noiseLevels are the σ of the sequences, whose states have length near 1.
var noiseLevels = [2]float64{0.1, 0.3}

func noiseLaw(sigma float64) string { return fmt.Sprintf("σ = %g", sigma) }

func collectNoise(
	all []experiment.Done[networkConfig, transferResult]) (experiment.Findings, error) {
	tables, err := transferTables(all)
	if err != nil {
		return experiment.Findings{}, err
	}
	found := experiment.Findings{Data: figure.Data{Tables: tables}}
	sigma := noiseLevels[1]
	with, without, kalman, apart := bySeed{}, bySeed{}, bySeed{}, math.Inf(-1)
	for _, t := range all {
		test, err := t.Found.test(noiseLaw(sigma))
		if err != nil {
			return found, err
		}
		switch t.Config.Sigma {
		case sigma:
			with[t.Config.Seed] = test.Model.mean()
			kalman[t.Config.Seed] = test.of(kalmanName).mean()
			if len(found.Figures) == 0 {
				found.Figures = []figure.Figure{transferFigure("Under noise", t.Found,
					t.Config.Label)}
			}
		case 0:
			without[t.Config.Seed] = test.Model.mean()
		}
		for _, test := range t.Found.Tests {
			ridge := test.of(ridgeName).PerSequence
			for i, e := range test.of(kalmanName).PerSequence {
				apart = math.Max(apart, math.Abs(e/ridge[i]-1))
			}
		}
	}
	found.Claims = []outcome.Claim{{ID: "kalman", Source: "ours", Relation: outcome.AtMost,
		Measured:  figure.Number(apart),
		Tolerance: kalmanRounding,
		Statement: "the Kalman filter with a prior of variance 1/d is ridge regression with λ = " +
			"σ²d: largest relative difference of their errors, over sequences",
		Reason: "rounding: the Gram matrix and λ have a condition number of at most (λ + " +
			"Σ|s_t|²)/λ, " +
			"below 2¹² here, each of the d² entries is updated at most 100 times, and a double " +
			"has 53 bits"}}
	for _, c := range []struct {
		id, statement string
		a, b          bySeed
	}{
		{"adapts", "a model trained under noise has a lower error there than one trained without",
			with, without},
		{"above-kalman",
			"a model of two layers does not reach the Kalman filter: the filter's error is lower",
			kalman, with},
	} {
		if len(c.a) == 0 || len(c.b) == 0 { // a setting took all σ but one away
			continue
		}
		claims, err := belowClaim(c.id, "ours",
			fmt.Sprintf("%s, relative error at σ = %g", c.statement, sigma), c.a, c.b)
		if err != nil {
			return found, err
		}
		found.Claims = append(found.Claims, claims...)
	}
	return found, nil
}

// kalmanRounding bounds what rounding makes two exact filters differ by:
// 2⁻⁵³ · 2¹² · 100 · d² with d = 6, squared errors having twice that.
const kalmanRounding = 2 * 100 * 36. / (1 << 41)
