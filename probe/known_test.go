package probe

// Models whose answer is known, since their weights are set by hand, and what
// every probe has to say of them. Nothing here is trained.

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"icar/ar"
	"icar/estimator"
	"icar/nn"
	"icar/train"
)

// built is a model whose parameters are all 0 but those that set writes.
func built(t *testing.T, change func(*train.Config), set func(own map[string][]float64,
	c train.Config)) *Model {
	t.Helper()
	m, err := Untrained(configuration(change))
	if err != nil {
		t.Fatal(err)
	}
	own := m.parameters()
	for _, data := range own {
		clear(data)
	}
	set(own, m.Config)
	return m
}

// put writes scale times the identity (n, n) at (row, column) of a matrix of a width.
func put(data []float64, width, row, column, n int, scale float64) {
	for i := range n {
		data[(row+i)*width+column+i] = scale
	}
}

// copier copies the last token: its attention writes 0, the skip connection and
// the readout carry s_T = the second third of an augmented token.
func copier(t *testing.T) *Model {
	return built(t, bare, func(own map[string][]float64, c train.Config) {
		put(own["out.weight"], c.Width, 0, c.D, c.D, 1)
	})
}

// stepper is one step of gradient descent of a size, with weights in no
// coordinates but those of the tokens: the head looks from s_i to s_{j-1} and
// writes η s_j to the first third.
func stepper(t *testing.T, eta float64) *Model {
	return built(t, bare, func(own map[string][]float64, c train.Config) {
		w, d := c.Width, c.D
		put(own["layers.0.q.weight"], w, 0, d, d, math.Sqrt(float64(w)))
		put(own["layers.0.k.weight"], w, 0, 2*d, d, 1)
		put(own["layers.0.v.weight"], w, 0, d, d, 1)
		put(own["layers.0.o.weight"], w, 0, 0, d, eta)
		put(own["out.weight"], w, 0, 0, d, 1)
	})
}

// mapsOf are the maps of a model on sequences.
func mapsOf(t *testing.T, m *Model, s ar.Batch[float64]) Maps {
	t.Helper()
	maps, err := m.Maps(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return maps
}

// The model that copies has Γ = 1, and is CopyLast by all measures.
func TestCopierIsCopyLast(t *testing.T) {
	m := copier(t)
	s := sequences(t, m.Config, 4)
	maps := mapsOf(t, m, s)
	for n := range s.N {
		for at := range s.T {
			if !near(maps.At(n, at), []float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, 1e-15) {
				t.Fatalf("Γ = %v, want 1", maps.At(n, at))
			}
			if p := (n*s.T + at) * 3; !near(maps.Predictions[p:p+3], state(s, n, at), 1e-15) {
				t.Fatalf("it predicts %v after %v", maps.Predictions[p:p+3], state(s, n, at))
			}
		}
	}
	a, err := maps.Align(t.Context(), s, estimator.CopyLast{})
	zeros := make([]float64, s.T)
	if err != nil || !near(a.PredictionDistance, zeros, 1e-14) ||
		!near(a.MapDistance, zeros, 1e-14) || math.Abs(a.MeanCosine()-1) > 1e-14 {
		t.Errorf("beside CopyLast: %+v (%v)", a, err)
	}
	errors, err := m.MSE(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for n := range s.N { // by hand: |s_{t+1} - s_t|²/(T d)
		want := 0.0
		for at := range s.T {
			for i := range 3 {
				e := state(s, n, at+1)[i] - state(s, n, at)[i]
				want += e * e / 27
			}
		}
		if math.Abs(errors[n]-want) > 1e-14 {
			t.Errorf("sequence %d: error %v, want %v", n, errors[n], want)
		}
	}
}

// Γ_T of the step is η Σ s_{t+1} s_tᵀ, recomputed here, and the second slot has
// no part in it. The rows and columns of Γ differ, so that a transpose shows.
func TestStepperIsOneStep(t *testing.T) {
	const eta = 0.3
	m := stepper(t, eta)
	s := sequences(t, m.Config, 3)
	maps := mapsOf(t, m, s)
	for n := range s.N {
		want := make([]float64, 9)
		for at := range s.T {
			if at > 0 {
				for i := range 3 {
					for j := range 3 {
						want[i*3+j] += eta * state(s, n, at)[i] * state(s, n, at-1)[j]
					}
				}
			}
			if p := n*s.T + at; !near(maps.At(n, at), want, 1e-13) ||
				!near(maps.Previous[p*9:p*9+9], make([]float64, 9), 1e-13) {
				t.Fatalf("T = %d: Γ = %v, want %v, and Γ' = %v", at+1, maps.At(n, at), want,
					maps.Previous[p*9:p*9+9])
			}
			next := make([]float64, 3)
			for i := range next {
				next[i] = dot(want[i*3:i*3+3], state(s, n, at))
			}
			if p := (n*s.T + at) * 3; !near(maps.Predictions[p:p+3], next, 1e-13) {
				t.Fatalf("T = %d: %v, want %v", at+1, maps.Predictions[p:p+3], next)
			}
		}
	}
	// OneStep builds the same from any invertible W_q and W_v.
	other, err := trained(t, configuration(bare)).OneStep(eta)
	if err != nil {
		t.Fatal(err)
	}
	if again := mapsOf(t, other, s); !near(again.Gamma, maps.Gamma, 1e-9) ||
		!near(again.Predictions, maps.Predictions, 1e-9) {
		t.Error("OneStep is another step")
	}
}

// orthonormal is a context of the unit vectors, s_t = e_t, on which a step of
// size 1 is exact least squares: G is then the projection on the span.
func orthonormal(c train.Config, n int) ar.Batch[float64] {
	s := ar.Batch[float64]{N: n, T: c.D, D: c.D, States: make([]float64, n*(c.D+1)*c.D),
		Contexts: make([]ar.Context, n)}
	for k := range n {
		w := make([]float64, c.D*c.D) // e_1 → e_2 → … → ±e_1
		for t := range c.D + 1 {
			state(s, k, t)[t%c.D] = 1
		}
		if k%2 == 1 {
			state(s, k, c.D)[0] = -1
		}
		for t := range c.D {
			for i := range c.D {
				w[i*c.D+t] = state(s, k, t+1)[i]
			}
		}
		s.Contexts[k].W = w
	}
	return s
}

// On orthonormal tokens one step of size 1 is least squares: nothing is missing
// on the span, nothing made up off it.
func TestStepperIsLeastSquaresOnOrthonormalTokens(t *testing.T) {
	m := stepper(t, 1)
	s := orthonormal(m.Config, 2)
	maps := mapsOf(t, m, s)
	a, err := maps.Align(t.Context(), s, estimator.LeastSquares{})
	zeros := make([]float64, s.T)
	if err != nil || !near(a.PredictionDistance, zeros, 1e-14) || !near(a.MapDistance, zeros, 1e-14) {
		t.Fatalf("beside least squares: %+v (%v)", a, err)
	}
	r, err := maps.Distance(s)
	// Of the three columns of W, of norm 1 each, T - 1 are known at T.
	whole := []float64{1, math.Sqrt(2. / 3), math.Sqrt(1. / 3)}
	if err != nil || !near(r.Whole, whole, 1e-14) || !near(r.On, zeros, 1e-14) ||
		!near(r.Off, zeros, 1e-14) || !near(r.Total, whole, 1e-14) {
		t.Errorf("beside W: %+v, want %v (%v)", r, whole, err)
	}
	// Twice the step: on the span Γ is W too much, as much as is known.
	double := mapsOf(t, stepper(t, 2), s)
	r, err = double.Distance(s)
	known := []float64{0, math.Sqrt(1. / 3), math.Sqrt(2. / 3)}
	if err != nil || !near(r.On, known, 1e-14) || !near(r.Off, zeros, 1e-14) ||
		!near(r.Whole, []float64{1, 1, 1}, 1e-14) {
		t.Errorf("twice the step: %+v, want %v on the span (%v)", r, known, err)
	}
	// The identity off the span: d - (T-1) directions are made up.
	copied := mapsOf(t, copier(t), s)
	r, err = copied.Distance(s)
	if made := []float64{1, math.Sqrt(2. / 3), math.Sqrt(1. / 3)}; err != nil ||
		!near(r.Off, made, 1e-14) {
		t.Errorf("the identity: %+v, want %v off the span (%v)", r, made, err)
	}
}

// The three measures between known maps: the copier, Γ = 1, beside CopyLast
// turned by known angles and factors.
func TestAlignOfKnownMaps(t *testing.T) {
	m := copier(t)
	s := sequences(t, m.Config, 2)
	maps := mapsOf(t, m, s)
	for at := range s.T { // the second sequence: a quarter turn of two axes, times 2
		copy(maps.At(1, at), []float64{0, -2, 0, 2, 0, 0, 0, 0, 2})
	}
	a, err := maps.Align(t.Context(), s, estimator.CopyLast{})
	if err != nil {
		t.Fatal(err)
	}
	// cos = tr/(|Γ||1|) = 2/(√12 √3) = 1/3; |Γ - 1|² = 4·2 + 2·1 + 1 = 11.
	if !near(a.PerSequence, []float64{1, 1. / 3}, 1e-14) || math.Abs(a.MeanCosine()-2./3) > 1e-14 ||
		math.Abs(a.Cosine[4]-2./3) > 1e-14 {
		t.Errorf("cosines %v, want 1 and 1/3", a.PerSequence)
	}
	if want := math.Sqrt(11./3) / 2; math.Abs(a.MapDistance[2]-want) > 1e-14 {
		t.Errorf("maps are %v apart, want %v", a.MapDistance[2], want)
	}
	zero, err := maps.Align(t.Context(), s, estimator.Zero{})
	if err != nil {
		t.Fatal(err)
	}
	// The copier's prediction is s_T, of norm 1, and Zero's error is |s|²/d.
	for at := range s.T {
		if math.Abs(zero.PredictionDistance[at]-1/math.Sqrt(3)) > 1e-14 ||
			math.Abs(zero.Error[at]-1./3) > 1e-14 || !math.IsNaN(zero.Cosine[at]) {
			t.Errorf("T = %d beside zero: %v apart, error %v, cosine %v", at+1,
				zero.PredictionDistance[at], zero.Error[at], zero.Cosine[at])
		}
	}
}

// W reaches the estimators: the oracle is exact.
func TestAlignGivesTheOracleItsMatrix(t *testing.T) {
	m := copier(t)
	s := sequences(t, m.Config, 3)
	a, err := mapsOf(t, m, s).Align(t.Context(), s, estimator.Oracle{})
	if err != nil || !near(a.Error, make([]float64, s.T), 1e-28) {
		t.Errorf("the oracle errs: %v (%v)", a.Error, err)
	}
}

// Spectra of known matrices, as pairs of real and imaginary part.
func TestSpectrumOfKnownMatrices(t *testing.T) {
	for _, c := range []struct {
		matrix []float64
		d      int
		want   [][2]float64 // sorted
	}{
		{[]float64{3, 1, 0, -2}, 2, [][2]float64{{-2, 0}, {3, 0}}},
		{[]float64{0.5, -2, 2, 0.5}, 2, [][2]float64{{0.5, -2}, {0.5, 2}}},
		{[]float64{0, 0, 1, 1, 0, 0, 0, 1, 0}, 3, [][2]float64{{-0.5, -math.Sqrt(3) / 2},
			{-0.5, math.Sqrt(3) / 2}, {1, 0}}},
	} {
		values, err := Spectrum(c.matrix, c.d)
		if err != nil {
			t.Fatal(err)
		}
		got := pairs(values)
		slices.SortFunc(got, func(a, b [2]float64) int {
			if math.Abs(a[0]-b[0]) > 1e-9 {
				return int(math.Copysign(1, a[0]-b[0]))
			}
			return int(math.Copysign(1, a[1]-b[1]))
		})
		for i := range c.want {
			if !near(got[i][:], c.want[i][:], 1e-12) {
				t.Errorf("eigenvalues of %v: %v, want %v", c.matrix, got, c.want)
			}
		}
	}
}

// headed is a model of given U_h and M_h: W_o is the identity, and so is W_kh.
func headed(t *testing.T, u, m [][]float64) *Model {
	change := func(c *train.Config) { plain(c); c.Depth, c.Heads, c.MLP = 1, len(u), 0 }
	return built(t, change, func(own map[string][]float64, c train.Config) {
		e := c.Embed
		put(own["layers.0.o.weight"], e, 0, 0, e, 1)
		for h := range u {
			copy(own["layers.0.v.weight"][h*e*e:], u[h])
			put(own["layers.0.k.weight"], e, h*e, 0, e, 1)
			for i, v := range m[h] {
				own["layers.0.q.weight"][h*e*e+i] = v * math.Sqrt(float64(e))
			}
		}
	})
}

// unit is a 6 by 6 matrix with one entry.
func unit(i, j int, value float64) []float64 {
	x := make([]float64, 36)
	x[i*6+j] = value
	return x
}

// plus is the sum of matrices.
func plus(a, b []float64) []float64 {
	sum := slices.Clone(a)
	for i, v := range b {
		sum[i] += v
	}
	return sum
}

// Three heads of known geometry: the second looks where the first does and
// writes at a right angle, the third writes at 60° and looks at cosine 0.8.
// U_h ⊗ M_h have the Gram matrix of 2·3, 1·1 and 4·5 times the cosines.
func TestHeadsOfKnownGeometry(t *testing.T) {
	u := [][]float64{unit(0, 1, 2), unit(1, 0, 1), plus(unit(0, 1, 2), unit(2, 2, 2*math.Sqrt(3)))}
	m := [][]float64{unit(3, 2, 3), unit(3, 2, 1), plus(unit(3, 2, 4), unit(2, 3, -3))}
	all, err := headed(t, u, m).Heads()
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	h := all[0]
	if !near(h.Values, []float64{1, 0, 0.5, 0, 1, 0, 0.5, 0, 1}, 1e-14) {
		t.Errorf("values %v", h.Values)
	}
	if !near(h.Scores, []float64{1, 1, 0.8, 1, 1, 0.8, 0.8, 0.8, 1}, 1e-14) {
		t.Errorf("scores %v", h.Scores)
	}
	if !near(h.Norms, []float64{6, 1, 20}, 1e-13) {
		t.Errorf("norms %v", h.Norms)
	}
	// The second is orthogonal to the others: eigenvalue 1, and those of
	// [[36, 48], [48, 400]], 218 ± √(182² + 48²).
	root := math.Hypot(182, 48)
	if want := entropyRank(1, math.Sqrt(218+root),
		math.Sqrt(218-root)); math.Abs(h.EffectiveRank-want) > 1e-10 {
		t.Errorf("effective rank %v, want %v", h.EffectiveRank, want)
	}
}

// entropyRank is the exponential of the entropy of sizes as shares.
func entropyRank(sizes ...float64) float64 {
	sum, entropy := 0.0, 0.0
	for _, s := range sizes {
		sum += s
	}
	for _, s := range sizes {
		entropy -= s / sum * math.Log(s/sum)
	}
	return math.Exp(entropy)
}

// M_h = W_khᵀ W_qh and U_h = W_o W_vh: each factor in its place, none
// transposed, each head its own rows.
func TestHeadsMultiplyTheirFactors(t *testing.T) {
	m, err := Untrained(configuration(func(c *train.Config) { plain(c); c.Depth, c.MLP = 2, 0 }))
	if err != nil {
		t.Fatal(err)
	}
	all, err := m.Heads()
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	own := m.parameters()
	for l, g := range all {
		at := func(part string, h, i, j int) float64 {
			return own[fmt.Sprintf("layers.%d.%s.weight", l, part)][(h*6+i)*6+j]
		}
		var u, a [3][]float64
		for h := range 3 {
			u[h], a[h] = make([]float64, 36), make([]float64, 36)
			for i := range 6 {
				for j := range 6 {
					for k := range 6 {
						u[h][i*6+j] += at("o", 0, i, k) * at("v", h, k, j)
						a[h][i*6+j] += at("k", h, k, i) * at("q", h, k, j) / math.Sqrt(6)
					}
				}
			}
		}
		if g.Layer != l {
			t.Errorf("layer %d is called %d", l, g.Layer)
		}
		for i := range 3 {
			if want := norm(u[i]) * norm(a[i]); math.Abs(g.Norms[i]-want) > 1e-12 {
				t.Errorf("norm %v, want %v", g.Norms[i], want)
			}
			for j := range 3 {
				value, score := dot(u[i], u[j])/(norm(u[i])*norm(u[j])), dot(a[i], a[j])/(norm(a[i])*norm(a[j]))
				if math.Abs(g.Values[i*3+j]-value) > 1e-12 || math.Abs(g.Scores[i*3+j]-score) > 1e-12 {
					t.Errorf("heads %d and %d: %v and %v, want %v and %v", i, j, g.Values[i*3+j],
						g.Scores[i*3+j], value, score)
				}
			}
		}
	}
}

// H orthogonal heads of one size have rank H, equal ones 1, none 0; a head that
// is 0 has no cosine.
func TestEffectiveRankAtItsEnds(t *testing.T) {
	one, two := unit(0, 0, 1), unit(1, 1, 1)
	zero := make([]float64, 36)
	for _, c := range []struct {
		u    [][]float64
		want float64
	}{{[][]float64{one, two}, 2}, {[][]float64{one, one}, 1}, {[][]float64{one, zero}, 1},
		{[][]float64{zero, zero}, 0}} {
		all, err := headed(t, c.u, [][]float64{one, one}).Heads()
		if err != nil || math.Abs(all[0].EffectiveRank-c.want) > 1e-7 {
			t.Errorf("effective rank %v, want %v (%v)", all[0].EffectiveRank, c.want, err)
		}
		if norm(c.u[1]) == 0 && !math.IsNaN(all[0].Values[1]) {
			t.Errorf("a head that is 0 has the cosines %v", all[0].Values)
		}
	}
}

// The factor √D of the scores is that of the model: what M_h says of two
// tokens is the attention that the model pays.
func TestScoresAreTheAttention(t *testing.T) {
	c := func(c *train.Config) { plain(c); c.Depth, c.Heads, c.MLP, c.Position = 1, 1, 0, nn.NoPosition }
	m := built(t, c, func(own map[string][]float64, c train.Config) {
		for i := range own["layers.0.q.weight"] {
			own["layers.0.q.weight"][i], own["layers.0.k.weight"][i] = float64(i%5)-1, float64(i%7)-2
		}
		put(own["layers.0.v.weight"], 6, 0, 0, 6, 1)
		put(own["layers.0.o.weight"], 6, 0, 0, 6, 1)
	})
	heads, err := m.Heads()
	if err != nil {
		t.Fatal(err)
	}
	q, k := mat.NewDense(6, 6, m.parameters()["layers.0.q.weight"]),
		mat.NewDense(6, 6, m.parameters()["layers.0.k.weight"])
	var score mat.Dense
	score.Mul(k.T(), q)
	if want := mat.Norm(&score,
		2) / math.Sqrt(6) * math.Sqrt(6); math.Abs(heads[0].Norms[0]-want) > 1e-10 {
		t.Errorf("|U||M| = %v, want %v", heads[0].Norms[0], want)
	}
	s := sequences(t, m.Config, 1)
	x, err := m.Activations(s, 0)
	if err != nil {
		t.Fatal(err)
	}
	maps, err := m.Attention(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	token := func(i int) mat.Vector { return mat.NewVecDense(6, x[0].Data[i*6:i*6+6]) }
	for i := range s.T {
		for j := range i + 1 {
			want := math.Abs(mat.Inner(token(j), &score, token(i))) / math.Sqrt(6)
			if got := maps[0].Values[i*s.T+j]; math.Abs(got-want) > 1e-12 {
				t.Fatalf("attention of %d to %d is %v, want %v", i, j, got, want)
			}
		}
	}
}
