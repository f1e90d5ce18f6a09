package probe

// Shapes: D embed = width 3d, d token dimension.

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"icar/ar"
	"icar/nn"
)

// OneStep returns a model that by construction does one gradient step of size
// eta on augmented tokens (0, s_t, s_{t-1}), Γ_T = η Σ_{t=2}^T s_t s_{t-1}ᵀ:
//
//	M picks s_{j-1} of the key and s_i of the query, U writes η s_j to the first d,
//
// in the coordinates of m: of the two factors of M and U, W_q and W_v are those
// of m, so that on the way between both only W_k, W_o, the readout and the
// biases change. It has to be one linear layer of one head with a skip
// connection and without norm, whose W_q and W_v are invertible.
func (m *Model) OneStep(eta float64) (*Model, error) {
	c := m.Config
	if c.Mixer != "" || c.Depth != 1 || c.Heads != 1 || c.Norm || !c.Residual || c.MLP > 0 ||
		c.Attention != nn.LinearAttention ||
		c.Position != nn.NoPosition || c.Tokens != ar.Augmented || c.Embed != c.Width {
		return nil, errors.New("a gradient step can be constructed for one linear layer of one head " +
			"without norm, MLP and positions on augmented tokens: train with --norm=false")
	}
	model, err := m.clone()
	if err != nil {
		return nil, err
	}
	own, width, d := model.parameters(), c.Width, c.D
	scores, values := mat.NewDense(width, width, nil), mat.NewDense(width, width, nil)
	for i := range d {
		scores.Set(2*d+i, d+i, math.Sqrt(float64(width)))
		values.Set(i, d+i, eta)
	}
	q, v := mat.NewDense(width, width, own["layers.0.q.weight"]), mat.NewDense(width, width,
		own["layers.0.v.weight"])
	var k, o mat.Dense
	if err := errors.Join(k.Solve(q.T(), scores.T()), o.Solve(v.T(), values.T())); err != nil {
		return nil, fmt.Errorf("the queries or values of the model are singular: %w", err)
	}
	copy(own["layers.0.k.weight"], k.RawMatrix().Data) // W_qᵀ W_k = Mᵀ√D
	copy(own["layers.0.o.weight"], mat.DenseCopyOf(o.T()).RawMatrix().Data)
	for _, p := range []string{"q", "k", "v", "o"} {
		clear(own["layers.0."+p+".bias"])
	}
	clear(own["out.bias"])
	clear(own["out.weight"])
	for i := range width {
		own["out.weight"][i*width+i] = 1
	}
	return model, nil
}

// Interpolate returns the mean squared errors of the models between m, at 0,
// and to, at 1, whose parameters are mixed: (1-α) of the one and α of the other.
func (m *Model) Interpolate(ctx context.Context, to *Model, alphas []float64,
	s ar.Batch[float64]) ([]float64, error) {
	if m.Config.Config != to.Config.Config {
		return nil, errors.New("the models have different shapes: interpolate between models of one " +
			"configuration")
	}
	from, end := m.parameters(), to.parameters()
	var all []float64
	for _, alpha := range alphas {
		between, err := m.with(m.Config.Config, func(name string, data []float64) {
			for i := range data {
				data[i] = (1-alpha)*from[name][i] + alpha*end[name][i]
			}
		})
		if err != nil {
			return nil, err
		}
		errors, err := between.MSE(ctx, s)
		if err != nil {
			return nil, err
		}
		all = append(all, average(errors))
	}
	return all, nil
}

// PathToStep implements Constructible: the errors of 21 models between m and one
// that does a gradient step of size eta.
func (m *Model) PathToStep(ctx context.Context, eta float64,
	s ar.Batch[float64]) (path PathToStep, err error) {
	built, err := m.OneStep(eta)
	if err != nil { // the model is of another shape
		return path, fmt.Errorf("%w: %w", ErrNotOffered, err)
	}
	path.Eta = eta
	for i := range 21 {
		path.Alpha = append(path.Alpha, float64(i)/20)
	}
	path.MSE, err = m.Interpolate(ctx, built, path.Alpha, s)
	return path, err
}
