package nn_test

import (
	"context"
	"fmt"

	"icar/ar"
	"icar/nn"
)

// One layer of two heads learns, on one random batch, for one step.
func Example() {
	c := nn.DefaultConfig()
	c.Embed, c.Heads, c.Position = 6, 2, nn.ProductPosition
	m, err := nn.New[float64](c, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	adam, err := nn.NewOptimiser(nn.AdamName, m.Parameters())
	if err != nil {
		fmt.Println(err)
		return
	}

	b := nn.Batch[float64]{N: 4, T: c.Length}
	b.X, b.Y = make([]float64, b.N*b.T*c.Width), make([]float64, b.N*b.T*c.Coords)
	r := ar.Rand(1, "example", 0)
	for i := range b.X {
		b.X[i], b.Y[i] = r.NormFloat64(), r.NormFloat64()
	}

	ctx := context.Background()
	before, err := m.Gradient(ctx, b)
	if err != nil {
		fmt.Println(err)
		return
	}
	adam.Step(1, 1e-2)
	after, err := m.Loss(ctx, b)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("loss %.4f, after a step %.4f\n", before, after)
	// Output: loss 1.0250, after a step 0.9030
}
