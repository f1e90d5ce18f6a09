package web

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPolicy asks for what the server has and for what it refuses: every answer
// forbids scripts and frames of others, guessing of types and copies.
func TestPolicy(t *testing.T) {
	server := withRun(t)
	want := map[string]string{
		"Content-Security-Policy":      policy,
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
		"Access-Control-Allow-Origin":  "",
	}
	for path, status := range map[string]int{
		"/": 200, "/assets/page.js": 200, "/api/claims": 200, "/nowhere": 404,
		"/api/process?d=no": 400, "/api/runs?run=none": 404,
	} {
		for _, origin := range []string{"", "http://evil.example"} {
			request, err := http.NewRequest("GET", server.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			expected := status
			if origin != "" {
				request.Header.Set("Origin", origin)
				expected = http.StatusForbidden
			}
			response, err := http.DefaultTransport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != expected {
				t.Errorf("%s of %q: %d, want %d", path, origin, response.StatusCode, expected)
			}
			for name, value := range want {
				if got := response.Header.Get(name); got != value {
					t.Errorf("%s of %q: %s is %q, want %q", path, origin, name, got, value)
				}
			}
		}
	}
	for _, part := range []string{
		"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'",
	} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy does not say %s", part)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Errorf("the policy is open: %s", policy)
	}
}

// TestNothingIsWritten asks for everything that the server has, uploads among
// it: no file comes, goes or changes.
func TestNothingIsWritten(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	server := withRun(t)
	checkpoint, err := os.ReadFile(filepath.Join(server.runs, "first", "checkpoint.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	withSweep(t, server)
	before := tree(t, server.runs)
	for _, r := range routes() {
		var body io.Reader
		if r.body > 0 {
			body = bytes.NewReader(checkpoint)
		}
		path := r.path + map[string]string{"/api/inside": "?run=first", "/api/runs": "?run=first",
			"/api/run": "?run=first", "/api/sweep": "?sweep=grid.csv"}[r.path]
		request, err := http.NewRequest(r.method, server.url+path, body)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		// A stream of events goes on for long: its beginning is enough.
		_, err = io.CopyN(io.Discard, response.Body, 1<<10)
		response.Body.Close()
		if err != nil && err != io.EOF {
			t.Errorf("%s: %v", r.path, err)
		}
		if r.path != "/api/sequence" && response.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "POST"} {
		request, err := http.NewRequest(method, server.url+"/api/runs?run=first", nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, _ := get(t, request); status < 400 {
			t.Errorf("%s: %d", method, status)
		}
	}
	if after := tree(t, server.runs); after != before {
		t.Errorf("the folder of runs was\n%sand is\n%s", before, after)
	}
	if left := tree(t, temporary); strings.Count(left, "\n") != 1 {
		t.Errorf("the folder of temporary files holds\n%s", left)
	}
}

// tree lists all below a folder, with sizes, modes and times.
func tree(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path, info.Mode(), info.Size(), info.ModTime().UnixNano())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
