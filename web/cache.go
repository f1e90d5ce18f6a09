package web

import (
	"context"
	"errors"
	"sync"
)

// cache keeps answers that take longer than a picture may. What many ask for at
// a time is computed once, by the first of them, and goes on when the first
// leaves as long as one waits: it is given up when the last has left.
type cache[K comparable, V any] struct {
	limit int            // sum of the sizes of what is kept
	size  func(K, V) int // of an answer; nil counts answers

	mu      sync.Mutex
	entries map[K]*entry[V]
	held    int    // sum of the sizes
	clock   uint64 // of the uses
}

// entry is an answer or, until done is closed, a computation under way.
type entry[V any] struct {
	done    chan struct{}
	value   V
	err     error
	waiting int    // clients that have not left
	used    uint64 // when it was last asked for
	size    int    // 0 until it is kept
	cancel  context.CancelFunc
}

// errPanicked answers those who waited for a computation that did not return.
var errPanicked = errors.New("the computation failed: the server's log says how")

// get returns what compute returns for key, now or before. An error is not kept.
// It is that of ctx when that ends first.
func (c *cache[K, V]) get(ctx context.Context, key K,
	compute func(context.Context) (V, error)) (V, error) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	c.mu.Lock()
	e, found := c.entries[key]
	if !found {
		e = &entry[V]{done: make(chan struct{}), err: errPanicked, cancel: cancel}
		if c.entries == nil {
			c.entries = map[K]*entry[V]{}
		}
		c.entries[key] = e
	}
	c.clock++
	e.waiting, e.used = e.waiting+1, c.clock
	c.mu.Unlock()
	stay := context.AfterFunc(ctx, func() { c.leave(key, e) })
	defer stay()
	if !found {
		defer c.finish(key, e)
		e.value, e.err = compute(work)
		return e.value, e.err
	}
	select {
	case <-e.done:
		return e.value, e.err
	case <-ctx.Done():
		if stay() { // ctx has ended, but its functions have not all been called
			c.leave(key, e)
		}
		var none V
		return none, ctx.Err()
	}
}

// leave gives a computation up once nobody waits for it. Who asks from now on
// begins another.
func (c *cache[K, V]) leave(key K, e *entry[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.waiting--; e.waiting > 0 || e.size > 0 || c.entries[key] != e {
		return
	}
	delete(c.entries, key)
	e.cancel()
}

// finish hands an answer to those who wait. It keeps it unless it is an error,
// in the place of those that were not asked for the longest.
func (c *cache[K, V]) finish(key K, e *entry[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(e.done)
	if c.entries[key] != e {
		return
	}
	size := 1
	if c.size != nil {
		size = max(1, c.size(key, e.value))
	}
	if e.err != nil || size > c.limit {
		delete(c.entries, key)
		return
	}
	e.size = size
	for c.held += size; c.held > c.limit; {
		var oldest K
		when := c.clock + 1
		for k, other := range c.entries {
			if other.size > 0 && other != e && other.used < when {
				oldest, when = k, other.used
			}
		}
		c.held -= c.entries[oldest].size
		delete(c.entries, oldest)
	}
}
