package cuda

import (
	"icar/nn"
	"icar/nn/cuda/device"
)

// OnIdle is On for a card that one warp keeps busy: warps have as many tokens and heads as
// they can.
func OnIdle(d device.Device) nn.NewBackend {
	return func(model *nn.Transformer[float32]) (nn.Backend, error) {
		b, err := On(d)(model)
		if err == nil {
			b.(*Backend).runs.busy = 1
		}
		return b, err
	}
}
