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
//
// A device that loads kernels does nothing else until it has compiled them. One that is a
// [device.Compiler] compiles beside that: it is asked to if the device has something else to
// do, and loads then what is compiled already.
type compiler struct {
	mu      sync.Mutex
	kernels map[string]device.Kernel // by their text
	modules []device.Module
	coming  map[string]chan struct{} // closed when somebody is done with that text
	direct  bool                     // the device itself compiles
}

// demand is the kernels that somebody wants.
type demand struct {
	kernels []*ptx.Kernel
	// others says that there are runs that could make steps meanwhile; nil for no.
	others func() bool
}

// load returns kernels by their names. Those that were not compiled before are, in one
// module, but those that somebody else has begun with: these are waited for.
func (l *compiler) load(ctx context.Context, d device.Device, wanted demand) (
	map[string]device.Kernel, error) {
	texts := make([]string, len(wanted.kernels))
	for i, k := range wanted.kernels {
		texts[i] = ptx.Text(k)
	}
	others := wanted.others != nil && wanted.others()
	for {
		c := l.claim(wanted.kernels, texts, others)
		var err error
		switch {
		case len(c.texts) > 0:
			err = l.compile(ctx, d, c)
		case c.theirs != nil:
			select {
			case <-c.theirs: // if they have failed it is for us to try
			case <-ctx.Done():
				err = context.Cause(ctx)
			}
		default:
			return c.known, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// claim is what there is of kernels that are wanted.
type claim struct {
	known   map[string]device.Kernel // by name
	kernels []*ptx.Kernel            // to be compiled by who has the claim
	texts   []string
	theirs  chan struct{} // closed when one that somebody else compiles is done, or nil
	direct  bool          // the device is to compile
}

// claim says what is to be done for kernels; the device compiles unless that would hold
// something up. Who claims texts has to settle the claim.
func (l *compiler) claim(kernels []*ptx.Kernel, texts []string, beside bool) *claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &claim{known: map[string]device.Kernel{}}
	for i, text := range texts {
		if k, known := l.kernels[text]; known {
			c.known[kernels[i].Name()] = k
		} else if done, coming := l.coming[text]; coming {
			c.theirs = done
		} else {
			c.kernels, c.texts = append(c.kernels, kernels[i]), append(c.texts, text)
		}
	}
	if len(c.texts) == 0 {
		return c
	}
	if l.coming == nil {
		l.coming = map[string]chan struct{}{}
	}
	done := make(chan struct{})
	for _, text := range c.texts {
		l.coming[text] = done
	}
	if c.direct = !beside && !l.direct; c.direct {
		l.direct = true
	}
	return c
}

// compile compiles what was claimed, and settles the claim.
func (l *compiler) compile(ctx context.Context, d device.Device, c *claim) error {
	var names []string
	for _, k := range c.kernels {
		names = append(names, k.Name())
	}
	text := ptx.Text(c.kernels...)
	if beside, able := d.(device.Compiler); able && !c.direct {
		_ = beside.Compile(ctx, text) // whatever has gone wrong, the device compiles what it loads
	}
	module, err := d.Load(ctx, text, names...)
	l.settle(c, module, err)
	return err
}

// settle has the others see what came of a claim.
func (l *compiler) settle(c *claim, module device.Module, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.direct {
		l.direct = false
	}
	if err == nil {
		if l.modules = append(l.modules, module); l.kernels == nil {
			l.kernels = map[string]device.Kernel{}
		}
	}
	done := l.coming[c.texts[0]]
	for i, text := range c.texts {
		if err == nil {
			l.kernels[text] = module.Kernels[i]
		}
		delete(l.coming, text)
	}
	close(done)
}

// unload gives the modules back to the device. Nothing may use their kernels any more, nor
// be about to load any.
func (l *compiler) unload(ctx context.Context, d device.Device) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.modules {
		err = errors.Join(err, d.Unload(ctx, m))
	}
	l.modules, l.kernels = nil, nil
	return err
}
