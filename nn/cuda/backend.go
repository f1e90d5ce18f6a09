package cuda

// Shapes: N batch, T time, c width.

import (
	"cmp"
	"context"
	"errors"

	"icar/nn"
	"icar/nn/cuda/device"
)

// Arithmetic names the bits of every device.
const Arithmetic = "cuda-fma"

// Backend computes a model on a device. It implements [nn.Backend].
type Backend struct {
	model *nn.Transformer[float32]
	runs  runs // for gradients and losses
	plain runs // for predictions, whose heads are not folded
	halls *halls
}

var _ nn.Descender = (*Backend)(nil)

// On returns what makes a Backend of a model on d. Of models that there are no kernels
// for the error is errors.ErrUnsupported, with the reason. Several may be made on one
// device as long as they are used from one goroutine at a time, as the device is; or from
// many on what [device.Share] makes of it: models of one shape then make their steps side
// by side, see [Backend.Descend]. The kernels that are compiled for them stay until the
// device is closed.
func On(d device.Device) nn.NewBackend {
	h := &halls{device: d, compiler: new(compiler), patience: patience}
	return func(model *nn.Transformer[float32]) (nn.Backend, error) {
		if err := supported(model.Config()); err != nil {
			return nil, err
		}
		return h.backend(model), nil
	}
}

// backend is one for a model.
func (h *halls) backend(model *nn.Transformer[float32]) *Backend {
	b := &Backend{model: model, halls: h, runs: newRuns(h.device, h.compiler, model),
		plain: newRuns(h.device, h.compiler, model)}
	b.runs.others, b.plain.others = h.others(model), h.others(model)
	b.plain.fold = false
	return b
}

// errNoTargets is a batch without Y where a loss is asked for.
var errNoTargets = errors.New("the batch has no targets: a loss needs Y")

// Arithmetic implements nn.Backend.
func (b *Backend) Arithmetic() string { return Arithmetic }

// Gradient implements nn.Backend.
func (b *Backend) Gradient(ctx context.Context, batch nn.Batch[float32]) (float64, error) {
	loss, broken, err := step(ctx, &b.runs, batch, func(p *plan) []call { return p.backward })
	if err != nil {
		return 0, err
	}
	gradient, err := b.runs.read(ctx, 0, b.runs.plan.gradient)
	if err != nil {
		return 0, err
	}
	if broken {
		return 0, b.notFinite(ctx, batch, gradient)
	}
	for _, p := range b.model.Parameters() {
		gradient = gradient[copy(p.Grad, gradient):]
	}
	return loss, nil
}

// notFinite names what is not finite in a step. The reference finds where that began, among
// weights, tokens and all that is computed of them. But it adds up in another order: if all it
// has is finite, what came of the step here is named.
func (b *Backend) notFinite(ctx context.Context, batch nn.Batch[float32],
	gradient []float32) error {
	if _, err := b.model.Gradient(ctx, batch); err != nil {
		return err
	}
	for _, p := range b.model.Parameters() {
		if i := notFinite(gradient[:len(p.Data)]); i >= 0 {
			return nn.NonFiniteError{Tensor: "gradient of " + p.Name, Index: i}
		}
		gradient = gradient[len(p.Data):]
	}
	return nn.NonFiniteError{Tensor: "loss"}
}

// Loss implements nn.Backend. Of folded heads it makes the gradient too, by the kernels that
// make both, and returns the same bits as Gradient. That may be finite where the gradient is
// not.
func (b *Backend) Loss(ctx context.Context, batch nn.Batch[float32]) (float64, error) {
	loss, _, err := step(ctx, &b.runs, batch, func(p *plan) []call { return p.loss })
	if err != nil {
		return 0, err
	}
	if loss-loss != 0 {
		_, err := b.model.Loss(ctx, batch)
		return 0, cmp.Or[error](err, nn.NonFiniteError{Tensor: "loss"})
	}
	return loss, nil
}

// step runs the forward on a batch and what follows it, and returns the loss and whether
// something was not finite.
func step(ctx context.Context, r *runs, batch nn.Batch[float32], then func(*plan) []call) (
	float64, bool, error) {
	if batch.Y == nil {
		return 0, false, errNoTargets
	}
	lists := func(p *plan) [][]call { return [][]call{p.begin, p.forward, then(p)} }
	if err := r.prepareBatch(ctx, batch, lists); err != nil {
		return 0, false, err
	}
	if err := r.launch(ctx, lists(r.plan)...); err != nil {
		return 0, false, err
	}
	_, broken, err := r.fate(ctx, 0)
	if err != nil {
		return 0, false, err
	}
	losses, err := r.lossesOf(ctx, 0, 1)
	if err != nil {
		return 0, false, err
	}
	return losses[0], broken, nil
}

// Predict implements nn.Backend.
func (b *Backend) Predict(ctx context.Context, batch nn.Batch[float32]) ([]float32, error) {
	batch.Y = nil
	lists := func(p *plan) [][]call { return [][]call{p.forward} }
	if err := b.plain.prepareBatch(ctx, batch, lists); err != nil {
		return nil, err
	}
	if err := b.plain.launch(ctx, lists(b.plain.plan)...); err != nil {
		return nil, err
	}
	out, err := b.plain.output(ctx, 0)
	if err != nil {
		return nil, err
	}
	if i := notFinite(out); i >= 0 {
		_, err := b.model.Predict(ctx, batch)
		return nil, cmp.Or[error](err, nn.NonFiniteError{Tensor: "out",
			Index: i % (len(out) / batch.N)})
	}
	return out, nil
}

// prepareBatch brings a batch, the parameters, and the kernels of some lists to the device.
func (r *runs) prepareBatch(ctx context.Context, batch nn.Batch[float32],
	lists func(*plan) [][]call) error {
	if err := batch.Check(r.models[0].Config()); err != nil {
		return err
	}
	if err := r.prepare(ctx, batch.N, batch.T, 1, lists); err != nil {
		return err
	}
	if err := r.sendModel(ctx, 0); err != nil {
		return err
	}
	return r.send(ctx, batch)
}

// Close releases what the backend holds of its device.
func (b *Backend) Close(ctx context.Context) error {
	return errors.Join(b.runs.release(ctx), b.plain.release(ctx))
}
