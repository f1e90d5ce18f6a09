package site

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

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

// chromium opens Chromium.
func chromium(t *testing.T) context.Context {
	t.Helper()
	needs.Time(t, "a browser opens the whole site")
	needs.Programs(t, "chromium", "chromium")
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1400, 1000),
		chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// evaluate evaluates JavaScript and waits for what it promises.
func evaluate[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// wait waits for a JavaScript condition.
func wait(t *testing.T, ctx context.Context, condition string) {
	t.Helper()
	soon, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	_, err := chromedp.Run(soon, chromedp.Poll[any](condition,
		chromedp.WithPollingInterval(20*time.Millisecond)))
	if err != nil {
		t.Fatalf("%s does not come true: %v; the page says %s", condition, err,
			evaluate[string](t, ctx, "document.querySelector('#process .status').textContent"))
	}
}

func open(t *testing.T, ctx context.Context, url string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
}

// asked returns the status and the text with which a page answers a question.
func asked(t *testing.T, ctx context.Context, url string) string {
	t.Helper()
	return evaluate[string](t, ctx, fmt.Sprintf(`import("./assets/call.js").then(async (m) => {
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
	ctx, ask := chromium(t), server(t)
	files, url := served(t, written(t, learnt(t)))
	open(t, ctx, url+"?process.family=haar&process.d=3&process.shown=7")
	wait(t, ctx, "document.querySelector('#process svg')")
	first := evaluate[float64](t, ctx, "performance.now()") // since the address was opened
	t.Logf("first picture after %.0f ms", first)
	if os.Getenv("ICAR_BENCH") == "1" && first > 1000 {
		t.Error("want the first picture within 1 s")
	}
	got := evaluate[string](t, ctx, "const f = document.querySelector('#process form').elements; "+
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
	wait(t, ctx, "navigator.serviceWorker.controller")
	liveTraining(t, ctx)
	slider(t, ctx)
	droppedRuns(t, ctx)
	files.Close()
	open(t, ctx, url+"?process.shown=8")
	wait(t, ctx, "document.querySelector('#process svg')")
}

// sameAnswer compares the answer of a page with that of a server. Where this test is built
// with the tag noasm, which leaves plain Go of gonum's linear algebra, they are the same
// bytes. Else sums are taken in another order: numbers are the same to rounding, and what
// is rounding itself is below 1e-12.
func sameAnswer(t *testing.T, url, page, server string) {
	t.Helper()
	if page == server {
		return
	}
	if plainGo {
		t.Errorf("%s: the page answers %.300s, the server %.300s", url, page, server)
		return
	}
	var a, b any
	for _, one := range []struct {
		text string
		into *any
	}{{page, &a}, {server, &b}} {
		_, document, _ := strings.Cut(one.text, " ")
		if err := json.Unmarshal([]byte(document), one.into); err != nil {
			t.Fatal(err)
		}
	}
	if page[:4] != server[:4] || !near(a, b) {
		t.Errorf("%s: the page answers %.300s, the server %.300s", url, page, server)
	}
}

// rounding bounds the difference of numbers of two orders of summing: the longest descent
// takes 10⁶ steps and multiplies an error of 1e-16 by less than that.
const rounding = 1e-9

// near compares documents of JSON.
func near(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, near)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, near)
	case float64:
		b, ok := b.(float64)
		return ok && math.Abs(a-b) <= rounding*max(1, math.Abs(a))
	case string: // words, and numbers among them
		b, ok := b.(string)
		x, y := number.FindAllString(a, -1), number.FindAllString(b, -1)
		return ok && number.ReplaceAllString(a, "") == number.ReplaceAllString(b, "") &&
			slices.EqualFunc(x, y, nearText)
	}
	return a == b
}

// number finds what is a number in a text.
var number = regexp.MustCompile(`-?\d+(\.\d+)?(e[+-]?\d+)?`)

// nearText compares numbers that are written out, in five digits or so.
func nearText(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return a == b || errX == nil && errY == nil && math.Abs(x-y) <= 1e-5*max(1e-7, math.Abs(x))
}

// liveTraining trains in the page, sees pictures of it, and stops it.
func liveTraining(t *testing.T, ctx context.Context) {
	t.Helper()
	const train = `document.querySelector('#heads form').requestSubmit()`
	evaluate[any](t, ctx, train+"; null")
	wait(t, ctx, "Number(document.getElementById('heads').dataset.frames) >= 3")
	evaluate[any](t, ctx, "document.querySelector('#heads [data-stop]').click(); null")
	frames := evaluate[string](t, ctx, `new Promise((done) => {
		const area = document.getElementById("heads"), before = area.dataset.frames;
		setTimeout(() => done(area.dataset.state + (Number(area.dataset.frames) - before)), 300);
	})`)
	if frames != "stopped0" {
		t.Errorf("after Stop: %s pictures more", frames)
	}
	evaluate[any](t, ctx, "const i = document.querySelector('#heads [name=iterations]'); i.value = 1000; "+
		"document.querySelector('#heads form').requestSubmit(); null")
	wait(t, ctx, "document.getElementById('heads').dataset.state === 'done'")
}

// slider measures how soon a picture follows a slider.
func slider(t *testing.T, ctx context.Context) {
	t.Helper()
	evaluate[any](t, ctx, "document.getElementById('position').scrollIntoView(); null")
	wait(t, ctx, "document.querySelector('#position svg')")
	waits := evaluate[[]float64](t, ctx, `(async () => {
		const area = document.getElementById("position"), control = area.querySelector("[name=mu]"), waits = [];
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
	wait(t, ctx, "document.querySelector('#run-list tr')?.textContent.includes('mine')")
	evaluate[any](t, ctx, "document.querySelector('#run-list [type=checkbox]').click(); "+
		"document.querySelector('#run-list button').click(); null")
	wait(t, ctx, "document.querySelector('#runs > .pair svg') && "+
		"document.querySelector('#inside [data-figure=gamma] svg')")
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
	ctx := chromium(t)
	open(t, ctx, "file://"+filepath.ToSlash(dir)+"/index.html")
	wait(t, ctx, "document.getElementById('opened')?.textContent.includes('http.server')")
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument,
		page.AddScriptToEvaluateOnNewDocumentParams{Source: "delete globalThis.DecompressionStream"}); err != nil {
		t.Fatal(err)
	}
	open(t, ctx, url)
	wait(t, ctx, "document.querySelector('#process .status').textContent.includes('no DecompressionStream')")
}

// Nothing of a user's is overwritten: only a site and nothing else is.
func TestWriteLeavesOtherFiles(t *testing.T) {
	files := map[string][]byte{"index.html": []byte("a page"), "assets/a.js": nil, keeperFile: nil}
	if err := seal(files); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "site")
	for range 2 { // anew, and in the place of the first
		if err := Write(dir, files); err != nil {
			t.Fatal(err)
		}
	}
	mine := filepath.Join(dir, "assets", "CNAME")
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, files); err == nil || !strings.Contains(err.Error(), "CNAME") {
		t.Errorf("beside a file of the user's: %v", err)
	}
	if data, err := os.ReadFile(mine); string(data) != "mine" {
		t.Errorf("the user's file: %s, %v", data, err)
	}
	if err := Write(filepath.Dir(mine), files); err == nil ||
		!strings.Contains(err.Error(), "something else") {
		t.Errorf("over a folder that is no site: %v", err)
	}
	if err := Check(mine); err == nil || !strings.Contains(err.Error(), "no folder") {
		t.Errorf("over a file: %v", err)
	}
}

// The version of a site follows every file, so that a browser that keeps it learns of news.
func TestVersion(t *testing.T) {
	version := func(files map[string][]byte) string {
		if err := seal(files); err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(files[keeperFile]), ",")
		return first
	}
	one := version(map[string][]byte{"a": []byte("1"), keeperFile: nil})
	if same := version(map[string][]byte{"a": []byte("1"), keeperFile: nil}); same != one {
		t.Errorf("the same files: %s and %s", one, same)
	}
	for name, other := range map[string]map[string][]byte{
		"content": {"a": []byte("2"), keeperFile: nil}, "name": {"b": []byte("1"), keeperFile: nil},
		"keeper": {"a": []byte("1"), keeperFile: []byte("x")},
	} {
		if got := version(other); got == one {
			t.Errorf("another %s: still %s", name, got)
		}
	}
}

// Where it cannot be compiled the error says what to do.
func TestCompileWithout(t *testing.T) {
	t.Run("source", func(t *testing.T) {
		t.Chdir(t.TempDir())
		if _, err := Compile(t.Context()); !errors.Is(err, ErrToolchain) ||
			!strings.Contains(err.Error(), "clone of icar") {
			t.Errorf("outside of a module: %v", err)
		}
	})
	t.Run("go", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if _, err := Compile(t.Context()); !errors.Is(err, ErrToolchain) ||
			!strings.Contains(err.Error(), "go.dev/dl") {
			t.Errorf("without Go: %v", err)
		}
	})
}

// What a browser loads stays small: the code and all beside it, compressed.
func TestSize(t *testing.T) {
	c, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	files, err := Build(c, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	const most = 2_200_000 // with gzip; brotli takes a quarter less
	t.Logf("%d bytes of WebAssembly, %d compressed", len(c.Code), len(files[codeFile]))
	if len(files[codeFile]) > most {
		t.Errorf("the code takes %d bytes, more than %d: what does package web link that "+
			"the page does not need?", len(files[codeFile]), most)
	}
}
