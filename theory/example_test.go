package theory_test

import (
	"context"
	"fmt"

	"icar/ar"
	"icar/theory"
)

// Is this attention a global minimum? With as many heads as pairs of eigenvalues
// need, gradient descent finds one, to within what it has left to go.
func ExampleCertify() {
	ctx := context.Background()
	m, _ := theory.NewDiagonal(8, 10, 20) // 8 heads, d = 10, Tmax = 20
	m.Init(ar.Rand(1, "mine", 0), 0.1)
	m.Descend(ctx, ar.Rotation, theory.Descent{LearningRate: 1e-3, Iterations: 100_000})
	c, _ := theory.Certify(m, ar.Rotation)
	fmt.Printf("%s, %.0e above it\n", c.Verdict, c.Excess)
	// Output: near a global minimum, 9e-10 above it
}
