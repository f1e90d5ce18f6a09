package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"icar/internal/needs"
)

// recorder is a test that keeps what it is told.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) { r.said += fmt.Sprintf(format, args...) }

// A page with one fault of each kind is told of by all of them, and by a theme and a window.
func TestFaults(t *testing.T) {
	needs.Patience(t, "a browser opens a page")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, `<!doctype html><p class="status">so far</p><script>
			console.warn("warned"); console.log("told"); fetch("/nothing");
			addEventListener("load", () => { document.body.style.width = "900px"; absent(); });
		</script>`)
	}))
	defer server.Close()
	ctx := Open(t, 800, 600)
	heard := Watch(t, ctx)
	Prefer(t, ctx, "dark")
	Do(t, ctx, chromedp.EmulateViewport(700, 500), chromedp.Navigate(server.URL),
		Script("globalThis.later = new Promise((done) => setTimeout(() => done(7), 50))"),
		Until("document.body.style.width && performance.getEntriesByName(location + 'nothing')[0]"))
	if got := Ask[int](t, ctx, "later"); got != 7 {
		t.Errorf("a promise of 7 comes to %d", got)
	}
	const want = "700 true true"
	if got := Ask[string](t, ctx, `[innerWidth, matchMedia("(prefers-color-scheme: dark)").matches,
		matchMedia("(prefers-reduced-motion)").matches].join(" ")`); got != want {
		t.Errorf("the window, its theme and its rest are %s, want %s", got, want)
	}
	complaints := strings.Join(heard.Complaints(), "; ")
	if len(heard.Complaints()) != 2 || !strings.Contains(complaints, "warned") ||
		!strings.Contains(complaints, "Uncaught") {
		t.Errorf("a warning and an exception are heard as %q", complaints)
	}
	if all := heard.Refusals(); !slices.ContainsFunc(all,
		func(text string) bool { return strings.Contains(text, "404") }) {
		t.Errorf("an answer 404 is heard as %q", all)
	}
	if host := strings.TrimPrefix(server.URL, "http://"); !slices.Equal(heard.Hosts(),
		[]string{host}) {
		t.Errorf("the hosts are %q, want %s alone", heard.Hosts(), host)
	}
	said := recorder{TB: t}
	const axe = "globalThis.axe = {run: async (part) => " +
		"({violations: [{id: part, nodes: [{html: '<p>'}]}]})}"
	Accessible(&said, ctx, axe, "#part", "dark")
	for _, want := range []string{"dark: axe-core finds\n#part: <p>", "wider than its window"} {
		if !strings.Contains(said.said, want) {
			t.Errorf("said is %q, want %q in it", said.said, want)
		}
	}
}
