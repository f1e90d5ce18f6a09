package sander2024

import (
	"context"
	"fmt"
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

func minimaSmall(family ar.Family, d, heads int) minimaConfig {
	return minimaConfig{Family: family, D: d, Heads: heads, Tmax: 4, Starts: 3, LearningRate: 0.02,
		Iterations: 400, InitScale: 0.05, Seed: 6}
}

func TestMinimaTrials(t *testing.T) {
	for scale, size := range map[outcome.Scale][2]int{outcome.Quick: {8, 5000},
		outcome.Paper: {64, 20_000}} {
		trials := minimaTrials(scale, 3)
		cases := map[string]bool{}
		for _, c := range trials {
			cases[fmt.Sprint(c.Family, c.D, c.Heads)] = true
			rate := 0.02
			if c.Family == ar.Rotation && c.D >= 6 {
				rate = 0.004
			}
			want := minimaConfig{c.Family, c.D, c.Heads, 5, size[0], rate, size[1], 0.05, 3}
			if c != want || c.Heads < 1 || c.Heads > c.D || c.D > 8 ||
				c.Family == ar.Rotation && c.D%2 != 0 {
				t.Errorf("%+v", c)
			}
		}
		if len(trials) != 36+20 || len(cases) != 56 { // 1 + … + 8 and 2 + 4 + 6 + 8
			t.Errorf("%d trials of %d cases, want 56", len(trials), len(cases))
		}
	}
}

// A trial is descents from streams of their own, each certified.
func TestRunMinima(t *testing.T) {
	c := minimaSmall(ar.Rotation, 4, 2)
	r, err := runMinima(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Minimum != 0 || r.Constructed > 1e-14 || r.Drifts != nil || len(r.Ends) != 3 ||
		len(r.Curves) != 3 {
		t.Errorf("%+v", r)
	}
	for start := range 3 {
		m, err := theory.NewDiagonal(2, 4, 4)
		if err != nil {
			t.Fatal(err)
		}
		m.Init(ar.Rand(6, "minima/starts/rotation/d=4/H=2", uint64(start)), 0.05)
		losses, err := m.Descend(context.Background(), ar.Rotation,
			theory.Descent{LearningRate: 0.02, Iterations: 400})
		if err != nil {
			t.Fatal(err)
		}
		end, err := theory.Certify(m, ar.Rotation)
		if err != nil {
			t.Fatal(err)
		}
		curve := r.Curves[start] // every second loss, for 200 of them
		if r.Ends[start] != end.Excess || r.Gauges[start] != end.Gauge ||
			r.Verdicts[start] != end.Verdict || curve[7] != losses[14] {
			t.Errorf("start %d ends at %g, gauge %g, %s; want %g, %g, %s", start, r.Ends[start],
				r.Gauges[start],
				r.Verdicts[start], end.Excess, end.Gauge, end.Verdict)
		}
	}
	few, err := runMinima(context.Background(), minimaSmall(ar.Unitary, 3, 2))
	if err != nil || few.Minimum != 3 || few.Curves != nil { // 1 per context, T = 2, 3, 4
		t.Errorf("unitary, d = 3, H = 2: minimum %g, want 3 (%v)", few.Minimum, err)
	}
}

// The errors of weights on drawn sequences are known: d - H coordinates of size
// 1 are not predicted.
func TestWorstMinimiser(t *testing.T) {
	for _, c := range []struct {
		minimaConfig
		want float64
	}{{minimaSmall(ar.Unitary, 5, 2), 3}, {minimaSmall(ar.Unitary, 3, 3), 0},
		{minimaSmall(ar.Rotation, 6, 2), 2}, {minimaSmall(ar.Rotation, 4, 4), 0}} {
		right, err := worstMinimiser(c.minimaConfig, c.want)
		if err != nil || right > 1e-13 {
			t.Errorf("%s, d = %d, H = %d misses %g by %g (%v)", c.Family, c.D, c.Heads, c.want,
				right, err)
		}
		if wrong, _ := worstMinimiser(c.minimaConfig, c.want+0.25); math.Abs(wrong-0.25) > 1e-13 {
			t.Errorf("a minimum that is 0.25 off is off by %g", wrong)
		}
	}
	m, err := theory.NewDiagonal(1, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	// Zero weights predict 0: the error is |s_{t+1}|², of the token after the context.
	if got := squaredError(m, []complex128{9, 9, 9, 9, 3, 4i, 7, 7}, 2); got != 25 {
		t.Errorf("squared error %g, want that of s_3, 25", got)
	}
}

// The gauge is c* when all that is conserved is 0. Otherwise each conserved part
// moves what is allowed.
func TestGaugeError(t *testing.T) {
	c := minimaSmall(ar.Unitary, 2, 2)
	m, err := theory.PlainMinimiser(ar.Unitary, 2, 2, 4, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	star, end := math.Cbrt(3.0/2), conserved(m) // Q = 0, s = 3 - 2
	allowed := func(start conservedQuantities, excess float64) float64 {
		return start.gaugeError(m, c, theory.Certificate{Gauge: 1, Excess: excess})
	}
	zero := make([]float64, 4)
	for what, pair := range map[string][2]float64{
		"s":      {allowed(end, 0), 1 / (2 * star)},
		"change": {allowed(conservedQuantities{zero, 0.75}, 0), (0.75 + 0.25) / (2 * star)},
		"trace": {allowed(conservedQuantities{[]float64{0.5, 0, 0, 0}, 1}, 0),
			(1.25 + 0.25 + 1.0/8) / (2 * star)},
		"corner": {allowed(conservedQuantities{[]float64{0, 0.25, 0, 0}, 1}, 0),
			(1 + 0.25/8) / (2 * star)},
		"excess": {allowed(end, 0.01), 1/(2*star) + 0.2},
	} {
		if !within(pair[0], pair[1], 1e-12) {
			t.Errorf("%s: %g, want %g", what, pair[0], pair[1])
		}
	}
	m.P[1*4+1] = 0.5 // p_{T-1} at T = 3; s grows by as much as it counts
	if got := allowed(conserved(m), 0); !within(got, (1.25+0.25)/(2*star), 1e-12) {
		t.Errorf("p_{T-1}: %g, want %g", got, 1.5/(2*star))
	}
}

// Halving the rate over the same time halves what gradient flow conserves.
func TestDrifts(t *testing.T) {
	c := minimaSmall(ar.Unitary, 2, 2)
	got, err := drifts(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range []int{1, 2, 4} {
		m, err := theory.NewDiagonal(2, 2, 4)
		if err != nil {
			t.Fatal(err)
		}
		m.Init(ar.Rand(6, "minima/drift/unitary", 0), 0.3)
		before, _ := theory.Conserved(m)
		d := theory.Descent{LearningRate: 0.001 / float64(part), Iterations: 2000 * part}
		if _, err := m.Descend(context.Background(), ar.Unitary, d); err != nil {
			t.Fatal(err)
		}
		after, _ := theory.Conserved(m)
		if want := floats.Distance(before, after, 2); !within(got[i], want, 1e-12) {
			t.Errorf("part %d: drift %g, want %g", part, got[i], want)
		}
	}
}

// ended is a result with the given ends over the loss of the zero prediction.
func ended(c minimaConfig, ends ...float64) experiment.Done[minimaConfig, minimaResult] {
	r := minimaResult{Constructed: 1e-3 * float64(c.D)}
	for _, e := range ends {
		r.Ends = append(r.Ends, e*c.zeroLoss())
		r.Verdicts = append(r.Verdicts, theory.NotMinimum)
		r.Gauges = append(r.Gauges, 1.1*math.Cbrt(3/float64(c.Heads)))
		r.Allowed = append(r.Allowed, 0.4)
	}
	return experiment.Done[minimaConfig, minimaResult]{Config: c, Found: r}
}

func TestMinimaClaims(t *testing.T) {
	found, err := collectMinima([]experiment.Done[minimaConfig, minimaResult]{
		ended(minimaSmall(ar.Unitary, 3, 1), 0, 0.02, 1e-10),
		ended(minimaSmall(ar.Unitary, 3, 3), -0.03),
		ended(minimaSmall(ar.Rotation, 6, 6), 0, 0.0009, 0),
		ended(minimaSmall(ar.Rotation, 6, 3), 0.5, 0, 0.2),
		ended(minimaSmall(ar.Rotation, 6, 4), 0.4, -0.001, 0),
		ended(minimaSmall(ar.Rotation, 6, 1), 0.5, 0.2, 0.1),
	})
	if err != nil {
		t.Fatal(err)
	}
	claims := claimsByID(t, found.Claims)
	checkClaim(t, claims["attained/unitary"], 1e-3, 0, 1e-12)
	checkClaim(t, claims["attained/rotation"], 1e-3, 0, 1e-12)
	checkClaim(t, claims["reached/unitary"], 0.03, 0, 1e-4)
	checkClaim(t, claims["gauge/unitary"], 0.1/0.4, 1, 0)
	checkClaim(t, claims["undercut/rotation"], -0.001, 0, 1e-12)
	checkClaim(t, claims["reached/rotation"], 0.0009, 0, 1e-3)
	// One of six reach it with H ≤ d/2, three of three with H = d. The upper end
	// is the p at which one or none of six has 2.5 %, the lower the cube root of that.
	missed := claims["missed/rotation"]
	p := missed.Measured.Float()
	if none, one := math.Pow(1-p, 6), 6*p*math.Pow(1-p, 5); !within(none+one, 0.025, 1e-6) ||
		!within(missed.Predicted, math.Cbrt(0.025), 1e-9) ||
		!strings.Contains(missed.Statement, "1 of 6 reach it; d = 6, H = 3: 1 of 3:") {
		t.Errorf("%+v", missed)
	}
	for id, want := range map[string]outcome.Relation{"attained/unitary": outcome.AtMost,
		"reached/unitary": outcome.AtMost, "gauge/unitary": outcome.AtMost,
		"undercut/rotation": outcome.AtLeast, "reached/rotation": outcome.AtMost,
		"missed/rotation": outcome.AtMost} {
		if claims[id].Relation != want {
			t.Errorf("%s has to be %s", id, claims[id].Relation)
		}
	}
	// family, d, heads, minimum, lowest, highest, share, starts
	row := found.Data.Tables[0].Rows[3]
	if !slices.Equal(row[4:], []any{0.0, 0.5 * 18, 1.0 / 3, 3}) || row[1] != 6 || row[2] != 3 {
		t.Errorf("table row %v", row)
	}
}

// Where a descent settles is held against the nearest of the known levels.
func TestTrapClaims(t *testing.T) {
	c := minimaSmall(ar.Rotation, 4, 2)
	levels, err := trapLevels(c)
	if err != nil {
		t.Fatal(err)
	}
	all := 4 * (1.0/2 + 1.0/3 + 1.0/4) // 2H Σ 1/T
	if len(levels) != 3 || levels[0] != 0 || !within(levels[1], all, 1e-12) ||
		!(levels[2] > 0 && levels[2] < all) {
		t.Fatalf("levels %v, want 0, %g and one between", levels, all)
	}
	trial := ended(c, 0, (levels[1]+0.06)/12, (levels[2]-0.03)/12, 0.9)
	trial.Found.Verdicts = []theory.Verdict{theory.GlobalMinimum, theory.Trap, theory.Trap,
		theory.NotMinimum}
	found, err := trapClaims([]experiment.Done[minimaConfig, minimaResult]{trial,
		ended(minimaSmall(ar.Rotation, 6, 2), 0.7), ended(minimaSmall(ar.Rotation, 4, 3), 0.7)})
	if err != nil {
		t.Fatal(err)
	}
	claims := claimsByID(t, found)
	checkClaim(t, claims["trap/ends"], 0.06/12, 0, 1e-3)
	if claims["trap/loss"].Measured > 1e-13 || claims["trap/stationary"].Measured > 1e-12 ||
		!strings.Contains(claims["trap/ends"].Statement, "(3 did)") {
		t.Errorf("%+v", claims)
	}
	none, err := trapClaims([]experiment.Done[minimaConfig, minimaResult]{ended(c, 0.7)})
	if err != nil || !math.IsNaN(claimsByID(t, none)["trap/ends"].Measured.Float()) {
		t.Errorf("nothing came to rest: %+v, %v", none, err)
	}
}

func TestDriftClaims(t *testing.T) {
	trial := ended(minimaSmall(ar.Unitary, 4, 4), 0)
	trial.Found.Drifts = []float64{9, 4.5, 2.4}
	claims := driftClaims([]experiment.Done[minimaConfig, minimaResult]{trial,
		ended(minimaSmall(ar.Unitary, 3, 3), 0)})
	if len(claims) != 1 || claims[0].Relation != outcome.Equals ||
		claims[0].ID != "conserved/unitary" {
		t.Fatalf("%+v", claims)
	}
	checkClaim(t, claims[0], 4.5/2.4, 2, 2*(2-4.5/2.4)+1e-6)
}

func TestShareInterval(t *testing.T) {
	if low, high := shareInterval(0, 4); low != 0 || !within(high, 1-math.Pow(0.025, 0.25), 1e-9) {
		t.Errorf("none of 4: %g to %g", low, high)
	}
	if low, high := shareInterval(4, 4); high != 1 || !within(low, math.Pow(0.025, 0.25), 1e-9) {
		t.Errorf("4 of 4: %g to %g", low, high)
	}
}

// An experiment on which nothing was trained does not keep its claims.
func TestClaimsFailWithoutTraining(t *testing.T) {
	for _, c := range []struct {
		e    experiment.Experiment
		set  []outcome.Setting
		fail []string
	}{
		{fig3Unitary(), []outcome.Setting{{Key: "iterations", Value: "50"}},
			[]string{"minimum", "C", "P"}},
		{fig3Rotation(), []outcome.Setting{{Key: "iterations", Value: "50"}},
			[]string{"minimum", "kappa", "ratio", "C", "P", "ratio-kappa"}},
		{minima(), []outcome.Setting{{Key: "iterations", Value: "5"}, {Key: "starts", Value: "2"}},
			[]string{"reached/unitary", "reached/rotation", "missed/rotation", "trap/ends"}},
		{augmented(), []outcome.Setting{{Key: "steps", Value: "20"}, {Key: "rate", Value: "0.001"}},
			[]string{"samples/Tmax=5", "samples/Tmax=100"}},
	} {
		o, _, err := experiment.Reproduce(context.Background(), c.e,
			experiment.Options{Scale: outcome.Quick, Seed: 3, Set: c.set}, nil)
		if err != nil {
			t.Fatal(err)
		}
		claims := claimsByID(t, o.Claims)
		for _, id := range c.fail {
			if claim, ok := claims[c.e.Name+"/"+id]; !ok || claim.Pass {
				t.Errorf("%s/%s is there (%v) and holds without training: %v", c.e.Name, id, ok,
					claim.Measured)
			}
		}
	}
}
