package theory

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"icar/ar"
)

// perturb adds noise·N(0, 1)·(the gauge's scale) to all weights a loss touches.
func perturb(m *Diagonal, seed uint64, noise float64) {
	n := &Diagonal{H: m.H, D: m.D, Tmax: m.Tmax, A: make([]float64, len(m.A)),
		B: make([]float64, len(m.B)), P: make([]float64, len(m.P))}
	n.Init(ar.Rand(seed, "noise", 0), noise)
	for i := range m.A {
		m.A[i] += n.A[i]
		m.B[i] += n.B[i]
	}
	for i := range m.P {
		m.P[i] += n.P[i]
	}
}

// drawBound draws d and d/2 ≤ H < d.
func drawBound(t *rapid.T) (d, h int) {
	d = 2 * rapid.IntRange(1, 5).Draw(t, "pairs")
	return d, rapid.IntRange(d/2, d-1).Draw(t, "H")
}

// Perturbed minimisers, descended a little so that cheap directions are left:
// no coordinate's κ and no ratio leaves its bound.
func TestKappaBoundHolds(t *testing.T) {
	proved, tightestKappa, tightestRatio := 0, 0.0, 0.0
	rapid.Check(t, func(t *rapid.T) {
		d, h := drawBound(t)
		gauge := rapid.SampledFrom([]float64{1, -0.5, 2}).Draw(t, "gauge")
		tmax := rapid.IntRange(2, 6).Draw(t, "Tmax")
		m := minimiser(t, ar.Rotation, d, h, tmax, gauge, 1)
		noise := math.Pow(10, -rapid.Float64Range(0.5, 6).Draw(t, "digits"))
		perturb(m, rapid.Uint64().Draw(t, "seed"), noise)
		if _, err := m.Descend(t.Context(), ar.Rotation, Descent{LearningRate: 0.003,
			Iterations: rapid.SampledFrom([]int{0, 30, 3000}).Draw(t, "descent")}); err != nil {
			return // the large gauge may diverge: nothing to bound
		}
		c, err := Certify(m, ar.Rotation)
		if err != nil {
			t.Fatal(err)
		}
		if math.IsInf(c.KappaBound, 1) {
			return
		}
		proved++
		coupling := m.C()
		for i := range d {
			x := math.Abs(coupling[i*d+i^1]/coupling[i*d+i]-1) / c.KappaBound
			tightestKappa = max(tightestKappa, x)
			if x > 1 || math.Abs(c.Kappa[i/2]-1) > c.KappaBound {
				t.Fatalf("|κ - 1| = %v times its bound %v at excess %v", x, c.KappaBound, c.Excess)
			}
		}
		for i, x := range c.Ratio {
			x = math.Abs(x+0.5) / c.RatioBound[i]
			tightestRatio = max(tightestRatio, x)
			if x > 1 {
				t.Fatalf("T = %d: |ratio + ½| = %v times its bound %v at excess %v", i+2, x,
					c.RatioBound[i], c.ExcessPerT[i])
			}
		}
	})
	t.Logf("proved in %d cases; at most %.2f of the bound on κ and %.2f of that on the ratio are used", proved, tightestKappa, tightestRatio)
	if proved < 20 {
		t.Errorf("only %d cases with a bound", proved)
	}
}

// Step 2 of the proof for any weights of rank below d, near a minimum or not:
// min(|y|, |1+ω|) ≤ σ(β, α) √(ℓ/(d-H)).
func TestRankInequality(t *testing.T) {
	tightest := 0.0
	rapid.Check(t, func(t *rapid.T) {
		d, h := drawBound(t)
		m, err := NewDiagonal(h, d, rapid.IntRange(2, 5).Draw(t, "Tmax"))
		if err != nil {
			t.Fatal(err)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		switch rapid.SampledFrom([]string{"random", "minimiser", "trap", "valley"}).Draw(t, "near") {
		case "random":
			m.Init(ar.Rand(seed, "weights", 0), 0.5)
		case "minimiser":
			m = minimiser(t, ar.Rotation, d, h, m.Tmax, 1, 1)
			perturb(m, seed, 0.1)
		case "trap":
			if m, _, err = PlainTrap(d, d/2, m.Tmax, 1); err != nil {
				t.Fatal(err)
			}
			m.P[0] = 0.3
			perturb(m, seed, 0.01)
		case "valley":
			if h == d/2 {
				return
			}
			if m, _, err = PlainValley(d, h, m.Tmax, 0.1); err != nil {
				t.Fatal(err)
			}
			perturb(m, seed, 0.001)
		}
		losses, err := m.Losses(ar.Rotation)
		if err != nil {
			t.Fatal(err)
		}
		for i, loss := range losses {
			p, a, q, _ := split(m.weights(i + 2))
			alpha, omega := a/p, q/p-1
			least := min(math.Abs(1+2*alpha+omega), math.Abs(1+omega))
			bound := spread(math.Abs(1+alpha+omega), math.Abs(alpha),
				float64(d)) * math.Sqrt(loss/float64(d-m.H))
			tightest = max(tightest, least/bound)
			if least > bound*(1+1e-9) {
				t.Fatalf("d = %d H = %d T = %d: min(|y|, |1+ω|) = %v, bound %v", d, m.H, i+2, least, bound)
			}
			// Step 1: |ω| ≤ √((T-2) ℓ/(d-ℓ)) where ℓ < d.
			if n := float64(d); loss < n && math.Abs(omega) > math.Sqrt(float64(i)*loss/(n-loss))*(1+
				1e-9)+1e-12 {
				t.Fatalf("d = %d T = %d: |ω| = %v, loss %v", d, i+2, math.Abs(omega), loss)
			}
		}
	})
	t.Logf("at most %.2f of the bound is used", tightest)
}

func TestSpreadIsTheLargestSingularValue(t *testing.T) {
	for _, c := range [][3]float64{{0, 0.5, 4}, {0.5, 0.5, 10}, {3, 0.1, 2}, {1, 7, 6}} {
		var svd mat.SVD
		svd.Factorize(mat.NewDense(2, 2, []float64{c[0], 0, math.Sqrt(c[2]-1) * c[1], 1}), mat.SVDNone)
		if got, want := spread(c[0], c[1], c[2]), svd.Values(nil)[0]; math.Abs(got/want-1) > 1e-14 {
			t.Errorf("σ(%v) = %v, want %v", c, got, want)
		}
	}
}

// An excess of 1e-6 proves κ to a few hundredths or better, and the bound
// shrinks as its square root.
func TestKappaBoundIsNotVacuous(t *testing.T) {
	for _, c := range []struct{ d, h, tmax int }{{4, 2, 5}, {6, 4, 8}, {10, 5, 20}, {10, 8, 20},
		{10, 9, 20}} {
		previous := 0.0
		for _, excess := range []float64{1e-4, 1e-6, 1e-8} {
			m := minimiser(t, ar.Rotation, c.d, c.h, c.tmax, 1, 1)
			// An error δ of p_{T-1} costs (2δ)² in each of d coordinates.
			for T := 2; T <= c.tmax; T++ {
				m.weights(T)[T-2] += math.Sqrt(excess / float64(c.tmax-1) / (4 * float64(c.d)))
			}
			got := certify(t, m, ar.Rotation)
			if math.Abs(got.Excess/excess-1) > 1e-6 {
				t.Fatalf("excess %v, want %v", got.Excess, excess)
			}
			t.Logf("d = %d H = %d Tmax = %d excess %.0e: |κ - 1| ≤ %.5f, |ratio + ½| ≤ %.5f", c.d, c.h,
				c.tmax, excess, got.KappaBound, got.RatioBound[len(got.RatioBound)-1])
			if excess == 1e-6 && !(got.KappaBound < 0.05 && got.RatioBound[c.tmax-2] < 0.05) {
				t.Errorf("d = %d H = %d: bounds %v and %v at excess %v", c.d, c.h, got.KappaBound,
					got.RatioBound, excess)
			}
			if previous > 0 && math.Abs(previous/got.KappaBound/10-1) > 0.3 {
				t.Errorf("d = %d H = %d: the bound goes from %v to %v as the excess falls by 100", c.d, c.h,
					previous, got.KappaBound)
			}
			previous = got.KappaBound
		}
	}
}

// The valley and large losses prove nothing.
func TestNoKappaBoundWithoutProof(t *testing.T) {
	for _, c := range []struct {
		root, ratio float64
	}{{1.5, -0.5}, {0.9, -0.5}, {1e-3, 1e3}, {1e-3, -1e3}, {math.NaN(), -0.5}} {
		kappa, ratio := couplingBound(c.root, c.ratio, 10, 8, 20)
		if !math.IsInf(kappa, 1) || !math.IsInf(ratio, 1) {
			t.Errorf("√ℓ = %v with ratio %v proves %v and %v", c.root, c.ratio, kappa, ratio)
		}
	}
	for _, h := range []int{2, 6, 8} { // below d/2, d, above
		m := minimiser(t, ar.Rotation, 6, h, 5, 1, 1)
		if c := certify(t, m, ar.Rotation); !math.IsInf(c.KappaBound, 1) ||
			!math.IsInf(c.RatioBound[3], 1) {
			t.Errorf("H = %d: bounds %v, %v", h, c.KappaBound, c.RatioBound)
		}
	}
}

// Steps 4 and 5 of the proof: the extreme values that steps 1 to 3 admit stay
// within the bounds and, for a small loss, nearly reach them.
func TestKappaBoundFollowsFromItsSteps(t *testing.T) {
	for _, c := range []struct{ d, h, T int }{{2, 1, 2}, {4, 3, 5}, {6, 3, 4}, {10, 8, 20},
		{10, 9, 3}} {
		for _, root := range []float64{1e-2, 1e-3, 1e-5} {
			kappaBound, ratioBound := couplingBound(root, -0.5, c.d, c.h, c.T)
			d, loss := float64(c.d), root*root
			w := math.Sqrt(float64(c.T-2) * loss / (d - loss))
			kappa, ratio := 0.0, 0.0
			for _, omega := range []float64{-w, 0, w} {
				for _, sign := range []float64{-1, 1} {
					y := 0.0
					for range 50 { // y = ±σ(β, α)η
						alpha, beta := (y-1-omega)/2, (1+omega+y)/2
						y = sign * spread(math.Abs(beta), math.Abs(alpha), d) * root / math.Sqrt(d-float64(c.h))
					}
					alpha, beta := (y-1-omega)/2, (1+omega+y)/2
					ratio = max(ratio, math.Abs(alpha+0.5))
					// all the loss in one row: e_i = -ℓ, the rest along (b_i, o_i)
					rest := math.Sqrt(1+(d-2)*alpha*alpha) * math.Sqrt(loss-loss*loss) / (1 - loss)
					kappa = max(kappa, (math.Abs(y)+rest)/math.Abs(beta))
				}
			}
			slack := 1 + 1e-12
			if kappa > kappaBound*slack || ratio > ratioBound*slack {
				t.Errorf("d = %d H = %d T = %d √ℓ = %v: κ off by %v, bound %v; ratio off by %v, bound %v",
					c.d, c.h, c.T, root, kappa, kappaBound, ratio, ratioBound)
			}
			if root < 2e-3 && (kappa < 0.98*kappaBound || ratio < 0.98*ratioBound) {
				t.Errorf("d = %d H = %d T = %d √ℓ = %v: bounds %v and %v where %v and %v are reached", c.d,
					c.h, c.T, root, kappaBound, ratioBound, kappa, ratio)
			}
		}
	}
}

// The cheapest lack of rank: κ = 1 - ε for all pairs, and the component along
// (1, -1), of size ε, removed from d - H of them. Then ℓ_T = (d-H)ε² exactly,
// y = ε/(2 - ε), and the bound must hold whatever d - H is.
func TestKappaBoundAgainstTheCheapestLackOfRank(t *testing.T) {
	for d := 2; d <= 10; d += 2 {
		for h := d / 2; h < d; h++ {
			const tmax, epsilon = 3, 1e-3
			m, err := NewDiagonal(h, d, tmax)
			if err != nil {
				t.Fatal(err)
			}
			for k := range d / 2 {
				m.pairHead(k, k, 1, 2-epsilon)
				if head := d/2 + k; head < h {
					m.pairHead(head, k, -1, epsilon)
				}
			}
			alpha := -(1 - epsilon) / (2 - epsilon) // -κ/(1+κ)
			for T := 2; T <= tmax; T++ {
				w := m.weights(T)
				w[T-2], w[T-1] = alpha, 1
			}
			c := certify(t, m, ar.Rotation)
			if want := float64(d-h) * epsilon * epsilon; math.Abs(c.ExcessPerT[0]/want-1) > 1e-9 {
				t.Errorf("d = %d H = %d: ℓ_2 = %v, want %v", d, h, c.ExcessPerT[0], want)
			}
			used := math.Abs(alpha+0.5) / c.RatioBound[0]
			if used > 1 || used < 0.2 {
				t.Errorf("d = %d H = %d: %v of the bound %v on the ratio is used", d, h, used, c.RatioBound[0])
			}
			for _, x := range c.Kappa {
				if math.Abs(x-1) > c.KappaBound {
					t.Errorf("d = %d H = %d: κ = %v, bound %v", d, h, x, c.KappaBound)
				}
			}
		}
	}
}
