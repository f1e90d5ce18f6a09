//go:build amd64 || arm64

package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"icar/nn/kernel/constant"
)

// least returns the least nanoseconds of a call of f: what other programs take of the
// processor is in the other times.
func least(f func()) float64 {
	const calls, times = 32, 2000
	best := 1e9
	for range times {
		start := time.Now()
		for range calls {
			f()
		}
		best = min(best, float64(time.Since(start).Nanoseconds())/calls)
	}
	return best
}

// BenchmarkTile says where the time of a product goes: of a tile of 4 rows by 3 columns
// whose inner is k it reports the nanoseconds of its multiply-adds at the peak, of the
// loop in assembly, which loads and stores besides, and of Mul, which cuts a product into
// tiles besides.
func BenchmarkTile(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, available := range Available() {
		k, ok := available.(assembly)
		if !ok {
			continue
		}
		for _, inner := range []int{4, 8, 16, 32, 64} {
			b.Run(fmt.Sprintf("%d/%s", inner, k.Name()), func(b *testing.B) {
				c, left := random(r, 4, 3, Lanes), random(r, 4, inner, Lanes)
				right := random(r, inner, 3, Lanes)
				t := newTiles(c, left, right, Lanes)
				t[constant.TilesK], t[constant.TilesCount] = inner, 1
				t[constant.TilesShape] = constant.MostCols*3 + 2
				var s [(busySums + 1) * Lanes]float32
				for b.Loop() {
					peak := least(func() { k.Busy(&s, 64) }) / float64(k.Busy(&s, 64)) *
						float64(2*12*Lanes*inner)
					alone := least(func() {
						k.tile(&c.Data[0], &left.Data[0], &right.Data[0], &t, Lanes)
					})
					whole := least(func() { k.Mul(c, left, right, false) })
					b.ReportMetric(peak, "ns-peak")
					b.ReportMetric(alone, "ns-tile")
					b.ReportMetric(whole, "ns-Mul")
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkProducts reports the least time of whole products of the standard models, and
// that of their multiply-adds at the peak.
func BenchmarkProducts(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, available := range Available() {
		k, ok := available.(assembly)
		if !ok {
			continue
		}
		for _, s := range []struct {
			name              string
			rows, cols, inner int
			shared            bool
		}{
			{"scores in a chunk", 8, 8, 16, false}, {"mixing in a chunk", 8, 16, 8, false},
			{"prefix sum", 16, 16, 8, false}, {"gradient", 15, 16, 50, false},
			{"map of 15 by 16", 15, 50, 16, true}, {"map of 10 by 6", 10, 50, 6, true},
			{"map of 60 by 16", 60, 50, 16, true},
		} {
			b.Run(s.name+"/"+k.Name(), func(b *testing.B) {
				unit := Lanes
				if s.shared {
					unit = 1
				}
				c, left := random(r, s.rows, s.cols, Lanes), random(r, s.rows, s.inner, unit)
				right := random(r, s.inner, s.cols, Lanes)
				var sums [(busySums + 1) * Lanes]float32
				for b.Loop() {
					peak := least(func() { k.Busy(&sums, 64) }) / float64(k.Busy(&sums, 64)) *
						float64(2*Lanes*s.rows*s.cols*s.inner)
					whole := least(func() { k.product(c, left, right, unit, false) })
					b.ReportMetric(peak, "ns-peak")
					b.ReportMetric(whole, "ns-product")
					b.ReportMetric(peak/whole, "of-the-peak")
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
