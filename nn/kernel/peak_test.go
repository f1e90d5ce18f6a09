package kernel

import "testing"

// TestBusyAddsProducts checks that the loop does the operations it counts:
// after n rounds from 0 a sum of products of a is n·a² in assembly, and plain
// Go's s ← s + a s grows from 1 to (1 + a)ⁿ. All numbers here are exact.
func TestBusyAddsProducts(t *testing.T) {
	for _, k := range Available() {
		var s [(busySums + 1) * Lanes]float32
		for i := range s {
			s[i] = 1
		}
		const rounds = 5
		operations := k.Busy(&s, rounds)
		want, numbers := float32(1+rounds), 0
		if k.Name() == "go" {
			want = 1 << rounds
		}
		for _, v := range s[:busySums*Lanes] {
			if v == want {
				numbers++
			} else if v != 1 {
				t.Fatalf("%s: a sum is %v, want %v or, untouched, 1", k.Name(), v, want)
			}
		}
		if operations != 2*rounds*numbers {
			t.Errorf("%s: %d operations counted, %d sums changed in %d rounds", k.Name(), operations,
				numbers, rounds)
		}
	}
}

// BenchmarkPeak is what the other benchmarks' GFLOP/s are to be held against.
func BenchmarkPeak(b *testing.B) {
	for _, k := range Available() {
		b.Run(k.Name(), func(b *testing.B) {
			var s [(busySums + 1) * Lanes]float32
			operations := 0
			for b.Loop() {
				operations += k.Busy(&s, 1000)
			}
			b.ReportMetric(float64(operations)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}
