package cuda

import (
	"context"
	"errors"
	"sync"

	"icar/nn/cuda/device"
	"icar/nn/cuda/ptx"
)

// compiler is the kernels that a device has compiled, which takes as long as thousands of
// steps: models of one shape have all of them in common, and others most. It may be used
// from many goroutines.
type compiler struct {
	mu      sync.Mutex
	kernels map[string]device.Kernel // by their text
	modules []device.Module
}

// load returns kernels by their names. Those that were not compiled before are, in one
// module.
func (l *compiler) load(ctx context.Context, d device.Device, kernels []*ptx.Kernel) (
	map[string]device.Kernel, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var missing []*ptx.Kernel
	var names, texts []string
	for _, k := range kernels {
		text := ptx.Text(k)
		if _, known := l.kernels[text]; !known {
			missing, names, texts = append(missing, k), append(names, k.Name()), append(texts, text)
		}
	}
	if len(missing) > 0 {
		module, err := d.Load(ctx, ptx.Text(missing...), names...)
		if err != nil {
			return nil, err
		}
		if l.modules = append(l.modules, module); l.kernels == nil {
			l.kernels = map[string]device.Kernel{}
		}
		for i, text := range texts {
			l.kernels[text] = module.Kernels[i]
		}
	}
	all := map[string]device.Kernel{}
	for _, k := range kernels {
		all[k.Name()] = l.kernels[ptx.Text(k)]
	}
	return all, nil
}

// unload gives the modules back to the device. Nothing may use their kernels any more.
func (l *compiler) unload(ctx context.Context, d device.Device) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.modules {
		err = errors.Join(err, d.Unload(ctx, m))
	}
	l.modules, l.kernels = nil, nil
	return err
}
