package site

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"icar/internal/needs"
)

// firefox is a Firefox that is asked through Marionette, its own protocol: an array of
// JSON each way, after its length and a colon.
type firefox struct {
	connection net.Conn
	in         *bufio.Reader
	asked      int
}

func newFirefox(t *testing.T) *firefox {
	t.Helper()
	needs.Time(t, "a browser opens the whole site")
	needs.Programs(t, "Debian's firefox-esr", "firefox-esr")
	profile := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // for a port that is free
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	listener.Close()
	settings := fmt.Sprintf("user_pref(\"marionette.port\", %d);\n", address.Port)
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "firefox-esr", "--headless", "--marionette",
		"--no-remote",
		"--profile", profile)
	command.Env = append(os.Environ(), "HOME="+profile)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Process.Kill(); command.Wait() })
	f := new(firefox)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if f.connection, err = net.Dial("tcp", address.String()); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { f.connection.Close() })
	f.connection.SetDeadline(time.Now().Add(5 * time.Minute))
	f.in = bufio.NewReader(f.connection)
	if _, err := f.message(); err != nil { // it introduces itself
		t.Fatal(err)
	}
	f.call(t, "WebDriver:NewSession", map[string]any{})
	f.call(t, "WebDriver:SetTimeouts", map[string]any{"script": 60000}) // ms; it waits
	return f
}

func (f *firefox) message() ([]byte, error) {
	length, err := f.in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
	if err != nil {
		return nil, err
	}
	data := make([]byte, n)
	_, err = io.ReadFull(f.in, data)
	return data, err
}

// call gives a command and returns its value.
func (f *firefox) call(t *testing.T, name string, parameters map[string]any) json.RawMessage {
	t.Helper()
	f.asked++
	data, err := json.Marshal([]any{0, f.asked, name, parameters})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(f.connection, "%d:%s", len(data), data); err != nil {
		t.Fatal(err)
	}
	if data, err = f.message(); err != nil {
		t.Fatal(err)
	}
	var answer [4]json.RawMessage
	if err := json.Unmarshal(data, &answer); err != nil {
		t.Fatal(err)
	}
	if string(answer[2]) != "null" {
		t.Fatalf("%s: %.300s", name, answer[2])
	}
	var value struct{ Value json.RawMessage }
	_ = json.Unmarshal(answer[3], &value) // some have none
	return value.Value
}

// evaluate runs JavaScript that calls done.
func (f *firefox) evaluate(t *testing.T, script string, args ...any) string {
	t.Helper()
	value := f.call(t, "WebDriver:ExecuteAsyncScript", map[string]any{
		"script": "const done = arguments[arguments.length - 1];" + script,
		"args":   append([]any{}, args...)})
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return text
}

// wait waits for a condition.
func (f *firefox) wait(t *testing.T, condition string) {
	t.Helper()
	got := f.evaluate(t, `const began = Date.now(), look = () => (`+condition+`) ? done("yes") :
		Date.now() - began > 40000 ? done(document.querySelector("#process .status").textContent) :
		setTimeout(look, 20); look();`)
	if got != "yes" {
		t.Fatalf("%s does not come true; the page says %q", condition, got)
	}
}

func (f *firefox) open(t *testing.T, url string) {
	t.Helper()
	f.call(t, "WebDriver:Navigate", map[string]any{"url": url})
}

func (f *firefox) say(t *testing.T, expression string) string {
	t.Helper()
	return f.evaluate(t, "Promise.resolve(("+expression+")).then((v) => done(String(v)));")
}

func (f *firefox) press(t *testing.T, k key) {
	t.Helper()
	stroke := func(kind string) map[string]any {
		return map[string]any{"type": kind, "value": string(rune(k))}
	}
	f.call(t, "WebDriver:PerformActions", map[string]any{"actions": []any{map[string]any{
		"type": "key", "id": "keyboard", "actions": []any{stroke("keyDown"), stroke("keyUp")}}}})
}

func (f *firefox) back(t *testing.T) { t.Helper(); f.call(t, "WebDriver:Back", nil) }

func (f *firefox) forward(t *testing.T) { t.Helper(); f.call(t, "WebDriver:Forward", nil) }

func (f *firefox) reload(t *testing.T) { t.Helper(); f.call(t, "WebDriver:Refresh", nil) }

// TestFirefox sees the first picture, the numbers of every part, live training and, without
// a server, the page again.
func TestFirefox(t *testing.T) {
	f := newFirefox(t)
	files, url := served(t, written(t, learnt(t)))
	ask := server(t)
	began := time.Now()
	f.call(t, "WebDriver:Navigate", map[string]any{"url": url + "?process.shown=7"})
	f.wait(t, "document.querySelector('#process svg')")
	t.Logf("first picture after %d ms", time.Since(began).Milliseconds())
	if got := f.evaluate(t,
		`done(document.querySelector("#process [name=shown]").value)`); got != "7" {
		t.Errorf("the address says T = 7, the control %s", got)
	}
	for _, url := range states() {
		got := f.evaluate(t, `import(new URL("assets/call.js", location.href)).then(async (m) => {
			const r = await m.call(arguments[0]);
			done(r.status + " " + await r.text());
		});`, url)
		sameAnswer(t, url, got, ask(url))
	}
	f.evaluate(t, "document.querySelector('#heads form').requestSubmit(); done('')")
	f.wait(t, "Number(document.getElementById('heads').dataset.frames) >= 3")
	f.wait(t, "navigator.serviceWorker.controller")
	files.Close()
	f.call(t, "WebDriver:Navigate", map[string]any{"url": url + "?process.shown=8"})
	f.wait(t, "document.querySelector('#process svg')")
}

// TestFirefoxWalk plays the game to its end, goes back and forward, and takes a head away,
// on a site and on a server: both say the same.
func TestFirefoxWalk(t *testing.T) {
	f := newFirefox(t)
	_, url := served(t, written(t, learnt(t)))
	onSite := whole(t, f, url)
	speed(t, f, "Firefox, worker of the site")
	answers := listening(t)
	onServer := whole(t, f, answers)
	speed(t, f, "Firefox, server")
	sameWords(t, onSite, onServer)
}
