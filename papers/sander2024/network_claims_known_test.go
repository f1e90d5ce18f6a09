package sander2024

import (
	"fmt"
	"math"
	"testing"

	"icar/ar"
	"icar/estimator"
	"icar/experiment"
	"icar/outcome"
	"icar/train"
)

// madeNetworks are networks of seeds 10 … 14, whose errors are those of their labels times
// what the seed makes of them, and baselines that are 3 + i times that.
func madeNetworks(scale outcome.Scale, errors map[string]float64, order ...string) []network {
	luck := []float64{1, 3, 0.2, 5, 2}
	var networks []network
	for i, l := range luck {
		var baselines []baseline
		for j, name := range []string{zeroName, copyLast, gradientStep, denseLayer, positionStep,
			positionStepHere, leastSquares} {
			e := l * (3 + float64(j))
			baselines = append(baselines, baseline{name, []float64{e, e + 0.01, e - 0.01},
				[]float64{e, e}})
		}
		for _, label := range order {
			e := l * errors[label]
			c := networkConfig{Label: label, Scale: scale}
			c.Process = ar.New(ar.Haar, 3)
			c.Seed, c.D, c.Embed, c.Heads, c.Depth, c.Tokens = uint64(10+i), 3, 6, 1, 1, ar.Augmented
			r := networkResult{PerSequence: []float64{e - 0.1, e + 0.1},
				PerPosition: []float64{2 * e, e / 2},
				Gap:         []float64{0, 0.1}, GapError: []float64{0.1, 0.1},
				Losses: []float64{5 * e, 2 * e, e}, LossEvery: 7}
			networks = append(networks, network{experiment.Done[networkConfig, networkResult]{Config: c,
				Found: r}, baselines})
		}
	}
	return networks
}

// measured checks the claims' relations, predictions and measurements by ID.
func measured(t *testing.T, claims []outcome.Claim, want map[string]float64) {
	t.Helper()
	for _, c := range claims {
		if w, ok := want[c.ID]; ok {
			near(t, c.ID, c.Measured.Float(), w, 1e-9*math.Abs(w))
			delete(want, c.ID)
		}
	}
	for id := range want {
		t.Errorf("no claim %s", id)
	}
}

// Where every seed has the same ratio of errors the interval is a point, however
// much seeds differ: a comparison that is not paired by seed is wide.
func TestNetworkClaimsCompareWhatTheySay(t *testing.T) {
	errors, order := map[string]float64{noNorm: 40}, []string{noNorm}
	for depth := range 6 {
		errors[depthLabel(depth+1)], errors[wellTrained(depth+1)] = 31-2*float64(depth),
			23-3*float64(depth)
		order = append(order, depthLabel(depth+1), wellTrained(depth+1))
	}
	claims, err := fig5Claims(madeNetworks(outcome.Paper, errors, order...), 6)
	if err != nil {
		t.Fatal(err)
	}
	measured(t, claims, map[string]float64{"depth": overBest(t, 8./23), "depth/beyond-3": 8. / 17})
	claims, err = fig5Claims(madeNetworks(outcome.Quick, errors, "L = 3", "L = 2", "L = 1", noNorm),
		3)
	if err != nil {
		t.Fatal(err)
	}
	measured(t, claims, map[string]float64{"depth": overBest(t, 27./31)})

	errors = map[string]float64{"H = 8, width 2x": 11, "H = 8, width 1x": 13, "H = 1, width 2x": 17,
		"H = 1, width 1x": 19, "no position": 23}
	networks := madeNetworks(outcome.Quick, errors, "H = 8, width 2x", "H = 8, width 1x",
		"H = 1, width 2x", "H = 1, width 1x", "no position")
	for i := range networks { // 0 errs 3l: apart by 1, 2, 3, whose mean is 2 standard errors of 1/√3
		zero := networks[i].baseline(zeroName).PerSequence
		networks[i].Found.Unbiased = []float64{zero[0] + 1, zero[1] + 2, zero[2] + 3}
	}
	if claims, err = fig7Claims(networks, 8); err != nil {
		t.Fatal(err)
	}
	measured(t, claims, map[string]float64{"heads/width=1x": 13. / 19, "heads/width=2x": 11. / 17,
		"position": 11. / 23, "biases": 2 * math.Sqrt(3)})

	errors = map[string]float64{"plain, linear": 7, "plain, no position": 11, "augmented, MLP": 13,
		"augmented, linear": 17, "augmented, softmax": 19}
	claims, err = softmaxClaims(madeNetworks(outcome.Paper, errors,
		"plain, linear", "plain, no position", "augmented, MLP", "augmented, linear",
		"augmented, softmax"))
	if err != nil {
		t.Fatal(err)
	}
	measured(t, claims, map[string]float64{"plain/position": 7. / 11, "augmented/mlp": 13. / 17,
		"augmented/softmax": 17. / 19})
}

// overBest is the upper end of the interval of runs over the best of others, where their
// errors are of that ratio and the luck of seeds is that of madeNetworks.
func overBest(t *testing.T, ratio float64) float64 {
	t.Helper()
	var logs []float64
	for _, luck := range []float64{1, 3, 0.2, 5, 2} {
		logs = append(logs, math.Log(ratio*luck/0.2))
	}
	interval, err := estimator.StudentInterval(logs, 0.998)
	if err != nil {
		t.Fatal(err)
	}
	return math.Exp(interval.High)
}

// Without norm the gaps to the step are 1, 2 and 6 for one seed, whose mean 3 is
// that of deviation √7 over √3, and larger for the others. With norm they are as large
// below it, and the lowest is that of 23.
func TestPositionStepClaimPairsSequences(t *testing.T) {
	networks := madeNetworks(outcome.Quick, map[string]float64{noNorm: 1, "L = 1": 1}, noNorm,
		"L = 1")
	for i, n := range networks {
		here, fitted := n.baseline(positionStepHere).PerSequence, n.baseline(positionStep).PerSequence
		gap := 1 + 10*math.Abs(float64(n.Config.Seed)-12)
		networks[i].Found.PerSequence = []float64{fitted[0] + gap, fitted[1] + gap + 1,
			fitted[2] + gap + 5}
		if n.Config.Label != noNorm {
			networks[i].Found.PerSequence = []float64{here[0] - gap, here[1] - gap - 1,
				here[2] - gap - 5}
		}
	}
	c := positionStepClaim(networks)
	near(t, "position step", c.Measured.Float(), 3/math.Sqrt(7./3), 1e-9)
	if err := c.Judge(); err != nil || c.Relation != outcome.AtLeast || !c.Pass {
		t.Errorf("%+v, %v", c, err)
	}
	c = normClaim(networks)
	near(t, "norm", c.Measured.Float(), -23/math.Sqrt(7./3), 1e-9)
	if err := c.Judge(); err != nil || c.Relation != outcome.AtMost || !c.Pass {
		t.Errorf("%+v, %v", c, err)
	}
}

// checkInterval checks the interval that a claim keeps for its bar.
func checkInterval(t *testing.T, i outcome.Interval, low, mean, high, tolerance float64) {
	t.Helper()
	near(t, "low end", i.Low.Float(), low, tolerance)
	near(t, "mean", i.Mean.Float(), mean, tolerance)
	near(t, "high end", i.High.Float(), high, tolerance)
}

// Of -1, -2, -3 the interval of level 0.998 is -2 ± t/√3 with the closed form of
// Student's quantile of two degrees of freedom.
func TestSeedClaimMeasuresTheEndNearestToThePrediction(t *testing.T) {
	p := 0.999
	half := (2*p - 1) / math.Sqrt(2*p*(1-p)) / math.Sqrt(3)
	x := bySeed{5: -1, 2: -3, 9: -2}
	for relation, want := range map[outcome.Relation]float64{outcome.AtMost: -2 + half,
		outcome.AtLeast: -2 - half} {
		claims, err := seedClaim(outcome.Claim{ID: "id", Relation: relation}, x)
		if err != nil || len(claims) != 1 {
			t.Fatal(claims, err)
		}
		near(t, string(relation), claims[0].Measured.Float(), want, 1e-6*half)
		checkInterval(t, claims[0].Interval, -2-half, -2, -2+half, 1e-6*half)
		claims, err = ratioClaim(outcome.Claim{ID: "id", Relation: relation}, x)
		if err != nil || len(claims) != 1 {
			t.Fatal(claims, err)
		}
		near(t, "ratio "+string(relation), claims[0].Measured.Float(), math.Exp(want),
			1e-5*math.Exp(want))
		checkInterval(t, claims[0].Interval, math.Exp(-2-half), math.Exp(-2), math.Exp(-2+half),
			1e-5*math.Exp(want))
	}
	if claims, err := seedClaim(outcome.Claim{Relation: outcome.AtMost},
		bySeed{1: 1, 2: 2}); err != nil || claims != nil {
		t.Errorf("two seeds make a claim: %v, %v", claims, err)
	}
	got := logRatio(bySeed{1: 2, 2: 6, 3: 5}, bySeed{2: 3, 1: 8, 4: 1})
	if len(got) != 2 || math.Abs(got[1]-math.Log(0.25)) > 1e-15 ||
		math.Abs(got[2]-math.Log(2)) > 1e-15 {
		t.Errorf("log ratios %v", got)
	}
}

// A model is not better than itself.
func TestLowerClaimIsStrict(t *testing.T) {
	for b, pass := range map[float64]bool{1: false, 1.001: true, 0.999: false} {
		networks := madeNetworks(outcome.Quick, map[string]float64{"a": 1, "b": b}, "a", "b")
		claims, err := lowerClaim(networks, "id", "ours", "a", "a", "b")
		if err != nil {
			t.Fatal(err)
		}
		if err := claims[0].Judge(); err != nil || claims[0].Pass != pass {
			t.Errorf("errors of 1 against %v: %v, %v", b, claims[0], err)
		}
	}
}

// The lowest gap in standard errors is that of position 2 of the second network.
func TestLeakClaimTakesTheLowestGap(t *testing.T) {
	networks := madeNetworks(outcome.Quick, map[string]float64{"a": 1, "b": 2}, "a", "b")
	networks[0].Found.Gap = []float64{-3, 1}
	networks[1].Found.Gap, networks[1].Found.GapError = []float64{-4, -0.62}, []float64{1, 0.1}
	networks[0].Found.GapError = []float64{1, 1}
	claims := leakClaims(networks)
	if len(claims) != 1 {
		t.Fatalf("%d claims", len(claims))
	}
	c := claims[0]
	near(t, "lowest", c.Measured.Float(), -6.2, 1e-12)
	if err := c.Judge(); err != nil || c.Pass {
		t.Errorf("6.2 standard errors below the floor pass: %v", err)
	}
	networks[1].Found.Gap[1] = -0.54
	if c = leakClaims(networks)[0]; c.Judge() != nil || !c.Pass {
		t.Error("5.4 standard errors below the floor fail")
	}
	// Of other families least squares is no floor.
	networks[1].Config.Family = ar.Rotation
	if claims := leakClaims(networks); claims != nil {
		t.Errorf("rotations: %v", claims)
	}
}

// Errors of seeds are luck = 1, 3, 0.2, 5, 2 times 10: their mean is 22.4, their
// deviation 18.62, and Student's quantile of 4 degrees of freedom 2.7764.
func TestNetworkTablesAndCurves(t *testing.T) {
	networks := madeNetworks(outcome.Quick, map[string]float64{"a": 10, "b": 1}, "a", "b")
	deviation := 0.0
	for _, e := range []float64{10, 30, 2, 50, 20} {
		deviation += (e - 22.4) * (e - 22.4) / 4
	}
	half := 2.7764451 * math.Sqrt(deviation/5)
	s, err := spreadOf(networks, "a")
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mean", s.mean, 22.4, 1e-12)
	near(t, "low", s.Low, 22.4-half, 1e-5)
	near(t, "high", s.High, 22.4+half, 1e-5)
	curve, err := positionSeries(networks, "a")
	if err != nil {
		t.Fatal(err)
	}
	near(t, "first position", curve.Y[0], 44.8, 1e-12)
	near(t, "its upper end", curve.High[0], 2*(22.4+half), 1e-4)
	near(t, "second position", curve.Y[1], 11.2, 1e-12)
	near(t, "its upper end", curve.High[1], (22.4+half)/2, 1e-4)
	near(t, "its lower end, below 0", curve.Low[1], (22.4-half)/2, 1e-4)
	data, err := networkTables(networks, []string{"model"},
		func(c networkConfig) []any { return []any{c.Label} })
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"[a 10 10]", "[a 5 22.4 -0.7", "[a 10 1 20 0 0.1]", "[zero 6.72",
	} {
		if got := fmt.Sprint(data.Tables[i].Rows[0]); len(got) < len(want) ||
			got[:len(want)] != want {
			t.Errorf("%s: first row %s, want %s", data.Tables[i].Name, got, want)
		}
	}
	panels, err := curvePanels(networks)
	if err != nil {
		t.Fatal(err)
	}
	// Baselines are means over the seeds, too: luck is 2.24 on average.
	for _, s := range panels[0].Series {
		if s.Label == gradientStep {
			near(t, "baseline at T = 2", s.Y[1], 2.24*5, 1e-12)
		}
	}
	for _, s := range horizontal(networks, 1, 2) {
		if s.Label == copyLast {
			near(t, "baseline", s.Y[0], 2.24*4, 1e-12)
		}
	}
	loss := panels[1].Series[1] // of b, seed 10
	if fmt.Sprint(loss.X, loss.Y) != "[1 8 15] [5 2 1]" {
		t.Errorf("losses %v at steps %v", loss.Y, loss.X)
	}
}

// Each model is beside the baselines of its own seed.
func TestPairJoinsSeeds(t *testing.T) {
	var all []experiment.Done[networkConfig, networkResult]
	for seed := range uint64(3) {
		for _, baselines := range []bool{false, true} {
			c := networkConfig{Label: "a", Baselines: baselines, Config: train.Config{Seed: seed}}
			var r networkResult
			if baselines {
				r.Baselines = []baseline{{zeroName, []float64{float64(seed)}, nil},
					{copyLast, []float64{9}, nil}}
			}
			all = append(all, experiment.Done[networkConfig, networkResult]{Config: c, Found: r})
		}
	}
	networks, err := pair(all)
	if err != nil || len(networks) != 3 {
		t.Fatal(networks, err)
	}
	for _, n := range networks {
		near(t, "baseline", n.baseline(zeroName).mse(), float64(n.Config.Seed), 0)
	}
}
