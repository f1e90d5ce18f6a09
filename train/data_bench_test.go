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
