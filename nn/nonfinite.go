package nn

import (
	"fmt"
	"math"
)

// NonFiniteError is an infinity or NaN where a number should be.
type NonFiniteError struct {
	// Tensor is a parameter, an activation (see Activations), x, y, loss, or
	// "gradient of" one of these.
	Tensor string
	// Index is that of the first bad entry, row-major: within its sequence for x, y
	// and activations, the sequence for loss.
	Index int
}

func (e NonFiniteError) Error() string {
	return fmt.Sprintf("%s[%d] is not finite", e.Tensor, e.Index)
}

// nonFinite returns the index of the first infinity or NaN of x, or -1.
func nonFinite[F Float](x []F) int {
	for i, v := range x {
		if f := float64(v); math.IsInf(f, 0) || math.IsNaN(f) {
			return i
		}
	}
	return -1
}

// diagnose says what first went wrong on sequence n of b, where symptom is not
// finite: the parameters, then the tokens, then every activation in the order
// of computation, then the targets, else the symptom itself. It runs the
// sequence again, so that no step pays for it.
func (m *Transformer[F]) diagnose(b Batch[F], n int, symptom NonFiniteError) error {
	candidates := append(Tensors(m.parameters), Tensor[F]{Name: "x", Data: b.x(n)})
	w := m.workers[0]
	m.forward(w, b.x(n), AllPaths)
	candidates = append(candidates, m.activations(w)...)
	candidates = append(candidates, Tensor[F]{Name: "y", Data: b.y(n)})
	for _, t := range candidates {
		if i := nonFinite(t.Data); i >= 0 {
			return NonFiniteError{t.Name, i}
		}
	}
	return symptom
}
