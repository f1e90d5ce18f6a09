package bench

import (
	"runtime"
	"sync"
	"time"

	"icar/nn/kernel"
)

// Roofline measures the floating-point operations a second that all cores
// together reach in [kernel.Peak], side by side: the sum of each one's best.
func Roofline(k kernel.Kernel) float64 {
	const spell = 200 * time.Millisecond
	rates := make([]float64, runtime.GOMAXPROCS(0))
	var g sync.WaitGroup
	for i := range rates {
		g.Go(func() { rates[i] = kernel.Peak(k, spell) })
	}
	g.Wait()
	sum := 0.0
	for _, r := range rates {
		sum += r
	}
	return sum
}
