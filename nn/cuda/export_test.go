package cuda

import (
	"time"

	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/cuda/ptx"
)

// OnIdle is On for a card that one warp keeps busy: warps have as many tokens and heads as
// they can.
func OnIdle(d device.Device) nn.NewBackend { return OnBusy(d, 1) }

// OnBusy is On for a card that so many warps keep busy.
func OnBusy(d device.Device, warps int) nn.NewBackend {
	return func(model *nn.Transformer[float32]) (nn.Backend, error) {
		b, err := On(d)(model)
		if err == nil {
			b.(*Backend).runs.busy = warps
		}
		return b, err
	}
}

// OnPatient is On where runs wait for each other for so long.
func OnPatient(d device.Device, patience time.Duration) nn.NewBackend {
	h := &halls{device: d, compiler: new(compiler), patience: patience}
	return func(model *nn.Transformer[float32]) (nn.Backend, error) {
		return h.backend(model), nil
	}
}

// PaceAfter is paceAfter.
var PaceAfter = paceAfter

// TextFor returns the kernels of a model for batches of n sequences of length t.
func TextFor(model *nn.Transformer[float32], n, t int) string {
	return ptx.Text(newPlan(model, n, t, 1, busyWarps, true).kernels...)
}
