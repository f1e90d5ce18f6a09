package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"icar/run"
)

// TestLoad has 20 viewers watch a run that trains, one of whom reads no answer, and
// asks for 30 pictures a second, each with other parameters: for 2 seconds, or
// for 60 with ICAR_SLOW=1.
func TestLoad(t *testing.T) {
	length := 2 * time.Second
	if os.Getenv("ICAR_SLOW") == "1" {
		length = time.Minute
	}
	server := withRun(t)
	var steps atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- training(ctx, filepath.Join(server.runs, "live"), 1_000_000, func(run.Metric) {
			steps.Add(1)
			time.Sleep(time.Millisecond)
		})
	}()
	defer func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	for start := time.Now(); steps.Load() < 10; time.Sleep(time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			t.Fatal("the run does not train")
		}
	}
	response, err := http.Get(server.url + "/api/runs?run=first&run=live")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() // unread
	var viewers sync.WaitGroup
	defer viewers.Wait()
	for range 19 {
		viewers.Go(func() { keepAsking(ctx, server.url+"/api/runs?run=first&run=live") })
	}
	defer stop()
	answers := make(chan int)
	asked := 0
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	var half uint64
	for began := time.Now(); time.Since(began) < length; asked++ {
		<-tick.C
		if half == 0 && time.Since(began) > length/2 {
			half = heap()
		}
		path := fmt.Sprintf("/api/position?mu=%d&tmax=%d&logk=%.2f", 1+asked%400, 5+asked%36,
			float64(asked%100)/20)
		if asked%2 == 0 {
			path = fmt.Sprintf("/api/process?theta=%.2f&seed=%d&reveal=yes", float64(asked%600)/100, 1+
				asked%1000)
		}
		go func() {
			response, err := http.Get(server.url + path)
			if err != nil {
				answers <- 0
				return
			}
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
			answers <- response.StatusCode
		}()
	}
	by := map[int]int{}
	for range asked {
		by[<-answers]++
	}
	// On a machine with other work little can be said of how fast it goes.
	strict := os.Getenv("ICAR_SLOW") == "1"
	if trained := steps.Load(); trained < 11 || strict && trained < int64(length/time.Second)*50 {
		t.Errorf("the run made %d steps in %v beside its viewers", trained, length)
	}
	t.Logf("%v: answers by status %v, %d steps of the run, live heap %d KiB half way, %d KiB at "+
		"the end", length, by, steps.Load(), half>>10, heap()>>10)
	if now := heap(); now > half+8<<20 {
		t.Errorf("the live heap has grown from %d to %d KiB in half of the time", half>>10, now>>10)
	}
	if by[200]+by[429] != asked || by[200] == 0 || strict && by[429] > asked/20 {
		t.Errorf("answers by status %v, want 200, and at most one in twenty that the server is busy", by)
	}
}

// keepAsking asks for runs again and again, as a page does.
func keepAsking(ctx context.Context, url string) {
	tag := ""
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, "GET", url, nil)
		if err != nil {
			return
		}
		request.Header.Set("If-None-Match", tag)
		if response, err := http.DefaultClient.Do(request); err == nil {
			tag = response.Header.Get("ETag")
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		time.Sleep(freshness)
	}
}

// heap returns the live heap in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
