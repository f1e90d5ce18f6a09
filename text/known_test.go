package text

// Texts whose answers are known by construction: W and R² follow from how they
// were made, not from the code under test.

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// process is a text of n distinct tokens whose vectors are s_{t+1} = W s_t + e
// with |e_i| of variance noise², W = size times a rotation by 1 in each plane.
func process(rng *rand.Rand, n, d int, size, noise float64) (*Sequence, *mat.Dense) {
	W := mat.NewDense(d, d, nil)
	for i := 0; i < d; i += 2 {
		c, s := size*math.Cos(1+float64(i)), size*math.Sin(1+float64(i))
		W.Set(i, i, c)
		W.Set(i, i+1, -s)
		W.Set(i+1, i, s)
		W.Set(i+1, i+1, c)
	}
	s := &Sequence{Vectors: mat.NewDense(n, d, nil)}
	state := mat.NewVecDense(d, nil)
	for i := range d {
		state.SetVec(i, 1) // without noise: the same variance in each plane
	}
	for t := range n {
		s.Tokens = append(s.Tokens, int32(t))
		s.Vectors.SetRow(t, state.RawVector().Data)
		var next mat.VecDense
		next.MulVec(W, state)
		for i := range d {
			next.SetVec(i, next.AtVec(i)+noise*rng.NormFloat64())
		}
		state = &next
	}
	return s, W
}

// measured returns the study of all windows, its fit and R².
func measured(t *testing.T, s *Sequence, split Split, k, lag int,
	rng *rand.Rand) (*Study, Fit, Interval) {
	t.Helper()
	w, err := s.Cut(5, math.MaxInt, rng)
	if err != nil {
		t.Fatal(err)
	}
	study, err := NewStudy(s, w, split, k, rng)
	if err != nil {
		t.Fatal(err)
	}
	f, r, err := study.Measure(lag, rng)
	if err != nil {
		t.Fatal(err)
	}
	return study, f, r
}

// TestKnownProcess: of s_{t+1} = W s_t + e the fit is W^ℓ at lag ℓ, and with
// W = a Q, Q a rotation, R² = a^{2ℓ}; |WᵀW - I|/√k = 1 - a².
func TestKnownProcess(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	const n, d, size = 20_000, 4, 0.9
	s, W := process(rng, n, d, size, 1)
	for lag, power := 1, mat.DenseCopyOf(W); lag <= 4; lag++ {
		want := math.Pow(size, 2*float64(lag))
		_, f, r := measured(t, s, Contiguous, d, lag, rng)
		// An entry of W has an error of √((1 - R²)/n) or 0.01, and there are 16;
		// R² one of about 2√(R²/4000), times a few for pairs that share a token.
		if math.Abs(r.Value-want) > 0.04 || r.Low > want || r.High < want {
			t.Errorf("lag %d: R² %+v, want %v", lag, r, want)
		}
		var off mat.Dense
		off.Sub(f.W, power)
		if e := mat.Norm(&off, 2); e > 0.1 {
			t.Errorf("lag %d: W is off by %g", lag, e)
		}
		if distance, singular := f.Orthogonality(); lag == 1 &&
			(math.Abs(distance-(1-size*size)) > 0.05 || math.Abs(singular[0]-size) > 0.03) {
			t.Errorf("|WᵀW - I|/√k = %v of singular values %v, want %v", distance, singular, 1-size*size)
		}
		var next mat.Dense
		next.Mul(power, W)
		power = &next
	}
	exact, _ := process(rng, 2000, d, 1, 0)
	if _, f, r := measured(t, exact, Random, d, 1, rng); math.Abs(r.Value-1) > 1.1e-6 {
		t.Errorf("s_{t+1} = W s_t: R² = %v", r.Value) // the ridge of 1e-3 takes 1e-6
	} else if distance, _ := f.Orthogonality(); math.Abs(distance-(1-1/1.001/1.001)) > 2e-5 {
		t.Errorf("W is a rotation over 1 + 1e-3, and |WᵀW - I|/√k = %v", distance)
	}
}

// known is a Markov chain over the vectors of a sequence.
type known struct {
	P       *mat.Dense // (U, U) P_ab, from a to b
	Vectors *mat.Dense // (U, d)
}

// r2 is the R² at a lag of the best W, from the chain itself: with its
// stationary law p, Σ = Cov(s), Σ_ℓ = Cov(s_{t+ℓ}, s_t): tr(Σ_ℓ Σ⁻¹ Σ_ℓᵀ)/tr Σ.
func (c known) r2(t *testing.T, lag int) float64 {
	U, d := c.Vectors.Dims()
	step := mat.NewDense(U, U, nil)
	step.Pow(c.P, lag)
	var far mat.Dense
	far.Pow(c.P, 200)
	p := far.RawRowView(0)
	mean := make([]float64, d)
	for a := range U {
		floats.AddScaled(mean, p[a], c.Vectors.RawRowView(a))
	}
	S, L := mat.NewDense(d, d, nil), mat.NewDense(d, d, nil)
	for a := range U {
		x := mat.NewVecDense(d, floats.SubTo(make([]float64, d), c.Vectors.RawRowView(a), mean))
		S.RankOne(S, p[a], x, x)
		for b := range U {
			y := mat.NewVecDense(d, floats.SubTo(make([]float64, d), c.Vectors.RawRowView(b), mean))
			L.RankOne(L, p[a]*step.At(a, b), y, x)
		}
	}
	var W, explained mat.Dense
	if err := W.Solve(S, L.T()); err != nil { // Wᵀ
		t.Fatal(err)
	}
	explained.Mul(L, &W)
	return mat.Trace(&explained) / mat.Trace(S)
}

// drawn returns a text of the chain, and the chain.
func drawn(rng *rand.Rand, n, words, d int) (*Sequence, known) {
	P := mat.NewDense(words, words, nil)
	for a := range words {
		for b := range words {
			P.Set(a, b, math.Pow(rng.Float64(), 4))
		}
		floats.Scale(1/floats.Sum(P.RawRowView(a)), P.RawRowView(a))
	}
	s := made(rng, n, words, d, func(a int32) int32 { return pick(rng, P.RawRowView(int(a))) })
	return s, known{P, s.Vectors}
}

func pick(rng *rand.Rand, p []float64) int32 {
	u := rng.Float64()
	for i, v := range p {
		if u -= v; u < 0 {
			return int32(i)
		}
	}
	return int32(len(p) - 1)
}

// TestKnownChain: of a text of a known Markov chain each lag has the R² that
// the chain says, and so have the texts of its Markov null: a chain that
// always takes the first successor has not.
func TestKnownChain(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	s, chain := drawn(rng, 40_000, 6, 3)
	for lag := 1; lag <= 2; lag++ {
		want := chain.r2(t, lag)
		study, _, r := measured(t, s, Contiguous, 3, lag, rng)
		if math.Abs(r.Value-want) > 4*r.SE || r.SE > 0.012 {
			t.Errorf("lag %d: R² %+v, want %v", lag, r, want)
		}
		for null, want := range map[Null]float64{Markov: want, TokensPermuted: 0, WindowsSwapped: 0,
			Real: r.Value} {
			values, err := study.Nulls(context.Background(), null, lag, 8, rng, nil)
			if err != nil || math.Abs(stat.Mean(values, nil)-want) > 0.01 {
				t.Errorf("lag %d, %s: R² %v, want %v, %v", lag, null, values, want, err)
			}
		}
	}
}

// TestKnownMemory: where a token depends on the one before the last alone, lag
// 2 has the R² of the chain's step, and lag 1 and the Markov null have none.
func TestKnownMemory(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	const n = 40_000
	s, chain := drawn(rng, 1, 6, 3)
	other := int32(1)
	token := int32(0)
	s.Tokens = s.Tokens[:0]
	for range n / 2 {
		s.Tokens = append(s.Tokens, token, other)
		token, other = pick(rng, chain.P.RawRowView(int(token))),
			pick(rng, chain.P.RawRowView(int(other)))
	}
	study, _, one := measured(t, s, Contiguous, 3, 1, rng)
	_, two, err := study.Measure(2, rng)
	want := chain.r2(t, 1)
	if err != nil || math.Abs(one.Value) > 0.005 || math.Abs(two.Value-want) > 0.015 {
		t.Errorf("R² at lag 1 %v, at lag 2 %v, want 0 and %v; %v", one.Value, two.Value, want, err)
	}
	values, err := study.Nulls(context.Background(), Markov, 2, 8, rng, nil)
	if err != nil || math.Abs(stat.Mean(values, nil)) > 0.005 || PValue(two.Value, values) != 1.0/9 {
		t.Errorf("the chain has R² %v at lag 2, %v", values, err)
	}
}

// TestChainKnowsNoHeldOut: the chain's successors are those that a plain count
// outside the held-out windows finds, drawn as often as they occur.
func TestChainKnowsNoHeldOut(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	s, _ := drawn(rng, 3000, 5, 2)
	for i := 2400; i < 3000; i++ {
		s.Tokens[i] = 4 - s.Tokens[i] // another text
	}
	w := s.First(5, 600)
	held := w.Split(Contiguous, rng)
	counts := map[[2]int32]float64{}
	from := map[int32]float64{}
	for i := range 2399 {
		counts[[2]int32{s.Tokens[i], s.Tokens[i+1]}]++
		from[s.Tokens[i]]++
	}
	drawn := map[[2]int32]float64{}
	times := map[int32]float64{}
	chain := s.successors(w, held)
	for range 40 {
		c := Windows{Length: 5, Tokens: slices.Clone(w.Tokens)}
		chain.draw(c, rng)
		for i := range c.Tokens {
			if i%5 > 0 {
				drawn[[2]int32{c.Tokens[i-1], c.Tokens[i]}]++
				times[c.Tokens[i-1]]++
			} else if c.Tokens[i] != w.Tokens[i] {
				t.Fatal("a first token is redrawn")
			}
		}
	}
	for a := range int32(5) {
		for b := range int32(5) {
			pair := [2]int32{a, b}
			p, n := counts[pair]/from[a], times[a]
			if off := math.Abs(drawn[pair] - n*p); off > 5*math.Sqrt(n*p*(1-p)) {
				t.Errorf("%d after %d: %v of %v, want %v", b, a, drawn[pair], n, n*p)
			}
		}
	}
}

// TestPlainHeldOut: where k/n is large, fitted pairs have R² = +k/n and held-out
// ones -k/n; ten lines of plain Go give the value of each lag and split.
func TestPlainHeldOut(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	const d = 12
	s, _ := drawn(rng, 500, 40, d)
	for _, split := range []Split{Random, Contiguous} {
		for lag := 1; lag <= 4; lag++ {
			study, f, r := measured(t, s, split, d, lag, rng)
			held := 0
			for i, h := range study.held {
				if h {
					held++
				}
				if split == Contiguous && h != (i >= 80) {
					t.Errorf("window %d of 100 is held out: %v", i, h)
				}
			}
			if held != 20 {
				t.Errorf("%s: %d of 100 windows are held out", split, held)
			}
			if want := plainR2(t, s, study, lag, d); math.Abs(r.Value-want) > 1e-9 {
				t.Errorf("%s, lag %d: R² %v, plainly %v", split, lag, r.Value, want)
			}
			if f.W == nil || split == Random && !slices.Contains(study.held[:80], true) {
				t.Error("no W, or the random split is the last fifth")
			}
		}
	}
}

// plainR2 is Measure in plain Go.
func plainR2(t *testing.T, s *Sequence, study *Study, lag, d int) float64 {
	var x, y, testX, testY []float64
	for i := range study.windows.Count() {
		for j := i * 5; j+lag < (i+1)*5; j++ {
			a, b := s.Vectors.RawRowView(int(s.Tokens[j])), s.Vectors.RawRowView(int(s.Tokens[j+lag]))
			if study.held[i] {
				testX, testY = append(testX, a...), append(testY, b...)
			} else {
				x, y = append(x, a...), append(y, b...)
			}
		}
	}
	X, Y := mat.NewDense(len(x)/d, d, x), mat.NewDense(len(y)/d, d, y)
	meanX, meanY := centre(X, nil), centre(Y, nil)
	centre(mat.NewDense(len(testX)/d, d, testX), meanX)
	centre(mat.NewDense(len(testY)/d, d, testY), meanY)
	return 1 - plainSSE(t, X, Y, 1e-3, mat.NewDense(len(testX)/d, d, testX), testY)/floats.Dot(testY,
		testY)
}

// centre subtracts the mean, or the one given, from the rows and returns it.
func centre(X *mat.Dense, mean []float64) []float64 {
	n, d := X.Dims()
	if mean == nil {
		mean = make([]float64, d)
		for i := range n {
			floats.AddScaled(mean, 1/float64(n), X.RawRowView(i))
		}
	}
	for i := range n {
		floats.Sub(X.RawRowView(i), mean)
	}
	return mean
}

// plainSSE solves (XᵀX + ridge tr(XᵀX)/d I) Wᵀ = XᵀY and predicts.
func plainSSE(t *testing.T, X, Y *mat.Dense, ridge float64, testX *mat.Dense,
	testY []float64) float64 {
	t.Helper()
	_, d := X.Dims()
	var A, B, W, predicted mat.Dense
	A.Mul(X.T(), X)
	weight := ridge * mat.Trace(&A) / float64(d)
	for i := range d {
		A.Set(i, i, A.At(i, i)+weight)
	}
	B.Mul(X.T(), Y)
	if err := W.Solve(&A, &B); err != nil {
		t.Fatal(err)
	}
	predicted.Mul(testX, &W)
	distance := floats.Distance(predicted.RawMatrix().Data, testY, 2)
	return distance * distance
}

// TestPlainPassages is ReadPassages in plain Go: the ridge is chosen on the
// training passages, errors are of the rest, differences are paired.
func TestPlainPassages(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 1))
	const m, d, count = 30, 3, 60
	s, _ := drawn(rng, 2*m*count+17, 9, d)
	for i := 2 * m * 48; i < 2*m*count; i++ { // another text, for which another ridge is best
		s.Tokens[i] = []int32{0, 1, 2, 3}[i*i%11%4]
	}
	p, err := s.ReadPassages(m, d, rng)
	if err != nil {
		t.Fatal(err)
	}
	rows := func(from, to int) *mat.Dense {
		X := mat.NewDense(to-from, d, nil)
		for i := from; i < to; i++ {
			X.SetRow(i-from, s.Vectors.RawRowView(int(s.Tokens[i])))
		}
		return X
	}
	const train = 48
	X, Y := rows(0, 2*m*train-1), rows(1, 2*m*train)
	meanX, meanY := centre(X, nil), centre(Y, nil)
	part := func(from, to int) (*mat.Dense, *mat.Dense) {
		x, y := rows(from, to-1), rows(from+1, to)
		centre(x, meanX)
		centre(y, meanY)
		return x, y
	}
	sums := func(from, to int, share float64) (own, other, pooled, total []float64) {
		n := to - from
		for i := range n {
			at := (from + i) * 2 * m
			far := (from + (i+n/2)%n) * 2 * m
			testX, testY := part(at+m-1, at+2*m)
			flat := testY.RawMatrix().Data
			x, y := part(at, at+m)
			ox, oy := part(far, far+m)
			own = append(own, plainSSE(t, x, y, share, testX, flat))
			other = append(other, plainSSE(t, ox, oy, share, testX, flat))
			pooled = append(pooled, plainSSE(t, X, Y, 1e-3, testX, flat))
			total = append(total, floats.Dot(flat, flat))
		}
		return own, other, pooled, total
	}
	best, share := math.Inf(-1), 0.0
	for _, candidate := range []float64{0.1, 0.3, 1, 3, 10, 30, 100, 300} {
		own, _, _, total := sums(0, train, candidate)
		if r := 1 - floats.Sum(own)/floats.Sum(total); r > best {
			best, share = r, candidate
		}
	}
	own, other, pooled, total := sums(train, count, share)
	T := floats.Sum(total)
	r := func(e []float64) float64 { return 1 - floats.Sum(e)/T }
	for name, of := range map[string][2]float64{
		"own": {p.Own.Value, r(own)}, "other": {p.Other.Value, r(other)},
		"pooled": {p.Pooled.Value, r(pooled)},
		"gain":   {p.Gain.Value, r(own) - r(other)}, "ahead": {p.Ahead.Value, r(pooled) - r(own)},
		"share": {p.Share, share},
	} {
		if math.Abs(of[0]-of[1]) > 1e-9 {
			t.Errorf("%s is %v, plainly %v", name, of[0], of[1])
		}
	}
	// The standard error of a paired difference, by its influence of each passage.
	for name, of := range map[string]struct {
		got  Interval
		a, b []float64
	}{"gain": {p.Gain, other, own}, "ahead": {p.Ahead, own, pooled}} {
		variance := 0.0
		for i := range total {
			influence := of.a[i] - of.b[i] - of.got.Value*total[i]
			variance += influence * influence / T / T
		}
		if want := math.Sqrt(variance); math.Abs(of.got.SE-want) > 0.12*want {
			t.Errorf("%s has a standard error of %v, by influence %v", name, of.got.SE, want)
		}
		if half := (of.got.High - of.got.Low) / 2; math.Abs(half-1.96*of.got.SE) > 0.3*of.got.SE {
			t.Errorf("%s: %+v is no 95 %% interval", name, of.got)
		}
	}
}

// TestCut: windows are of the text, do not overlap and know where they begin.
func TestCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 1))
	s, _ := process(rng, 1003, 2, 0.5, 1) // token t is number t
	w, err := s.Cut(5, 60, rng)
	if err != nil || w.Count() != 60 || len(w.Starts) != 60 {
		t.Fatalf("%d windows, %v", w.Count(), err)
	}
	for i, token := range w.Tokens {
		if int(token) != w.Starts[i/5]+i%5 || i%5 == 0 && i > 0 && w.Starts[i/5] < w.Starts[i/5-1]+5 {
			t.Fatalf("window %d: token %d is %d", i/5, i%5, token)
		}
	}
	if slices.Max(w.Starts) < 800 || slices.Min(w.Starts) > 200 {
		t.Errorf("windows from %d to %d of 1000", slices.Min(w.Starts), slices.Max(w.Starts))
	}
	if first := s.First(5, 3); first.Count() != 3 || !slices.Equal(first.Tokens, s.Tokens[:15]) {
		t.Errorf("the first three are %v", first)
	}
}

// TestWithoutAndUnit: the most frequent go, the others keep their order; unit
// vectors keep their direction.
func TestWithoutAndUnit(t *testing.T) {
	s := &Sequence{Tokens: []int32{0, 1, 2, 1, 3, 1, 2, 2, 2, 3},
		Vectors: mat.NewDense(4, 2, []float64{3, 4, 0, 0, -2, 0, 0, 5})}
	if got := s.Without(2).Tokens; !slices.Equal(got, []int32{0, 3, 3}) {
		t.Errorf("without 2 and 1: %v", got)
	}
	if got := s.Unit().Vectors.RawMatrix().Data; !slices.Equal(got,
		[]float64{0.6000000000000001, 0.8, 0, 0, -1, 0, 0, 1}) {
		t.Errorf("unit vectors are %v", got)
	}
}

// TestReduced: the axes of an anisotropic cloud are its own, the largest
// variance kept, about the mean of the given tokens.
func TestReduced(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 1))
	s, _ := process(rng, 4000, 4, 0, 1)
	for i := range 4000 {
		v := s.Vectors.RawRowView(i)
		for j, scale := range []float64{1, 5, 0.1, 3} {
			v[j] = v[j]*scale + 50*float64(j%3)
		}
	}
	r, err := s.Reduced(s.Tokens[:3000], 2)
	if err != nil {
		t.Fatal(err)
	}
	for j, of := range []int{3, 1} { // ascending
		a, b := mat.Col(nil, j, r.Vectors), mat.Col(nil, of, s.Vectors)
		if c := math.Abs(stat.Correlation(a, b, nil)); c < 0.999 ||
			math.Abs(stat.StdDev(a, nil)/stat.StdDev(b, nil)-1) > 0.005 {
			t.Errorf("axis %d has correlation %v with coordinate %d", j, c, of)
		}
	}
}

// TestBranches counts all windows of three tokens by brute force.
func TestBranches(t *testing.T) {
	tokens := []int32{7, 7, 7, 2, 2, 5} // 1/2, 1/3, 1/6
	for length := 2; length <= 6; length++ {
		window, want := make([]int32, length), 0.0
		var all func(i int, p float64)
		all = func(i int, p float64) {
			if i == length {
				next := map[int32]int32{}
				for j, a := range window[:length-1] {
					if b, seen := next[a]; seen && b != window[j+1] {
						want += p
						return
					}
					next[a] = window[j+1]
				}
				return
			}
			for token, q := range map[int32]float64{7: 0.5, 2: 1.0 / 3, 5: 1.0 / 6} {
				window[i] = token
				all(i+1, p*q)
			}
		}
		all(0, 1)
		if got := BranchChance(tokens, length); math.Abs(got-want) > 1e-12 {
			t.Errorf("%d tokens: %v, want %v", length, got, want)
		}
	}
}

// TestPValue: the measured value counts among those of the null.
func TestPValue(t *testing.T) {
	for measured, want := range map[float64]float64{5: 0.2, 4: 0.4, 1: 1, 2.5: 0.6} {
		if p := PValue(measured, []float64{1, 2, 3, 4}); math.Abs(p-want) > 1e-15 {
			t.Errorf("p of %v is %v, want %v", measured, p, want)
		}
	}
}

// TestInterval: the standard error of R² is that which windows drawn anew have.
func TestInterval(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 1))
	var values, errors []float64
	for range 240 {
		s, _ := process(rng, 2500, 2, 0.6, 1)
		_, _, r := measured(t, s, Contiguous, 2, 1, rng)
		values, errors = append(values, r.Value), append(errors, r.SE)
		if half := (r.High - r.Low) / 2; math.Abs(half-1.96*r.SE) > 0.2*r.SE {
			t.Errorf("%+v is no 95 %% interval", r)
		}
	}
	// 240 values tell a deviation within 3.9/√480 = 18 % at 1e-4.
	if a, b := stat.StdDev(values, nil), stat.Mean(errors, nil); math.Abs(a/b-1) > 0.2 {
		t.Errorf("R² varies by %v, the bootstrap says %v", a, b)
	}
}

// TestNullsCostNoise: of independent tokens every null has R² = -k/n, k/n not
// being small: what W is fitted to is not what it is tested on.
func TestNullsCostNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 1))
	const d, windows = 10, 200
	s := made(rng, 5*windows, 5*windows, d, func(int32) int32 { return rng.Int32N(5 * windows) })
	study, _, _ := measured(t, s, Contiguous, d, 1, rng)
	want := -float64(d) / (0.8 * windows * 4)
	for _, null := range []Null{TokensPermuted, WindowsSwapped} {
		values, err := study.Nulls(context.Background(), null, 1, 40, rng, nil)
		if mean := stat.Mean(values, nil); err != nil || math.Abs(mean-want) > 0.005 {
			t.Errorf("%s: mean R² %v, want %v, %v", null, mean, want, err)
		}
	}
}

// TestReducedByCount: the axes are of the tokens as often as they occur.
func TestReducedByCount(t *testing.T) {
	s := &Sequence{Vectors: mat.NewDense(4, 2, []float64{5, 0, -5, 0, 0, 1, 0, -1})}
	s.Tokens = []int32{0, 1}
	for range 200 {
		s.Tokens = append(s.Tokens, 2, 3) // variances 50/402 and 400/402
	}
	r, err := s.Reduced(s.Tokens, 1)
	if err != nil || math.Abs(r.Vectors.At(0, 0)) > 1e-9 || math.Abs(math.Abs(r.Vectors.At(2,
		0))-1) > 1e-9 {
		t.Errorf("projections %v, %v", r.Vectors.RawMatrix().Data, err)
	}
}

// TestRolloutSize: the error is relative to the tokens that are predicted.
func TestRolloutSize(t *testing.T) {
	s := &Sequence{Vectors: mat.NewDense(2, 2, []float64{1, 0, 0, 3})}
	// a, a, b: W a = (a + b)/2, W b = 0; ŝ_2 = (a+b)/2, ŝ_3 = (a+b)/4.
	want := math.Sqrt((0.25 + 9.0/4 + 1.0/16 + 9*9.0/16) / (1 + 9))
	if e := s.Rollout([]int32{0, 0, 1}); math.Abs(e-want) > 1e-12 {
		t.Errorf("error %v, want %v", e, want)
	}
}
