package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"icar/ar"
)

// A training whose pictures nobody takes ends all the same: the trainer puts the
// latest one where it can be found and goes on.
func TestTrainerWaitsForNobody(t *testing.T) {
	t.Parallel() // it waits more than it computes
	v := values{"d": "4", "h": "4", "tmax": "6", "iterations": "1000", "lograte": "-2", "seed": "1"}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	pictures := newLatest[frame]()
	if err := trainHeads(ctx, ar.Unitary, v, pictures); err != nil {
		t.Fatal(err)
	}
	select {
	case last := <-pictures.c:
		if last.Iteration != 1000 {
			t.Errorf("the picture that waits is of iteration %d, want the last one, 1000", last.Iteration)
		}
	default:
		t.Error("no picture waits")
	}
}

// Clients that stop reading are cut off, and what they held is free again.
func TestClientsThatStopReading(t *testing.T) {
	t.Parallel() // it waits more than it computes
	server := withRun(t)
	for range maxTrainings {
		c, err := net.Dial("tcp", strings.TrimPrefix(server.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.(*net.TCPConn).SetReadBuffer(1 << 10); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(c, "GET /api/heads?d=16&h=16&tmax=20&iterations=40000 "+
			"HTTP/1.1\r\nHost: %s\r\n\r\n", strings.TrimPrefix(server.url, "http://")); err != nil {
			t.Fatal(err)
		}
	}
	ask := func() int {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, "GET", server.url+
			"/api/heads?d=2&h=2&iterations=1000", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	wait := func(status int) time.Duration {
		start := time.Now()
		for ask() != status {
			if time.Since(start) > 3*time.Minute {
				t.Fatalf("after three minutes no answer is %d", status)
			}
			time.Sleep(100 * time.Millisecond)
		}
		return time.Since(start)
	}
	wait(http.StatusTooManyRequests) // they hold all places
	t.Logf("a place was free again after %v", wait(http.StatusOK).Round(time.Second))
}
