//go:build unix

package sweep_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"icar/sweep"
)

// BenchmarkClaim claims and completes trials of a sweep of 10⁶ with 1 to 32
// workers, each with connections of its own: claims a second and the 99th
// percentile of a claim's time. In a row the workers do nothing else; at work
// each takes 0.5 to 1.5 s for a trial, which is short for one.
func BenchmarkClaim(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			a := address(b, kind)
			start := time.Now()
			create(b, open(b, a), sweep.Sweep{}, 1_000_000)
			b.Logf("%s: 10⁶ trials inserted in %v", kind, time.Since(start).Round(time.Second))
			for _, workers := range []int{1, 2, 8, 32} {
				b.Run(fmt.Sprintf("in a row/%d", workers),
					func(b *testing.B) { benchmarkClaim(b, a, workers, false) })
				b.Run(fmt.Sprintf("at work/%d", workers),
					func(b *testing.B) { benchmarkClaim(b, a, workers, true) })
			}
		})
	}
}

func benchmarkClaim(b *testing.B, a sweep.Address, workers int, atWork bool) {
	stores := make([]*sweep.Store, workers)
	for i := range stores {
		stores[i] = open(b, a)
	}
	w := found(b, stores[0])
	var left atomic.Int64
	left.Store(int64(b.N))
	var mu sync.Mutex
	var all []time.Duration
	b.ResetTimer()
	var wg sync.WaitGroup
	for i, s := range stores {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			work := func() {
				if atWork {
					time.Sleep(time.Second/2 + time.Duration(r.Int64N(int64(time.Second))))
				}
			}
			work() // they do not start at one moment
			var took []time.Duration
			for left.Add(-1) >= 0 {
				start := time.Now()
				c, err := s.Claim(b.Context(), w, "w", lease)
				took = append(took, time.Since(start))
				work()
				if err == nil {
					err = s.Complete(b.Context(), c, []byte("{}"), nil)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "claims/s")
	b.ReportMetric(all[len(all)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkStamp is what it takes to see that a database's file is still its own.
func BenchmarkStamp(b *testing.B) {
	s := open(b, address(b, "sqlite"))
	for b.Loop() {
		if err := s.CheckFile(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
