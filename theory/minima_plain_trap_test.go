package theory

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"icar/ar"
)

// The losses are quadratic in p_T: one Newton step from the weights as they
// are, with a Hessian from differences, reaches LeastLosses.
func TestLeastLossesAreReachedAndNeverUndercut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, m := drawDiagonal(t, 4, 4, 5)
		least, err := m.LeastLosses(f)
		if err != nil {
			t.Fatal(err)
		}
		losses, err := m.Losses(f)
		if err != nil {
			t.Fatal(err)
		}
		for T := 2; T <= m.Tmax; T++ {
			if losses[T-2] < least[T-2]-1e-12*float64(m.D) {
				t.Fatalf("%s T = %d: loss %v below the least %v", f, T, losses[T-2], least[T-2])
			}
			w := m.weights(T)
			at := func() float64 {
				x, err := m.Losses(f)
				if err != nil {
					t.Fatal(err)
				}
				return x[T-2]
			}
			hessian, slope := mat.NewSymDense(T, nil), mat.NewVecDense(T, nil)
			clear(w)
			base := at()
			single := make([]float64, T)
			for i := range w {
				w[i] = 1
				up := at()
				w[i] = -1
				down := at()
				w[i] = 0
				single[i] = up
				slope.SetVec(i, (up-down)/2)
				hessian.SetSym(i, i, up+down-2*base)
			}
			for i := range w {
				for j := range i {
					w[i], w[j] = 1, 1
					hessian.SetSym(i, j, at()-single[i]-single[j]+base)
					w[i], w[j] = 0, 0
				}
			}
			var step mat.VecDense
			if err := step.SolveVec(hessian, slope); err != nil {
				continue // ill-conditioned: the bound above still holds
			}
			for i := range w {
				w[i] = -step.AtVec(i)
			}
			if got := at(); math.Abs(got-least[T-2]) > 1e-6*float64(m.D) {
				t.Fatalf("%s T = %d: Newton reaches %v, the formula says %v", f, T, got, least[T-2])
			}
		}
	})
}

// leastEigenvalue is that of the Hessian at m over all weights a loss touches.
func leastEigenvalue(t *testing.T, f ar.Family, m *Diagonal) float64 {
	t.Helper()
	g, err := NewDiagonal(m.H, m.D, m.Tmax)
	if err != nil {
		t.Fatal(err)
	}
	list := func(m *Diagonal) (x []*float64) {
		for i := range m.A {
			x = append(x, &m.A[i], &m.B[i])
		}
		for i := range m.P {
			if touched(m, i) {
				x = append(x, &m.P[i])
			}
		}
		return x
	}
	w, slope := list(m), list(g)
	n := len(w)
	hessian := mat.NewDense(n, n, nil)
	const width = 1e-4
	for i := range w {
		was := *w[i]
		for _, sign := range []float64{1, -1} {
			*w[i] = was + sign*width
			if _, err := m.Gradient(f, g); err != nil {
				t.Fatal(err)
			}
			for j := range slope {
				hessian.Set(i, j, hessian.At(i, j)+sign**slope[j]/(2*width))
			}
		}
		*w[i] = was
	}
	symmetric := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i + 1 {
			symmetric.SetSym(i, j, (hessian.At(i, j)+hessian.At(j, i))/2)
		}
	}
	var eigen mat.EigenSym
	eigen.Factorize(symmetric, false)
	return eigen.Values(nil)[0]
}

// stationary checks the total loss of rotation weights and that it is stationary.
func stationary(t *testing.T, m *Diagonal, want float64, what string) {
	t.Helper()
	if got := loss(t, ar.Rotation, m); math.Abs(got-want) > 1e-13*want {
		t.Errorf("%s: loss %v, formula %v", what, got, want)
	}
	if g := gradientNorm(t, ar.Rotation, m); g > 1e-13*float64(m.D*m.Tmax) {
		t.Errorf("%s: gradient %v", what, g)
	}
}

func TestPlainTrapIsStationaryAtItsLoss(t *testing.T) {
	for d := 2; d <= 8; d += 2 {
		for h := 1; h <= d/2; h++ {
			for _, c := range []float64{1, -0.6, 2} {
				const tmax = 6
				m, want, err := PlainTrap(d, h, tmax, c)
				if err != nil {
					t.Fatal(err)
				}
				stationary(t, m, want, fmt.Sprintf("d = %d H = %d c = %v", d, h, c))
				// p_{T-1} is free, also in the gradient.
				m.P[0], m.P[tmax+1] = 0.7, -0.4
				stationary(t, m, want, fmt.Sprintf("d = %d H = %d c = %v, with p_{T-1}", d, h, c))
			}
		}
	}
	// At H = d/2: d Σ 1/T, and no direction of descent to second order.
	m, want, err := PlainTrap(4, 2, 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	if closed := 4 * (1./2 + 1./3 + 1./4 + 1./5); math.Abs(want-closed) > 1e-14 {
		t.Errorf("loss %v, want d Σ 1/T = %v", want, closed)
	}
	if x := leastEigenvalue(t, ar.Rotation, m); x < -1e-7 {
		t.Errorf("the trap has a direction of curvature %v", x)
	}
	for _, c := range []struct {
		d, h int
		c    float64
	}{{5, 1, 1}, {4, 3, 1}, {4, 0, 1}, {4, 2, 0}} {
		if _, _, err := PlainTrap(c.d, c.h, 5, c.c); err == nil {
			t.Errorf("d = %d H = %d c = %v accepted", c.d, c.h, c.c)
		}
	}
}

func TestSharedPlainTrapIsStationaryAtItsLoss(t *testing.T) {
	for d := 2; d <= 8; d += 2 {
		for pairs := 1; pairs <= d/2; pairs++ {
			for _, c := range []float64{1, -0.6, 2} {
				const tmax = 6
				m, want, err := SharedPlainTrap(d, pairs, tmax, c)
				if err != nil {
					t.Fatal(err)
				}
				stationary(t, m, want, fmt.Sprintf("d = %d, %d pairs, c = %v", d, pairs, c))
			}
		}
	}
	_, one, err := PlainTrap(4, 1, 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, got, err := SharedPlainTrap(4, 1, 5, 1); err != nil || math.Abs(got-one) > 1e-14*one {
		t.Errorf("of one pair: loss %v, PlainTrap's is %v, %v", got, one, err)
	}
	// Of two pairs no direction goes down, above that of one.
	m, two, err := SharedPlainTrap(4, 2, 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	if x := leastEigenvalue(t, ar.Rotation, m); x < -1e-7 || two < one+1 {
		t.Errorf("two pairs: least curvature %v, loss %v where one pair has %v", x, two, one)
	}
	for T := 2; T <= 5; T++ { // without a share of p_{T-1} one does
		m.weights(T)[T-2] = 0
	}
	if x := leastEigenvalue(t, ar.Rotation, m); x > -0.1 {
		t.Errorf("p_{T-1} = 0: least curvature %v", x)
	}
	// Descent from a small random start ends there, rarely.
	if m, err = NewDiagonal(1, 4, 5); err != nil {
		t.Fatal(err)
	}
	m.Init(ar.Rand(77, "x", 183), 0.05)
	losses, err := m.Descend(t.Context(), ar.Rotation,
		Descent{LearningRate: 0.02, Iterations: 5000})
	if err != nil {
		t.Fatal(err)
	}
	if got := losses[len(losses)-1]; math.Abs(got-two) > 1e-9 {
		t.Errorf("descent ends at %v, want %v", got, two)
	}
	for _, c := range []struct {
		d, pairs int
		c        float64
	}{{5, 1, 1}, {4, 3, 1}, {4, 0, 1}, {4, 2, 0}, {4, 2, math.NaN()}} {
		if _, _, err := SharedPlainTrap(c.d, c.pairs, 5, c.c); err == nil {
			t.Errorf("d = %d, %d pairs, c = %v accepted", c.d, c.pairs, c.c)
		}
	}
}

func TestMixedPlainTrapIsStationaryAtItsLoss(t *testing.T) {
	for _, c := range []struct {
		d, minus, tmax int
	}{{4, 1, 2}, {4, 1, 5}, {6, 1, 5}, {6, 2, 5}, {8, 2, 4}, {10, 3, 20}} {
		m, want, err := MixedPlainTrap(t.Context(), c.d, c.minus, c.tmax)
		if err != nil {
			t.Fatal(err)
		}
		got := loss(t, ar.Rotation, m)
		g := gradientNorm(t, ar.Rotation, m)
		t.Logf("d = %d, %d of %d pairs, Tmax = %d: loss %.12f, gradient %.1e", c.d, c.minus, c.d/2,
			c.tmax, want, g)
		if math.Abs(got-want) > 1e-12*want || g > 1e-10*float64(c.d*c.tmax) {
			t.Errorf("loss %v, formula %v, gradient %v", got, want, g)
		}
		certificate, err := Certify(m, ar.Rotation)
		if err != nil {
			t.Fatal(err)
		}
		if certificate.Verdict != Trap {
			t.Errorf("verdict %q", certificate.Verdict)
		}
		for k, x := range certificate.Kappa {
			if minus := k >= c.d/2-c.minus; minus != (x < 0) {
				t.Errorf("κ of pair %d is %v", k, x)
			}
		}
		if c.d <= 6 {
			if x := leastEigenvalue(t, ar.Rotation, m); x < -1e-7 {
				t.Errorf("d = %d: a direction of curvature %v", c.d, x)
			}
		}
	}
	for _, c := range []struct{ d, minus int }{{5, 1}, {4, 0}, {4, 2}} {
		if _, _, err := MixedPlainTrap(t.Context(), c.d, c.minus, 5); err == nil {
			t.Errorf("d = %d with %d pairs accepted", c.d, c.minus)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := MixedPlainTrap(cancelled, 4, 1, 5); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
}

// A descent from a small random start ends in the same mixed trap.
func TestDescentsEndInTraps(t *testing.T) {
	_, mixed, err := MixedPlainTrap(t.Context(), 4, 1, 5)
	if err != nil {
		t.Fatal(err)
	}
	_, all, err := PlainTrap(4, 2, 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		seed uint64
		want float64
	}{{1, all}, {2, mixed}, {4, mixed}, {0, 0}} {
		m, err := NewDiagonal(2, 4, 5)
		if err != nil {
			t.Fatal(err)
		}
		m.Init(ar.Rand(c.seed, "x", 0), 0.1)
		losses, err := m.Descend(t.Context(), ar.Rotation,
			Descent{LearningRate: 0.01, Iterations: 30000})
		if err != nil {
			t.Fatal(err)
		}
		if got := losses[len(losses)-1]; math.Abs(got-c.want) > 1e-9 {
			t.Errorf("seed %d ends at %v, want %v", c.seed, got, c.want)
		}
	}
}

// Blocks with κ = +1 and -1 side by side are not stationary.
func TestBlockDiagonalMixtureIsNoTrap(t *testing.T) {
	m := minimiser(t, ar.Rotation, 4, 2, 5, 1, 1)
	m.pairHead(1, 1, -1, 2)
	minus, _, err := PlainTrap(4, 2, 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	for T := 2; T <= 5; T++ { // the better weights of p_T for this C
		w := m.weights(T)
		copy(w, minus.weights(T))
		w[T-2] = -0.5
	}
	if g := gradientNorm(t, ar.Rotation, m); g < 0.1 {
		t.Errorf("gradient %v", g)
	}
}

func TestPlainValleyLoss(t *testing.T) {
	for _, c := range []struct{ d, h int }{{4, 3}, {6, 4}, {8, 7}} {
		for _, delta := range []float64{1, 0.1, 1e-3} {
			m, want, err := PlainValley(c.d, c.h, 7, delta)
			if err != nil {
				t.Fatal(err)
			}
			// C is rounded at 1e-16 and p_{T-1} = 1/δ multiplies that.
			if got := loss(t, ar.Rotation, m); math.Abs(got-want) > 1e-12/delta*want ||
				math.Abs(want-6*delta*delta) > 1e-14 {
				t.Errorf("d = %d H = %d δ = %v: loss %v, formula %v", c.d, c.h, delta, got, want)
			}
		}
	}
	for _, c := range []struct {
		d, h  int
		delta float64
	}{{4, 2, 1}, {4, 4, 1}, {5, 3, 1}, {4, 3, 0}} {
		if _, _, err := PlainValley(c.d, c.h, 5, c.delta); err == nil {
			t.Errorf("d = %d H = %d δ = %v accepted", c.d, c.h, c.delta)
		}
	}
}
