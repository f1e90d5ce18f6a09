package web

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestGuard(t *testing.T) {
	server := withRun(t)
	for _, c := range []struct {
		name, path, host string
		header           map[string]string
		want             int
	}{
		{"the page", "/", "", nil, 200},
		{"the page, linked from elsewhere", "/", "",
			map[string]string{"Sec-Fetch-Site": "cross-site"}, 200},
		{"localhost", "/", "localhost:1", nil, 200},
		{"IPv6", "/api/claims", "[::1]:80", nil, 200},
		{"a rebound name", "/api/claims", "evil.example", nil, 403},
		{"another machine's address", "/api/claims", "10.0.0.1", nil, 403},
		{"a name that begins well", "/api/claims", "localhost.evil.example", nil, 403},
		{"its own page", "/api/claims", "", map[string]string{"Origin": server.url}, 200},
		{"another origin", "/api/claims", "", map[string]string{"Origin": "http://evil.example"},
			403},
		{"no origin at all", "/api/claims", "", map[string]string{"Origin": "null"}, 403},
		{"another port", "/api/claims", "", map[string]string{"Origin": "http://127.0.0.1:1"}, 403},
		{"a script of another site", "/api/claims", "",
			map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"no file", "/assets/../server.go", "", nil, 404},
		{"no such address", "/api", "", nil, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			request, err := http.NewRequest("GET", server.url+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = c.host
			for k, v := range c.header {
				request.Header.Set(k, v)
			}
			if status, body := get(t, request); status != c.want &&
				!(c.want == 404 && status == 307) {
				t.Errorf("%d %.100s, want %d", status, body, c.want)
			}
		})
	}
}

// TestToken binds to every interface: nothing is served without the token.
func TestToken(t *testing.T) {
	server := start(t, Options{Address: "0.0.0.0:0", Runs: t.TempDir()})
	u, err := url.Parse(server.url)
	if err != nil {
		t.Fatal(err)
	}
	token := u.Query().Get("token")
	if len(token) < 20 {
		t.Fatalf("the URL %s holds no token", server.url)
	}
	base := "http://127.0.0.1:" + u.Port()
	ask := func(path string, set func(*http.Request)) *http.Response {
		request, err := http.NewRequest("GET", base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		set(request)
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response
	}
	none := func(*http.Request) {}
	for _, path := range []string{"/", "/api/claims", "/assets/page.js", "/?token=wrong",
		"/api/claims?token=" + token} {
		if r := ask(path, none); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", path, r.StatusCode)
		}
	}
	if r := ask("/api/claims", func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+token)
	}); r.StatusCode != 200 {
		t.Errorf("bearer: %d", r.StatusCode)
	}
	first := ask("/?token="+token+"&step.t=3", none)
	if first.StatusCode != http.StatusSeeOther || first.Header.Get("Location") != "/?step.t=3" {
		t.Fatalf("the page with a token: %d to %q", first.StatusCode, first.Header.Get("Location"))
	}
	if c := first.Cookies()[0]; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("scripts or other sites may use the cookie %v", c)
	}
	if r := ask("/api/claims",
		func(r *http.Request) { r.AddCookie(first.Cookies()[0]) }); r.StatusCode != 200 {
		t.Errorf("cookie: %d", r.StatusCode)
	}
	if r := ask("/api/claims",
		func(r *http.Request) { r.AddCookie(first.Cookies()[0]); r.Host = "evil.example" }); r.StatusCode != 403 {
		t.Errorf("cookie under a foreign name: %d", r.StatusCode)
	}
}

// TestConfined puts links out of the folder of runs into it.
func TestConfined(t *testing.T) {
	outside, runs := t.TempDir(), t.TempDir()
	trainRun(t, filepath.Join(outside, "secret"), 2, nil)
	trainRun(t, filepath.Join(runs, "mine"), 2, nil)
	secret := filepath.Join(outside, "secret")
	metrics := filepath.Join(runs, "mine", "metrics.jsonl")
	for _, err := range []error{
		os.Symlink(secret, filepath.Join(runs, "link")), os.Remove(metrics),
		os.Symlink(filepath.Join(secret, "metrics.jsonl"), metrics),
		os.Symlink("/etc/passwd", filepath.Join(runs, "claims.json")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	server := start(t, Options{Runs: runs, Outcome: runs})
	for path, want := range map[string]int{
		"/api/inside?run=link": 404, "/api/inside?run=mine": 422, "/api/runs?run=link": 404,
		"/api/runs?run=" + url.QueryEscape(secret): 404, "/api/claims": 403,
	} {
		request, err := http.NewRequest("GET", server.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := get(t, request); status != want || strings.Contains(body, "root:") {
			t.Errorf("%s: %d %.200s, want %d", path, status, body, want)
		}
	}
}

// TestFull fills the trainings: the next is told so, and stopping ends them.
func TestFull(t *testing.T) {
	server := start(t, Options{Runs: t.TempDir()})
	for range maxTrainings {
		response, err := http.Get(server.url +
			"/api/heads") // never read: the trainer goes on all the same
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
	}
	request, err := http.NewRequest("GET", server.url+"/api/heads", nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, request); status != 429 ||
		!strings.Contains(body, "wait until one is done") {
		t.Errorf("%d %s, want 429", status, body)
	}
}

// TestHostile sends requests that mean harm, 10,000 of them with ICAR_SLOW=1.
func TestHostile(t *testing.T) {
	n := 600
	if os.Getenv("ICAR_SLOW") == "1" {
		n = 10_000
	}
	server := withRun(t)
	r := rand.New(rand.NewPCG(1, 2))
	answers := map[int]int{}
	for i := range n {
		request := hostile(t, r, server.url, i)
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			if i%7 != 2 { // only a body can be so long that it is cut off unread
				t.Fatalf("%s %.200s: %v", request.Method, request.URL, err)
			}
			answers[0]++
			continue
		}
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20)) // cut is fine
		response.Body.Close()
		answers[response.StatusCode]++
		if response.StatusCode < 300 || response.StatusCode >= 500 || strings.Contains(string(body),
			"root:") {
			t.Fatalf("%s %.200s: %d %.200s", request.Method, request.URL, response.StatusCode, body)
		}
	}
	t.Logf("%d hostile requests, answers by status (0: cut): %v", n, answers)
	slowLoris(t, strings.TrimPrefix(server.url, "http://"), n/100)
	request, err := http.NewRequest("GET", server.url+"/api/process", nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, request); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
}

// hostile returns one of the kinds of requests that have to be refused.
func hostile(t *testing.T, r *rand.Rand, base string, i int) *http.Request {
	t.Helper()
	all := routes()
	route := all[r.IntN(len(all))]
	noise := func(n int) string {
		b := make([]byte, 1+r.IntN(n))
		for k := range b {
			b[k] = byte(r.Uint32())
		}
		return string(b)
	}
	request := func(method, path string, body io.Reader) *http.Request {
		q, err := http.NewRequest(method, base+path, body)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	switch i % 7 {
	case 0: // parameters
		return request(route.method, route.path+"?"+url.QueryEscape(noise(12))+"="+
			url.QueryEscape(noise(300)), nil)
	case 1: // values
		if len(route.parameters) == 0 {
			return request("PUT", route.path, nil)
		}
		p := route.parameters[r.IntN(len(route.parameters))]
		harm := "~" + noise(200)
		if p.many > 0 { // some of which take any line
			harm += "\n"
		}
		return request(route.method, route.path+"?"+p.name+"="+url.QueryEscape(harm), nil)
	case 2: // bodies
		return request(all[len(all)-1-r.IntN(2)].method, all[len(all)-1-r.IntN(2)].path,
			strings.NewReader(noise(1<<r.IntN(16))))
	case 3: // paths out of the folder
		return request("GET", "/api/inside?run="+
			url.QueryEscape(strings.Repeat("../", 1+r.IntN(9))+"etc/passwd"), nil)
	case 4:
		return request("GET", "/assets/"+strings.Repeat("%2e%2e%2f", 1+r.IntN(9))+"etc/passwd", nil)
	case 5: // foreign hosts
		q := request(route.method, route.path, nil)
		q.Host = fmt.Sprintf("h%d.evil.example", r.IntN(1000))
		return q
	}
	q := request(route.method, route.path, nil)
	q.Header.Set("Origin", fmt.Sprintf("http://h%d.evil.example", r.IntN(1000)))
	return q
}

// slowLoris opens connections that send a header a byte at a time, and a body
// far beyond the limit; the server is to cut them.
func slowLoris(t *testing.T, address string, n int) {
	t.Helper()
	var slow net.Conn
	for range n {
		var err error
		if slow, err = net.Dial("tcp", address); err != nil {
			t.Fatal(err)
		}
		defer slow.Close()
		fmt.Fprint(slow, "GET / HTTP/1.1\r\nX-Slow: ")
	}
	if os.Getenv("ICAR_SLOW") == "1" {
		slow.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.ReadAll(slow); err != nil {
			t.Errorf("a header that does not end is not cut: %v", err)
		}
	}
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /api/sequence HTTP/1.1\r\nHost: %s\r\nContent-Length: 99999999999\r\n\r\n",
		address)
	go io.CopyN(c, zeros{}, maxSequenceBytes+1<<20) // cut before the end
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil {
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("a huge body: %d", answer.StatusCode)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
