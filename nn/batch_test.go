package nn

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
)

// everything is a small model with every part in it.
func everything() Config {
	return Config{
		Width: 2, Embed: 4, Depth: 2, Heads: 2, Attention: SoftmaxAttention, Norm: true,
		Residual: true,
		MLP:      2, Position: ProductPosition, Length: 6, Coords: 2,
	}
}

// TestSameBitsOnAnyProcessors trains for three steps on 1, 2 and 7
// processors, with a last block that is not full.
func TestSameBitsOnAnyProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	c := everything()
	b := randomBatch[float32](c, 16*6+5, 1)
	train := func(processors int) [][]float32 {
		runtime.GOMAXPROCS(processors)
		m := newModel[float32](t, c, 1)
		adam, err := NewOptimiser(AdamName, m.Parameters())
		if err != nil {
			t.Fatal(err)
		}
		var bits [][]float32
		for step := 1; step <= 3; step++ {
			loss, err := m.Gradient(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			adam.Step(step, 1e-2)
			bits = append(bits, []float32{float32(loss)})
		}
		out, err := m.Predict(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		dx, err := m.Pullback(t.Context(), b, out, AllPaths)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range m.Parameters() {
			bits = append(bits, p.Data)
		}
		return append(bits, out, dx)
	}
	want := train(1)
	for _, processors := range []int{2, 7} {
		for i, got := range train(processors) {
			if !slices.Equal(got, want[i]) {
				t.Errorf("%d processors give other bits in array %d", processors, i)
			}
		}
	}
}

// TestWorkspacesAreReused checks that the allocations of a step, which start
// its goroutines, grow neither with the batch nor with the model.
func TestWorkspacesAreReused(t *testing.T) {
	c := everything()
	small := allocations(t, c, 32)
	c.Depth, c.Heads = 5, 7
	if large := allocations(t, c, 640); large > small || small > 20 {
		t.Errorf("%v allocations a step, %v in a larger model with a larger batch", small, large)
	}
}

// allocations counts those of a gradient on one processor after the first.
func allocations(t *testing.T, c Config, n int) float64 {
	m, b := newModel[float32](t, c, 1), randomBatch[float32](c, n, 1)
	return testing.AllocsPerRun(5, func() {
		if _, err := m.Gradient(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCancel checks that a context that is done stops every method with its
// cause.
func TestCancel(t *testing.T) {
	c := everything()
	m, b := newModel[float32](t, c, 1), randomBatch[float32](c, 40, 1)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	_, loss := m.Loss(ctx, b)
	_, gradient := m.Gradient(ctx, b)
	_, predict := m.Predict(ctx, b)
	_, pullback := m.Pullback(ctx, b, b.X, AllPaths)
	for i, err := range []error{loss, gradient, predict, pullback} {
		if !errors.Is(err, cause) {
			t.Errorf("method %d: %v", i, err)
		}
	}
}

func TestBatchErrors(t *testing.T) {
	c := everything()
	m := newModel[float32](t, c, 1)
	x, y := make([]float32, 3*6*2), make([]float32, 3*6*2)
	for _, test := range []struct {
		batch Batch[float32]
		want  string
	}{
		{Batch[float32]{0, 6, x, y}, "a batch of 0 sequences of 6 tokens is empty: use 1 or more " +
			"of each"},
		{Batch[float32]{3, 0, x, y}, "a batch of 3 sequences of 0 tokens is empty: use 1 or more " +
			"of each"},
		{Batch[float32]{2, 9, x, y}, "sequences of 9 tokens are longer than the model's 6 positions: " +
			"use length 9 or more"},
		{Batch[float32]{3, 6, x[1:], y}, "the tokens are 35 numbers: 3 sequences of 6 tokens of " +
			"width 2 are 36"},
		{Batch[float32]{3, 6, x, y[2:]}, "the targets are 34 numbers: 3 sequences of 6 targets of 2 " +
			"coordinates are 36"},
		{Batch[float32]{3, 6, x, nil}, "the batch has no targets: a loss needs Y"},
	} {
		_, loss := m.Loss(t.Context(), test.batch)
		_, gradient := m.Gradient(t.Context(), test.batch)
		for _, err := range []error{loss, gradient} {
			if err == nil || err.Error() != test.want {
				t.Errorf("%v, want %s", err, test.want)
			}
		}
	}
	b := Batch[float32]{N: 3, T: 6, X: x}
	if _, err := m.Pullback(t.Context(), b, x[:4], AllPaths); err == nil ||
		err.Error() != "the gradient of the predictions is 4 numbers: the predictions are 36" {
		t.Errorf("Pullback of another shape than the predictions: %v", err)
	}
	if _, err := m.Activations(x[:3]); err == nil {
		t.Error("Activations takes one and a half tokens")
	}
	c.Position = NoPosition // knows no longest context
	if _, err := newModel[float32](t, c, 1).Loss(t.Context(),
		Batch[float32]{2, 9, x, y}); err != nil {
		t.Error(err)
	}
}
