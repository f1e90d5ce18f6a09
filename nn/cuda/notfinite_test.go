package cuda_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// edge is a model, and a batch for it, whose gradient of a bias is 32 numbers of two thirds of
// the largest float32, of signs that take turns. One after the other, as the reference has it,
// they add up to 0; a device adds the first half of the sequences to the second first, which
// is no number. All else is far from the edge.
func edge(t *testing.T, mixer string) (model, batch) {
	t.Helper()
	const n, coords, weight, bias = 32, 2, 1e22, 2. / 3 * math.MaxFloat32
	c := nn.Config{Width: coords, Embed: coords, Depth: 1, Heads: 1, Mixer: mixer, Residual: true,
		Attention: nn.LinearAttention, Position: nn.NoPosition, Length: 1, Coords: coords}
	m := newModel(t, c, 1)
	for _, p := range m.Parameters() {
		for i := range p.Data {
			p.Data[i] *= 1e-10
		}
		if p.Name == "out.weight" {
			copy(p.Data, []float32{weight, 0, 0, weight})
		}
	}
	b := batch{N: n, T: 1, X: make([]float32, n*coords), Y: make([]float32, n*coords)}
	for i := range b.X {
		b.X[i] = 1e-14 // whose prediction is nothing beside the target
		b.Y[i] = float32(bias / weight * n * coords / 2)
		if i/coords%2 == 1 {
			b.Y[i] = -b.Y[i]
		}
	}
	return m, b
}

// What a device cannot add up is no gradient of the device, whatever the reference makes of it:
// the error names it, for a gradient and for a step. The loss is finite.
func TestReferenceTakesNoDevicesPlace(t *testing.T) {
	ctx := context.Background()
	for _, mixer := range []string{nn.FullHeads{}.Name(), nn.MultiHead{}.Name()} {
		m, b := edge(t, mixer)
		want, err := m.Gradient(ctx, b)
		if err != nil {
			t.Fatalf("%s: the reference has no gradient either: %v", mixer, err)
		}
		on, err := cuda.On(emulator.New())(m)
		if err != nil {
			t.Fatal(err)
		}
		var named nn.NonFiniteError
		if loss, err := on.Gradient(ctx, b); !errors.As(err, &named) ||
			named.Tensor != "gradient of layers.0.o.bias" {
			t.Errorf("%s: the loss is %v, the error %v", mixer, loss, err)
		}
		if loss, err := on.Loss(ctx, b); err != nil || math.Abs(loss-want) > 1e-6*want {
			t.Errorf("%s: the loss is %v, want %v: %v", mixer, loss, want, err)
		}
		s, err := nn.Descend(ctx, on, m.Parameters(), nn.Descent{Feed: deck{b, b.N}, Last: 1,
			Optimiser: nn.NewAdamW(m.Parameters(), 0), Rate: func(int) float64 { return 0.01 }})
		if err != nil {
			t.Fatal(err)
		}
		named = nn.NonFiniteError{}
		if losses, err := s.Steps(ctx, 1, 1); !errors.As(err, &named) || len(losses) > 0 ||
			named.Tensor != "gradient of layers.0.o.bias" {
			t.Errorf("%s: the losses of steps are %v, the error %v", mixer, losses, err)
		}
		finish(t, s)
	}
}

// ending is a device whose launches and steps end those that ask for them.
type ending struct {
	device.Device
	end func()
}

func (e ending) Launch(ctx context.Context, work []device.Launch) error {
	e.end()
	return e.Device.Launch(ctx, work)
}

func (e ending) Replay(ctx context.Context, g device.Graph, n int) error {
	e.end()
	return e.Device.Replay(ctx, g, n)
}

// What is not finite in a step that has begun is named, also to who is told to end meanwhile.
func TestNotFiniteAtTheEnd(t *testing.T) {
	m, b := edge(t, nn.FullHeads{}.Name())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	on, err := cuda.On(ending{emulator.New(), cancel})(m)
	if err != nil {
		t.Fatal(err)
	}
	s, err := nn.Descend(ctx, on, m.Parameters(), nn.Descent{Feed: deck{b, b.N}, Last: 1,
		Optimiser: nn.NewAdamW(m.Parameters(), 0), Rate: func(int) float64 { return 0.01 }})
	if err != nil {
		t.Fatal(err)
	}
	var named nn.NonFiniteError
	if losses, err := s.Steps(ctx, 1, 1); !errors.As(err, &named) || len(losses) > 0 {
		t.Errorf("the losses of steps are %v, the error %v", losses, err)
	}
	finish(t, s)
}

// void is a device of which nothing can be read but a number that is none, wherever so many
// bytes are asked for.
type void struct {
	device.Device
	bytes int
}

func (v void) Read(ctx context.Context, data []byte, p device.Pointer) error {
	err := v.Device.Read(ctx, data, p)
	if len(data) == v.bytes {
		for i := range data {
			data[i] = 0xff
		}
	}
	return err
}

// A prediction or a loss of a device that is not finite is not the reference's either, which
// is.
func TestReferenceHasOtherNumbers(t *testing.T) {
	ctx, c := context.Background(), small()
	b := draw(c, 1, 35, 1)[0]
	for _, test := range []struct {
		tensor string
		bytes  int
	}{
		{"out", 4 * 64 * c.Length * c.Width}, {"loss", 8 * 32},
	} {
		on, err := cuda.On(void{emulator.New(), test.bytes})(newModel(t, c, 1))
		if err != nil {
			t.Fatal(err)
		}
		if test.tensor == "out" {
			_, err = on.Predict(ctx, b)
		} else {
			_, err = on.Loss(ctx, b)
		}
		var named nn.NonFiniteError
		if !errors.As(err, &named) || named != (nn.NonFiniteError{Tensor: test.tensor}) {
			t.Errorf("%s is not finite, and the error is %v", test.tensor, err)
		}
	}
}
