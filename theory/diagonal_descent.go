package theory

import (
	"context"
	"fmt"
	"math"

	"icar/ar"
)

// Descent is plain gradient descent on the exact population loss,
// x ← x - LearningRate · ∇Σ_T ℓ_T for A, B and P together.
type Descent struct {
	LearningRate float64 // > 0, in units of weights² per loss
	Iterations   int     // ≥ 0
	// Observe, where not nil, is called with the loss after k updates, for
	// k = 0..Iterations.
	Observe func(k int, loss float64)
}

// Descend trains m in place and returns the losses after 0..Iterations
// updates. It fails for a family other than unitary and rotation, for a
// learning rate that is not positive, when the context is cancelled and when
// the loss stops being finite; in the last two cases m holds the last weights
// and the losses so far are returned.
func (m *Diagonal) Descend(ctx context.Context, f ar.Family, d Descent) ([]float64, error) {
	l, err := newPlainLoss(f, m.D)
	if err != nil {
		return nil, err
	}
	if !(d.LearningRate > 0) {
		return nil, fmt.Errorf("learning rate %v is not positive: use 0.01 to start with", d.LearningRate)
	}
	if d.Iterations < 0 {
		return nil, fmt.Errorf("%d iterations: use 0 or more", d.Iterations)
	}
	g, err := NewDiagonal(m.H, m.D, m.Tmax)
	if err != nil {
		return nil, err
	}
	losses := make([]float64, 0, d.Iterations+1)
	for k := 0; ; k++ {
		if err := ctx.Err(); err != nil {
			return losses, fmt.Errorf("descent stopped at iteration %d of %d: %w", k, d.Iterations, err)
		}
		loss := l.gradient(m, g)
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return losses, fmt.Errorf("loss %v at iteration %d, tensor %s: use a learning rate below %v",
				loss, k, m.culprit(), d.LearningRate)
		}
		losses = append(losses, loss)
		if d.Observe != nil {
			d.Observe(k, loss)
		}
		if k == d.Iterations {
			return losses, nil
		}
		descend(m.A, g.A, d.LearningRate)
		descend(m.B, g.B, d.LearningRate)
		descend(m.P, g.P, d.LearningRate)
	}
}

func descend(x, g []float64, rate float64) {
	for i, slope := range g {
		x[i] -= rate * slope
	}
}

// culprit names the first tensor with an entry that is not finite, or else the
// one whose size makes the loss overflow.
func (m *Diagonal) culprit() string {
	name, largest := "A", 0.0
	for _, tensor := range []struct {
		name string
		x    []float64
	}{{"A", m.A}, {"B", m.B}, {"P", m.P}} {
		for _, x := range tensor.x {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return tensor.name
			}
			if math.Abs(x) > largest {
				name, largest = tensor.name, math.Abs(x)
			}
		}
	}
	return name
}

// Conserved returns the two quantities that gradient flow keeps (ours): the
// imbalance of the heads Q = AAᵀ - BBᵀ, (H, H) row-major, because C = BᵀA is
// unchanged by A → MA, B → M⁻ᵀB, and the imbalance of scales
// s = Σ_T |p_T|² - |A|_F², p_T the weights of context length T, because every
// ℓ_T depends on p_T and C through their product only. A step of descent
// with learning rate α moves both by O(α²), so their drift over a fixed time
// of flow is O(α).
func Conserved(m *Diagonal) (Q []float64, s float64) {
	Q = make([]float64, m.H*m.H)
	for h := range m.H {
		for k := range m.H {
			for j := range m.D {
				Q[h*m.H+k] += m.A[h*m.D+j]*m.A[k*m.D+j] - m.B[h*m.D+j]*m.B[k*m.D+j]
			}
		}
	}
	for _, x := range m.P {
		s += x * x
	}
	for _, x := range m.A {
		s -= x * x
	}
	return Q, s
}
