package experiment

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"icar/ar"
	"icar/estimator"
	"icar/train"
)

// generalise trains on Haar sequences and tests on other laws.
func generalise() Experiment {
	return define(spec[networkConfig, generaliseResult]{
		name: "generalise", source: "ours",
		summary: "models trained on O(d) tested on other contexts, longer ones, noise and contractions, beside the estimators",
		quick:   1600 * time.Millisecond, paper: 7 * time.Minute,
		trials: func(scale Scale, seed uint64) []networkConfig {
			return depthTrials(scale, seed, seedsOf(scale), func(*train.Config) {}, 2, 1)
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
	// Past is by how much more the error grows past the lengths trained on than
	// that of one gradient step, relative to the targets' energy, and PastHigh
	// the upper end of its bootstrap interval over sequences.
	Past     float64 `json:"past"`
	PastHigh float64 `json:"past_high"`
	// Law is the ratio by which the error rises from the law trained on to
	// rotations, over that of least squares, and LawLow the lower end of its
	// interval; 0 if d is odd.
	Law    float64 `json:"law"`
	LawLow float64 `json:"law_low"`
}

func runGeneralise(ctx context.Context, c networkConfig, m Means) (r generaliseResult, err error) {
	if r.transferResult, err = transfer(ctx, c, m, otherLaws(c)); err != nil {
		return r, err
	}
	longer, err := r.test(longerLaw)
	if err != nil {
		return r, err
	}
	step := longer.Beside[slices.IndexFunc(longer.Beside, func(e transferErrors) bool { return strings.HasPrefix(e.Name, descentAlgorithm) })]
	interval, err := estimator.BootstrapDifference(longer.Model.PastTraining, step.PastTraining, 0.9998, 10_001, ar.Rand(c.Seed, "bootstrap/generalise/longer", 0))
	if err != nil {
		return r, err
	}
	r.Past, r.PastHigh = mean(longer.Model.PastTraining)-mean(step.PastTraining), interval.High
	if c.D%2 != 0 {
		return r, nil
	}
	own, err := r.test(ownLaw)
	if err != nil {
		return r, err
	}
	rotated, err := r.test(rotationLaw)
	if err != nil {
		return r, err
	}
	r.Law, r.LawLow = own.rise(rotated)
	return r, nil
}

// rise returns the ratio by which the model's error rises from one law to
// another over that of least squares, with a lower bound at 3.7 standard errors
// of its logarithm (one side errs once in 10⁴). The two laws are tested on
// independent sequences; on each the logarithm of the model's mean error over
// that of least squares varies, to first order, as the mean of m_i/m̄ - l_i/l̄.
func (t transferTest) rise(to transferTest) (ratio, low float64) {
	log, variance := 0.0, 0.0
	for _, side := range []struct {
		transferTest
		sign float64
	}{{t, -1}, {to, 1}} {
		model, least := side.Model.PerSequence, side.of(leastSquaresName).PerSequence
		m, l := mean(model), mean(least)
		log += side.sign * math.Log(m/l)
		influence := make([]float64, len(model))
		for i := range model {
			influence[i] = model[i]/m - least[i]/l
		}
		variance += stat.Variance(influence, nil) / float64(len(model))
	}
	return math.Exp(log), math.Exp(log - 3.7*math.Sqrt(variance))
}

func collectGeneralise(all []done[networkConfig, generaliseResult]) (Findings, error) {
	var plain []done[networkConfig, transferResult]
	past, high, law, low := math.Inf(-1), math.Inf(-1), math.Inf(1), math.Inf(1)
	for _, t := range all {
		r := t.Found
		plain = append(plain, done[networkConfig, transferResult]{t.Config, r.transferResult})
		past, high = math.Max(past, r.Past), math.Max(high, r.PastHigh)
		if t.Config.D%2 == 0 {
			law, low = math.Min(law, r.Law), math.Min(low, r.LawLow)
		}
	}
	found := Findings{Data: Data{Tables: []Table{transferTable(plain)}}, Figures: []Figure{transferFigure("One model, other laws", all[0].Found.transferResult, all[0].Config.Label)}}
	found.Claims = []Claim{{ID: "longer", Source: "ours", Relation: AtMost, Measured: Number(past), Tolerance: past - high,
		Statement: "beyond the lengths that it was trained on a model without positions keeps what one gradient step loses: growth of the relative error from the last quarter up to n to T = n+1 … 2n, less that of the step, largest over models",
		Reason:    "paired bootstrap over test sequences: the upper end of the 99.98 % interval is below 0"}}
	if !math.IsInf(law, 1) {
		found.Claims = append(found.Claims, Claim{ID: "law", Source: "ours", Relation: AtLeast, Measured: Number(law), Predicted: 1, Tolerance: low - law,
			Statement: "what a model has learnt leans on the law of W: from O(d) to rotations, orthogonal too, its error rises by more than that of least squares: least ratio of the ratios",
			Reason:    "least squares asks nothing of the law, so its ratio is the yardstick; the lower end at 3.7 standard errors of the logarithm is above 1"})
	}
	return found, nil
}

// Relative errors outside are not drawn: they would stretch the axis.
const (
	drawnFrom = 1e-6
	drawnTo   = 4.
)

// transferFigure draws a model beside the estimators on each law.
func transferFigure(title string, r transferResult, label string) Figure {
	f := Figure{Title: title + " (" + label + ")", Columns: 3,
		Caption: fmt.Sprintf("Squared error over the energy of the targets, by position; bands: 95 %% bootstrap over W. The steps are fitted on the law that the model was trained on; the Kalman filter is ridge regression with λ = σ²d. Errors below %g, exact but for rounding, and above %g are not drawn, where the line is broken: least squares divides the noise by what may be near 0.", drawnFrom, drawnTo)}
	for _, t := range r.Tests {
		p := Panel{Kind: Lines, Title: t.Name, X: Axis{Label: "position T"}, Y: Axis{Label: "relative error", Log: true}}
		for _, e := range append([]transferErrors{t.Model}, t.Beside...) {
			if e.Name == copyLast || e.Name == ridgeName {
				continue
			}
			style := Dashed
			if e.Name == t.Model.Name {
				style = Solid
			}
			s := e.PerPosition.series(e.Name, style)
			for i, v := range e.PerPosition.Mean {
				if v < drawnFrom || v > drawnTo {
					s.Y[i], s.Low[i], s.High[i] = Number(math.NaN()), Number(math.NaN()), Number(math.NaN())
				}
				s.High[i] = Number(math.Min(s.High[i].Float(), drawnTo))
			}
			p.Series = append(p.Series, s)
		}
		f.Panels = append(f.Panels, p)
	}
	return f
}
