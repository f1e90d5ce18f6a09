package sander2024

import (
	"context"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"icar/ar"
	"icar/experiment"
	"icar/figure"
	"icar/outcome"
	"icar/theory"
)

// H heads, d token dimension, T = 2..Tmax

// fig3Config is one descent on the exact population loss of the diagonal
// multi-head attention on plain tokens.
type fig3Config struct {
	Family       ar.Family `json:"family"`
	D            int       `json:"d"`
	Heads        int       `json:"heads"`
	Tmax         int       `json:"tmax"`
	LearningRate float64   `json:"learning_rate"`
	Iterations   int       `json:"iterations"`
	InitScale    float64   `json:"init_scale"` // standard deviation of A, B, P at the start
	Start        uint64    `json:"start"`      // which of several starts
	Seed         uint64    `json:"seed"`
}

// maxIterations bounds the memory of the losses, 8 bytes an iteration.
const maxIterations = 10_000_000

// Check implements config.
func (c fig3Config) Check() error {
	if _, err := theory.PlainMinimum(c.Family, c.D, c.Heads); err != nil {
		return err
	}
	if _, err := theory.NewDiagonal(c.Heads, c.D, c.Tmax); err != nil {
		return err
	}
	if c.Iterations > maxIterations {
		return fmt.Errorf("iterations %d is too large: use at most %d", c.Iterations, maxIterations)
	}
	if !(c.LearningRate > 0) || c.Iterations < 1 || !(c.InitScale > 0) {
		return fmt.Errorf("learning_rate %g, iterations %d and init_scale %g have to be positive: "+
			"use 0.001, 100000 and 0.1", c.LearningRate, c.Iterations, c.InitScale)
	}
	return nil
}

// fig3Result is where a descent ended.
type fig3Result struct {
	A      []float64 `json:"a"` // (H, d)
	B      []float64 `json:"b"` // (H, d)
	P      []float64 `json:"p"` // (Tmax, Tmax)
	Q      []float64 `json:"q"` // AAᵀ - BBᵀ at the start, (H, H)
	Losses []float64 `json:"losses"`
	At     []float64 `json:"at"` // iterations of Losses, about even on a logarithmic scale
}

func runFig3(ctx context.Context, c fig3Config) (fig3Result, error) {
	m, err := theory.NewDiagonal(c.Heads, c.D, c.Tmax)
	if err != nil {
		return fig3Result{}, err
	}
	m.Init(ar.Rand(c.Seed, "fig3/"+string(c.Family), c.Start), c.InitScale)
	var r fig3Result
	r.Q, _ = theory.Conserved(m)
	losses, err := m.Descend(ctx, c.Family, theory.Descent{LearningRate: c.LearningRate,
		Iterations: c.Iterations})
	if err != nil {
		return fig3Result{}, err
	}
	r.A, r.B, r.P = m.A, m.B, m.P
	for k := 1; k < len(losses); k = max(k+1, k*21/20) {
		r.At, r.Losses = append(r.At, float64(k)), append(r.Losses, losses[k])
	}
	return r, nil
}

// fig3Run is a descent with its certificate.
type fig3Run struct {
	experiment.Done[fig3Config, fig3Result]
	model       *theory.Diagonal
	certificate theory.Certificate
}

// descentConfig is a configuration that holds that of a descent.
type descentConfig interface {
	experiment.Config
	descent() fig3Config
}

func (c fig3Config) descent() fig3Config { return c }

// plainly forgets what an experiment demands of its configurations.
func plainly[C descentConfig](all []experiment.Done[C, fig3Result]) []experiment.Done[fig3Config,
	fig3Result] {
	plain := make([]experiment.Done[fig3Config, fig3Result], len(all))
	for i, d := range all {
		plain[i] = experiment.Done[fig3Config, fig3Result]{Config: d.Config.descent(),
			Found: d.Found}
	}
	return plain
}

func certifyFig3(all []experiment.Done[fig3Config, fig3Result]) ([]fig3Run, error) {
	runs := make([]fig3Run, len(all))
	for i, d := range all {
		m := &theory.Diagonal{H: d.Config.Heads, D: d.Config.D, Tmax: d.Config.Tmax, A: d.Found.A,
			B: d.Found.B, P: d.Found.P}
		c, err := theory.Certify(m, d.Config.Family)
		if err != nil {
			return nil, err
		}
		runs[i] = fig3Run{d, m, c}
	}
	return runs, nil
}

// findings are the arrays and the figure in the paper's form.
func (r fig3Run) findings(title, caption string) experiment.Findings {
	c, m := r.Config, r.model
	data := figure.Data{Arrays: []figure.Array{
		{Name: "A", Shape: []int{c.Heads, c.D}, Values: m.A},
		{Name: "B", Shape: []int{c.Heads, c.D}, Values: m.B},
		{Name: "C", Shape: []int{c.D, c.D}, Values: m.C()},
		{Name: "P", Shape: []int{c.Tmax, c.Tmax}, Values: m.P},
	}}
	coordinate := figure.Axis{Label: "coordinate"}
	picture := figure.Figure{Title: title, Caption: caption, Columns: 3, Panels: []figure.Panel{
		{Kind: figure.Heatmap, Title: "A (query-key)", X: coordinate, Y: figure.Axis{Label: "head"},
			Matrix: figure.NewMatrix(c.Heads, c.D, m.A)},
		{Kind: figure.Heatmap, Title: "B (value)", X: coordinate, Y: figure.Axis{Label: "head"},
			Matrix: figure.NewMatrix(c.Heads, c.D, m.B)},
		{Kind: figure.Heatmap, Title: "C = BᵀA", X: coordinate, Y: coordinate,
			Matrix: figure.NewMatrix(c.D, c.D, m.C())},
		encodingPanel("P (positional encoding)", c.Tmax, m.P),
		{Kind: figure.Heatmap, Title: "cosines between heads of A", X: figure.Axis{Label: "head"},
			Y:      figure.Axis{Label: "head"},
			Matrix: figure.NewMatrix(c.Heads, c.Heads, headCosines(m.A, c.D))},
		{Kind: figure.Lines, Title: "loss above its exact minimum",
			X: figure.Axis{Label: "iteration", Log: true},
			Y: figure.Axis{Label: "excess loss", Log: true},
			Series: []figure.Series{figure.NewSeries("", figure.Solid, r.Found.At,
				above(r.Found.Losses, r.certificate.Minimum))}},
	}}
	return experiment.Findings{Data: data, Figures: []figure.Figure{picture}}
}

func above(losses []float64, minimum float64) []float64 {
	excess := make([]float64, len(losses))
	for i, l := range losses {
		excess[i] = l - minimum
	}
	return excess
}

// zeroLoss is the loss of the model that predicts nothing, the unit in which
// an excess is small or large.
func (r fig3Run) zeroLoss() float64 { return float64(r.Config.D * (r.Config.Tmax - 1)) }

// unitaryConfig is a descent whose heads can be orthogonal.
type unitaryConfig struct{ fig3Config }

// Check implements config.
func (c unitaryConfig) Check() error {
	if err := c.fig3Config.Check(); err != nil {
		return err
	}
	if c.Family != ar.Unitary || c.Heads > c.D {
		return fmt.Errorf("%d heads on %s contexts with d = %d: orthogonal heads are proved for the "+
			"unitary family with H ≤ d; use heads = %d", c.Heads, c.Family, c.D, c.D)
	}
	return nil
}

func fig3Unitary() experiment.Experiment {
	return experiment.Define(experiment.Spec[unitaryConfig, fig3Result]{
		Name: "fig3-unitary", Source: "Fig. 3, unitary",
		Summary: "descent of the diagonal multi-head attention on unitary contexts finds a global " +
			"minimum with orthogonal heads",
		Quick: 100 * time.Millisecond, Paper: 100 * time.Millisecond,
		Trials: func(_ outcome.Scale, seed uint64) []unitaryConfig {
			return []unitaryConfig{{fig3Config{Family: ar.Unitary, D: 10, Heads: 10, Tmax: 20,
				LearningRate: 1e-3, Iterations: 10_000, InitScale: 0.1, Seed: seed}}}
		},
		Run: func(ctx context.Context, c unitaryConfig) (fig3Result, error) {
			return runFig3(ctx, c.fig3Config)
		},
		Collect: func(all []experiment.Done[unitaryConfig, fig3Result]) (experiment.Findings, error) {
			return collectFig3Unitary(plainly(all))
		},
	})
}

func collectFig3Unitary(
	all []experiment.Done[fig3Config, fig3Result]) (experiment.Findings, error) {
	runs, err := certifyFig3(all)
	if err != nil {
		return experiment.Findings{}, err
	}
	r := runs[0]
	c := r.certificate
	found := r.findings("Diagonal attention on unitary contexts (Fig. 3)",
		"C is a multiple of the identity and only p_T, the superdiagonal of P, is used: the model "+
			"reads off W = s_T s̄_{T-1} and applies it.")
	// ℓ_T ≥ |p_T C - I|² + (|p|² - p_T² - p_{T-1}²)|C|² + min ℓ_T, so an excess ε leaves
	// each of C and P within √ε of its form, relative to |I| = √d and to one p_T.
	allowed := 1e-12 * r.zeroLoss()
	root := math.Sqrt(allowed)
	reason := "an excess of 1e-12 of the loss of the zero prediction; the loss bounds the squares " +
		"of all deviations"
	overlap, drift := conservedOverlap(r)
	found.Claims = []outcome.Claim{
		{ID: "minimum", Source: "paper, unitary", Relation: outcome.AtMost,
			Measured: figure.Number(c.Excess), Tolerance: allowed,
			Statement: "descent reaches the exact minimum max(0, d - H) of the population loss: loss " +
				"above it",
			Reason: "1e-12 of the loss of the zero prediction, four digits above rounding"},
		{ID: "C", Source: "paper, unitary", Relation: outcome.AtMost,
			Measured:  figure.Number(c.ResidualC),
			Tolerance: 2 * root / math.Sqrt(float64(r.Config.D)),
			Statement: fmt.Sprintf("C = BᵀA is c times a projector of rank H, the identity for H = d, "+
				"with c = %.4f: relative distance", c.Gauge), Reason: reason},
		{ID: "P", Source: "paper, unitary", Relation: outcome.AtMost,
			Measured: figure.Number(c.ResidualP), Tolerance: 2 * root,
			Statement: "the superdiagonal of P is 1/c and the rest is 0: relative distance",
			Reason:    reason},
		{ID: "heads", Source: "paper, unitary", Relation: outcome.Equals,
			Measured: figure.Number(c.HeadOverlap), Predicted: overlap, Tolerance: drift + 2*root,
			Statement: "heads are orthogonal but for what the start leaves: descent conserves Q = AAᵀ " +
				"- BBᵀ: largest |cosine| between two heads",
			Reason: "AAᵀ = Q/2 + √(Q²/4 + c²) and BBᵀ = AAᵀ - Q at a minimum with H ≤ d; the tolerance is " +
				"the change of Q by steps of finite size and the excess"},
	}
	return found, nil
}

// conservedOverlap is the largest |cosine| between two heads at a minimum with
// the gauge of the run where Q = AAᵀ - BBᵀ is that of the start. drift bounds
// what a change ΔQ adds: x/2 + √(x²/4 + c²) has slopes of at most 1, so that the
// Gram matrices change by at most |ΔQ|_F, and a cosine by twice that over the
// least square of a norm.
func conservedOverlap(r fig3Run) (overlap, drift float64) {
	h, c := r.Config.Heads, r.certificate.Gauge
	var eigen mat.EigenSym
	if !eigen.Factorize(mat.NewSymDense(h, r.Found.Q), true) {
		return math.NaN(), 0
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	least := math.Inf(1)
	for _, sign := range []float64{1, -1} { // AAᵀ, BBᵀ
		squares := eigen.Values(nil)
		for i, q := range squares {
			squares[i] = sign*q/2 + math.Hypot(q/2, c)
		}
		var gram mat.Dense
		gram.Mul(&vectors, mat.NewDiagDense(h, squares))
		gram.Mul(&gram, vectors.T())
		for i := range h {
			least = min(least, gram.At(i, i))
			for j := range i {
				overlap = max(overlap, math.Abs(gram.At(i,
					j))/math.Sqrt(gram.At(i, i)*gram.At(j, j)))
			}
		}
	}
	end, _ := theory.Conserved(r.model)
	change := floats.Distance(end, r.Found.Q, 2)
	return overlap, 2 * change / max(least-change,
		least/2) // a larger change is not one by finite steps
}

// headCosines is the cosine between each two of the heads in rows of length d,
// (H, H) row-major.
func headCosines(heads []float64, d int) []float64 {
	h := len(heads) / d
	cosines := make([]float64, h*h)
	for i := range h {
		for j := range h {
			x, y := heads[i*d:][:d], heads[j*d:][:d]
			cosines[i*h+j] = floats.Dot(x, y) / (floats.Norm(x, 2) * floats.Norm(y, 2))
		}
	}
	return cosines
}
