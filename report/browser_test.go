package report

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"icar/figure"
	"icar/internal/browser"
	"icar/internal/needs"
	"icar/outcome"
)

// openPage shows the report of figures in a browser.
func openPage(t *testing.T, figures ...figure.Figure) context.Context {
	t.Helper()
	o := collected()
	o.Figures = figures
	return browse(t, o)
}

// browse shows the report of an experiment in a browser.
func browse(t *testing.T, o outcome.Outcome) context.Context {
	t.Helper()
	ctx := browser.Open(t, 1280, 1000)
	written, err := WritePage(t.TempDir(), []Entry{{Outcome: o}})
	if err != nil {
		t.Fatal(err)
	}
	browser.Do(t, ctx, chromedp.Navigate("file://"+written))
	return ctx
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
	saved := browser.Ask[[]string](t, ctx, `(async () => {
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
	beyond := browser.Ask[[]string](t, ctx, `(() => {
		document.body.style.width = "`+fmt.Sprint(width)+`px";
		const edge = document.body.getBoundingClientRect().right + 1;
		return [...document.querySelectorAll(".panel > svg")].filter((s) => {
			const r = s.getBoundingClientRect(), whole = s.viewBox.baseVal;
			return r.right > edge || Math.abs(r.height / r.width * whole.width / whole.height - 1) > .02;
		})
			.map((s) => s.getAttribute("aria-label"));
	})()`)
	if len(beyond) > 0 {
		t.Errorf("printed %d pixels wide, these leave the page or lose their proportions: %q", width,
			beyond)
	}
}

// claimed is an experiment with a claim of each kind of bar, one of which fails, and a
// heatmap.
func claimed() outcome.Outcome {
	o := collected()
	o.Claims = []outcome.Claim{
		{ID: "toy/mean", Source: "Fig. 5", Relation: outcome.AtMost, Measured: 0.9, Predicted: 1,
			Interval:  outcome.Interval{Low: 0.7, Mean: 0.8, High: 0.9},
			Statement: "depth helps s_{t-1}: ratio of errors", Reason: "Student's interval"},
		{ID: "toy/fails", Source: "ours", Relation: outcome.Equals, Measured: 3, Predicted: 2,
			Tolerance: 0.5, Statement: "three is two", Reason: "half a unit"},
		{ID: "toy/nan", Source: "ours", Relation: outcome.AtLeast, Reason: "counts",
			Measured: figure.Number(math.NaN()), Statement: "it diverged"},
	}
	for i := range o.Claims {
		if err := o.Claims[i].Judge(); err != nil {
			panic(err) // what is claimed here is whole
		}
	}
	heat := asymmetric()
	heat.Name = "heat"
	heat.Panels[0].Title, heat.Panels[0].X.Label = "s_9", "s_{t-1}"
	o.Figures = append(o.Figures, heat)
	return o
}

// The report is free of what axe-core finds, in both themes and at both widths, each claim's
// links lead somewhere, and the page's heatmap has the colours of the files'.
func TestReportIsAccessible(t *testing.T) {
	axe := needs.Axe(t)
	ctx := browse(t, claimed())
	for _, name := range []string{"light", "dark"} {
		browser.Prefer(t, ctx, name)
		for _, width := range []int64{375, 1280} {
			browser.Do(t, ctx, chromedp.EmulateViewport(width, 1000))
			browser.Accessible(t, ctx, axe, "html", fmt.Sprintf("%s, %d px", name, width))
		}
		want := shades{map[string]func() theme{"light": light, "dark": dark}[name](), 1}
		for i, v := range asymmetric().Panels[0].Matrix.Values {
			fill := browser.Ask[string](t, ctx, fmt.Sprintf(`document.querySelectorAll(
				"#figure-toy-heat .panel > svg > rect")[%d].getAttribute("fill")`, i))
			c := want.Of(v)
			if fill != fmt.Sprintf("rgb(%d,%d,%d)", c.R, c.G, c.B) {
				t.Errorf("%s: %g is %s on the page and %v in files", name, v, fill, c)
			}
		}
	}
	script := browser.Ask[string](t, ctx, `(() => {
		const all = [...document.querySelectorAll("#figure-toy-heat tspan")];
		const size = (e) => parseFloat(getComputedStyle(e).fontSize);
		const label = document.querySelector("#figure-toy-heat .panel > svg").getAttribute("aria-label");
		return [...all.map((t) => t.textContent + " " + size(t) / size(t.parentElement)),
			label].join("; ");
	})()`)
	if want := "t-1 0.75; 9 0.75; asymmetric, s sub 9. Arrow keys read values."; script != want {
		t.Errorf("a subscript on the page: %q, want %q", script, want)
	}
	lost := browser.Ask[[]string](t, ctx, `[...document.querySelectorAll('a[href^="#"]')]
		.map((a) => a.getAttribute("href")).filter((h) => !document.getElementById(decodeURIComponent(
			h.slice(1))))`)
	n := browser.Ask[int](t, ctx, `document.querySelectorAll(".claim a").length`)
	if n != 3 || len(lost) > 0 {
		t.Errorf("%d claims have links, and %q lead nowhere", n, lost)
	}
}

// On paper nothing is lost: every claim with its numbers, every figure and every parameter, the
// folded ones too.
func TestPrintedReportIsWhole(t *testing.T) {
	needs.Programs(t, "poppler-utils", "pdftotext")
	o := claimed()
	ctx := browse(t, o)
	paper, err := chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.pdf")
	if err := os.WriteFile(file, paper.Data, 0o644); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command("pdftotext", "-raw", file, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	printed := strings.Join(strings.Fields(string(text)), "")
	want := []string{"0 of 2 of our own", `{"n":1}`, "every kind", "asymmetric", "What fails"}
	for _, c := range o.Claims {
		found, measure := Finding(c.Statement)
		want = append(want, found[1:], measure, evidence(c), c.Reason, c.ID, c.Source)
	}
	for _, words := range want {
		words = strings.NewReplacer("_{t-1}", "t-1", " ", "").Replace(words)
		if !strings.Contains(printed, words) {
			t.Errorf("the printed report lacks %q:\n%s", words, text)
		}
	}
}
