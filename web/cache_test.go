package web

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What many ask for is computed once, and goes on when the first has left.
func TestOneComputation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cache[string, int]{limit: 2}
		computed := 0
		compute := func(ctx context.Context) (int, error) {
			select {
			case <-time.After(time.Second):
				computed++
				return computed, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		first, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i := range 5 {
			ctx := t.Context()
			if i == 0 {
				ctx = first
			}
			all.Go(func() {
				if n, err := c.get(ctx, "a", compute); n != 1 || err != nil {
					t.Errorf("client %d is answered %d, %v", i, n, err)
				}
			})
			synctest.Wait()
		}
		leave()
		all.Wait()
		if n, err := c.get(t.Context(), "a", compute); n != 1 || err != nil {
			t.Errorf("asked again, the answer is %d, %v", n, err)
		}
	})
}

// A computation ends when the last who waited has left, and the next begins it
// anew.
func TestNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cache[string, int]{limit: 2}
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				_, err := c.get(ctx, "a", func(ctx context.Context) (int, error) {
					<-ctx.Done()
					time.Sleep(time.Second) // until it looks at ctx
					return 0, ctx.Err()
				})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("who left is answered %v", err)
				}
			})
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		seven := func(context.Context) (int, error) { return 7, nil }
		if n, err := c.get(t.Context(), "a", seven); n != 7 || err != nil {
			t.Errorf("the next is answered %d, %v", n, err)
		}
		all.Wait()
		none := func(context.Context) (int, error) { return 0, nil }
		if n, err := c.get(t.Context(), "a", none); n != 7 || err != nil || c.held != 1 {
			t.Errorf("when the first has ended the answer is %d, %v; %d are held", n, err, c.held)
		}
		c.leave("a", &entry[int]{waiting: 1, cancel: leave}) // of one that failed long ago
		if len(c.entries) != 1 {
			t.Error("who leaves another computation takes the answer away")
		}
	})
}

// late is a context whose functions are not called when it ends, but some time after.
type late struct {
	context.Context
	done chan struct{}
}

func (l late) Done() <-chan struct{} { return l.done }

func (l late) Err() error { return context.Canceled }

func (l late) AfterFunc(func()) (stop func() bool) { return func() bool { return true } }

// Who has seen a context end before its functions were called has left all the same;
// everybody leaves once.
func TestLeavesBeforeTheContextSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cache[string, int]{limit: 2}
		ctx, leave := context.WithCancel(t.Context())
		last := late{t.Context(), make(chan struct{})}
		given := make(chan struct{})
		go c.get(ctx, "a", func(ctx context.Context) (int, error) {
			select {
			case <-ctx.Done():
				close(given)
			case <-time.After(time.Hour):
			}
			return 0, ctx.Err()
		})
		synctest.Wait()
		for _, ctx := range []context.Context{ctx, last, t.Context()} {
			go c.get(ctx, "a", nil)
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		close(last.done)
		synctest.Wait()
		if e := c.entries["a"]; e == nil || e.waiting != 1 {
			t.Fatalf("one client waits: %+v", e)
		}
		c.leave("a", c.entries["a"])
		synctest.Wait()
		select {
		case <-given:
		default:
			t.Error("nobody waits, and the computation goes on")
		}
	})
}

// Errors and panics are not kept, and those who waited are answered.
func TestFailedComputation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cache[string, int]{limit: 2}
		go func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic does not reach the server, which logs it")
				}
			}()
			c.get(t.Context(), "a", func(context.Context) (int, error) {
				time.Sleep(time.Second)
				panic("broken")
			})
		}()
		synctest.Wait()
		if _, err := c.get(t.Context(), "a", nil); !errors.Is(err, errPanicked) {
			t.Errorf("who waited for a panic is answered %v", err)
		}
		abort := func(context.Context) (int, error) { return 0, http.ErrAbortHandler }
		if _, err := c.get(t.Context(), "a", abort); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("after it: %v", err)
		}
		seven := func(context.Context) (int, error) { return 7, nil }
		if n, err := c.get(t.Context(), "a", seven); n != 7 || err != nil {
			t.Errorf("after an error: %d, %v", n, err)
		}
	})
}

// What is kept is bounded, and what was asked for last is kept.
func TestCacheIsBounded(t *testing.T) {
	c := cache[string, int]{limit: 10, size: func(_ string, n int) int { return n }}
	computed := map[string]int{}
	ask := func(key string, size int) {
		compute := func(context.Context) (int, error) { computed[key]++; return size, nil }
		if _, err := c.get(t.Context(), key, compute); err != nil {
			t.Fatal(err)
		}
	}
	ask("a", 5)
	ask("b", 5)
	ask("a", 5)
	ask("c", 4)
	ask("a", 5)
	ask("huge", 11)
	ask("huge", 11)
	ask("c", 4)
	ask("b", 5)
	for key, want := range map[string]int{"a": 1, "b": 2, "c": 1, "huge": 2} {
		if computed[key] != want {
			t.Errorf("%s was computed %d times, want %d", key, computed[key], want)
		}
	}
	var slow cache[string, int] // its answer is kept, though the others were asked for since
	slow.limit = 2
	one := func(context.Context) (int, error) { return 1, nil }
	if _, err := slow.get(t.Context(), "slow", func(ctx context.Context) (int, error) {
		for _, key := range []string{"a", "b"} {
			if _, err := slow.get(ctx, key, one); err != nil {
				return 0, err
			}
		}
		return 1, nil
	}); err != nil || slow.entries["slow"] == nil || slow.entries["a"] != nil || slow.held != 2 {
		t.Errorf("what took long is not kept: %v, %v", slow.entries, err)
	}
	for range 10 { // who leaves when the answer is there already takes nothing away
		for key, e := range c.entries {
			c.leave(key, e)
		}
	}
	if c.held > c.limit || len(c.entries) != 2 {
		t.Errorf("%d of %d are held, by %d entries", c.held, c.limit, len(c.entries))
	}
}

// A model is looked into once, whatever T is asked for, until its checkpoint
// has changed.
func TestInsightsFollowTheCheckpoint(t *testing.T) {
	server := withRun(t)
	ask := func(query string) string {
		request, err := http.NewRequest("GET", server.url+"/api/inside?run=first&"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		status, body := get(t, request)
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		return body
	}
	before := ask("t=3")
	if ask("t=3") != before || ask("t=4") == before {
		t.Error("an answer does not depend on T and on nothing else")
	}
	if n := len(server.server.insights.entries); n != 1 {
		t.Errorf("one model was looked into %d times", n)
	}
	// Another checkpoint of the same size and time: its checksum tells.
	first, other := filepath.Join(server.runs, "first",
		"checkpoint.safetensors"), filepath.Join(server.runs, "other")
	trainRun(t, other, 3, nil)
	info, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	other = filepath.Join(other, "checkpoint.safetensors")
	if err := errors.Join(os.Chtimes(other, time.Time{}, info.ModTime()),
		os.Rename(other, first)); err != nil {
		t.Fatal(err)
	}
	if now, err := os.Stat(first); err != nil || now.Size() != info.Size() ||
		!now.ModTime().Equal(info.ModTime()) {
		t.Fatalf("the other checkpoint is %v, %v", now, err)
	}
	if ask("t=3") == before {
		t.Error("the answer is that of the checkpoint before")
	}
}
