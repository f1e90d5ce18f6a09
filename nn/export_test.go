package nn

import "icar/nn/kernel"

// OnSegments is OnKernel with segments of so many tokens, a multiple of 8.
func OnSegments(k kernel.Kernel, tokens int) NewBackend {
	return func(model *Transformer[float32]) (Backend, error) {
		e, err := NewEngine(model, k)
		if err != nil {
			return nil, err
		}
		e.segment = tokens
		return e, nil
	}
}
