package sander2024

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"icar/ar"
	"icar/experiment"
	"icar/outcome"
	"icar/theory"
)

func fig3Small(family ar.Family, d, heads int) fig3Config {
	return fig3Config{Family: family, D: d, Heads: heads, Tmax: 4, LearningRate: 0.01,
		Iterations: 60, InitScale: 0.1, Start: 2, Seed: 8}
}

func TestFig3Trials(t *testing.T) {
	for scale, iterations := range map[outcome.Scale]int{outcome.Quick: 20_000,
		outcome.Paper: 100_000} {
		var c unitaryConfig
		unitary := fig3Unitary().Trials(scale, 5)
		if err := json.Unmarshal(unitary[0].Config, &c); err != nil {
			t.Fatal(err)
		}
		want := fig3Config{Family: ar.Unitary, D: 10, Heads: 10, Tmax: 20, LearningRate: 1e-3,
			Iterations: 10_000, InitScale: 0.1, Seed: 5}
		if len(unitary) != 1 || c.fig3Config != want {
			t.Errorf("%d unitary trials: %+v", len(unitary), c)
		}
		rotation := fig3Rotation().Trials(scale, 5)
		for i, trial := range rotation {
			var c rotationConfig
			if err := json.Unmarshal(trial.Config, &c); err != nil {
				t.Fatal(err)
			}
			want := fig3Config{Family: ar.Rotation, D: 10, Heads: 8, Tmax: 20, LearningRate: 1e-3,
				Iterations: iterations,
				InitScale:  0.1, Start: uint64(i), Seed: 5}
			if len(rotation) != 12 || c.fig3Config != want {
				t.Errorf("rotation trial %d of %d: %+v", i, len(rotation), c)
			}
		}
	}
}

// A descent is plain gradient descent from a start of its own stream, and keeps
// what was conserved at the start and losses thinned evenly in the logarithm.
func TestRunFig3(t *testing.T) {
	c := fig3Small(ar.Rotation, 4, 3)
	r, err := runFig3(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	m, err := theory.NewDiagonal(3, 4, 4)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(ar.Rand(8, "fig3/rotation", 2), 0.1)
	q, _ := theory.Conserved(m)
	if !slices.Equal(q, r.Q) {
		t.Errorf("Q = %v, want that of the start, %v", r.Q, q)
	}
	losses, err := m.Descend(context.Background(), ar.Rotation,
		theory.Descent{LearningRate: 0.01, Iterations: 60})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.A, r.A) || !slices.Equal(m.B, r.B) || !slices.Equal(m.P, r.P) {
		t.Error("the descent ends elsewhere")
	}
	for i, k := range r.At {
		if r.Losses[i] != losses[int(k)] {
			t.Errorf("loss %g at iteration %g, want %g", r.Losses[i], k, losses[int(k)])
		}
	}
	if n := len(r.At); r.At[0] != 1 || r.At[20] != 21 || r.At[38] != 39 || r.At[40] != 42 ||
		r.At[n-1] < 56 {
		t.Errorf("iterations %v: each at first, then a twentieth apart", r.At)
	}
}

// With Q = [[0, q], [q, 0]] and gauge 1 the Gram matrix has q/2 off its diagonal
// and √(1 + q²/4) on it, and so has that of B but for the sign.
func TestConservedOverlap(t *testing.T) {
	const q = 0.6
	m, err := theory.PlainMinimiser(ar.Unitary, 2, 2, 3, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := fig3Config{Family: ar.Unitary, D: 2, Heads: 2, Tmax: 3}
	runs, err := certifyFig3([]experiment.Done[fig3Config, fig3Result]{{Config: c,
		Found: fig3Result{A: m.A, B: m.B, P: m.P, Q: []float64{0, q, q, 0}}}})
	if err != nil {
		t.Fatal(err)
	}
	overlap, drift := conservedOverlap(runs[0])
	root := math.Sqrt(1 + q*q/4)
	if !within(overlap, q/2/root, 1e-12) {
		t.Errorf("overlap %g, want %g", overlap, q/2/root)
	}
	// The model has Q = 0: it changed by |Q|_F = q√2, more than half of what is left.
	if want := 2 * q * math.Sqrt2 / (root / 2); !within(drift, want, 1e-12) {
		t.Errorf("drift %g, want %g", drift, want)
	}
	runs[0].Found.Q = []float64{0.1, 0, 0, 0} // diagonal: heads are orthogonal, BBᵀ has the least norm
	overlap, drift = conservedOverlap(runs[0])
	if least := math.Hypot(0.05, 1) - 0.05; overlap != 0 ||
		!within(drift, 2*0.1/(least-0.1), 1e-12) {
		t.Errorf("overlap %g and drift %g, want 0 and %g", overlap, drift, 2*0.1/(least-0.1))
	}
}

func TestHeadCosines(t *testing.T) {
	got := headCosines([]float64{3, 4, 0, 2, -4, 3}, 2)
	want := []float64{1, 0.8, 0, 0.8, 1, 0.6, 0, 0.6, 1}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-15 {
			t.Fatalf("cosines %v, want %v", got, want)
		}
	}
}

// Three vectors at 120° in the plane are the best there are.
func TestWelchBound(t *testing.T) {
	if !within(welchBound(3, 2), 0.5, 1e-15) ||
		!within(welchBound(8, 5), math.Sqrt(3.0/35), 1e-15) || welchBound(5, 5) != 0 ||
		welchBound(2, 3) != 0 {
		t.Errorf("bounds %g, %g, %g", welchBound(3, 2), welchBound(8, 5), welchBound(5, 5))
	}
}

// rotationRun is a model with d = 4 and H = 3 whose first pair has the given κ:
// two heads make c[[1, κ], [κ, 1]] of it, the third [[1, 1], [1, 1]] of the other.
func rotationRun(t *testing.T, kappa, ratio float64) fig3Run {
	t.Helper()
	plus, minus := math.Sqrt((1+kappa)/2), math.Sqrt(math.Abs(1-kappa)/2)
	a := []float64{plus, plus, 0, 0, minus, -minus, 0, 0, 0, 0, 1, 1}
	b := slices.Clone(a)
	if kappa > 1 {
		b[4], b[5] = -b[4], -b[5]
	}
	p := make([]float64, 16)
	for T := 2; T <= 4; T++ {
		p[(T-2)*4+T-2], p[(T-2)*4+T-1] = ratio, 1
	}
	c := fig3Config{Family: ar.Rotation, D: 4, Heads: 3, Tmax: 4}
	runs, err := certifyFig3([]experiment.Done[fig3Config, fig3Result]{{Config: c,
		Found: fig3Result{A: a, B: b, P: p, Q: make([]float64, 9)}}})
	if err != nil {
		t.Fatal(err)
	}
	return runs[0]
}

func TestRotationClaims(t *testing.T) {
	r := rotationRun(t, 0.99, -0.501)
	claims := claimsByID(t, rotationClaims(r, 12))
	measured := func(id string) float64 { return claims[id].Measured.Float() }
	// κ is 0.99 and 1; mean 0.995, so that -κ/(1+κ) is -0.995/1.995.
	for id, want := range map[string]float64{
		"kappa": 0.01, "ratio": 0.001, "ratio-kappa": 0.501 - 0.995/1.995,
		"C":       math.Sqrt(2*0.01*0.01) / math.Sqrt(8),
		"minimum": r.certificate.Loss, "heads": 0,
		"P": 0.001 / math.Sqrt(1.25), // per T the ratio is off by 0.001 beside 1 and -1/2
	} {
		if math.Abs(measured(id)-want) > 1e-6 {
			t.Errorf("%s measured %g, want %g", id, measured(id), want)
		}
	}
	// (b_i of the first pair is -0.501·1.99 + 0.99, of the second -0.501·2 + 1.)
	x, y := 0.99-0.501*1.99, 1-0.501*2
	if want := 2 * (2*x*x + 2*y*y); math.Abs(measured("minimum")/want-1.5) > 1e-9 {
		t.Errorf("three contexts lose %g, want %g", measured("minimum"), 1.5*want)
	}
	root := math.Sqrt(slices.Min(r.certificate.ExcessPerT))
	k, ratio := r.certificate.KappaBound, slices.Max(r.certificate.RatioBound)
	form := (root*(1+math.Sqrt2) + 2*k) / (2 * (1 - root/2))
	for id, want := range map[string]float64{"kappa": k, "ratio": ratio, "C": form,
		"P":           form + ratio,
		"ratio-kappa": ratio + k/(2*(2-k)), "minimum": 1e-5 * 12} {
		if !within(claims[id].Tolerance, want, 1e-12) {
			t.Errorf("%s may be off by %g, want %g", id, claims[id].Tolerance, want)
		}
	}
	if !within(claims["heads"].Predicted, 0.5, 1e-12) ||
		claims["heads"].Relation != outcome.AtLeast || !(measured("heads") < 0.5) {
		t.Errorf("three heads in two directions: %+v", claims["heads"])
	}

	// In the valley to infinity nothing is proved: its claims do not hold.
	m, _, err := theory.PlainValley(4, 3, 4, 1e-4)
	if err != nil {
		t.Fatal(err)
	}
	valley, err := certifyFig3([]experiment.Done[fig3Config, fig3Result]{{Config: r.Config,
		Found: fig3Result{A: m.A, B: m.B, P: m.P}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rotationClaims(valley[0], 1) {
		if err := c.Judge(); err != nil || c.Pass && c.ID != "minimum" && c.ID != "heads" {
			t.Errorf("%s in the valley: pass %v, %v", c.ID, c.Pass, err)
		}
	}
}

// The claims are about the start with the least excess, whichever it is.
func TestCollectFig3RotationTakesTheBest(t *testing.T) {
	good, bad := rotationRun(t, 1, -0.5), rotationRun(t, 0.9, -0.5)
	for _, order := range [][]fig3Run{{good, bad, bad}, {bad, good, bad}, {bad, bad, good}} {
		var all []experiment.Done[fig3Config, fig3Result]
		for _, r := range order {
			all = append(all, r.Done)
		}
		found, err := collectFig3Rotation(all)
		if err != nil {
			t.Fatal(err)
		}
		claims := claimsByID(t, found.Claims)
		if x := claims["kappa"].Measured.Float(); x > 1e-12 || len(found.Data.Tables[0].Rows) != 3 {
			t.Errorf("κ is off by %g, %d rows", x, len(found.Data.Tables[0].Rows))
		}
	}
}

// Weights off the unitary minimum by known amounts.
func TestCollectFig3Unitary(t *testing.T) {
	m, err := theory.PlainMinimiser(ar.Unitary, 2, 2, 3, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	m.P[1] += 0.1 // p_T at T = 2: 0.6 in place of 1/c = 0.5
	c := fig3Config{Family: ar.Unitary, D: 2, Heads: 2, Tmax: 3}
	found, err := collectFig3Unitary([]experiment.Done[fig3Config, fig3Result]{{Config: c,
		Found: fig3Result{A: m.A, B: m.B, P: m.P, Q: make([]float64, 4)}}})
	if err != nil {
		t.Fatal(err)
	}
	claims := claimsByID(t, found.Claims)
	root := math.Sqrt(4e-12)                              // of 1e-12 d (Tmax - 1)
	checkClaim(t, claims["minimum"], 0.08, 0, 4e-12)      // 2 (1 - 1.2)²
	checkClaim(t, claims["P"], 0.2/math.Sqrt2, 0, 2*root) // cP is 1.2 and 1 beside 1 and 1
	checkClaim(t, claims["C"], 0, 0, 2*root/math.Sqrt2)   // C = 2I
	checkClaim(t, claims["heads"], 0, 0, 2*root)          // balanced, orthogonal
	if got := found.Data.Arrays[2]; got.Name != "C" ||
		farthest([]float64{got.Values[0], got.Values[3]}, 2) > 1e-15 || got.Values[1] != 0 {
		t.Errorf("C = %+v", got)
	}
}

func TestFig3Check(t *testing.T) {
	good := fig3Small(ar.Rotation, 4, 3)
	for want, spoil := range map[string]func(*fig3Config){
		"iterations 10000001 is too": func(c *fig3Config) { c.Iterations = 10_000_001 },
		"iterations 0":               func(c *fig3Config) { c.Iterations = 0 },
		"learning_rate 0":            func(c *fig3Config) { c.LearningRate = 0 },
		"init_scale 0":               func(c *fig3Config) { c.InitScale = 0 },
		"use heads = 3":              func(c *fig3Config) { c.Heads = 4 },
		"1 heads on":                 func(c *fig3Config) { c.Heads = 1 },
		"on unitary contexts":        func(c *fig3Config) { c.Family = ar.Unitary },
	} {
		c := good
		spoil(&c)
		if err := (rotationConfig{c}).Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for heads, want := range map[int]bool{2: true, 3: true, 4: false} {
		c := fig3Small(ar.Rotation, 4, heads)
		if got := (rotationConfig{c}).Check() == nil; got != want {
			t.Errorf("rotation, H = %d is taken: %v", heads, got)
		}
	}
	for heads, want := range map[int]bool{1: true, 4: true, 5: false} {
		c := fig3Small(ar.Unitary, 4, heads)
		if got := (unitaryConfig{c}).Check() == nil; got != want {
			t.Errorf("unitary, H = %d is taken: %v", heads, got)
		}
	}
	if (unitaryConfig{good}).Check() == nil {
		t.Error("rotations are no unitary contexts")
	}
}
