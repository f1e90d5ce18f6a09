package site

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"icar/internal/browser"
	"icar/internal/needs"
)

// chrome is a Chromium as a browser that a walk is taken in.
type chrome struct{ ctx context.Context }

func (c chrome) open(t *testing.T, url string) {
	t.Helper()
	browser.Do(t, c.ctx, chromedp.Navigate(url))
}

func (c chrome) say(t *testing.T, expression string) string {
	t.Helper()
	return browser.Ask[string](t, c.ctx, "Promise.resolve(("+expression+")).then(String)")
}

func (c chrome) wait(t *testing.T, condition string) {
	t.Helper()
	browser.Do(t, c.ctx, browser.Until(condition))
}

func (c chrome) press(t *testing.T, k key) {
	t.Helper()
	browser.Do(t, c.ctx, chromedp.KeyEvent(map[key]string{keyTab: kb.Tab, keyEnter: kb.Enter,
		keyLeft: kb.ArrowLeft, keyUp: kb.ArrowUp, keyRight: kb.ArrowRight, keyDown: kb.ArrowDown}[k]))
}

func (c chrome) back(t *testing.T) { t.Helper(); c.say(t, "history.back()") }

func (c chrome) forward(t *testing.T) { t.Helper(); c.say(t, "history.forward()") }

func (c chrome) reload(t *testing.T) { t.Helper(); browser.Do(t, c.ctx, chromedp.Reload()) }

// quiet fails a test whose page complains of something, or asks for what there is not,
// until the test ends.
func quiet(t *testing.T, ctx context.Context) {
	t.Helper()
	heard := browser.Watch(t, ctx)
	t.Cleanup(func() {
		if all := append(heard.Complaints(), heard.Refusals()...); len(all) > 0 {
			t.Errorf("the page complains: %q", all)
		}
	})
}

// sameWords compares what two pages have said.
func sameWords(t *testing.T, site, server []string) {
	t.Helper()
	if !slices.Equal(site, server) {
		t.Errorf("with the same keys the site says %q, the server %q", site, server)
	}
}

// TestChromiumWalk walks through a site as a person does: the game to its end by keys, back,
// forward, a shared address, files of one's own, on a phone and in the dark, in seven tabs.
func TestChromiumWalk(t *testing.T) {
	axe := needs.Axe(t)
	ctx := opened(t)
	_, url := served(t, written(t, learnt(t)))
	quiet(t, ctx)
	c := chrome{ctx}
	onSite := whole(t, c, url)
	speed(t, c, "Chromium, worker of the site")
	answers := listening(t)
	sameWords(t, onSite, playByKeys(t, c, answers))
	speed(t, c, "Chromium, server")
	speaksOfItself(t, c, url)
	droppedFile(t, c)
	game := strings.Repeat("&game.guess=0.5,-0.25", 10)
	for _, width := range []int64{375, 1280} {
		for _, theme := range []string{"light", "dark"} {
			looks(t, c, url+"?process.reveal=yes"+game, axe, theme, width)
		}
	}
	sevenTabs(t, ctx, url)
}

// speaksOfItself reads what the page says of where it computes and what it has: there is no
// server that it could speak of.
func speaksOfItself(t *testing.T, c chrome, url string) {
	t.Helper()
	c.open(t, url)
	c.wait(t, "document.getElementById('run-status').textContent.startsWith('No runs yet: choose')")
	text := c.say(t, "document.body.innerText")
	for _, wrong := range []string{"icar serve", "the server", "live while it trains",
		"icar on this machine", "icar reproduce"} {
		if strings.Contains(text, wrong) {
			t.Errorf("the page of a site says %q", wrong)
		}
	}
	if !strings.Contains(text, "computed by icar in this browser") {
		t.Error("the page does not say that it computes in the browser")
	}
}

// droppedFile chooses a file that is none, and a checkpoint, which is looked into.
func droppedFile(t *testing.T, c chrome) {
	t.Helper()
	folder := t.TempDir()
	bad := filepath.Join(folder, "bad.npy")
	if err := os.WriteFile(bad, []byte("no array"), 0o600); err != nil {
		t.Fatal(err)
	}
	trainRun(t, filepath.Join(folder, "mine"))
	browser.Do(t, c.ctx, chromedp.SetUploadFiles("#file", []string{bad}))
	c.wait(t, "document.querySelector('#drop .wrong')?.textContent.includes('.npy')")
	browser.Do(t, c.ctx, chromedp.SetUploadFiles("#file",
		[]string{filepath.Join(folder, "mine", "checkpoint.safetensors")}))
	c.wait(t, "document.querySelector('#drop [data-figure=gamma]:not([hidden]) svg') && "+
		"!document.querySelector('#drop .wrong')")
	browser.Do(t, c.ctx, chromedp.SetUploadFiles("#folder", []string{filepath.Join(folder, "mine")}))
	c.wait(t, "document.getElementById('run-status').textContent === '1 run.'") // not live
}

// looks opens a page in a theme at a width: nothing is wider than the window, axe-core
// finds nothing, and the theme is the page's.
func looks(t *testing.T, c chrome, url, axe, theme string, width int64) {
	t.Helper()
	browser.Prefer(t, c.ctx, theme)
	browser.Do(t, c.ctx, chromedp.EmulateViewport(width, 812))
	c.open(t, "about:blank")
	c.open(t, url)
	c.wait(t, over)
	everyPart(t, c)
	ground := c.say(t, "getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/)[0] < 128")
	if (ground == "true") != (theme == "dark") {
		t.Errorf("%s, %d px: it is dark: %s", theme, width, ground)
	}
	browser.Accessible(t, c.ctx, axe, "html", fmt.Sprintf("%s, %d px", theme, width))
	shot(t, c, fmt.Sprintf("site-%s-%d.png", theme, width))
}

// shot writes a picture of the game into the folder ICAR_SHOTS, if it is named.
func shot(t *testing.T, c chrome, name string) {
	t.Helper()
	folder := os.Getenv("ICAR_SHOTS")
	if folder == "" {
		return
	}
	c.say(t, "document.getElementById('game').scrollIntoView({behavior: 'instant'})")
	picture, err := chromedp.Run(c.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name), picture, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sevenTabs opens as many pages of one site, each with a worker of its own, and lets every
// one compute when all are there.
func sevenTabs(t *testing.T, ctx context.Context, url string) {
	t.Helper()
	var tabs []chrome
	for k := range 7 {
		tab, closeTab := chromedp.NewContext(ctx)
		defer closeTab()
		c := chrome{tab}
		c.open(t, fmt.Sprintf("%s?process.shown=%d", url, k+2))
		c.wait(t, "document.querySelector('#process svg')")
		tabs = append(tabs, c)
	}
	for k, c := range tabs {
		want := fmt.Sprint("200 ", k+2)
		got := c.say(t, fmt.Sprintf(`import("./assets/call.js").then(async (m) => {
			const r = await m.call("/api/game?seed=%d&guess=0,0");
			return r.status + " " + document.querySelector("#process [name=shown]").value;
		})`, k+1))
		if got != want {
			t.Errorf("tab %d answers %s, want %s", k+1, got, want)
		}
	}
}
