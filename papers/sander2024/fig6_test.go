package sander2024

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
	"icar/experiment"
	"icar/outcome"
	"icar/theory"
)

func TestFig6Trials(t *testing.T) {
	for _, scale := range []outcome.Scale{outcome.Quick, outcome.Paper} {
		trials := fig6Trials(scale, 9)
		for i, mu := range []float64{50, 100, 200, 300} {
			want := fig6Config{Mu: mu, Tmax: 30, LearningRate: 0.5, Target: 1e-3, Limit: 1_000_000,
				Replicas: 16, Sequences: 400, Seed: 9}
			if len(trials) != 4 || trials[i] != want {
				t.Errorf("trial %d of %d is %+v", i, len(trials), trials[i])
			}
		}
	}
}

// The iterations are those of the paper's protocol in closed form, and the
// encodings on drawn sequences those of streams named by μ.
func TestRunFig6(t *testing.T) {
	c := fig6Config{Mu: 300, Tmax: 30, LearningRate: 0.5, Target: 1e-3, Limit: 10_000, Replicas: 3,
		Sequences: 5, Seed: 4}
	r, err := runFig6(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Iterations != 473 || r.Descended != 473 || r.Deviation > 1e-12 || len(r.R2) != 23 {
		t.Errorf("%d and %d iterations, deviation %g, %d rows; want 473 twice, rounding and 23",
			r.Iterations, r.Descended, r.Deviation, len(r.R2))
	}
	if got, want := r.Missed, math.Sqrt(1-r.R2[22]); !within(got, want, 1e-4) || want > 1e-3 {
		t.Errorf("the cosine misses %g of the last row, R² says %g, below 1e-3", got, want)
	}
	sampler, err := ar.NewSampler[complex128](theory.Position{Tmax: 30, Mu: 300, Rho: 1}.Process(),
		5, 30, 4, "fig6/μ=300")
	if err != nil {
		t.Fatal(err)
	}
	mean, all := make([]float64, 900), [][]float64{}
	for i := range uint64(3) {
		descent, err := theory.NewPositionDescent(theory.SamplePosition(sampler.Batch(i)), 0.5)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, descent.At(473))
		floats.AddScaled(mean, 1.0/3, all[i])
	}
	spread, row := 0.0, 0.0
	for _, p := range all {
		for k, x := range p {
			spread += (x - mean[k]) * (x - mean[k]) / 2 / 3
			if k >= 28*30 && k < 29*30 {
				row += (x - mean[k]) * (x - mean[k]) / 2 / 3
			}
		}
	}
	last := slices.Clone(r.P[28*30 : 29*30])
	centred := slices.Clone(last)
	floats.AddConst(-floats.Sum(last)/30, centred)
	for what, pair := range map[string][2]float64{
		"distance":       {r.Sampled, floats.Distance(mean, r.P, 2) / floats.Norm(r.P, 2)},
		"standard error": {r.Error, math.Sqrt(spread) / floats.Norm(r.P, 2)},
		"row error":      {r.RowError, math.Sqrt(row) / floats.Norm(centred, 2)},
	} {
		if !within(pair[0], pair[1], 1e-9) {
			t.Errorf("%s %g, want %g", what, pair[0], pair[1])
		}
	}
}

// The mean of (3, 4 ± 2) is x, and the standard error 2/√(2-1)·√2/√2 over 5.
func TestMeanBeside(t *testing.T) {
	distance, deviation := meanBeside([]float64{3, 4}, [][]float64{{3, 2}, {3, 6}})
	if distance != 0 || !within(deviation, 2.0/5, 1e-12) {
		t.Errorf("distance %g, standard error %g; want 0 and 0.4", distance, deviation)
	}
	distance, _ = meanBeside([]float64{3, 4}, [][]float64{{3, 5}, {3, 5}})
	if !within(distance, 0.2, 1e-12) {
		t.Errorf("distance %g, want 0.2", distance)
	}
}

func TestFig6Claims(t *testing.T) {
	c := fig6Config{Mu: 120, Tmax: 30, LearningRate: 0.5, Target: 1e-3, Replicas: 3}
	r := fig6Result{P: []float64{0.5, -2}, Iterations: 700, Descended: 701, Deviation: 0.25,
		Sampled: 0.1, Error: 0.01,
		R2: []float64{0.1, 0.9}, Missed: 0.3, RowError: 0.02}
	// Student's t of 2 degrees of freedom has its quantiles in closed form.
	p := 1 - 5e-6
	quantile := (2*p - 1) / math.Sqrt(2*p*(1-p))
	claims := claimsByID(t, fig6Claims(c, r))
	checkClaim(t, claims["iterations/μ=120"], 701, 700, 0)
	checkClaim(t, claims["descent/μ=120"], 0.25, 0, 700*32*0x1p-52*(30*2+1)*2*0.5/29)
	checkClaim(t, claims["samples/μ=120"], 0.1, 0, quantile*0.01)
	checkClaim(t, claims["cosine/μ=120"], 0.3, quantile*0.02, 0)
	if claim := claims["cosine/μ=120"]; claim.Relation != outcome.AtMost ||
		!strings.Contains(claim.Statement, "R² = 0.9000") {
		t.Errorf("half a mode is a cosine, and the R² is that of the last row: %+v", claim)
	}
	c.Mu = 119
	if claim := c.cosineClaim(r, quantile); claim.Relation != outcome.AtLeast ||
		claim.Source != "ours" {
		t.Errorf("more than half a mode is no cosine: %+v", claim)
	}
}

func TestCollectFig6(t *testing.T) {
	c := fig6Config{Mu: 50, Tmax: 8, LearningRate: 0.5, Target: 0.1, Limit: 1000, Replicas: 3,
		Sequences: 2}
	r, err := runFig6(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	found, err := collectFig6([]experiment.Done[fig6Config, fig6Result]{{Config: c, Found: r}})
	if err != nil {
		t.Fatal(err)
	}
	// Rows T = 2 … 8 stand at index T-2; p_T, right of the diagonal, is dropped.
	stored := found.Data.Arrays[0].Values
	for i := range 8 {
		for j := range 8 {
			want := r.P[i*8+j]
			if j == i+1 {
				want = 0
			}
			if stored[i*8+j] != want {
				t.Errorf("stored P[%d, %d] = %g, want %g", i, j, stored[i*8+j], want)
			}
		}
	}
	drawn := found.Figures[1].Panels[0].Series
	for k := range 8 {
		if drawn[0].Y[k] != r.P[6*8+k] || drawn[1].Y[k] != r.Cosine[k] {
			t.Errorf("point %d of the last row and its cosine is %v and %v", k, drawn[0].Y[k],
				drawn[1].Y[k])
		}
	}
	want := []any{50.0, r.Iterations, r.Descended, r.R2[0], r.R2[0]}
	if got := found.Data.Tables[0].Rows[0]; !slices.Equal(got, want) {
		t.Errorf("table %v, want %v", got, want)
	}
}

func TestFig6Check(t *testing.T) {
	good := fig6Trials(outcome.Quick, 1)[0]
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*fig6Config){
		"2 replicas":      func(c *fig6Config) { c.Replicas = 2 },
		"of 0 sequences":  func(c *fig6Config) { c.Sequences = 0 },
		"tmax = 8":        func(c *fig6Config) { c.Tmax = 7 },
		"learning_rate 0": func(c *fig6Config) { c.LearningRate = 0 },
		"target 1":        func(c *fig6Config) { c.Target = 1 },
		"target 0":        func(c *fig6Config) { c.Target = 0 },
		"limit 0":         func(c *fig6Config) { c.Limit = 0 },
	} {
		c := good
		spoil(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if good.Tmax = shortestFitted; good.Check() != nil {
		t.Error("the shortest row that is fitted is refused")
	}
}
