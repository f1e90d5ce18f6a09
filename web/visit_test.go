package web

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"icar/internal/browser"
)

// visit is a page in a browser at a width, with two runs, at an address of it.
func visit(t *testing.T) (ctx context.Context, server started) {
	t.Helper()
	ctx, server = patiently(t), withRun(t)
	trainRun(t, filepath.Join(server.runs, "a-second"), 2, nil) // before the first in the list
	return ctx, server
}

// show opens an address of the page, from nothing, so that it is loaded anew.
func show(t *testing.T, ctx context.Context, address string, width int64) {
	t.Helper()
	browser.Do(t, ctx, chromedp.EmulateViewport(width, 1080), chromedp.Navigate("about:blank"),
		chromedp.Navigate(address), browser.Until("document.querySelector('#process svg')"))
}

// TestLanding follows links into the page from without and within. The parts
// above are drawn while one lands, and must not push away what one came for.
func TestLanding(t *testing.T) {
	ctx, server := visit(t)
	for _, width := range []int64{380, 1280} {
		browser.Do(t, ctx, chromedp.EmulateViewport(width, 1080),
			chromedp.Navigate(server.url+"/#position"),
			browser.Until("document.querySelector('#position svg')"))
		landed(t, ctx, "position", fmt.Sprintf("the address, %d px", width))
		show(t, ctx, server.url+"/", width)
		for _, part := range []string{"position", "runs", "step"} {
			browser.Do(t, ctx, browser.Script(`document.querySelector('nav a[href="#`+part+`"]').click()`),
				browser.Until("document.querySelector('#"+part+" svg, #"+part+" tbody tr')"))
			landed(t, ctx, part, fmt.Sprintf("a link, %d px", width))
		}
		// A look inside a run opens where one sees it.
		browser.Do(t, ctx,
			browser.Script(`document.querySelector('nav a[href="#runs"]').click();
				document.querySelector('#run-list button').click()`),
			browser.Until("document.querySelector('#inside [data-figure=attention] svg')"))
		landed(t, ctx, "run", fmt.Sprintf("look, %d px", width))
		browser.Do(t, ctx, chromedp.Navigate("about:blank")) // the next address is another page's
	}
}

// landed checks that a part begins below the bar of links, or that the page ends.
func landed(t *testing.T, ctx context.Context, part, way string) {
	t.Helper()
	place := `(() => {
		const top = document.getElementById('` + part +
		`').getBoundingClientRect().top - document.querySelector('nav').offsetHeight;
		return Math.ceil(scrollY + innerHeight) >= document.documentElement.scrollHeight && top > 0 &&
			top < innerHeight / 2 ? 0 : top;
	})()`
	browser.Do(t, ctx, browser.Until(place+" >= -2 && "+place+" <= 20"))
	time.Sleep(300 * time.Millisecond) // for what comes late, which must not move it
	if off := browser.Ask[float64](t, ctx, place); off < -2 || off > 20 {
		t.Errorf("%s: %s begins %.0f px off the bar of links", way, part, off)
	}
}

// TestEightTabs opens as many pages of one server in one browser, which keeps six
// connections to it for all of them.
func TestEightTabs(t *testing.T) {
	ctx, server := visit(t)
	browser.Do(t, ctx, chromedp.Navigate("about:blank")) // starts the browser of the tabs
	for i := range 8 {
		tab, closeTab := chromedp.NewContext(ctx)
		defer closeTab()
		browser.Do(t, tab, chromedp.Navigate(server.url+"/?runs.run=first"),
			browser.Until("document.querySelector('#process svg') && "+
				"document.querySelectorAll('#run-list tr').length === 2"))
		if i == 7 { // all are alive
			trainRun(t, filepath.Join(server.runs, "third"), 2, nil)
			browser.Do(t, tab, browser.Until("document.querySelectorAll('#run-list tr').length === 3"))
		}
	}
}

// TestBack goes back and forward through what was set, switched off and chosen.
func TestBack(t *testing.T) {
	ctx, server := visit(t)
	show(t, ctx, server.url+"/", 1280)
	picture := "document.querySelector('#process [data-figure=path]').innerHTML"
	first := browser.Ask[string](t, ctx, picture)
	browser.Do(t, ctx,
		browser.Script(`{const c = document.querySelector('#process [name=theta]');
			for (const value of ['1.3', '1.5']) {
				c.value = value;
				c.dispatchEvent(new Event('input', {bubbles: true}));
			}}`)) // one move
	slide(t, ctx, "process", "reveal", "yes")
	ridge := "[...document.querySelectorAll('#process .legend button')].find(b => b.textContent === " +
		"'ridge')"
	browser.Do(t, ctx, browser.Until("!!"+ridge), browser.Script(ridge+".click()"),
		browser.Until("document.querySelector('#run-list input')"),
		browser.Script("document.querySelector('#run-list input').click()"),
		browser.Until("document.querySelector('#runs > .pair svg')"))
	for _, condition := range []string{
		"!document.querySelector('#run-list input:checked') && document.querySelector('#process " +
			".legend button[aria-pressed=false]')",
		"!document.querySelector('#process .legend button[aria-pressed=false]')",
		"document.querySelector('#process [name=reveal]').value === 'no' && " +
			"document.querySelector('#process [name=theta]').value === '1.5'",
		"document.querySelector('#process [name=theta]').value === '0.7'",
	} {
		browser.Do(t, ctx, browser.Script("history.back()"), browser.Until(condition))
	}
	browser.Do(t, ctx, browser.Until("location.search === ''"))
	deadline := time.Now().Add(10 * time.Second)
	for browser.Ask[string](t, ctx, picture) != first {
		if time.Now().After(deadline) {
			t.Fatal("back at the beginning the picture is another one")
		}
		time.Sleep(20 * time.Millisecond)
	}
	browser.Do(t, ctx, browser.Script("history.forward()"),
		browser.Until("document.querySelector('#process [name=theta]').value === '1.5'"),
		browser.Until("document.querySelector('#process output[for=process-theta]')"+
			".textContent === '1.5'"))
}

// TestFamilyAndDimension asks for what a family cannot have, with the controls
// and with the address: the page says what it shows, and is never in the wrong.
func TestFamilyAndDimension(t *testing.T) {
	ctx, server := visit(t)
	value := func(part, name string) string {
		return browser.Ask[string](t, ctx, "document.querySelector('#"+part+" [name="+name+"]').value")
	}
	check := func(part, family, d, note string) {
		t.Helper()
		if f, n := value(part, "family"), value(part, "d"); f != family || n != d {
			t.Errorf("%s: %s, d = %s; want %s, d = %s", part, f, n, family, d)
		}
		browser.Do(t, ctx, browser.Until("document.querySelector('#"+part+
			" .status').textContent.includes('"+note+
			"') && !document.querySelector('.wrong')"))
	}
	show(t, ctx, server.url+"/", 1280)
	slide(t, ctx, "process", "d", "3")
	check("process", "so", "3", "the family is so now")
	slide(t, ctx, "process", "family", "unitary")
	check("process", "unitary", "2", "d is 2 now")
	browser.Do(t, ctx, scrollTo("step"), browser.Until("document.querySelector('#step svg')"))
	slide(t, ctx, "step", "d", "3")
	slide(t, ctx, "step", "family", "rotation")
	check("step", "rotation", "4", "d is 4 now")
	show(t, ctx,
		server.url+"/?process.d=3&step.family=rotation&step.d=5&process.rho=lots&process.sigma=7", 1280)
	check("process", "so", "3", "process.rho=lots in the address is not to be had: shown is 1.")
	check("process", "so", "3", "process.sigma=7 in the address is not to be had: shown is 0.5.")
	if d := value("step", "d"); d != "4" {
		t.Errorf("d = %s of a rotation, want 4", d)
	}
}

// inkOf is JavaScript that is the colours of the curves of a figure by their names.
func inkOf(picture string) string {
	return `Object.fromEntries([...document.querySelectorAll("` + picture +
		` .legend button")].map(b => [b.textContent, getComputedStyle(b.querySelector('svg > *')).fill +
			getComputedStyle(b.querySelector('svg > *')).stroke]))`
}

// TestColours chooses runs in this order and that and shows W or not: a name has
// one colour. The truth lies above what estimates it, also where they coincide.
func TestColours(t *testing.T) {
	ctx, server := visit(t)
	show(t, ctx, server.url+"/?process.sigma=0", 1280)
	hidden := browser.Ask[map[string]string](t, ctx, inkOf("#process"))
	slide(t, ctx, "process", "reveal", "yes")
	shown := browser.Ask[map[string]string](t, ctx, inkOf("#process"))
	for name, ink := range hidden {
		if shown[name] != ink {
			t.Errorf("%s has colour %s before W is shown and %s after", name, ink, shown[name])
		}
	}
	if _, found := hidden["sT+1"]; found || shown["sT+1"] == "" {
		t.Errorf("the legends are %v and %v, want the next token in the second alone", hidden,
			shown)
	}
	top := browser.Ask[string](t, ctx, "(e => getComputedStyle(e).fill + "+
		"getComputedStyle(e).stroke)([...document.querySelectorAll('#process .panel > svg "+
		".mark')].at(-1))")
	if top != shown["sT+1"] {
		t.Errorf("on top lies what has the colour %s, want s_{T+1}, %s", top, shown["sT+1"])
	}
	runs := map[string]map[string]string{}
	for _, order := range [][]string{{"first", "a-second"}, {"a-second", "first"}, {"a-second"},
		{"first"}} {
		show(t, ctx, server.url+"/?runs.run="+strings.Join(order, "&runs.run="), 1280)
		browser.Do(t, ctx, browser.Until("document.querySelectorAll('#runs > .pair svg').length > 1"))
		for _, picture := range []string{"loss", "positions"} {
			for name, ink := range browser.Ask[map[string]string](t, ctx,
				inkOf("#runs > .pair [data-figure="+picture+"]")) {
				if runs[picture] == nil {
					runs[picture] = map[string]string{}
				}
				if before := runs[picture][name]; before != "" && before != ink {
					t.Errorf("%s: %s has colour %s and, chosen in the order %v, %s", picture, name,
						before, order, ink)
				}
				runs[picture][name] = ink
			}
		}
	}
	if runs["loss"]["first"] == runs["loss"]["a-second"] ||
		runs["loss"]["first"] != runs["positions"]["first"] {
		t.Errorf("the runs have the colours %v, want one of its own for each, in both figures",
			runs)
	}
}

// TestBusy opens the page while others hold all places of computations: it says so, and
// draws once one is free, unasked.
func TestBusy(t *testing.T) {
	ctx, server := visit(t)
	var give []func()
	for range cap(server.server.computations.free) {
		free, err := server.server.computations.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		give = append(give, free)
	}
	browser.Do(t, ctx, chromedp.Navigate(server.url),
		browser.Until("document.querySelector('#process .status').textContent.includes('busy')"))
	if browser.Ask[bool](t, ctx, "document.querySelector('#process svg') !== null") {
		t.Error("a picture came while all places were taken")
	}
	for _, free := range give {
		free()
	}
	browser.Do(t, ctx, browser.Until("document.querySelector('#process svg') && "+
		"!document.querySelector('#process .status').textContent.includes('busy')"))
}

// TestSpace turns space: the axes of the drawing are named by what they show.
func TestSpace(t *testing.T) {
	ctx, server := visit(t)
	labels := "[...document.querySelectorAll('#process .panel > svg text')].map(e => " +
		"e.textContent).join('|')"
	show(t, ctx, server.url+"/?process.d=3&process.family=so&process.turn=0&process.lift=0", 1280)
	if text := browser.Ask[string](t, ctx, labels); !strings.Contains(text, "|x₁|x₃") {
		t.Errorf("seen from the front, the axes are called %s, want x₁ and x₃", text)
	}
	slide(t, ctx, "process", "turn", "1")
	slide(t, ctx, "process", "lift", "0.5")
	// cos 1 = 0.5403, sin 1 = 0.8415; sin 0.5 = 0.4794, cos 0.5 = 0.8776.
	if text := browser.Ask[string](t, ctx, labels); !strings.Contains(text,
		"|0.54 x₁ + 0.84 x₂|-0.40 x₁ + 0.26 x₂ + 0.88 x₃") {
		t.Errorf("the axes are called %s", text)
	}
	if legend := browser.Ask[string](t, ctx, "document.querySelector('#process "+
		".legend').textContent"); !strings.Contains(legend, "axis x₁axis x₂axis x₃") {
		t.Errorf("the legend %s does not name the axes of space", legend)
	}
	show(t, ctx, server.url+"/?process.family=unitary", 1280)
	if text := browser.Ask[string](t, ctx, labels); !strings.Contains(text,
		"real part of the first coordinate|its imaginary part") {
		t.Errorf("the axes of a complex coordinate are called %s", text)
	}
}

// TestWave reads what part four says of its rows: the first is half a period of a
// cosine, the one at the default is none.
func TestWave(t *testing.T) {
	ctx, server := visit(t)
	caption := "document.querySelector('#position [data-figure=row] .caption').textContent"
	show(t, ctx, server.url+"/?position.logk=1&position.row=20", 1280)
	browser.Do(t, ctx, scrollTo("position"), browser.Until("document.querySelector('#position svg')"))
	if text := browser.Ask[string](t, ctx, caption); text != "The row is a cosine of 0.50 periods." {
		t.Errorf("after 10 iterations: %s", text)
	}
	slide(t, ctx, "position", "row", "30")
	slide(t, ctx, "position", "logk", "3")
	if text := browser.Ask[string](t, ctx, caption); !strings.Contains(text, "The row is no cosine") ||
		!strings.Contains(text, "which is a parabola") {
		t.Errorf("at the default: %s", text)
	}
}
