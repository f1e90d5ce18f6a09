//go:build unix

package sweep

import (
	"context"
	"os"
	"syscall"
	"time"
)

// queue lets the writers of a SQLite file wait for each other in the kernel,
// which wakes them at once; SQLite itself looks again after up to 0.1 s. It is
// a courtesy: who cannot have the lock goes on, and SQLite's own keeps order.
type queue struct{ path string }

// enter waits for its turn and returns what ends it.
func (q queue) enter(ctx context.Context) (leave func()) {
	ctx, cancel := context.WithTimeout(ctx, time.Second) // a stopped process may hold it for ever
	defer cancel()
	nothing := func() {}
	f, err := os.OpenFile(q.path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nothing
	}
	turn := make(chan error, 1)
	go func() {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		for err == syscall.EINTR {
			err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		}
		turn <- err
	}()
	select {
	case <-turn:
		return func() { _ = f.Close() }
	case <-ctx.Done():
		go func() { <-turn; _ = f.Close() }()
		return nothing
	}
}
