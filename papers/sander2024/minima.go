package sander2024

import (
	"context"
	"fmt"
	"math"
	"math/cmplx"
	"slices"
	"time"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
	"icar/experiment"
	"icar/figure"
	"icar/outcome"
	"icar/theory"
)

// H heads, d token dimension, T = 2..Tmax

// minima holds the exact minima of the diagonal attention against descents
// from many starts, for every number of heads.
func minima() experiment.Experiment {
	return experiment.Define(experiment.Spec[minimaConfig, minimaResult]{
		Name: "minima", Source: "paper, ours",
		Summary: "the exact minima of the diagonal attention for every H ≤ d ≤ 8, never " +
			"undercut, and what keeps descent from them",
		Quick: 1300 * time.Millisecond, Paper: 30 * time.Second,
		Trials: minimaTrials, Run: runMinima, Collect: collectMinima,
	})
}

type minimaConfig struct {
	Family       ar.Family `json:"family"`
	D            int       `json:"d"`
	Heads        int       `json:"heads"`
	Tmax         int       `json:"tmax"`
	Starts       int       `json:"starts"`
	LearningRate float64   `json:"learning_rate"`
	Iterations   int       `json:"iterations"`
	InitScale    float64   `json:"init_scale"`
	Seed         uint64    `json:"seed"`
}

// Check implements config.
func (c minimaConfig) Check() error {
	if c.Starts < 1 {
		return fmt.Errorf("starts %d is not positive: use 1 or more", c.Starts)
	}
	return fig3Config{Family: c.Family, D: c.D, Heads: c.Heads, Tmax: c.Tmax,
		LearningRate: c.LearningRate, Iterations: c.Iterations, InitScale: c.InitScale}.Check()
}

func minimaTrials(scale outcome.Scale, seed uint64) []minimaConfig {
	starts, iterations := 8, 5000
	if scale == outcome.Paper {
		starts, iterations = 64, 20_000
	}
	var trials []minimaConfig
	for _, family := range []ar.Family{ar.Unitary, ar.Rotation} {
		for d := 1; d <= 8; d++ {
			if family.Check(d) != nil {
				continue
			}
			rate := 0.02
			if family == ar.Rotation && d > 4 {
				rate = 0.004 // the valley to infinity is steep across
			}
			for h := 1; h <= d; h++ {
				trials = append(trials, minimaConfig{Family: family, D: d, Heads: h, Tmax: 5,
					Starts: starts, LearningRate: rate, Iterations: iterations, InitScale: 0.05,
					Seed: seed})
			}
		}
	}
	return trials
}

type minimaResult struct {
	Minimum float64 `json:"minimum"` // exact, over T = 2..Tmax
	// worst |error² - minimum| on a drawn sequence, of minimisers with c = ±1.3 and all κ tried
	Constructed float64 `json:"constructed"`
	// losses above the minimum where the starts end
	Ends     []float64        `json:"ends"`
	Verdicts []theory.Verdict `json:"verdicts"` // on each end
	Gauges   []float64        `json:"gauges"`   // c of each
	// |c/c* - 1| that the conserved quantities of each start allow
	Allowed []float64 `json:"allowed"`
	// losses above the minimum along the way, for the figure
	Curves [][]float64 `json:"curves,omitempty"`
	Drifts []float64   `json:"drifts,omitempty"` // of Q, at the learning rate over 20, 40 and 80
}

func runMinima(ctx context.Context, c minimaConfig) (minimaResult, error) {
	perContext, err := theory.PlainMinimum(c.Family, c.D, c.Heads)
	if err != nil {
		return minimaResult{}, err
	}
	r := minimaResult{Minimum: perContext * float64(c.Tmax-1)}
	if r.Constructed, err = worstMinimiser(c, perContext); err != nil {
		return minimaResult{}, err
	}
	for start := range c.Starts {
		m, err := theory.NewDiagonal(c.Heads, c.D, c.Tmax)
		if err != nil {
			return minimaResult{}, err
		}
		m.Init(ar.Rand(c.Seed, c.stream("starts"), uint64(start)), c.InitScale)
		before := conserved(m)
		losses, err := m.Descend(ctx, c.Family,
			theory.Descent{LearningRate: c.LearningRate, Iterations: c.Iterations})
		if err != nil {
			return minimaResult{}, err
		}
		certificate, err := theory.Certify(m, c.Family)
		if err != nil {
			return minimaResult{}, err
		}
		r.Ends = append(r.Ends, certificate.Excess)
		r.Verdicts = append(r.Verdicts, certificate.Verdict)
		r.Gauges = append(r.Gauges, certificate.Gauge)
		r.Allowed = append(r.Allowed, before.gaugeError(m, c, certificate))
		if c.smallestWithTraps() {
			r.Curves = append(r.Curves, above(thin(losses, c.curveStep()), r.Minimum))
		}
	}
	if c.Heads == c.D && c.D == 4 {
		r.Drifts, err = drifts(ctx, c)
	}
	return r, err
}

func (c minimaConfig) stream(what string) string {
	return fmt.Sprintf("minima/%s/%s/d=%d/H=%d", what, c.Family, c.D, c.Heads)
}

// smallestWithTraps says whether the descents of this trial are drawn.
func (c minimaConfig) smallestWithTraps() bool {
	return c.Family == ar.Rotation && c.D == 4 && c.Heads == 2
}

// curveStep is the number of iterations between the points of a curve.
func (c minimaConfig) curveStep() int { return max(1, c.Iterations/200) }

// thin keeps every step-th loss.
func thin(losses []float64, step int) []float64 {
	var kept []float64
	for k := 0; k < len(losses); k += step {
		kept = append(kept, losses[k])
	}
	return kept
}

// drifts returns how far Q = AAᵀ - BBᵀ moves over the same flow time with the
// learning rate, half of it and a quarter of it.
func drifts(ctx context.Context, c minimaConfig) ([]float64, error) {
	var moved []float64
	for _, part := range []int{1, 2, 4} {
		m, err := theory.NewDiagonal(c.Heads, c.D, c.Tmax)
		if err != nil {
			return nil, err
		}
		m.Init(ar.Rand(c.Seed, fmt.Sprintf("minima/drift/%s", c.Family), 0), 0.3)
		before := conserved(m)
		if _, err := m.Descend(ctx, c.Family,
			theory.Descent{LearningRate: c.LearningRate / 20 / float64(part),
				Iterations: 2000 * part}); err != nil {
			return nil, err
		}
		moved = append(moved, floats.Distance(conserved(m).q, before.q, 2))
	}
	return moved, nil
}

// minimiserSequences are drawn for the constructed minimisers, whose error is
// the same on each.
const minimiserSequences = 3

// worstMinimiser returns how far the squared error of the constructed
// minimisers on any context of drawn sequences is from the minimum.
func worstMinimiser(c minimaConfig, perContext float64) (float64, error) {
	kappas := []float64{1}
	if c.Family == ar.Rotation && c.Heads >= c.D {
		kappas = []float64{1, 0, -0.4, 3} // all κ ≠ -1 are minima
	}
	sampler, err := ar.NewSampler[complex128](ar.New(c.Family, c.D), minimiserSequences, c.Tmax,
		c.Seed,
		c.stream("sequences"))
	if err != nil {
		return 0, err
	}
	sequences := split(sampler.Batch(0))
	worst := 0.0
	for _, kappa := range kappas {
		for _, gauge := range []float64{1.3, -1.3} {
			m, err := theory.PlainMinimiser(c.Family, c.D, c.Heads, c.Tmax, gauge, kappa)
			if err != nil {
				return 0, err
			}
			for _, s := range sequences {
				for t := 2; t <= c.Tmax; t++ {
					worst = max(worst, math.Abs(squaredError(m, s, t)-perContext))
				}
			}
		}
	}
	return worst, nil
}

// squaredError is |prediction - s_{t+1}|² of the prediction from s_1 … s_t.
func squaredError(m *theory.Diagonal, s []complex128, t int) float64 {
	sum := 0.0
	for i, x := range m.Predict(s, t) {
		z := cmplx.Abs(x - s[t*m.D+i])
		sum += z * z
	}
	return sum
}

// conservedQuantities are Q = AAᵀ - BBᵀ and s = Σ|p_T|² - |A|_F², which
// gradient flow keeps.
type conservedQuantities struct {
	q []float64
	s float64
}

func conserved(m *theory.Diagonal) conservedQuantities {
	q, s := theory.Conserved(m)
	return conservedQuantities{q, s}
}

// gaugeError bounds how far the gauge can be from c*, |c*|³ = (Tmax-1)/H, at a
// minimum of the unitary family with H ≤ d. There AAᵀ = Q/2 + √(Q²/4 + c²), so
// that N/c² - H|c| = s + tr Q/2 + tr(√(Q²/4 + c²) - |c|); the left side falls
// with |c| at a rate of at least H. What descent adds to s and Q by finite
// steps counts on top of the start, and so do p_{T-1}, which keeps its start
// where Π1 is 0, and what is left of the excess, whose root bounds the
// deviations of all coefficients.
func (start conservedQuantities) gaugeError(m *theory.Diagonal, c minimaConfig,
	certificate theory.Certificate) float64 {
	end := conserved(m)
	h := float64(c.Heads)
	trace, square, drift := 0.0, 0.0, math.Abs(end.s-start.s)
	for i := range start.q {
		if i%(c.Heads+1) == 0 {
			trace += start.q[i]
			drift += math.Abs(end.q[i]-start.q[i]) / 2
		}
		most := math.Abs(start.q[i]) + math.Abs(end.q[i]-start.q[i])
		square += most * most
	}
	star := math.Cbrt(float64(c.Tmax-1) / h)
	for i := range c.Tmax - 1 {
		p := m.P[i*c.Tmax+i] // p_{T-1}
		drift += p * p
	}
	left := 2 * math.Sqrt(max(0, certificate.Excess))
	return (math.Abs(start.s+trace/2)+drift+square/(8*max(math.Abs(certificate.Gauge),
		0.1)))/(h*star) + left
}

func collectMinima(all []experiment.Done[minimaConfig, minimaResult]) (experiment.Findings, error) {
	var found experiment.Findings
	table := figure.Table{Name: "minima", Columns: []string{"family", "d", "heads", "minimum",
		"lowest_excess", "highest_excess", "share_reached", "starts"}}
	ends := figure.Table{Name: "ends", Columns: []string{"family", "d", "heads", "start", "excess",
		"gauge", "verdict"}}
	for _, d := range all {
		c, r := d.Config, d.Found
		table.Rows = append(table.Rows, []any{c.Family, c.D, c.Heads, r.Minimum, slices.Min(r.Ends),
			slices.Max(r.Ends), d.Found.reached(c), c.Starts})
		for i, e := range r.Ends {
			ends.Rows = append(ends.Rows,
				[]any{c.Family, c.D, c.Heads, i, e, r.Gauges[i], r.Verdicts[i]})
		}
	}
	found.Data.Tables = []figure.Table{table, ends}
	picture, err := minimaFigure(all)
	if err != nil {
		return experiment.Findings{}, err
	}
	found.Figures = []figure.Figure{picture}
	found.Claims, err = minimaClaims(all)
	return found, err
}

// atMinimum is how many starts end within 1e-3 of the loss of the zero
// prediction above the minimum. The lowest trap is at least 1/Tmax above it.
func (r minimaResult) atMinimum(c minimaConfig) int {
	n := 0
	for _, e := range r.Ends {
		if e <= 1e-3*c.zeroLoss() {
			n++
		}
	}
	return n
}

// reached is that number over the number of starts.
func (r minimaResult) reached(c minimaConfig) float64 {
	return float64(r.atMinimum(c)) / float64(len(r.Ends))
}

func (c minimaConfig) zeroLoss() float64 { return float64(c.D * (c.Tmax - 1)) }
