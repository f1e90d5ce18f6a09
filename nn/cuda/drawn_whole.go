package cuda

// Shapes: N batch, T time, D coordinates, c width.

import (
	"context"
	"errors"

	"icar/nn"
	"icar/nn/cuda/device"
)

// Draw returns the batches of steps first to last as a device draws them: what a descent on it
// has, to be held against what the host draws. If there are no kernels for the law the error
// is errors.ErrUnsupported.
func Draw(ctx context.Context, d device.Device, by nn.Drawing, first, last int) (
	all []nn.Batch[float32], err error) {
	p, err := newDrawing(by)
	if err != nil {
		return nil, err
	}
	w, own := newDraws(d, p, nil, last), new(compiler)
	end := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, w.close(end), own.unload(end, d)) }()
	if err := w.load(ctx, own, nil); err != nil {
		return nil, err
	}
	for k := first; k <= last; k = w.first + w.steps {
		if err := w.move(ctx, k); err != nil {
			return nil, err
		}
		for i := range w.steps {
			b, err := w.read(ctx, i)
			if err != nil {
				return nil, err
			}
			all = append(all, b)
		}
	}
	return all, nil
}

// read returns the batch of step i of the window, counted from 0.
func (w *draws) read(ctx context.Context, i int) (nn.Batch[float32], error) {
	b := nn.Batch[float32]{N: w.N, T: w.T}
	part := func(m memory, numbers int) ([]float32, error) {
		data := make([]byte, 4*numbers)
		err := w.device.Read(ctx, data, m.at+device.Pointer(i*len(data)))
		return decode(data), err
	}
	var err, failed error
	b.X, err = part(w.set.x, w.N*w.T*w.tokens.width())
	b.Y, failed = part(w.set.y, w.N*w.T*w.Law.D)
	return b, errors.Join(err, failed)
}
