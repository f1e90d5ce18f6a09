package browser

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Watcher hears what a page complains of and whom it asks.
type Watcher struct {
	mu         sync.Mutex
	complaints []string
	refusals   []string
	hosts      []string
}

// Watch hears a page from now on.
func Watch(t testing.TB, ctx context.Context) *Watcher {
	t.Helper()
	w := new(Watcher)
	err := errors.Join(chromedp.Do(ctx), chromedp.Listen(ctx, w.hear))
	if err == nil {
		_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *Watcher) hear(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		w.complaints = append(w.complaints, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			w.complaints = append(w.complaints, fmt.Sprintf("%s %s", e.Type, e.Args[0].Value))
		}
	case *log.EventEntryAdded:
		switch {
		case e.Entry.Level != "error":
		case e.Entry.Source == "network":
			w.refusals = append(w.refusals, e.Entry.Text)
		default:
			w.complaints = append(w.complaints, e.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Host != "" &&
			!slices.Contains(w.hosts, u.Host) {
			w.hosts = append(w.hosts, u.Host)
		}
	}
}

// Complaints are the exceptions that nothing caught, and what the page or Chromium has
// written into its console as an error or a warning.
func (w *Watcher) Complaints() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.complaints)
}

// Refusals are the requests that failed, among them every answer of 400 and above, which a
// server gives to what it refuses.
func (w *Watcher) Refusals() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.refusals)
}

// Hosts are the hosts that were asked, with their ports.
func (w *Watcher) Hosts() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.hosts)
}

// Prefer makes a page's reader prefer a theme, light or dark, and rest to motion.
func Prefer(t testing.TB, ctx context.Context, theme string) {
	t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme},
		{Name: "prefers-reduced-motion", Value: "reduce"}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
}

// Accessible checks that axe-core, whose script axe is (needs.Axe), finds nothing in what a
// selector names of a page, all of it being html, and that the page is not wider than its
// window. Which says what the page looks like.
func Accessible(t testing.TB, ctx context.Context, axe, selector, which string) {
	t.Helper()
	Do(t, ctx, Script(axe))
	found := Ask[string](t, ctx, fmt.Sprintf(`axe.run(%q).then((r) => r.violations.map((v) =>
		v.id + ": " + v.nodes.map((n) => n.html).join(" ")).join("\n"))`, selector))
	if found != "" {
		t.Errorf("%s: axe-core finds\n%s", which, found)
	}
	if Ask[bool](t, ctx, "document.documentElement.scrollWidth > innerWidth") {
		t.Errorf("%s: the page is wider than its window", which)
	}
}
