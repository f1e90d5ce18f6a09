package backendtest_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"icar/internal/needs"
	"icar/nn"
	"icar/nn/backendtest"
)

type (
	model     = *nn.Transformer[float32]
	sequences = nn.Batch[float32]
)

// mutant is the reference, wrong in one way.
type mutant struct {
	model
	gradient func(m model, b sequences) (float64, error)
}

func (m mutant) Gradient(ctx context.Context, b sequences) (float64, error) {
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	return m.gradient(m.model, b)
}

// plain is the gradient of the reference.
func plain(m model, b sequences) (float64, error) {
	return m.Gradient(context.Background(), b)
}

// part returns sequences from to to.
func part(b sequences, from, to int) sequences {
	x, y := len(b.X)/b.N, len(b.Y)/b.N
	b.X, b.Y, b.N = b.X[from*x:to*x], b.Y[from*y:to*y], to-from
	return b
}

// byWorker adds up the gradients of as many parts of the batch as there are
// processors.
func byWorker(m model, b sequences) (float64, error) {
	loss, err := plain(m, b)
	workers := min(runtime.GOMAXPROCS(0), b.N)
	if err != nil || workers == 1 {
		return loss, err
	}
	sums := make([][]float32, len(m.Parameters()))
	for w := range workers {
		p := part(b, w*b.N/workers, (w+1)*b.N/workers)
		if _, err := plain(m, p); err != nil {
			return 0, err
		}
		for i, t := range m.Parameters() {
			if w == 0 {
				sums[i] = make([]float32, len(t.Grad))
			}
			for j, g := range t.Grad {
				sums[i][j] += g * float32(p.N) / float32(b.N)
			}
		}
	}
	for i, t := range m.Parameters() {
		copy(t.Grad, sums[i])
	}
	return loss, nil
}

// TestMutantsAreRefused checks that Test finds what is wrong with a backend, and
// says it.
func TestMutantsAreRefused(t *testing.T) {
	needs.Patience(t, "the suite is run on every broken backend")
	calls := map[model]float32{}
	for name, test := range map[string]struct {
		gradient func(m model, b sequences) (float64, error)
		want     string
	}{
		"sums by worker": {byWorker, "processors give other bits"},
		"whole blocks alone": {func(m model, b sequences) (float64, error) {
			loss, err := plain(m, b)
			if err == nil && b.N > 16 {
				_, err = plain(m, part(b, 0, b.N/16*16))
			}
			return loss, err
		}, "the gradient of out.bias is off by"},
		"a gradient that is off": {func(m model, b sequences) (float64, error) {
			loss, err := plain(m, b)
			m.Parameters()[0].Grad[0] *= 1.01
			return loss, err
		}, "is off by"},
		"a loss that is off": {func(m model, b sequences) (float64, error) {
			loss, err := plain(m, b)
			return loss * 1.001, err
		}, "Loss returns"},
		"what was before": {func(m model, b sequences) (float64, error) {
			loss, err := plain(m, b)
			calls[m]++
			m.Parameters()[0].Grad[0] += 1e-9 * (calls[m] - 1)
			return loss, err
		}, "after other batches"},
		"a silent NaN": {func(m model, b sequences) (float64, error) {
			loss, err := plain(m, b)
			if errors.As(err, new(nn.NonFiniteError)) {
				err = nil
			}
			return loss, err
		}, "the error is <nil>"},
	} {
		err := backendtest.Test(func(m model) (nn.Backend, error) {
			return mutant{m, test.gradient}, nil
		})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: want %q in\n%v", name, test.want, err)
		}
	}
	fine := func(m model) (nn.Backend, error) { return mutant{m, plain}, nil }
	if err := backendtest.Test(fine); err != nil {
		t.Errorf("a mutant that is wrong in no way: %v", err)
	}
}

// deaf is the reference without an ear for the context.
type deaf struct{ model }

func (m deaf) Loss(_ context.Context, b sequences) (float64, error) {
	return m.model.Loss(context.Background(), b)
}

// TestRefusals checks the rest of what Test can say.
func TestRefusals(t *testing.T) {
	lost := errors.New("the device is lost")
	for want, build := range map[string]nn.NewBackend{
		"not with its cause": func(m model) (nn.Backend, error) { return deaf{m}, nil },
		"the device is lost": func(model) (nn.Backend, error) { return nil, lost },
		"for no kind of model": func(model) (nn.Backend, error) {
			return nil, errors.ErrUnsupported
		},
	} {
		if err := backendtest.Test(build); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in\n%v", want, err)
		}
	}
}
