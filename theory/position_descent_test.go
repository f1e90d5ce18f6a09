package theory

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"icar/ar"
)

// The counts were computed independently for the paper's setting:
// learning rate 0.5, Tmax = 30, mean loss 1e-3.
func TestPositionIterationCounts(t *testing.T) {
	for mu, want := range map[float64]int{50: 886, 100: 766, 200: 661, 300: 473} {
		rows := Position{Tmax: 30, Mu: mu, Rho: 1}.Rows()
		d, err := NewPositionDescent(rows, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		k, err := d.FirstBelow(1e-3, 1_000_000)
		if err != nil || k != want {
			t.Errorf("μ = %g: %d iterations, %v, want %d", mu, k, err, want)
		}
		if before, at := d.Loss(k-1), d.Loss(k); before <= 1e-3 || at > 1e-3 {
			t.Errorf("μ = %g: losses %g, %g do not straddle the target", mu, before, at)
		}
	}
}

func TestPositionClosedFormIsDescent(t *testing.T) {
	for _, p := range problems {
		rows := p.Rows()
		d, err := NewPositionDescent(rows, 0.05)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []int{0, 1, 2, 137} {
			P, n, err := DescendPosition(context.Background(), rows, 0.05, d.Loss(k)*(1+1e-13), k+1)
			if err != nil || n != k {
				t.Fatalf("%s: descent took %d iterations to the loss of iteration %d: %v", name(p), n, k, err)
			}
			if off := floats.Distance(P, d.At(k), math.Inf(1)); off > 1e-12 {
				t.Errorf("%s: encodings differ by %g at iteration %d", name(p), off, k)
			}
		}
	}
}

// (1 - (1 - x)^k)/w is the sum of a geometric series, which needs no division
// and so holds at w = 0 and beside it.
func TestPoweredIsAGeometricSum(t *testing.T) {
	const step = 0.25
	for _, x := range []float64{0, 1e-300, 1e-17, -1e-17, 1e-9, 0.1, 0.49, 0.5, 0.9, 1, 1.7, 2} {
		for _, k := range []int{0, 1, 2, 37, 1000} {
			want, size, factor := 0.0, 0.0, step
			for range k {
				want, size, factor = want+factor, size+math.Abs(factor), factor*(1-x)
			}
			// The k-th power carries k roundings of 1-x.
			if got := powered(step, x/step, float64(k)); !(math.Abs(got-want) <= 1e-15*float64(k+1)*size) {
				t.Errorf("step·w = %g, k = %d: %g, the series is %g", x, k, got, want)
			}
		}
	}
}

// The advice in the error is the rate at which some row stops converging.
func TestPositionLearningRateLimit(t *testing.T) {
	rows := Position{Tmax: 5, Mu: 50, Rho: 1}.Rows()
	top := 0.0
	for _, q := range rows {
		var eigen mat.EigenSym
		eigen.Factorize(q.G, false)
		top = max(top, floats.Max(eigen.Values(nil)))
	}
	limit := float64(len(rows)) / top // a row steps by 2·rate/rows, which has to stay below 2/top
	if _, err := NewPositionDescent(rows, limit*0.999); err != nil {
		t.Errorf("a rate just below the limit: %v", err)
	}
	_, err := NewPositionDescent(rows, limit*1.001)
	if want := fmt.Sprintf("use less than %.3g", limit); err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("a rate just above the limit: %v, want %q", err, want)
	}
}

// The limit is the last iteration that may reach the target.
func TestPositionIterationLimit(t *testing.T) {
	rows := Position{Tmax: 6, Mu: 50, Rho: 1}.Rows()
	d, err := NewPositionDescent(rows, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	const target = 1e-2
	k, err := d.FirstBelow(target, 1000)
	if err != nil || k == 0 {
		t.Fatalf("%d iterations, %v", k, err)
	}
	if at, err := d.FirstBelow(target, k); err != nil || at != k {
		t.Errorf("FirstBelow up to %d: %d, %v", k, at, err)
	}
	if _, err := d.FirstBelow(target, k-1); !errors.Is(err, ErrUnreachable) {
		t.Errorf("FirstBelow up to %d: %v", k-1, err)
	}
	if _, n, err := DescendPosition(context.Background(), rows, 0.5, target, k); err != nil || n != k {
		t.Errorf("DescendPosition up to %d: %d, %v", k, n, err)
	}
	if _, _, err := DescendPosition(context.Background(), rows, 0.5, target, k-1); !errors.Is(err,
		ErrUnreachable) {
		t.Errorf("DescendPosition up to %d: %v", k-1, err)
	}
}

func TestPositionErrors(t *testing.T) {
	rows := Position{Tmax: 4, Mu: 50, Rho: 1}.Rows()
	if _, err := NewPositionDescent(rows, 5); err == nil {
		t.Error("a learning rate that diverges was taken")
	}
	if _, err := NewPositionDescent(rows, 0); err == nil {
		t.Error("a learning rate of 0 was taken")
	}
	d, err := NewPositionDescent(Position{Tmax: 4, Mu: 50, Rho: 1, Sigma: 1,
		Noise: ar.CircularNoise}.Rows(), 1e-3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.FirstBelow(1e-3, 100_000); !errors.Is(err, ErrUnreachable) {
		t.Errorf("under noise no encoding reaches loss 1e-3, got %v", err)
	}
	if _, _, err := DescendPosition(context.Background(), rows, 5, 1e-3, 10_000); err == nil ||
		errors.Is(err, ErrUnreachable) {
		t.Errorf("divergence was not noticed: %v", err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := DescendPosition(cancelled, rows, 0.5, 1e-9, 10_000); !errors.Is(err,
		context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, p := range []Position{{Tmax: 1, Mu: 1, Rho: 1}, {Tmax: 3, Mu: 0, Rho: 1},
		{Tmax: 3, Mu: 1, Rho: 2}, {Tmax: 3, Mu: 1, Rho: 1, Sigma: 1, Noise: "pink"}} {
		if p.Check() == nil {
			t.Errorf("%+v was taken", p)
		}
	}
}
