package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"icar/ar"
	"icar/estimator"
	"icar/experiment"
	"icar/figure"
	"icar/outcome"
)

// reflections asks how much of a sequence least squares has to see. A rotation
// of d dimensions takes d + 1 states, a reflection three, whatever d is.
func reflections() experiment.Experiment {
	return experiment.Define(experiment.Spec[settings, found]{
		Name: "reflections", Source: "ours",
		Summary: "least squares on sequences of reflections: exact from the third state on",
		Quick:   100 * time.Millisecond, Paper: time.Second,
		Trials: func(scale outcome.Scale, seed uint64) []settings {
			n := 2000
			if scale == outcome.Paper {
				n = 20_000
			}
			return []settings{{D: 5, Length: 8, Sequences: n, Seed: seed},
				{D: 12, Length: 8, Sequences: n, Seed: seed}}
		},
		Run: measure, Collect: conclude,
	})
}

// settings are all that a trial depends on. Their names are the keys of --set.
type settings struct {
	D         int    `json:"d"`         // dimension of a state
	Length    int    `json:"length"`    // of the longest context, T
	Sequences int    `json:"sequences"` // N
	Seed      uint64 `json:"seed"`
}

// Check returns an error that says what to change.
func (s settings) Check() error {
	if s.Length < 3 || s.Sequences < 100 {
		return fmt.Errorf("length %d, sequences %d: use 3 or more states and 100 sequences or more",
			s.Length, s.Sequences)
	}
	return reflection{s.D}.Check()
}

// found is what a trial measures.
type found struct {
	Error    []float64 `json:"error"`    // (T), mean over sequences and coordinates
	Second   float64   `json:"second"`   // standard error of that at T = 2
	Rotation []float64 `json:"rotation"` // (T), of rotations by W uniform in O(d)
}

// measure draws sequences of both laws and runs least squares on them.
func measure(ctx context.Context, s settings) (found, error) {
	ours, err := errorsOf(ctx, s, reflection{s.D})
	if err != nil {
		return found{}, err
	}
	others, err := errorsOf(ctx, s, ar.New(ar.Haar, s.D))
	second := make([]float64, ours.N)
	for n := range second {
		second[n] = ours.Squared[n*s.Length+1]
	}
	return found{ours.PerPosition(), stat.StdErr(stat.StdDev(second, nil), float64(ours.N)),
		others.PerPosition()}, err
}

// errorsOf runs least squares on sequences of a law.
func errorsOf(ctx context.Context, s settings, law ar.Law) (estimator.Errors, error) {
	sampler, err := ar.NewSampler[float64](law, s.Sequences, s.Length, s.Seed, "reflections")
	if err != nil {
		return estimator.Errors{}, err
	}
	return estimator.MSE(ctx, sampler.Batch(0), estimator.LeastSquares{})
}

// rounding bounds the squared error of what is exact. The two states that
// determine W are nearly parallel, to within an angle of 1e-7, in fewer than one
// of 1e4 runs; 100 operations of 2⁻⁵³ then come to an error of 1e-7.
const rounding = 1e-13

// conclude draws the figure and makes the claims of each trial.
func conclude(all []experiment.Done[settings, found]) (experiment.Findings, error) {
	var out experiment.Findings
	picture := figure.Figure{Title: "Least squares on reflections", Columns: len(all),
		Caption: "Reflections are known from the third state on, orthogonal matrices from the " +
			"state d + 1 on."}
	for _, trial := range all {
		d, e := float64(trial.Config.D), trial.Found.Error
		name := fmt.Sprintf("d%d", trial.Config.D)
		out.Claims = append(out.Claims,
			outcome.Claim{ID: "third/" + name, Source: "ours", Relation: outcome.AtMost,
				Statement: fmt.Sprintf("least squares predicts a reflection exactly from "+
					"the third state on: largest error in d = %g", d),
				Measured: figure.Number(slices.Max(e[2:])), Tolerance: rounding,
				Reason: "rounding"},
			outcome.Claim{ID: "second/" + name, Source: "ours", Relation: outcome.Equals,
				Statement: fmt.Sprintf("after two states its error is 4(d-1)/(d²(d+2)): "+
					"in d = %g", d),
				Measured: figure.Number(e[1]), Predicted: 4 * (d - 1) / (d * d * (d + 2)),
				Tolerance: 4 * trial.Found.Second,
				Reason:    "four standard errors of the mean over sequences"})
		picture.Panels = append(picture.Panels, panel(name, trial.Found))
	}
	out.Figures = []figure.Figure{picture}
	return out, nil
}

// panel shows the errors of a trial by position.
func panel(title string, f found) figure.Panel {
	x := figure.Positions(len(f.Error))
	return figure.Panel{Kind: figure.Lines, Title: title,
		X: figure.Axis{Label: "context length T"}, Y: figure.Axis{Label: "squared error"},
		Series: []figure.Series{figure.NewSeries("reflections", figure.Solid, x, f.Error),
			figure.NewSeries("orthogonal", figure.Dashed, x, f.Rotation)}}
}
