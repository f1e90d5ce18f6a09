package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/sbinet/npyio"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"gonum.org/v1/gonum/mat"

	"icar/internal/needs"
	"icar/run"
)

// browser opens Chromium for a walk that takes seconds.
func browser(t *testing.T) context.Context {
	t.Helper()
	needs.Patience(t, "a browser walks on the page")
	return chromium(t)
}

// chromium opens Chromium. It is missing by name on a laptop and a failure in CI.
func chromium(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		needs.Missing(t, "there is no chromium, and the page is not walked: install chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1920, 1080), chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// watcher hears what the page complains of and whom it asks.
type watcher struct {
	mu         sync.Mutex
	complaints []string
	hosts      map[string]bool
}

func watchPage(t *testing.T, ctx context.Context) *watcher {
	t.Helper()
	w := &watcher{hosts: map[string]bool{}}
	hear := func(event any) {
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
			// A file that is refused is an answer 4xx, which Chromium logs.
			if e.Entry.Level == "error" && e.Entry.Source != "network" {
				w.complaints = append(w.complaints, e.Entry.Text)
			}
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(e.Request.URL); err == nil && u.Host != "" {
				w.hosts[u.Host] = true
			}
		}
	}
	if err := errors.Join(chromedp.Do(ctx), chromedp.Listen(ctx, hear)); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	return w
}

// action is a step that returns nothing.
type action = chromedp.Action[chromedp.Void]

// script runs JavaScript for what it does.
func script(expression string) action {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Evaluate[any](expression+";null")(ctx, target)
		return err
	})
}

// ask evaluates JavaScript.
func ask[T any](t *testing.T, ctx context.Context, expression string, options ...chromedp.EvaluateOption) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func do(t *testing.T, ctx context.Context, actions ...action) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// until waits for a JavaScript condition.
func until(condition string) action {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if _, err := chromedp.Poll[any](condition, chromedp.WithPollingInterval(20*time.Millisecond))(ctx, target); err != nil {
			return fmt.Errorf("%.200s does not come true: %w", condition, err)
		}
		return nil
	})
}

// slide moves a control and waits for the picture that follows.
func slide(t *testing.T, ctx context.Context, part, name, value string) {
	t.Helper()
	area := "document.getElementById('" + part + "')"
	pictures := "[..." + area + ".querySelectorAll('[data-figure], dl, .words')].map(e => " +
		"e.hidden ? '' : e.innerHTML).join('')"
	before := ask[string](t, ctx, pictures)
	do(t, ctx, script(fmt.Sprintf(`{const c = %s.querySelector('[name=%s]'); c.value = %q; c.dispatchEvent(new Event('input', {bubbles: true}))}`, area, name, value)))
	quoted, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	do(t, ctx, until(pictures+" !== "+string(quoted)))
}

// scrollTo brings a part into view, as a reader who turns the wheel: the page lets go of
// where it has landed.
func scrollTo(part string) action {
	return script("dispatchEvent(new Event('wheel')); document.getElementById('" + part + "').scrollIntoView({behavior: 'instant'})")
}

func TestWalk(t *testing.T) {
	server := withRun(t)
	ctx := browser(t)
	heard := watchPage(t, ctx)
	do(t, ctx, chromedp.Navigate(server.url+"/"), until("document.querySelector('#process svg')"))
	slide(t, ctx, "process", "theta", "1.3")
	slide(t, ctx, "process", "reveal", "yes")
	slide(t, ctx, "process", "d", "3") // which rotation cannot have
	slide(t, ctx, "process", "turn", "1.2")
	do(t, ctx, scrollTo("step"), until("document.querySelectorAll('#step svg').length > 5"))
	slide(t, ctx, "step", "t", "12")
	do(t, ctx, scrollTo("position"), until("document.querySelector('#position svg')"))
	slide(t, ctx, "position", "mu", "200")
	slide(t, ctx, "position", "logk", "5")
	trainOnPage(t, ctx, "unitary", "6", "6", 0)
	trainOnPage(t, ctx, "unitary", "6", "5", 1) // one too few
	trainOnPage(t, ctx, "rotation", "4", "4", 0)
	trainHere(t, ctx, "rotation", "4", "2") // most starts end in a trap
	if text := ask[string](t, ctx, "document.getElementById('heads').textContent"); !strings.Contains(text, "trap κ = -1") || !strings.Contains(text, "κ of each pair") || !strings.Contains(text, "most starts fall into traps") {
		t.Errorf("the traps of the rotation family are not shown: %s", text)
	}
	do(t, ctx, script(`[...document.querySelectorAll('#step .legend button')].find(b => b.textContent === 'one step, η*').click()`))
	search := ask[string](t, ctx, "location.search")
	for _, want := range []string{"process.family=so", "step.t=12", "position.mu=200", "heads.h=2", "heads.family=rotation", "step.hide=distance"} {
		if !strings.Contains(search, want) {
			t.Errorf("the address %q does not hold %s", search, want)
		}
	}
	do(t, ctx, chromedp.Reload(), until("document.querySelector('#process [name=d]').value === '3'"), scrollTo("step"), until("document.querySelector('#step [data-figure=distance] .legend button[aria-pressed=false]')"))
	walkRuns(t, ctx, server)
	heard.mu.Lock()
	defer heard.mu.Unlock()
	if len(heard.complaints) > 0 {
		t.Errorf("the page complains: %q", heard.complaints)
	}
	for host := range heard.hosts {
		if "http://"+host != server.url {
			t.Errorf("the page asked %s", host)
		}
	}
}

// trainOnPage trains with some heads to the predicted minimum, which the page
// promises for every context length.
func trainOnPage(t *testing.T, ctx context.Context, family, d, heads string, promised float64) {
	t.Helper()
	trainHere(t, ctx, family, d, heads)
	data := func(name string) float64 {
		return ask[float64](t, ctx, "Number(document.getElementById('heads').dataset."+name+")")
	}
	loss, minimum, pictures := data("loss"), data("minimum"), data("frames")
	if math.Abs(loss-minimum) > 1e-3 {
		t.Errorf("%s, H = %s: the training ends at loss %v, the predicted minimum is %v", family, heads, loss, minimum)
	}
	if minimum != promised {
		t.Errorf("%s, H = %s: the page shows a minimum of %v and promises %v", family, heads, minimum, promised)
	}
	want := fmt.Sprintf("Theory says that the loss becomes %v. It has become %.4f.", promised, loss)
	if said := ask[string](t, ctx,
		"document.querySelector('#heads [data-says=verdict]').textContent"); said != want {
		t.Errorf("%s, H = %s: the page says %q, want %q", family, heads, said, want)
	}
	if pictures < 20 {
		t.Errorf("H = %s: %v pictures of the training, want 20 or more", heads, pictures)
	}
}

// trainHere trains with some heads to the end.
func trainHere(t *testing.T, ctx context.Context, family, d, heads string) {
	t.Helper()
	set := fmt.Sprintf(`{const f = document.querySelector('#heads form'); for (const [name, value] of [['family', %q], ['d', %q], ['h', %q]]) { f.elements[name].value = value; f.elements[name].dispatchEvent(new Event('input', {bubbles: true})); } f.requestSubmit()}`, family, d, heads)
	do(t, ctx, scrollTo("heads"), script(set),
		until("document.getElementById('heads').dataset.state === 'training'"), until("document.getElementById('heads').dataset.state === 'done'"))
}

// walkRuns compares runs, looks inside one, and watches one that trains.
func walkRuns(t *testing.T, ctx context.Context, server started) {
	t.Helper()
	do(t, ctx, scrollTo("runs"), until("document.querySelector('#run-list input')"), script(`document.querySelector("#run-list input").click()`), until("document.querySelector('#runs > .pair svg')"),
		script(`document.querySelector("#run-list button").click()`), until("document.querySelector('#inside [data-figure=attention] svg')"))
	steps := 0
	trainRun(t, filepath.Join(server.runs, "second"), 20, func(run.Metric) {
		if steps++; steps == 10 {
			do(t, ctx, until("document.querySelectorAll('#run-list tr').length === 2"), until("document.getElementById('run-list').textContent.includes('running')"))
		}
	})
	do(t, ctx, until("!document.getElementById('run-list').textContent.includes('running')"))
	folder := t.TempDir()
	bad, good := filepath.Join(folder, "bad.npy"), filepath.Join(folder, "good.npy")
	tokens := []float64{1, 0, 0.6, 0.8, -0.28, 0.96, -0.936, 0.352, -0.8432, -0.5376}
	for path, data := range map[string][]byte{bad: []byte("no array"), good: array(t, []int{5, 2}, tokens)} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	checkpoint := filepath.Join(server.runs, "first", "checkpoint.safetensors")
	do(t, ctx, chromedp.SetUploadFiles("#file", []string{bad}), until("document.querySelector('#drop .wrong')"),
		chromedp.SetUploadFiles("#file", []string{good}), until("document.querySelector('#drop [data-figure=sequence] svg') && !document.querySelector('#drop .wrong')"),
		chromedp.SetUploadFiles("#file", []string{checkpoint}), until("document.querySelector('#drop [data-figure=gamma]:not([hidden]) svg')"))
	if text := ask[string](t, ctx, "document.getElementById('drop').textContent"); !strings.Contains(text, "trained onhaar, d = 2, 6 tokens") {
		t.Errorf("the dropped model is not looked into: %s", text)
	}
	// Dropped on the page rather than chosen.
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	do(t, ctx, script(fmt.Sprintf(`{const files = new DataTransfer(); files.items.add(new File([Uint8Array.fromBase64(%q)], 'mine.npy')); window.dispatchEvent(new DragEvent('drop', {dataTransfer: files, cancelable: true}))}`, base64.StdEncoding.EncodeToString(data))),
		until("document.querySelector('#drop .status').textContent === 'mine.npy'"))
	// A run that goes away under the page is said to have gone.
	if err := os.RemoveAll(filepath.Join(server.runs, "first")); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, until("document.getElementById('run-status').textContent.includes('there is no run')"), until("document.querySelectorAll('#run-list tr').length === 1 && !document.querySelector('#run-status.wrong')"))
}

// array is a .npy file.
func array(t *testing.T, shape []int, values []float64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := npyio.Write(&b, mat.NewDense(shape[0], shape[1], values)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// serveVariable makes the test's program a server, so that it can be killed.
const serveVariable = "ICAR_TEST_SERVE"

func TestMain(m *testing.M) {
	if address := os.Getenv(serveVariable); address != "" {
		s, err := Listen(Options{Address: address, Runs: os.Args[1], Outcome: os.Args[1] + "/none", Log: slog.New(slog.DiscardHandler)})
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
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(address+"?runs.run=second"), until("document.querySelectorAll('#run-list tr').length === 2"), until("document.querySelector('#runs > .pair svg')"))
	list := func() string { return ask[string](t, ctx, "document.getElementById('run-list').textContent") }
	before := list()
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, until("document.querySelector('#run-status.wrong')"))
	serve(t, strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/"), runs)
	do(t, ctx, until("!document.querySelector('#run-status.wrong')"), until("document.querySelector('#run-list input:checked')"))
	if after := list(); after != before {
		t.Errorf("the runs were %q and are %q", before, after)
	}
}

// TestAccessible asks axe-core, which .ci/run fetches, about the whole page in
// both themes and at both widths.
func TestAccessible(t *testing.T) {
	path := os.Getenv("ICAR_AXE")
	if path == "" {
		needs.Missing(t, "ICAR_AXE does not name axe.min.js, which .ci/run gets from npm")
	}
	axe, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	server := withRun(t)
	ctx := browser(t)
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{375, 1600} {
			open(t, ctx, server, theme, width)
			do(t, ctx, script(string(axe)))
			found := ask[string](t, ctx, `axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ')).join('\n'))`, chromedp.EvalAwaitPromise)
			if found != "" {
				t.Errorf("%s, %d px: axe-core finds\n%s", theme, width, found)
			}
			if ask[bool](t, ctx, "document.documentElement.scrollWidth > innerWidth") {
				t.Errorf("%s, %d px: the page is wider than the window", theme, width)
			}
		}
	}
}

// open shows the page with all its figures drawn.
func open(t *testing.T, ctx context.Context, server started, theme string, width int64) {
	t.Helper()
	media := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: media}); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.EmulateViewport(width, 1080), chromedp.Navigate(server.url+"/?"+
		"game.guess=-0.25,0.95&game.guess=0.77,-0.60&game.guess=0.46,0.86&game.guess=-0.83,-0.53&"+
		"game.guess=0.86,0.47&game.round=5&process.reveal=yes&process.shown=9&heads.h=5&"+
		"runs.run=first&inside.run=first"))
	for _, part := range []string{"process", "flow", "step", "half", "position", "depth"} {
		do(t, ctx, scrollTo(part), until("document.querySelector('#"+part+" svg')"))
	}
	do(t, ctx, script("document.querySelector('#heads form').requestSubmit()"), until("document.getElementById('heads').dataset.frames > 60"), script("document.querySelector('[data-stop]').click()"),
		until("document.querySelector('#inside [data-figure=attention] svg')"))
}

// TestScreenshots writes pictures of the parts into the folder ICAR_SHOTS.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("ICAR_SHOTS")
	if folder == "" {
		t.Skip("ICAR_SHOTS names no folder")
	}
	server := withRun(t)
	ctx := browser(t)
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{375, 1600} {
			open(t, ctx, server, theme, width)
			do(t, ctx, script("document.querySelector('nav').style.position = 'static'; document.querySelector('#heads form').requestSubmit()"),
				until("document.getElementById('heads').dataset.state === 'training'"), until("document.getElementById('heads').dataset.state === 'done'"))
			for _, part := range []string{"game", "process", "flow", "step", "heads", "half",
				"position", "depth", "runs"} {
				do(t, ctx, script("scrollTo({top: 0, behavior: 'instant'}); "+
					"document.querySelectorAll('form').forEach(f => f.style.position = 'static'); "+
					"document.querySelectorAll('.stage > [data-figure]').forEach(f => "+
					"{ f.style.position = 'relative'; f.style.top = 0; })"))
				place := ask[[]float64](t, ctx, "(r => [r.x, r.y, r.width, r.height])(document.getElementById('"+part+"').getBoundingClientRect())")
				beyond := true
				picture, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &beyond,
					Clip: &page.Viewport{X: place[0], Y: place[1], Width: place[2], Height: place[3], Scale: 1}})
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%s-%d.png", part, theme, width)), picture.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
