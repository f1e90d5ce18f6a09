package backendtest_test

import (
	"context"
	"fmt"

	"icar/nn"
	"icar/nn/backendtest"
)

// double is a backend that computes in float64 and rounds what comes out: what
// training would find on a machine without the rounding of float32, but for that of
// the weights.
type double struct {
	model *nn.Transformer[float32]
	wide  *nn.Transformer[float64]
}

// newDouble is an nn.NewBackend.
func newDouble(model *nn.Transformer[float32]) (nn.Backend, error) {
	wide, err := nn.New[float64](model.Config(), 0)
	return &double{model, wide}, err
}

// Arithmetic names the bits.
func (b *double) Arithmetic() string { return "double" }

// batch widens a batch, and the weights, which an optimiser has changed since.
func (b *double) batch(narrow nn.Batch[float32]) (wide nn.Batch[float64]) {
	for i, p := range b.model.Parameters() {
		cast(b.wide.Parameters()[i].Data, p.Data)
	}
	wide = nn.Batch[float64]{N: narrow.N, T: narrow.T, X: make([]float64, len(narrow.X))}
	cast(wide.X, narrow.X)
	if narrow.Y != nil {
		wide.Y = make([]float64, len(narrow.Y))
		cast(wide.Y, narrow.Y)
	}
	return wide
}

func cast[To, From nn.Float](to []To, from []From) {
	for i, v := range from {
		to[i] = To(v)
	}
}

// Gradient implements nn.Backend.
func (b *double) Gradient(ctx context.Context, narrow nn.Batch[float32]) (float64, error) {
	loss, err := b.wide.Gradient(ctx, b.batch(narrow))
	for i, p := range b.wide.Parameters() {
		cast(b.model.Parameters()[i].Grad, p.Grad)
	}
	return loss, err
}

// Loss implements nn.Backend.
func (b *double) Loss(ctx context.Context, narrow nn.Batch[float32]) (float64, error) {
	return b.wide.Loss(ctx, b.batch(narrow))
}

// Predict implements nn.Backend.
func (b *double) Predict(ctx context.Context, narrow nn.Batch[float32]) ([]float32, error) {
	predictions, err := b.wide.Predict(ctx, b.batch(narrow))
	rounded := make([]float32, len(predictions))
	cast(rounded, predictions)
	return rounded, err
}

// A backend of one's own needs one call of the suite; train.Options takes newDouble.
func Example() {
	fmt.Println(backendtest.Test(newDouble))
	// Output: <nil>
}
