package cuda

// Shapes: N batch, T time.

import (
	"context"
	"slices"
	"sync"
	"time"

	"icar/nn"
	"icar/nn/cuda/device"
)

// halls are where runs meet, by their shape. They are used from many goroutines.
type halls struct {
	device   device.Device
	compiler *compiler
	patience time.Duration

	mu  sync.Mutex
	all []*hall
}

// kind is what runs side by side have in common.
type kind struct {
	config nn.Config
	n, t   int
}

// join makes a model, with the state of its optimiser, one that steps side by side with
// others of its kind.
func (h *halls) join(m *nn.Transformer[float32], state []nn.Tensor[float32], n, t int) *member {
	k := kind{m.Config(), n, t}
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.all, func(a *hall) bool { return a.kind == k && a.open() })
	if i < 0 {
		i = len(h.all)
		h.all = append(h.all, newHall(h, k, m))
	}
	entering := &member{hall: h.all[i], model: m, state: state}
	entering.hall.enter(entering)
	return entering
}

// leave ends the part of a member. The last closes the hall.
func (h *halls) leave(ctx context.Context, m *member) error {
	h.mu.Lock()
	empty := m.hall.exit(m)
	if empty {
		h.all = slices.DeleteFunc(h.all, func(a *hall) bool { return a == m.hall })
	}
	h.mu.Unlock()
	return m.hall.clear(ctx, empty) // which may have to wait for steps, or for a compiler
}

// others is whether there are runs that make steps, but for those in the hall of a model.
func (h *halls) others(model *nn.Transformer[float32]) func() bool {
	return func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.ContainsFunc(h.all, func(a *hall) bool { return a.steppingWithout(model) })
	}
}
