package site

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"icar/internal/browser"
	"icar/internal/needs"
	"icar/run"
	"icar/train"
	"icar/web"
)

// states are addresses of pictures at the corners and in the middle of every part.
func states() []string {
	return strings.Fields(`
		/api/process /api/process?reveal=yes /api/process?d=9 /api/process?nothing=1
		/api/process?family=haar&d=3&sigma=0.1&reveal=yes&shown=9&turn=-2&lift=1.5
		/api/process?family=unitary&rho=0.9&shown=20&phi=0.3&reveal=yes
		/api/process?family=so&sigma=0.5&seed=1000&shown=1&gx=-2&gy=2
		/api/step /api/step?t=1 /api/step?t=30&seed=77 /api/step?d=3&family=rotation
		/api/position /api/position?mu=120&logk=4.35 /api/position?mu=1&logk=6&tmax=40&row=40
		/api/position?mu=400&logk=0&tmax=5&row=5&theta=3.14&t=20
		/api/game /api/game?seed=42&round=3&guess=0.5,-0.25 /api/game?guess=9
		/api/flow /api/flow?shown=20&theta=2
		/api/least?d=3&h=2&family=unitary
		/api/half /api/half?h=2&logk=3&seed=7&theta=1
		/api/depth
		/api/runs /api/sweeps /api/claims`)
}

// learnt is what a page needs for states.
func learnt(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	err := web.Learn(t.Context(), &b, web.Learning{Only: func(url string) bool {
		return slices.Contains(strings.Fields(`
			/api/step?d=4&family=haar&norm=no /api/step?d=4&family=haar&k=5
			/api/depth?d=3&layers=2 /api/depth?d=3&k=2`), url)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// compiled is the code of the pages of all tests, which takes seconds.
var compiled = sync.OnceValues(func() (Compiled, error) { return Compile(context.Background()) })

// written writes a site and returns its folder.
func written(t *testing.T, learnt []byte) string {
	t.Helper()
	c, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	files, err := Build(c, learnt)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "site")
	if err := Write(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

// served serves a folder as a plain file server does, below a path, and returns the
// address of its page.
func served(t *testing.T, dir string) (*httptest.Server, string) {
	t.Helper()
	const below = "/some/where/"
	server := httptest.NewServer(http.StripPrefix(below, http.FileServer(http.Dir(dir))))
	t.Cleanup(server.Close)
	return server, server.URL + below
}

// opened opens Chromium for a walk that takes a minute.
func opened(t *testing.T) context.Context {
	t.Helper()
	needs.Time(t, "a browser opens the whole site")
	return browser.Open(t, 1400, 1000)
}

// asked returns the status and the text with which a page answers a question.
func asked(t *testing.T, ctx context.Context, url string) string {
	t.Helper()
	return browser.Ask[string](t, ctx, fmt.Sprintf(`import("./assets/call.js").then(async (m) => {
		const r = await m.call(%q);
		return r.status + " " + await r.text();
	})`, url))
}

// listening runs icar serve and returns the address of its page.
func listening(t *testing.T) string {
	t.Helper()
	s, err := web.Listen(web.Options{Address: "127.0.0.1:0", Runs: t.TempDir(),
		Outcome: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	return strings.TrimSuffix(s.URL(), "/") + "/"
}

// server runs icar serve and returns how it answers.
func server(t *testing.T) func(url string) string {
	t.Helper()
	at := strings.TrimSuffix(listening(t), "/")
	return func(url string) string {
		response, err := http.Get(at + url)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var text json.RawMessage
		if err := json.NewDecoder(response.Body).Decode(&text); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(response.StatusCode, " ", string(text))
	}
}

// TestChromium walks through a site below a path of a plain file server: the first picture,
// a shared address, the numbers of every part, live training, dropped runs, and a reload
// when the server is gone.
func TestChromium(t *testing.T) {
	ctx, ask := opened(t), server(t)
	files, url := served(t, written(t, learnt(t)))
	browser.Do(t, ctx, chromedp.Navigate(url+"?process.family=haar&process.d=3&process.shown=7"))
	browser.Do(t, ctx, browser.Until("document.querySelector('#process svg')"))
	first := browser.Ask[float64](t, ctx, "performance.now()") // since the address was opened
	t.Logf("first picture after %.0f ms", first)
	if os.Getenv("ICAR_BENCH") == "1" && first > 1000 {
		t.Error("want the first picture within 1 s")
	}
	got := browser.Ask[string](t, ctx, "const f = document.querySelector('#process form').elements; "+
		"f.family.value + f.d.value + f.shown.value")
	if got != "haar37" {
		t.Errorf("the address says haar, d = 3, T = 7; the controls say %s", got)
	}
	for _, url := range states() {
		sameAnswer(t, url, asked(t, ctx, url), ask(url))
	}
	if got := asked(t, ctx, "/api/nothing"); !strings.HasPrefix(got, "404 ") {
		t.Errorf("a question that nobody answers: %s", got)
	}
	browser.Do(t, ctx, browser.Until("navigator.serviceWorker.controller"))
	liveTraining(t, ctx)
	slider(t, ctx)
	droppedRuns(t, ctx)
	files.Close()
	browser.Do(t, ctx, chromedp.Navigate(url+"?process.shown=8"))
	browser.Do(t, ctx, browser.Until("document.querySelector('#process svg')"))
}

// liveTraining trains in the page, sees pictures of it, and stops it.
func liveTraining(t *testing.T, ctx context.Context) {
	t.Helper()
	const train = `document.querySelector('#heads form').requestSubmit()`
	browser.Do(t, ctx, browser.Script(train))
	browser.Do(t, ctx, browser.Until("Number(document.getElementById('heads').dataset.frames) >= 3"))
	browser.Do(t, ctx, browser.Script("document.querySelector('#heads [data-stop]').click()"))
	frames := browser.Ask[string](t, ctx, `new Promise((done) => {
		const area = document.getElementById("heads"), before = area.dataset.frames;
		setTimeout(() => done(area.dataset.state + (Number(area.dataset.frames) - before)), 300);
	})`)
	if frames != "stopped0" {
		t.Errorf("after Stop: %s pictures more", frames)
	}
	browser.Do(t, ctx,
		browser.Script("const i = document.querySelector('#heads [name=iterations]'); i.value = 1000; "+
			"document.querySelector('#heads form').requestSubmit()"))
	browser.Do(t, ctx, browser.Until("document.getElementById('heads').dataset.state === 'done'"))
}

// slider measures how soon a picture follows a slider.
func slider(t *testing.T, ctx context.Context) {
	t.Helper()
	browser.Do(t, ctx, browser.Script("document.getElementById('position').scrollIntoView()"))
	browser.Do(t, ctx, browser.Until("document.querySelector('#position svg')"))
	waits := browser.Ask[[]float64](t, ctx, `(async () => {
		const area = document.getElementById("position"), control = area.querySelector("[name=mu]"),
			waits = [];
		for (let k = 0; k < 20; k++) {
			const began = performance.now();
			await new Promise((done) => {
				new MutationObserver((_, o) => { o.disconnect(); requestAnimationFrame(done); })
					.observe(area.querySelector(".board"), { childList: true, subtree: true });
				control.value = 20 + 7 * k;
				control.dispatchEvent(new Event("input", { bubbles: true }));
			});
			waits.push(performance.now() - began);
		}
		return waits.sort((a, b) => a - b);
	})()`)
	t.Logf("slider to picture p50 %.0f ms, p95 %.0f ms", waits[len(waits)/2], waits[len(waits)*95/100])
}

// droppedRuns drops a folder that icar train has written on the page and looks inside.
func droppedRuns(t *testing.T, ctx context.Context) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "mine")
	trainRun(t, folder)
	if err := chromedp.Do(ctx, chromedp.SetUploadFiles("#folder", []string{folder})); err != nil {
		t.Fatal(err)
	}
	browser.Do(t, ctx,
		browser.Until("document.querySelector('#run-list tr')?.textContent.includes('mine')"))
	browser.Do(t, ctx, browser.Script("document.querySelector('#run-list [type=checkbox]').click(); "+
		"document.querySelector('#run-list button').click()"))
	browser.Do(t, ctx, browser.Until("document.querySelector('#runs > .pair svg') && "+
		"document.querySelector('#inside [data-figure=gamma] svg')"))
}

func trainRun(t *testing.T, path string) {
	t.Helper()
	c := train.DefaultConfig()
	c.D, c.Length, c.Train, c.Test, c.Batch, c.Epochs, c.EvalEvery = 2, 6, 128, 32, 32, 2, 4
	c, err := c.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := run.Create(path, c.YAML(), run.NewInfo(c.Seed, "go"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = train.Train(t.Context(), c, train.Options{Dir: dir})
	if err := errors.Join(err, dir.Close()); err != nil {
		t.Fatal(err)
	}
}

// A page that cannot compute says why, in a sentence.
func TestWhatIsLacking(t *testing.T) {
	dir := written(t, []byte("{}"))
	_, url := served(t, dir)
	ctx := opened(t)
	browser.Do(t, ctx, chromedp.Navigate("file://"+filepath.ToSlash(dir)+"/index.html"))
	browser.Do(t, ctx,
		browser.Until("document.getElementById('opened')?.textContent.includes('http.server')"))
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument,
		page.AddScriptToEvaluateOnNewDocumentParams{
			Source: "delete globalThis.DecompressionStream"}); err != nil {
		t.Fatal(err)
	}
	browser.Do(t, ctx, chromedp.Navigate(url),
		browser.Until("document.querySelector('#process .status')"+
			".textContent.includes('no DecompressionStream')"))
}
