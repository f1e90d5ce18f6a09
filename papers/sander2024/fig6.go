package sander2024

import (
	"context"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat/distuv"

	"icar/ar"
	"icar/experiment"
	"icar/figure"
	"icar/outcome"
	"icar/theory"
)

// fig6 is the positional encoding alone, trained by gradient descent until
// its mean loss is small, for several context spreads μ.
func fig6() experiment.Experiment {
	return experiment.Define(experiment.Spec[fig6Config, fig6Result]{
		Name: "fig6", Source: "Fig. 6",
		Summary: "the positional encoding alone: closed form, descent on exact moments and on " +
			"samples",
		Quick: 600 * time.Millisecond, Paper: 600 * time.Millisecond,
		Trials: fig6Trials, Run: runFig6, Collect: collectFig6,
	})
}

type fig6Config struct {
	Mu           float64 `json:"mu"`
	Tmax         int     `json:"tmax"`
	LearningRate float64 `json:"learning_rate"`
	Target       float64 `json:"target"`    // mean loss at which descent stops
	Limit        int     `json:"limit"`     // iterations at most
	Replicas     int     `json:"replicas"`  // independent trainings on samples
	Sequences    int     `json:"sequences"` // in each of them
	Seed         uint64  `json:"seed"`
}

func (c fig6Config) problem() theory.Position {
	return theory.Position{Tmax: c.Tmax, Mu: c.Mu, Rho: 1}
}

// Check implements config.
func (c fig6Config) Check() error {
	if c.Replicas < 3 || c.Sequences < 1 {
		return fmt.Errorf(
			"%d replicas of %d sequences give no standard error: use 3 replicas or more",
			c.Replicas, c.Sequences)
	}
	if err := c.problem().Check(); err != nil {
		return err
	}
	if c.Tmax < shortestFitted {
		return fmt.Errorf(
			"longest context Tmax = %d: cosines are fitted to rows from T = %d on; use tmax = %d "+
				"or more", c.Tmax, shortestFitted, shortestFitted)
	}
	if !(c.LearningRate > 0) || !(c.Target > 0 && c.Target < 1) || c.Limit < 1 {
		return fmt.Errorf(
			"learning_rate %g, target %g, limit %d: use positive numbers, and a target below the "+
				"loss 1 of the zero encoding", c.LearningRate, c.Target, c.Limit)
	}
	return nil
}

// shortestFitted is the context length from which on a cosine is fitted to a
// row: with fewer points its four parameters follow anything.
const shortestFitted = 8

type fig6Result struct {
	P          []float64 `json:"p"`          // (Tmax, Tmax), closed form
	Iterations int       `json:"iterations"` // closed form
	Descended  int       `json:"descended"`  // iterations of actual descent
	Deviation  float64   `json:"deviation"`  // max |P - P by actual descent|
	Sampled    float64   `json:"sampled"`    // |mean of the replicas' P - P| / |P|
	Error      float64   `json:"error"`      // standard error of that mean, over |P|
	// of a cosine fitted to each row from T = shortestFitted on
	R2     []float64 `json:"r2"`
	Cosine []float64 `json:"cosine"` // the cosine fitted to the last row, which Fig. 6 plots
	Missed float64   `json:"missed"` // |last row - cosine| / |last row - its mean|, √(1 - R²)
	// standard error of the replicas' mean last row, over the same
	RowError float64 `json:"row_error"`
}

func fig6Trials(_ outcome.Scale, seed uint64) []fig6Config {
	var trials []fig6Config
	for _, mu := range []float64{50, 100, 200, 300} {
		trials = append(trials, fig6Config{Mu: mu, Tmax: 30, LearningRate: 0.5, Target: 1e-3,
			Limit:    1_000_000,
			Replicas: 16, Sequences: 400, Seed: seed})
	}
	return trials
}

func runFig6(ctx context.Context, c fig6Config) (fig6Result, error) {
	rows := c.problem().Rows()
	descent, err := theory.NewPositionDescent(rows, c.LearningRate)
	if err != nil {
		return fig6Result{}, err
	}
	var r fig6Result
	if r.Iterations, err = descent.FirstBelow(c.Target, c.Limit); err != nil {
		return fig6Result{}, err
	}
	r.P = descent.At(r.Iterations)
	actual, k, err := theory.DescendPosition(ctx, rows, c.LearningRate, c.Target, c.Limit)
	if err != nil {
		return fig6Result{}, err
	}
	r.Descended, r.Deviation = k, floats.Distance(r.P, actual, math.Inf(1))
	replicas, err := c.replicas(r.Iterations)
	if err != nil {
		return fig6Result{}, err
	}
	r.Sampled, r.Error = meanBeside(r.P, replicas)
	for T := shortestFitted; T <= c.Tmax; T++ {
		fit, err := theory.FitCosine(r.P[(T-2)*c.Tmax:][:T])
		if err != nil {
			return fig6Result{}, fmt.Errorf("row T = %d: %w", T, err)
		}
		r.R2 = append(r.R2, fit.R2)
		r.Cosine = fit.Curve(T)
	}
	r.Missed, r.RowError = c.lastRow(r, replicas)
	return r, nil
}

// lastRow returns what the fitted cosine misses of the last row, and the
// standard error of the last row of the replicas' mean, both over the size of
// the row about its mean.
func (c fig6Config) lastRow(r fig6Result, replicas [][]float64) (missed, standardError float64) {
	last := func(P []float64) []float64 { return P[(c.Tmax-2)*c.Tmax:][:c.Tmax] }
	row := last(r.P)
	centred := append([]float64(nil), row...)
	floats.AddConst(-mean(row), centred)
	var rows [][]float64
	for _, P := range replicas {
		rows = append(rows, last(P))
	}
	_, standardError = meanBeside(row, rows)
	size := floats.Norm(centred, 2)
	return floats.Distance(row, r.Cosine, 2) / size, standardError * floats.Norm(row, 2) / size
}

// replicas are encodings (Tmax, Tmax) trained on drawn sequences for a number
// of iterations, each on sequences of its own.
func (c fig6Config) replicas(iterations int) ([][]float64, error) {
	sampler, err := ar.NewSampler[complex128](c.problem().Process(), c.Sequences, c.Tmax, c.Seed,
		fmt.Sprintf("fig6/μ=%g", c.Mu))
	if err != nil {
		return nil, err
	}
	replicas := make([][]float64, c.Replicas)
	for i := range replicas {
		rows := theory.SamplePosition(sampler.Batch(uint64(i)))
		descent, err := theory.NewPositionDescent(rows, c.LearningRate)
		if err != nil {
			return nil, err
		}
		replicas[i] = descent.At(iterations)
	}
	return replicas, nil
}

// meanBeside returns how far the mean of several vectors is from x, and the
// standard error of that mean: √(Σ|p - mean|²/(n-1)/n). Both are over |x|.
func meanBeside(x []float64, several [][]float64) (distance, standardError float64) {
	n := float64(len(several))
	centre := make([]float64, len(x))
	for _, p := range several {
		floats.AddScaled(centre, 1/n, p)
	}
	spread := 0.0
	for _, p := range several {
		d := floats.Distance(p, centre, 2)
		spread += d * d / (n - 1)
	}
	norm := floats.Norm(x, 2)
	return floats.Distance(centre, x, 2) / norm, math.Sqrt(spread/n) / norm
}

func collectFig6(all []experiment.Done[fig6Config, fig6Result]) (experiment.Findings, error) {
	var found experiment.Findings
	picture := figure.Figure{Title: "Positional encoding alone (Fig. 6)", Columns: 2,
		Caption: "P after the first iteration whose mean loss is at most the target; row T-2 " +
			"holds p_1 … p_T. The narrower the contexts (larger μ), the smoother the rows."}
	rows := figure.Figure{Name: "cosines", Title: "Cosines fitted to the last row of the encoding",
		Columns: 2,
		Caption: "p_1 … p_T at T = Tmax and the best single cosine. Narrow contexts leave room " +
			"for less than one period, wide ones for several."}
	counts := figure.Table{Name: "iterations", Columns: []string{"mu", "closed_form", "descent",
		"last_row_r2", "median_r2"}}
	for _, d := range all {
		c, r := d.Config, d.Found
		picture.Panels = append(picture.Panels,
			encodingPanel(fmt.Sprintf("μ = %g, %d iterations", c.Mu, r.Iterations), c.Tmax, r.P))
		t := figure.Positions(c.Tmax)
		rows.Panels = append(rows.Panels,
			figure.Panel{Kind: figure.Lines, Title: fmt.Sprintf("μ = %g, R² = %.4f", c.Mu,
				r.R2[len(r.R2)-1]),
				X: figure.Axis{Label: "position t"}, Y: figure.Axis{Label: "p_t"},
				Series: []figure.Series{figure.NewSeries("encoding", figure.Points, t,
					r.P[(c.Tmax-2)*c.Tmax:][:c.Tmax]),
					figure.NewSeries("cosine", figure.Dashed, t, r.Cosine)}})
		found.Data.Arrays = append(found.Data.Arrays,
			figure.Array{Name: fmt.Sprintf("pe_mu_%g", c.Mu),
				Shape: []int{c.Tmax, c.Tmax}, Values: withoutSuperdiagonal(r.P, c.Tmax)})
		counts.Rows = append(counts.Rows,
			[]any{c.Mu, r.Iterations, r.Descended, r.R2[len(r.R2)-1], median(r.R2)})
		found.Claims = append(found.Claims, fig6Claims(c, r)...)
	}
	found.Figures = []figure.Figure{picture, rows}
	found.Data.Tables = []figure.Table{counts}
	return found, nil
}

func fig6Claims(c fig6Config, r fig6Result) []outcome.Claim {
	// A step multiplies a row by I - step·G, whose norm is at most 1, so that
	// rounding adds up over the iterations: each adds at most (T+2) units in
	// the last place of a gradient whose terms sum to at most T max|p| + 1.
	T := float64(c.Tmax)
	rounding := float64(r.Iterations) * (T + 2) * 0x1p-52 * (T*floats.Norm(r.P, math.Inf(1)) +
		1) * 2 * c.LearningRate / (T - 1)
	// In the worst case one direction carries all the spread between replicas;
	// then distance/error is |t| with Replicas-1 degrees of freedom.
	quantile := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(c.Replicas - 1)}.Quantile(1 - 5e-6)
	at := fmt.Sprintf("μ=%g", c.Mu)
	claims := []outcome.Claim{
		{ID: "iterations/" + at, Source: "ours", Relation: outcome.Equals,
			Statement: fmt.Sprintf(
				"at μ = %g descent needs as many iterations as the closed form says to reach "+
					"mean loss %g", c.Mu, c.Target),
			Measured: figure.Number(r.Descended), Predicted: float64(r.Iterations),
			Reason: "counts are equal or they are not"},
		{ID: "descent/" + at, Source: "ours", Relation: outcome.AtMost,
			Statement: fmt.Sprintf(
				"at μ = %g the closed form is where descent on exact moments arrives: largest "+
					"deviation of an entry", c.Mu),
			Measured: figure.Number(r.Deviation), Tolerance: rounding,
			Reason: "rounding of every step, none of which is amplified"},
		{ID: "samples/" + at, Source: "Fig. 6", Relation: outcome.AtMost,
			Statement: fmt.Sprintf(
				"at μ = %g descent on sampled sequences arrives at the closed form too: "+
					"relative distance of the mean encoding of %d trainings", c.Mu, c.Replicas),
			Measured: figure.Number(r.Sampled), Tolerance: quantile * r.Error,
			Reason: "Student's t of the mean over the trainings, two-sided 1e-5, all spread in " +
				"one direction"},
	}
	return append(claims, c.cosineClaim(r, quantile))
}

// cosineClaim says whether the row that Fig. 6 plots, the last one, is a
// cosine, as far as the drawn sequences can tell: within the error of the
// encodings trained on them. The angles 2θ fill a band of width 4π/μ, in which
// T positions resolve 2T/μ modes (Slepian 1978,
// doi:10.1002/j.1538-7305.1978.tb02104.x). A single cosine follows the row
// where the second mode has nothing to add, far below one; the rows before the
// last are shorter and follow it longer.
func (c fig6Config) cosineClaim(r fig6Result, quantile float64) outcome.Claim {
	modes := 2 * float64(c.Tmax) / c.Mu
	claim := outcome.Claim{ID: fmt.Sprintf("cosine/μ=%g", c.Mu), Source: "Fig. 6",
		Relation: outcome.AtMost, Figure: "cosines",
		Measured: figure.Number(r.Missed), Predicted: quantile * r.RowError,
		Reason: "Student's t of the mean last row over the trainings on drawn sequences, " +
			"two-sided 1e-5"}
	what := "is a cosine as far as drawn sequences can tell"
	if modes > 0.5 {
		claim.Source, claim.Relation = "ours", outcome.AtLeast
		what = "is no single cosine"
	}
	claim.Statement = fmt.Sprintf("at μ = %g the row that Fig. 6 plots, T = %d, %s (R² = %.4f; "+
		"2T/μ = %.2g modes are resolved): what the best cosine misses of it, over its size about "+
		"its mean",
		c.Mu, c.Tmax, what, r.R2[len(r.R2)-1], modes)
	return claim
}

// withoutSuperdiagonal drops p_T, as the authors' stored encodings do.
func withoutSuperdiagonal(P []float64, tmax int) []float64 {
	lower := append([]float64(nil), P...)
	for i := range tmax - 1 {
		lower[i*tmax+i+1] = 0
	}
	return lower
}
