package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/sbinet/npyio"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"gonum.org/v1/gonum/mat"

	"icar/internal/browser"
	"icar/internal/needs"
	"icar/run"
)

// patiently opens Chromium for a walk that takes seconds.
func patiently(t *testing.T) context.Context {
	t.Helper()
	needs.Patience(t, "a browser walks on the page")
	return browser.Open(t, 1920, 1080)
}

// slide moves a control and waits for the picture that follows.
func slide(t *testing.T, ctx context.Context, part, name, value string) {
	t.Helper()
	area := "document.getElementById('" + part + "')"
	pictures := "[..." + area + ".querySelectorAll('[data-figure], dl, .words')].map(e => " +
		"e.hidden ? '' : e.innerHTML).join('')"
	before := browser.Ask[string](t, ctx, pictures)
	browser.Do(t, ctx,
		browser.Script(fmt.Sprintf(`{const c = %s.querySelector('[name=%s]'); c.value = %q;
			c.dispatchEvent(new Event('input', {bubbles: true}))}`, area, name, value)))
	quoted, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	browser.Do(t, ctx, browser.Until(pictures+" !== "+string(quoted)))
}

// scrollTo brings a part into view, as a reader who turns the wheel: the page lets go of
// where it has landed.
func scrollTo(part string) browser.Action {
	return browser.Script("dispatchEvent(new Event('wheel')); document.getElementById('" + part +
		"').scrollIntoView({behavior: 'instant'})")
}

func TestWalk(t *testing.T) {
	server := withRun(t)
	ctx := patiently(t)
	heard := browser.Watch(t, ctx)
	browser.Do(t, ctx, chromedp.Navigate(server.url+"/"),
		browser.Until("document.querySelector('#process svg')"))
	slide(t, ctx, "process", "theta", "1.3")
	slide(t, ctx, "process", "reveal", "yes")
	slide(t, ctx, "process", "d", "3") // which rotation cannot have
	slide(t, ctx, "process", "turn", "1.2")
	browser.Do(t, ctx, scrollTo("step"),
		browser.Until("document.querySelectorAll('#step svg').length > 5"))
	slide(t, ctx, "step", "t", "12")
	browser.Do(t, ctx, scrollTo("position"), browser.Until("document.querySelector('#position svg')"))
	slide(t, ctx, "position", "mu", "200")
	slide(t, ctx, "position", "logk", "5")
	trainOnPage(t, ctx, "unitary", "6", "6", 0)
	trainOnPage(t, ctx, "unitary", "6", "5", 1) // one too few
	trainOnPage(t, ctx, "rotation", "4", "4", 0)
	trainHere(t, ctx, "rotation", "4", "2") // most starts end in a trap
	text := browser.Ask[string](t, ctx, "document.getElementById('heads').textContent")
	if !strings.Contains(text, "trap κ = -1") || !strings.Contains(text, "κ of each pair") ||
		!strings.Contains(text, "most starts fall into traps") {
		t.Errorf("the traps of the rotation family are not shown: %s", text)
	}
	browser.Do(t, ctx,
		browser.Script(`[...document.querySelectorAll('#step .legend button')].find(b =>
			b.textContent === 'one step, η*').click()`))
	search := browser.Ask[string](t, ctx, "location.search")
	for _, want := range []string{"process.family=so", "step.t=12", "position.mu=200", "heads.h=2",
		"heads.family=rotation", "step.hide=distance"} {
		if !strings.Contains(search, want) {
			t.Errorf("the address %q does not hold %s", search, want)
		}
	}
	browser.Do(t, ctx, chromedp.Reload(),
		browser.Until("document.querySelector('#process [name=d]').value === '3'"), scrollTo("step"),
		browser.Until("document.querySelector('#step [data-figure=distance] .legend "+
			"button[aria-pressed=false]')"))
	walkRuns(t, ctx, server)
	if complaints := heard.Complaints(); len(complaints) > 0 {
		t.Errorf("the page complains: %q", complaints)
	}
	for _, host := range heard.Hosts() {
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
		return browser.Ask[float64](t, ctx, "Number(document.getElementById('heads').dataset."+name+")")
	}
	loss, minimum, pictures := data("loss"), data("minimum"), data("frames")
	if math.Abs(loss-minimum) > 1e-3 {
		t.Errorf("%s, H = %s: the training ends at loss %v, the predicted minimum is %v", family, heads,
			loss, minimum)
	}
	if minimum != promised {
		t.Errorf("%s, H = %s: the page shows a minimum of %v and promises %v", family, heads, minimum,
			promised)
	}
	want := fmt.Sprintf("Theory says that the loss becomes %v. It has become %.4f.", promised, loss)
	if said := browser.Ask[string](t, ctx,
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
	set := fmt.Sprintf(`{
		const f = document.querySelector('#heads form');
		for (const [name, value] of [['family', %q], ['d', %q], ['h', %q]]) {
			f.elements[name].value = value;
			f.elements[name].dispatchEvent(new Event('input', {bubbles: true}));
		}
		f.requestSubmit();
	}`, family, d, heads)
	browser.Do(t, ctx, scrollTo("heads"), browser.Script(set),
		browser.Until("document.getElementById('heads').dataset.state === 'training'"),
		browser.Until("document.getElementById('heads').dataset.state === 'done'"))
}

// walkRuns compares runs, looks inside one, and watches one that trains.
func walkRuns(t *testing.T, ctx context.Context, server started) {
	t.Helper()
	browser.Do(t, ctx, scrollTo("runs"), browser.Until("document.querySelector('#run-list input')"),
		browser.Script(`document.querySelector("#run-list input").click()`),
		browser.Until("document.querySelector('#runs > .pair svg')"),
		browser.Script(`document.querySelector("#run-list button").click()`),
		browser.Until("document.querySelector('#inside [data-figure=attention] svg')"))
	steps := 0
	trainRun(t, filepath.Join(server.runs, "second"), 20, func(run.Metric) {
		if steps++; steps == 10 {
			browser.Do(t, ctx, browser.Until("document.querySelectorAll('#run-list tr').length === 2"),
				browser.Until("document.getElementById('run-list').textContent.includes('running')"))
		}
	})
	browser.Do(t, ctx,
		browser.Until("!document.getElementById('run-list').textContent.includes('running')"))
	folder := t.TempDir()
	bad, good := filepath.Join(folder, "bad.npy"), filepath.Join(folder, "good.npy")
	tokens := []float64{1, 0, 0.6, 0.8, -0.28, 0.96, -0.936, 0.352, -0.8432, -0.5376}
	for path, data := range map[string][]byte{bad: []byte("no array"), good: array(t, []int{5, 2},
		tokens)} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	checkpoint := filepath.Join(server.runs, "first", "checkpoint.safetensors")
	browser.Do(t, ctx, chromedp.SetUploadFiles("#file", []string{bad}),
		browser.Until("document.querySelector('#drop .wrong')"),
		chromedp.SetUploadFiles("#file", []string{good}),
		browser.Until("document.querySelector('#drop [data-figure=sequence] svg') && "+
			"!document.querySelector('#drop .wrong')"),
		chromedp.SetUploadFiles("#file", []string{checkpoint}),
		browser.Until("document.querySelector('#drop [data-figure=gamma]:not([hidden]) svg')"))
	text := browser.Ask[string](t, ctx, "document.getElementById('drop').textContent")
	if !strings.Contains(text, "trained onhaar, d = 2, 6 tokens") {
		t.Errorf("the dropped model is not looked into: %s", text)
	}
	// Dropped on the page rather than chosen.
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	browser.Do(t, ctx,
		browser.Script(fmt.Sprintf(`{
			const files = new DataTransfer();
			files.items.add(new File([Uint8Array.fromBase64(%q)], 'mine.npy'));
			window.dispatchEvent(new DragEvent('drop', {dataTransfer: files, cancelable: true}));
		}`, base64.StdEncoding.EncodeToString(data))),
		browser.Until("document.querySelector('#drop .status').textContent === 'mine.npy'"))
	// A run that goes away under the page is said to have gone.
	if err := os.RemoveAll(filepath.Join(server.runs, "first")); err != nil {
		t.Fatal(err)
	}
	browser.Do(t, ctx,
		browser.Until("document.getElementById('run-status').textContent.includes('there is no run')"),
		browser.Until("document.querySelectorAll('#run-list tr').length === 1 && "+
			"!document.querySelector('#run-status.wrong')"))
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

// TestAccessible asks axe-core, which .ci/run fetches, about the whole page in
// both themes and at both widths.
func TestAccessible(t *testing.T) {
	axe := needs.Axe(t)
	server := withRun(t)
	ctx := patiently(t)
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{375, 1600} {
			open(t, ctx, server, theme, width)
			browser.Accessible(t, ctx, axe, "html", fmt.Sprintf("%s, %d px", theme, width))
		}
	}
}

// open shows the page with all its figures drawn.
func open(t *testing.T, ctx context.Context, server started, theme string, width int64) {
	t.Helper()
	browser.Prefer(t, ctx, theme)
	browser.Do(t, ctx, chromedp.EmulateViewport(width, 1080), chromedp.Navigate(server.url+"/?"+
		"game.guess=-0.25,0.95&game.guess=0.77,-0.60&game.guess=0.46,0.86&game.guess=-0.83,-0.53&"+
		"game.guess=0.86,0.47&game.round=5&process.reveal=yes&process.shown=9&heads.h=5&"+
		"runs.run=first&inside.run=first"))
	for _, part := range []string{"process", "flow", "step", "half", "position", "depth"} {
		browser.Do(t, ctx, scrollTo(part), browser.Until("document.querySelector('#"+part+" svg')"))
	}
	browser.Do(t, ctx, browser.Script("document.querySelector('#heads form').requestSubmit()"),
		browser.Until("document.getElementById('heads').dataset.frames > 60"),
		browser.Script("document.querySelector('[data-stop]').click()"),
		browser.Until("document.querySelector('#inside [data-figure=attention] svg')"))
}

// TestScreenshots writes pictures of the parts into the folder ICAR_SHOTS.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("ICAR_SHOTS")
	if folder == "" {
		t.Skip("ICAR_SHOTS names no folder")
	}
	server := withRun(t)
	ctx := patiently(t)
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{375, 1600} {
			open(t, ctx, server, theme, width)
			browser.Do(t, ctx,
				browser.Script("document.querySelector('nav').style.position = 'static'; "+
					"document.querySelector('#heads form').requestSubmit()"),
				browser.Until("document.getElementById('heads').dataset.state === 'training'"),
				browser.Until("document.getElementById('heads').dataset.state === 'done'"))
			for _, part := range []string{"game", "process", "flow", "step", "heads", "half",
				"position", "depth", "runs"} {
				browser.Do(t, ctx, browser.Script("scrollTo({top: 0, behavior: 'instant'}); "+
					"document.querySelectorAll('form').forEach(f => f.style.position = 'static'); "+
					"document.querySelectorAll('.stage > [data-figure]').forEach(f => "+
					"{ f.style.position = 'relative'; f.style.top = 0; })"))
				place := browser.Ask[[]float64](t, ctx, "(r => [r.x, r.y, r.width, "+
					"r.height])(document.getElementById('"+part+"').getBoundingClientRect())")
				beyond := true
				picture, err := chromedp.Call(ctx, page.CaptureScreenshot,
					page.CaptureScreenshotParams{CaptureBeyondViewport: &beyond,
						Clip: &page.Viewport{X: place[0], Y: place[1], Width: place[2], Height: place[3], Scale: 1}})
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%s-%d.png", part, theme, width)),
					picture.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
