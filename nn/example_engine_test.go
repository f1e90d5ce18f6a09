package nn_test

import (
	"context"
	"fmt"

	"icar/ar"
	"icar/nn"
	"icar/nn/kernel"
)

// The engine trains a model of float32 on the default kernel of the machine.
func ExampleNewEngine() {
	c := nn.DefaultConfig()
	c.Embed, c.Heads, c.Position = 6, 2, nn.ProductPosition
	m, err := nn.New[float32](c, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	k, err := kernel.Choose("") // or the value of ICAR_KERNEL
	if err != nil {
		fmt.Println(err)
		return
	}
	adam, err := nn.NewOptimiser(nn.AdamName, m.Parameters())
	if err != nil {
		fmt.Println(err)
		return
	}

	b := nn.Batch[float32]{N: 20, T: c.Length}
	b.X, b.Y = make([]float32, b.N*b.T*c.Width), make([]float32, b.N*b.T*c.Coords)
	r := ar.Rand(1, "example", 0)
	for i := range b.X {
		b.X[i], b.Y[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
	}

	e, err := nn.NewEngine(m, k)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for step := 1; step <= 3; step++ {
		loss, err := e.Gradient(ctx, b)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("loss %.3f\n", loss)
		adam.Step(step, 1e-2)
	}
	// Output:
	// loss 1.074
	// loss 0.962
	// loss 0.902
}
