package train

import "testing"

// BenchmarkFreshBatch draws the batch of a step, tokens and targets, at the
// paper's sizes. It is to be held against a step on it, see package bench.
func BenchmarkFreshBatch(b *testing.B) {
	c := DefaultConfig()
	c.Fresh = true
	batches, err := NewBatches(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for k := 1; b.Loop(); k++ {
		if _, err := batches.Batch(b.Context(), k); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOrder shuffles for a step, at the paper's sizes.
func BenchmarkOrder(b *testing.B) {
	batches, err := NewBatches(b.Context(), DefaultConfig())
	if err != nil {
		b.Fatal(err)
	}
	for k := 1; b.Loop(); k++ {
		batches.Order(k)
	}
}
