package cuda

import (
	"context"
	"errors"
	"sync"

	"icar/nn/cuda/device"
	"icar/nn/cuda/ptx"
)

// library is the kernels that a device has compiled, which takes as long as thousands of
// steps: models of one shape have the same. It may be used from many goroutines.
type library struct {
	mu      sync.Mutex
	modules map[string]device.Module // by their text
}

// load returns kernels by their names, compiled if they have not been before.
func (l *library) load(ctx context.Context, d device.Device, kernels []*ptx.Kernel) (
	map[string]device.Kernel, error) {
	text := ptx.Text(kernels...)
	var names []string
	for _, k := range kernels {
		names = append(names, k.Name())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	module, known := l.modules[text]
	if !known {
		var err error
		if module, err = d.Load(ctx, text, names...); err != nil {
			return nil, err
		}
		if l.modules == nil {
			l.modules = map[string]device.Module{}
		}
		l.modules[text] = module
	}
	all := map[string]device.Kernel{}
	for i, name := range names {
		all[name] = module.Kernels[i]
	}
	return all, nil
}

// unload gives the modules back to the device. Nothing may use their kernels any more.
func (l *library) unload(ctx context.Context, d device.Device) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for text, m := range l.modules {
		err = errors.Join(err, d.Unload(ctx, m))
		delete(l.modules, text)
	}
	return err
}
