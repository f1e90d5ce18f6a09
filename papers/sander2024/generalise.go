package sander2024

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"icar/ar"
	"icar/experiment"
	"icar/figure"
	"icar/outcome"
	"icar/train"
)

// generalise trains on Haar sequences and tests on other laws.
func generalise() experiment.Experiment {
	return experiment.Define(experiment.Spec[networkConfig, transferResult]{
		Name: "generalise", Source: "ours",
		Summary: "models trained on O(d) tested on other contexts, longer ones, noise and " +
			"contractions, beside the estimators",
		Quick: 2500 * time.Millisecond, Paper: 12 * time.Minute,
		Trials: func(scale outcome.Scale, seed uint64) []networkConfig {
			return lawTrials(scale, seed, 8, func(*train.Config) {}, 2, 1)
		},
		Train: runGeneralise, Collect: collectGeneralise,
	})
}

// The laws that a model is tested on.
const (
	ownLaw      = "its own"
	specialLaw  = "SO(d)"
	rotationLaw = "rotations"
	longerLaw   = "twice as long"
	noisyLaw    = "noise σ = 0.05"
	shrinkLaw   = "contraction ρ = 0.95"
)

func otherLaws(c networkConfig) []law {
	own := c.Process
	special, rotation, shrink, noisy := own, own, own, own
	special.Family, rotation.Family, shrink.Rho, noisy.Sigma = ar.Special, ar.Rotation, 0.95, 0.05
	laws := []law{
		{ownLaw, own, c.Length}, {specialLaw, special, c.Length}, {longerLaw, own, 2 * c.Length},
		{noisyLaw, noisy, c.Length}, {shrinkLaw, shrink, c.Length},
	}
	if c.D%2 == 0 {
		laws = append(laws, law{rotationLaw, rotation, c.Length})
	}
	return laws
}

func runGeneralise(ctx context.Context, c networkConfig, m experiment.Env) (transferResult, error) {
	return transfer(ctx, c, m, otherLaws(c))
}

// growth is by how much more the model's error grows past the lengths trained
// on than that of one gradient step, mean over sequences, relative to the
// targets' energy.
func (r transferResult) growth() (float64, error) {
	longer, err := r.test(longerLaw)
	if err != nil {
		return 0, err
	}
	step := slices.IndexFunc(longer.Beside, func(e transferErrors) bool {
		return strings.HasPrefix(e.Name, descentAlgorithm)
	})
	if step < 0 {
		return 0, fmt.Errorf("no gradient step was measured on the law %q", longerLaw)
	}
	return mean(longer.Model.PastTraining) - mean(longer.Beside[step].PastTraining), nil
}

// leaning is the logarithm of the ratio by which the model's error rises from
// its own law to rotations over that of least squares, which asks nothing of
// the law of W. ok is false where rotations were not tested, as d is odd.
func (r transferResult) leaning() (log float64, ok bool, err error) {
	rotated, missing := r.test(rotationLaw)
	if missing != nil {
		return 0, false, nil
	}
	own, err := r.test(ownLaw)
	if err != nil {
		return 0, false, err
	}
	rise := func(t transferTest) float64 { return t.Model.mean() / t.of(leastSquaresName).mean() }
	return math.Log(rise(rotated) / rise(own)), true, nil
}

func collectGeneralise(
	all []experiment.Done[networkConfig, transferResult]) (experiment.Findings, error) {
	growth, leaning := map[int]bySeed{}, map[int]bySeed{}
	put := func(to map[int]bySeed, c networkConfig, v float64) {
		if to[c.Depth] == nil {
			to[c.Depth] = bySeed{}
		}
		to[c.Depth][c.Seed] = v
	}
	for _, t := range all {
		g, err := t.Found.growth()
		if err != nil {
			return experiment.Findings{}, err
		}
		put(growth, t.Config, g)
		l, ok, err := t.Found.leaning()
		if err != nil {
			return experiment.Findings{}, err
		}
		if ok {
			put(leaning, t.Config, l)
		}
	}
	tables, err := transferTables(all)
	found := experiment.Findings{Data: figure.Data{Tables: tables}, Figures: []figure.Figure{
		transferFigure("One model, other laws", all[0].Found, all[0].Config.Label)}}
	if err != nil {
		return found, err
	}
	longer, err := boundsClaim(outcome.Claim{ID: "longer", Source: "ours", Relation: outcome.AtMost,
		Statement: "beyond the lengths that it was trained on a model without positions keeps what " +
			"one gradient step loses: growth of the relative error from the last quarter up to n to T " +
			"= n+1 … 2n, less that of the step, the largest over depths"}, growth)
	if err != nil {
		return found, err
	}
	law, err := boundsClaim(outcome.Claim{ID: "law", Source: "ours", Relation: outcome.AtLeast,
		Statement: "what a model has learnt leans on the law of W: from O(d) to rotations, " +
			"orthogonal too, its error rises by more than that of least squares: logarithm of the " +
			"ratio of the ratios, the least over depths"}, leaning)
	found.Claims = slices.Concat(longer, law)
	return found, err
}

// Relative errors outside are not drawn: they would stretch the axis.
const (
	drawnFrom = 1e-6
	drawnTo   = 4.
)

// transferFigure draws a model beside the estimators on each law.
func transferFigure(title string, r transferResult, label string) figure.Figure {
	f := figure.Figure{Title: title + " (" + label + ")", Columns: 3,
		Caption: fmt.Sprintf("Squared error over the energy of the targets, by position; bands: 95 "+
			"%% bootstrap over W. The steps are fitted on the law that the model was trained on; the "+
			"Kalman filter is ridge regression with λ = σ²d. Errors below %g, exact but for rounding, "+
			"and above %g are not drawn, where the line is broken, and bands end there: least squares "+
			"divides the noise by what may be near 0.", drawnFrom, drawnTo)}
	for _, t := range r.Tests {
		p := figure.Panel{Kind: figure.Lines, Title: t.Name, X: figure.Axis{Label: "position T"},
			Y: figure.Axis{Label: "relative error", Log: true}}
		for _, e := range append([]transferErrors{t.Model}, t.Beside...) {
			if e.Name == copyLast || e.Name == ridgeName {
				continue
			}
			style := figure.Dashed
			if e.Name == t.Model.Name {
				style = figure.Solid
			}
			s := e.PerPosition.series(e.Name, style)
			for i, v := range e.PerPosition.Mean {
				if v < drawnFrom || v > drawnTo {
					s.Y[i], s.Low[i], s.High[i] = math.NaN(), math.NaN(), math.NaN()
				}
				s.High[i] = math.Min(s.High[i], drawnTo)
			}
			p.Series = append(p.Series, s)
		}
		f.Panels = append(f.Panels, p)
	}
	return f
}
