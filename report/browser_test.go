package report

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"icar/figure"
	"icar/internal/needs"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// openPage shows the report of figures in a browser.
func openPage(t *testing.T, figures ...figure.Figure) context.Context {
	t.Helper()
	needs.Programs(t, "chromium", "chromium")
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	o := collected()
	o.Figures = figures
	page, err := WritePage(t.TempDir(), []Entry{{Outcome: o}})
	if err != nil {
		t.Fatal(err)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1280, 1000))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+page)); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// evaluate runs a script, waits for what it promises and returns it.
func evaluate[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	found, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The page's Save SVG writes the title, the legends of what is shown and ticks
// at round values; on paper no panel leaves the page.
func TestSavedAndPrintedFiguresAreWhole(t *testing.T) {
	narrow := figure.Figure{Title: "narrow", Columns: 1, Panels: []figure.Panel{{
		Kind: figure.Lines, X: figure.Axis{Label: "heads"},
		Y: figure.Axis{Label: "MSE", Log: true},
		Series: []figure.Series{figure.NewSeries("one", figure.Solid,
			[]float64{1, 2, 3}, []float64{0.1234, 0.3, 0.7777})}}}}
	ctx := openPage(t, everyKind(), narrow)
	saved := evaluate[[]string](t, ctx, `(async () => {
		const blobs = [], create = URL.createObjectURL;
		URL.createObjectURL = (b) => { blobs.push(b); return create(b); };
		document.querySelector(".legend button").click(); // hides the first series
		for (const b of document.querySelectorAll(".save button:first-child")) b.click();
		return Promise.all(blobs.map((b) => b.text()));
	})()`)
	if len(saved) != 2 {
		t.Fatalf("%d files were saved", len(saved))
	}
	for _, want := range []string{">every kind</text>", ">dashed</text>", ">bars</text>",
		">heatmap</text>"} {
		if !strings.Contains(saved[0], want) {
			t.Errorf("the saved figure lacks %s", want)
		}
	}
	if n := strings.Count(saved[0], ">solid</text>"); n != 0 { // both curves of the name are hidden
		t.Errorf("the saved figure says %q %d times", "solid", n)
	}
	for _, want := range []string{">0.2</text>", ">0.5</text>", ">1</text>", ">2</text>",
		">3</text>"} {
		if !strings.Contains(saved[1], want) {
			t.Errorf("the narrow figure lacks a tick %s", want)
		}
	}
	for _, raw := range []string{">0.1234</text>", ">0.7777</text>", ">1.5</text>"} {
		if strings.Contains(saved[1], raw) {
			t.Errorf("the narrow figure has a tick %s", raw)
		}
	}
	printOn(t, ctx, 640)
}

// printOn checks that the page printed at a width has no panel beyond it and none that is
// pressed together or drawn small in a frame that stays as high.
func printOn(t *testing.T, ctx context.Context, width int64) {
	t.Helper()
	paper := emulation.SetEmulatedMediaParams{Media: "print"}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, paper); err != nil {
		t.Fatal(err)
	}
	// Paper is narrower than the window the figures were laid out for, and no
	// script runs between: the observer of sizes is held off by one evaluation.
	beyond := evaluate[[]string](t, ctx, `(() => {
		document.body.style.width = "`+fmt.Sprint(width)+`px";
		const edge = document.body.getBoundingClientRect().right + 1;
		return [...document.querySelectorAll(".panel > svg")].filter((s) => {
			const r = s.getBoundingClientRect(), whole = s.viewBox.baseVal;
			return r.right > edge || Math.abs(r.height / r.width * whole.width / whole.height - 1) > .02;
		})
			.map((s) => s.getAttribute("aria-label"));
	})()`)
	if len(beyond) > 0 {
		t.Errorf("printed %d pixels wide, these leave the page or lose their proportions: %q", width, beyond)
	}
}
