package experiment

import (
	"context"
	"math"
	"time"

	"icar/ar"
	"icar/train"
)

// generalise trains on Haar sequences and tests on other laws.
func generalise() Experiment {
	return define(spec[networkConfig, generaliseResult]{
		name: "generalise", source: "ours",
		summary: "models trained on O(d) tested on other contexts, longer ones, noise and contractions, beside the estimators",
		quick:   1500 * time.Millisecond, paper: 4 * time.Minute,
		trials: func(scale Scale, seed uint64) []networkConfig {
			return depthTrials(scale, seed, func(*train.Config) {}, 2, 1)
		},
		train: runGeneralise, collect: collectGeneralise,
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

// generaliseResult is a transferResult with what the claims compare.
type generaliseResult struct {
	transferResult
	Early     float64    `json:"early"`     // error at the last quarter of the lengths trained on
	Late      float64    `json:"late"`      // error beyond them
	Own       float64    `json:"own"`       // error on the law trained on
	Rotations float64    `json:"rotations"` // error on rotations; 0 if d is odd
	Least     [2]float64 `json:"least"`     // errors of least squares on both
}

func runGeneralise(ctx context.Context, c networkConfig, m Means) (r generaliseResult, err error) {
	if r.transferResult, err = transfer(ctx, c, m, otherLaws(c)); err != nil {
		return r, err
	}
	for _, t := range r.Tests {
		switch t.Name {
		case ownLaw:
			r.Own, r.Least[0] = t.Model.mean(), t.of(leastSquaresName).mean()
		case rotationLaw:
			r.Rotations, r.Least[1] = t.Model.mean(), t.of(leastSquaresName).mean()
		case longerLaw:
			n := c.Length
			r.Early, r.Late = mean(t.Model.PerPosition[n-n/4:n]), mean(t.Model.PerPosition[n:])
		}
	}
	return r, nil
}

func collectGeneralise(all []done[networkConfig, generaliseResult]) (Findings, error) {
	var plain []done[networkConfig, transferResult]
	longer, rotated := math.Inf(-1), math.Inf(1)
	for _, t := range all {
		r := t.Found
		plain = append(plain, done[networkConfig, transferResult]{t.Config, r.transferResult})
		longer = math.Max(longer, r.Late/r.Early)
		if t.Config.D%2 == 0 {
			rotated = math.Min(rotated, r.Rotations/r.Own/(r.Least[1]/r.Least[0]))
		}
	}
	found := Findings{Data: Data{Tables: []Table{transferTable(plain)}}, Figures: []Figure{transferFigure("One model, other laws", all[0].Found.transferResult, all[0].Config.Label)}}
	found.Claims = []Claim{{ID: "longer", Source: "ours", Relation: AtMost, Measured: Number(longer), Predicted: 1, Tolerance: 0.25,
		Statement: "beyond the lengths that it was trained on a model without positions does no worse than at their end: largest ratio of errors, T = n+1 … 2n over the last quarter up to n",
		Reason:    "a quarter for what training leaves: 20 seeds reached 1.1, and one gradient step more than 3"}}
	if !math.IsInf(rotated, 1) {
		found.Claims = append(found.Claims, Claim{ID: "law", Source: "ours", Relation: AtLeast, Measured: Number(rotated), Predicted: 1,
			Statement: "what a model has learnt leans on the law of W: from O(d) to rotations, orthogonal too, its error rises by more than that of least squares: least ratio of the ratios",
			Reason:    "least squares asks nothing of the law, so its ratio is the yardstick"})
	}
	return found, nil
}

// leastSquaresName is the name of the estimator.
const leastSquaresName = "least squares"

// transferFigure draws a model beside the estimators on each law.
func transferFigure(title string, r transferResult, label string) Figure {
	f := Figure{Title: title + " (" + label + ")", Columns: 3,
		Caption: "Squared error over the energy of the targets, by position. The steps are fitted on the law that the model was trained on."}
	for _, t := range r.Tests {
		p := Panel{Kind: Lines, Title: t.Name, X: Axis{Label: "position T"}, Y: Axis{Label: "relative error", Log: true}}
		for _, e := range append([]transferErrors{t.Model}, t.Beside...) {
			if e.Name == copyLast {
				continue
			}
			style := Dashed
			if e.Name == t.Model.Name {
				style = Solid
			}
			s := NewSeries(e.Name, style, positions(len(e.PerPosition)), e.PerPosition)
			for i, v := range e.PerPosition {
				if v < 1e-6 {
					s.Y[i] = Number(math.NaN()) // rounding: it would stretch the axis
				}
			}
			p.Series = append(p.Series, s)
		}
		f.Panels = append(f.Panels, p)
	}
	return f
}
