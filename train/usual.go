//go:build !js

package train

import (
	"icar/nn"
	"icar/nn/kernel"
)

// usual is the engine on the fastest kernel of this machine.
func usual() nn.NewBackend { return nn.OnKernel(kernel.Available()[0]) }
