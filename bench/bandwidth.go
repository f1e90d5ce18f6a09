package bench

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"icar/nn/kernel"
)

// Bytes of three arrays, on each core, that fit the second-level cache of most
// processors, and that fit no cache.
const (
	cached   = 384 << 10
	uncached = 96 << 20
)

// Bandwidth measures the bytes a second that all cores together read and write where k
// adds two arrays into a third, the three having so many bytes together on each core:
// the sum of each one's best.
func Bandwidth(k kernel.Kernel, bytes int) float64 {
	const spell, columns, number = 200 * time.Millisecond, 64, 4
	rates := make([]float64, runtime.GOMAXPROCS(0))
	rows := bytes / (3 * number * kernel.Lanes * columns)
	var g sync.WaitGroup
	for i := range rates {
		g.Go(func() {
			matrix := func() kernel.Matrix {
				return kernel.Dense(slices.Repeat([]float32{1}, rows*columns*kernel.Lanes), rows, columns)
			}
			sum, a, b := matrix(), matrix(), matrix()
			moved := float64(3 * number * rows * columns * kernel.Lanes)
			for start := time.Now(); time.Since(start) < spell; {
				once := time.Now()
				k.Add(sum, a, b)
				rates[i] = max(rates[i], moved/time.Since(once).Seconds())
			}
		})
	}
	g.Wait()
	sum := 0.0
	for _, r := range rates {
		sum += r
	}
	return sum
}
