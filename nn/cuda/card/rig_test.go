package card

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"icar/internal/needs"
	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
	"icar/nn/kernel"
)

// pretender is plain Go that goes to a device and back before every gradient.
type pretender struct {
	nn.Backend
	device device.Device
	at     device.Pointer
	closed *int
}

func (pretender) Arithmetic() string { return Arithmetic }

func (p pretender) Gradient(ctx context.Context, b nn.Batch[float32]) (float64, error) {
	if err := p.device.Read(ctx, make([]byte, 4), p.at); err != nil {
		return 0, err
	}
	return p.Backend.Gradient(ctx, b)
}

func (p pretender) Close(ctx context.Context) error {
	*p.closed++
	return p.device.Free(ctx, p.at)
}

// pretend makes pretenders of all models but those with softmax or a wide MLP. closed counts
// those that were released.
func pretend(closed *int) func(device.Device) nn.NewBackend {
	return func(d device.Device) nn.NewBackend {
		return func(m *nn.Transformer[float32]) (nn.Backend, error) {
			if m.Config().Attention == nn.SoftmaxAttention {
				return nil, fmt.Errorf("softmax is none of its kernels: %w", errors.ErrUnsupported)
			}
			if m.Config().MLP > 2 {
				return nil, fmt.Errorf("its MLP is too wide: %w", errors.ErrUnsupported)
			}
			ctx := context.Background()
			at, err := d.Alloc(ctx, 4)
			if err == nil {
				err = d.Write(ctx, at, make([]byte, 4))
			}
			if err != nil {
				return nil, err
			}
			loops, err := kernel.Choose("go")
			if err != nil {
				return nil, err
			}
			b, err := nn.OnKernel(loops)(m)
			return pretender{b, d, at, closed}, err
		}
	}
}

// notes are what was told.
type notes struct {
	mu   sync.Mutex
	said []string
}

func (n *notes) notice(s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, s)
}

// answers are those of a pretender.
func answers(t *testing.T) []known {
	t.Helper()
	all := all()
	for i, k := range all {
		bits, err := answer(t.Context(), pretend(new(int))(emulator.New()), k.config)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.Fatal(err)
		}
		all[i].bits = bits
	}
	return all
}

// options choose among the loops and a pretender, whose open fails with why.
func options(t *testing.T, name string, why error) (o Options, told *notes) {
	told = new(notes)
	return Options{Name: name, Build: pretend(new(int)), Notice: told.notice, answers: answers(t),
		Open: func(context.Context) (device.Device, error) {
			if why != nil {
				return nil, why
			}
			return emulator.New(), nil
		}}, told
}

// fusedLoops ends a test on a machine whose default kernel has no fused multiply-adds,
// where no card is ever taken.
func fusedLoops(t *testing.T) kernel.Kernel {
	t.Helper()
	k := kernel.Available()[0]
	if k.Arithmetic() != fused {
		needs.Missing(t, "the default kernel here is "+k.Name()+", and no card is taken beside "+
			"it: run on a processor with AVX2 or NEON")
	}
	return k
}
