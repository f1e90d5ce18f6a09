package web

import (
	"fmt"
	"testing"

	"icar/ar"
	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/kernel"
)

// The model of the second part is trained on the processor of the options, and on the
// machine's own where that is lost.
func TestFitsGoOnWithoutACard(t *testing.T) {
	key := fitKey{family: ar.Haar, d: 2}
	plain, err := kernel.Choose("go")
	if err != nil {
		t.Fatal(err)
	}
	used := 0
	p := nn.OnLoops(plain)
	p.New = func(m *nn.Transformer[float32]) (nn.Backend, error) {
		used++
		if used > 1 {
			return nil, fmt.Errorf("%w: it was taken away", device.ErrLost)
		}
		return nn.OnKernel(plain)(m)
	}
	s := newServer(Options{Backend: p.New})
	t.Cleanup(s.stop)
	for range 2 {
		if m, err := s.trained(t.Context(), key); err != nil || m == nil {
			t.Errorf("%v, %v", m, err)
		}
	}
	if used != 2 {
		t.Errorf("the processor was used %d times", used)
	}
}
