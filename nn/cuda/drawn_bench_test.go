package cuda_test

import (
	"testing"

	"icar/ar"
	"icar/nn/cuda"
)

// BenchmarkKeys makes the keys of the generators of a step of 1024 sequences: what is left to the
// host where a device draws them. BenchmarkFreshBatch of package train is what it is spared.
func BenchmarkKeys(b *testing.B) {
	by := drawing(ar.New(ar.Haar, 5), ar.Augmented, 1024, 50)
	b.ReportAllocs()
	for k := 1; b.Loop(); k++ {
		if keys := cuda.Keys(by, k, 1); len(keys) != 64*32 {
			b.Fatalf("%d bytes of keys", len(keys))
		}
	}
}
