package web

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestLoad has 20 viewers watch the runs, one of which never reads, and asks
// for 30 pictures a second, each with other parameters: for 2 seconds, or for
// 60 with ICAR_SLOW=1.
func TestLoad(t *testing.T) {
	length := 2 * time.Second
	if os.Getenv("ICAR_SLOW") == "1" {
		length = time.Minute
	}
	server := withRun(t)
	for i := range 20 {
		response, err := http.Get(server.url + "/api/runs?run=first")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if i > 0 {
			go io.Copy(io.Discard, response.Body)
		}
	}
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
		path := fmt.Sprintf("/api/position?mu=%d&tmax=%d&logk=%.2f", 1+asked%400, 5+asked%36, float64(asked%100)/20)
		if asked%2 == 0 {
			path = fmt.Sprintf("/api/process?theta=%.2f&seed=%d&reveal=yes", float64(asked%600)/100, 1+asked%1000)
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
	t.Logf("%v: answers by status %v, live heap %d KiB half way, %d KiB at the end", length, by, half>>10, heap()>>10)
	if now := heap(); now > half+8<<20 {
		t.Errorf("the live heap has grown from %d to %d KiB in half of the time", half>>10, now>>10)
	}
	if by[200]+by[429] != asked {
		t.Errorf("answers by status %v, want 200 and 429 only", by)
	}
}

// heap returns the live heap in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
