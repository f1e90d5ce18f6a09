package web

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"icar/run"
	"icar/train"
)

// A query that is not understood whole is not answered in part.
func TestQueryThatCannotBeRead(t *testing.T) {
	server := withRun(t)
	for query, status := range map[string]int{"d=2": 200, "d=99;x": 400, "d=2&%zz=1": 400,
		"d=2;": 400} {
		request, err := http.NewRequest("GET", server.url+"/api/process?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, body := get(t, request); got != status {
			t.Errorf("?%s: %d %.100s, want %d", query, got, body, status)
		}
	}
}

// A server that listens on a name answers to it, and to no other.
func TestAddressByName(t *testing.T) {
	g := guard{next: http.NotFoundHandler(), token: "secret", name: "lab-machine.example"}
	for host, known := range map[string]bool{"lab-machine.example:8402": true,
		"LAB-machine.example": true, "evil.example": false} {
		if g.knows(host) != known {
			t.Errorf("%s: known is %v", host, !known)
		}
	}
	s, err := Listen(Options{Address: "localhost:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.listener.Close()
	s.options.Address = "lab-machine.example:0"
	h, err := s.handler()
	if err != nil {
		t.Fatal(err)
	}
	if g, ok := h.(guard); !ok || g.name != "lab-machine.example" {
		t.Errorf("the guard of a server on a name is %+v", h)
	}
}

// Uploads that stall hold up no others and are cut off.
func TestStalledUploads(t *testing.T) {
	t.Parallel() // it waits more than it computes
	server := withRun(t)
	address := strings.TrimPrefix(server.url, "http://")
	stalled := make([]net.Conn, 4*maxUploads)
	for i := range stalled {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		stalled[i] = c
		if _, err := fmt.Fprintf(c, "POST /api/model HTTP/1.1\r\nHost: %s\r\nContent-Length: "+
			"1000000\r\n\r\nabc", address); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(filepath.Join(server.runs, "first", "checkpoint.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	response, err := http.Post(server.url+"/api/model", "", bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || response.StatusCode != 200 {
		t.Errorf("an upload beside stalled ones: %d %.200s %v", response.StatusCode, body, err)
	}
	t.Logf("answered after %v", time.Since(start))
	if err := stalled[0].SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 200)
	n, err := stalled[0].Read(answer)
	if err != nil || !bytes.Contains(answer[:n], []byte("408")) {
		t.Errorf("a stalled upload is answered %q, %v; want 408", answer[:n], err)
	}
}

// Runs that are hostile are damaged, and the others of the folder are shown.
func TestHostileRuns(t *testing.T) {
	server := withRun(t)
	first, err := os.ReadFile(filepath.Join(server.runs, "first", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]string{
		"batch": strings.Replace(string(first), "batch: 32", "batch: 0", 1),
		"deep":  "d: " + strings.Repeat("[", 60_000),
		"wide":  strings.Repeat("k: 1\n", 10_000),
		"huge":  strings.Replace(string(first), "mlp: 0", "mlp: 1000000000", 1),
	} {
		d, err := run.Create(filepath.Join(server.runs, name), []byte(config), run.NewInfo(1, "go"))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(server.runs, "deep", "metrics.jsonl"), 20<<30); err != nil {
		t.Log("no sparse files here:", err)
	}
	start := time.Now()
	request, err := http.NewRequest("GET", server.url+"/api/runs?run=first", nil)
	if err != nil {
		t.Fatal(err)
	}
	status, body := get(t, request)
	if status != 200 || strings.Count(body, `"state":"damaged"`) != 4 ||
		!strings.Contains(body, `"path":"first","state":"complete","step":8`) ||
		!strings.Contains(body, "batch 0 is too small") {
		t.Errorf("%d %.2000s", status, body)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

// Work that the sizes hide: hidden units are mlp times embed, and every head
// has maps of its own.
func TestWorkCountsHeadsAndMLP(t *testing.T) {
	for name, change := range map[string]func(*train.Config){
		"mlp":     func(c *train.Config) { c.MLP, c.Length, c.Embed = 256, 100, 60 },
		"heads":   func(c *train.Config) { c.Heads, c.Length, c.Embed = 16, 100, 60 },
		"squares": func(c *train.Config) { c.D, c.Heads, c.Length = 20, 16, 60 },
	} {
		c := train.DefaultConfig()
		change(&c)
		c, err := c.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		if err := fitsPage(c); err == nil {
			t.Errorf("%s: a model whose look takes seconds is looked into", name)
		}
	}
}
