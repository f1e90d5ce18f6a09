package mixertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"codeberg.org/sbinet/npyio/npz"

	"icar/nn"
)

// Case is a model, a batch, and what PyTorch's autograd made of them in float64:
// a file of nn/testdata/oracle.py, which says what is in it.
type Case struct {
	Name   string
	Config nn.Config

	n      int
	arrays map[string][]float64 // x, y, out, loss, w/NAME, g/NAME, adam3/NAME
}

// ReadCase reads a case. The kind is what the mixer of its configuration names,
// nil for one of package nn's. The error says that the file is none.
func ReadCase(path string, kind nn.Mixing) (Case, error) {
	z, err := npz.Open(path)
	if err != nil {
		return Case{}, err
	}
	defer z.Close()
	c := Case{
		Name:   strings.TrimSuffix(filepath.Base(path), ".npz"),
		Config: nn.DefaultConfig(), arrays: map[string][]float64{},
	}
	var text string
	if err := z.Read("config.npy", &text); err != nil {
		return Case{}, fmt.Errorf("%s: %w", path, err)
	}
	file := struct {
		*nn.Config
		Batch *int `json:"batch"` // the trainer's, not the model's
	}{&c.Config, &c.n}
	if err := json.Unmarshal([]byte(text), &file); err != nil {
		return Case{}, fmt.Errorf("%s: %w", path, err)
	}
	c.Config.Mixing = kind
	for _, key := range z.Keys() {
		if key == "config.npy" {
			continue
		}
		var data []float64
		if err := z.Read(key, &data); err != nil {
			return Case{}, fmt.Errorf("%s: %s: %w", path, key, err)
		}
		c.arrays[strings.TrimSuffix(key, ".npy")] = data
	}
	return c, nil
}

// NewModel returns the Transformer with the case's weights. The error is that of
// nn.New, or says in what the parameters are not PyTorch's.
func NewModel[F nn.Float](c Case) (*nn.Transformer[F], error) {
	m, err := nn.New[F](c.Config, 0)
	if err != nil {
		return nil, err
	}
	for _, p := range m.Parameters() {
		w := c.arrays["w/"+p.Name]
		if len(w) != len(p.Data) {
			return nil, fmt.Errorf("%s: %s has %d numbers, PyTorch's %d",
				c.Name, p.Name, len(p.Data), len(w))
		}
		copy(p.Data, round[F](w))
	}
	weights := 0
	for name := range c.arrays {
		if strings.HasPrefix(name, "w/") {
			weights++
		}
	}
	if weights != len(m.Parameters()) {
		return nil, fmt.Errorf("%s: %d parameters, PyTorch has %d",
			c.Name, len(m.Parameters()), weights)
	}
	return m, nil
}

func round[F nn.Float](x []float64) []F {
	y := make([]F, len(x))
	for i, v := range x {
		y[i] = F(v)
	}
	return y
}

// Computer is what Compare holds against PyTorch: a Transformer, or in float32
// any nn.Backend.
type Computer[F nn.Float] interface {
	Gradient(context.Context, nn.Batch[F]) (float64, error)
	Loss(context.Context, nn.Batch[F]) (float64, error)
	Predict(context.Context, nn.Batch[F]) ([]F, error)
}

// Compare returns an error that names what differs from PyTorch's: loss,
// predictions, every gradient, and the weights after three steps of Adam, which
// change m. An error is the largest difference in a tensor over the largest
// magnitude in PyTorch's.
//
// Where a gradient is 0 in exact arithmetic (the key bias under softmax: it
// shifts all scores of a query alike) PyTorch's is rounding noise; there the
// error is relative to the largest gradient of the case, and Adam, which divides
// the noise by its own size, is not compared.
func Compare[F nn.Float](c Case, m *nn.Transformer[F], by Computer[F], tolerance float64) error {
	ctx := context.Background()
	b := nn.Batch[F]{N: c.n, T: c.Config.Length}
	b.X, b.Y = round[F](c.arrays["x"]), round[F](c.arrays["y"])
	var wrong []error
	check := func(name string, got []F, scale float64, want []float64) {
		if e := gap(got, want) / scale; !(e <= tolerance) {
			wrong = append(wrong, fmt.Errorf("%s: %s is off by %.1e", c.Name, name, e))
		}
	}
	out, err := by.Predict(ctx, b)
	if err != nil {
		return err
	}
	check("the prediction", out, largest(c.arrays["out"]), c.arrays["out"])
	loss, err := by.Gradient(ctx, b)
	if err != nil {
		return err
	}
	check("the loss", []F{F(loss)}, largest(c.arrays["loss"]), c.arrays["loss"])
	if again, err := by.Loss(ctx, b); err != nil || again != loss {
		wrong = append(wrong, fmt.Errorf("%s: Loss returns %v, %v, Gradient %v",
			c.Name, again, err, loss))
	}
	top := 0.0
	for _, p := range m.Parameters() {
		top = max(top, largest(c.arrays["g/"+p.Name]))
	}
	noise := map[string]bool{}
	for _, p := range m.Parameters() {
		want := c.arrays["g/"+p.Name]
		scale := largest(want)
		if noise[p.Name] = scale < 1e-12*top; noise[p.Name] {
			scale = top
		}
		check("the gradient of "+p.Name, p.Grad, scale, want)
	}
	adam, err := nn.NewOptimiser(nn.AdamName, m.Parameters())
	if err != nil {
		return err
	}
	for step := 1; step <= 3; step++ {
		if _, err := by.Gradient(ctx, b); err != nil {
			return err
		}
		adam.Step(step, 1e-2)
	}
	for _, p := range m.Parameters() {
		if want := c.arrays["adam3/"+p.Name]; !noise[p.Name] {
			check(p.Name+" after Adam", p.Data, largest(want), want)
		}
	}
	return errors.Join(wrong...)
}

// largest is the largest magnitude in x.
func largest(x []float64) float64 {
	top := 0.0
	for _, v := range x {
		top = max(top, math.Abs(v))
	}
	return top
}

// gap is the largest difference of got and want.
func gap[F nn.Float](got []F, want []float64) float64 {
	top := 0.0
	for i, v := range want {
		top = max(top, math.Abs(float64(got[i])-v))
	}
	return top
}
