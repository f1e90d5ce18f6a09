package web

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"icar/internal/browser"
)

// serveVariable makes the test's program a server, so that it can be killed.
const serveVariable = "ICAR_TEST_SERVE"

func TestMain(m *testing.M) {
	if address := os.Getenv(serveVariable); address != "" {
		s, err := Listen(Options{Address: address, Runs: os.Args[1], Outcome: os.Args[1] + "/none",
			Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			fmt.Println(s.URL())
			err = s.Serve(context.Background())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// serve starts a server in a process of its own.
func serve(t *testing.T, address, runs string) (url string, process *os.Process) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], runs)
	c.Env = append(os.Environ(), serveVariable+"="+address)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // it may be dead already
		_ = c.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), c.Process
}

// TestReconnect kills the server under the page, with SIGKILL, and starts it
// again: the page finds it by itself and shows the same runs.
func TestReconnect(t *testing.T) {
	runs := t.TempDir()
	trainRun(t, filepath.Join(runs, "first"), 2, nil)
	trainRun(t, filepath.Join(runs, "second"), 3, nil)
	address, process := serve(t, "127.0.0.1:0", runs)
	ctx := patiently(t)
	browser.Do(t, ctx, chromedp.Navigate(address+"?runs.run=second"),
		browser.Until("document.querySelectorAll('#run-list tr').length === 2"),
		browser.Until("document.querySelector('#runs > .pair svg')"))
	list := func() string {
		return browser.Ask[string](t, ctx,
			"document.getElementById('run-list').textContent")
	}
	before := list()
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	browser.Do(t, ctx, browser.Until("document.querySelector('#run-status.wrong')"))
	serve(t, strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/"), runs)
	browser.Do(t, ctx, browser.Until("!document.querySelector('#run-status.wrong')"),
		browser.Until("document.querySelector('#run-list input:checked')"))
	if after := list(); after != before {
		t.Errorf("the runs were %q and are %q", before, after)
	}
}
