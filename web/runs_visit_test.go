package web

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"icar/internal/browser"
	"icar/internal/needs"
	"icar/run"
)

// TestListOnThePage filters and orders the list, looks at a run, smooths its curve and
// brushes a sweep, with what a reader has; all of it is in the address, and Back undoes it.
func TestListOnThePage(t *testing.T) {
	ctx, server := visit(t)
	if _, err := run.SetLabel(filepath.Join(server.runs, "first"), func(l *run.Label) {
		l.Name, l.Note, l.Tags = "wide", "look at step 3", []string{"baseline"}
	}); err != nil {
		t.Fatal(err)
	}
	trainRun(t, filepath.Join(server.runs, "longer"), 5, nil)
	lines, _ := grid(t)
	if err := os.WriteFile(filepath.Join(server.runs, "grid.jsonl"), []byte(lines),
		0o600); err != nil {
		t.Fatal(err)
	}
	show(t, ctx, server.url+"/", 1280)
	rows := func(list, column, want string) browser.Action {
		return browser.Until("[...document.querySelectorAll('#" + list + " td:nth-child(" + column +
			")')].map(e => e.firstChild.textContent).join() === '" + want + "'")
	}
	typed := func(form, name, value string) browser.Action {
		return browser.Script("{const c = document.querySelector('#" + form + " [name=" + name +
			"]'); c.value = '" + value + "'; c.dispatchEvent(new Event('input', {bubbles: true}))}")
	}
	click := func(selector string) browser.Action {
		return browser.Script(`document.querySelector("` + selector + `").click()`)
	}
	header := "#run-head [data-order=step] button"
	browser.Do(t, ctx, rows("run-list", "2", "a-second,first,longer"),
		typed("run-filter", "tag", "baseline"), rows("run-list", "2", "first"),
		browser.Until("document.querySelector('#run-status').textContent === '1 of 3 runs, live.'"),
		typed("run-filter", "tag", ""), typed("run-filter", "where", "epochs=2 d=2"),
		rows("run-list", "2", "a-second,first"),
		typed("run-filter", "where", "epoch=2"),
		browser.Until("document.querySelector('#run-status.wrong')?.textContent.includes('epochs')"),
		click("#run-filter [type=reset]"), rows("run-list", "2", "a-second,first,longer"),
		click(header), click(header), rows("run-list", "2", "longer,a-second,first"),
		browser.Until("document.querySelector('#run-head [aria-sort=descending]').textContent === "+
			"'step\\u00a0▼'"),
		typed("run-filter", "sort", "epochs"), click("#runs-reverse"),
		rows("run-list", "2", "a-second,first,longer"))
	browser.Do(t, ctx, click("#run-list input[aria-label='show longer']"),
		browser.Until("document.querySelector('#runs > .pair svg')"),
		typed("run-curves", "smooth", "30"),
		browser.Until("document.querySelector('#runs > .pair .legend')"+
			".textContent.includes('longer, smoothed over 30 steps')"),
		browser.Until("document.querySelector('#runs > .pair .line.faint')"),
		click("#run-list button[aria-label='look at first']"),
		browser.Until("document.querySelector('#run-note').textContent === 'look at step 3'"),
		rows("run-set", "1", "d,length,batch,train,test,epochs,eval_every"),
		rows("run-set", "3", "5,50,1024,16384,1024,200,16"))
	browser.Do(t, ctx, browser.Until("document.querySelectorAll('#sweep-rows tr').length === 8"),
		click("#sweep-form [name=keep-depth][value='2']"),
		rows("sweep-rows", "2", "1-linear-0,1-linear-1,1-softmax-0,1-softmax-1"),
		click("#sweep-rows button[aria-label='mark the trial 1-softmax-1']"),
		browser.Until("[...document.querySelectorAll('#sweep [data-figure] .legend')].every(l => "+
			"l.textContent.includes('trial 1-softmax-1'))"),
		typed("sweep-form", "below", "5.5"), rows("sweep-rows", "2", "1-linear-0,1-linear-1"))
	address := browser.Ask[string](t, ctx, "location.search")
	for _, want := range []string{"runs.sort=epochs", "runs.run=longer", "runs.smooth=30",
		"inside.run=first", "sweep.keep=depth%3D1", "sweep.below=5.5",
		"sweep.mark=1-softmax-1"} {
		if !strings.Contains(address, want) {
			t.Errorf("the address %q does not hold %s", address, want)
		}
	}
	browser.Do(t, ctx, chromedp.Reload(), rows("run-list", "2", "a-second,first,longer"),
		browser.Until("document.querySelector('#runs-sort').value === 'epochs' && "+
			"document.querySelector('#runs-smooth').value === '30'"),
		rows("sweep-rows", "2", "1-linear-0,1-linear-1"),
		browser.Until("!document.querySelector('#sweep-form [name=keep-depth][value=\"2\"]').checked"),
		browser.Until("document.querySelector('#run-note').textContent === 'look at step 3'"))
	accessible(t, ctx)
	browser.Do(t, ctx, browser.Script("history.back()"), // the brush of the error
		rows("sweep-rows", "2", "1-linear-0,1-linear-1,1-softmax-0,1-softmax-1"),
		browser.Script("history.back()"),
		browser.Until("!document.querySelector('#sweep-rows [aria-pressed=true]')"),
		browser.Script("history.back()"),
		browser.Until("document.querySelectorAll('#sweep-rows tr').length === 8"),
		browser.Script("history.back()"), browser.Until("document.getElementById('run').hidden"))
}

// accessible asks axe-core about part five as it stands, in both themes, on a phone and on
// a wide screen, where .ci/run has fetched it.
func accessible(t *testing.T, ctx context.Context) {
	t.Helper()
	if os.Getenv("ICAR_AXE") == "" {
		return // TestAccessible says that it is missing
	}
	axe := needs.Axe(t)
	for theme, width := range map[string]int64{"light": 375, "dark": 1600} {
		browser.Prefer(t, ctx, theme)
		browser.Do(t, ctx, chromedp.EmulateViewport(width, 1000))
		browser.Accessible(t, ctx, axe, "#runs", fmt.Sprintf("%s, %d px", theme, width))
	}
}

// TestColoursStay shows runs and takes others away: those that stay keep their colours,
// also where two would have the same.
func TestColoursStay(t *testing.T) {
	server := withRun(t)
	for _, name := range []string{"b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		trainRun(t, filepath.Join(server.runs, name), 1, nil)
	}
	ctx := patiently(t)
	show(t, ctx, server.url+"/?runs.run=j", 1280) // number 9, as the first a colour of number 0
	ink := func(path string) string {
		return browser.Ask[string](t, ctx, "document.querySelector(\"#run-list input[aria-label='show "+
			path+"']\").nextElementSibling?.className ?? ''")
	}
	box := func(path string) browser.Action {
		return browser.Script("document.querySelector(\"#run-list input[aria-label='show " + path +
			"']\").click()")
	}
	inks := func(n string) browser.Action {
		return browser.Until("document.querySelectorAll('#run-list .ink').length === " + n)
	}
	browser.Do(t, ctx, inks("1"))
	before := ink("j")
	browser.Do(t, ctx, box("first"), inks("2"))
	first := ink("first")
	if before != "ink s0" || ink("j") != before || first == before {
		t.Errorf("j has %q and then %q beside the first run's %q", before, ink("j"), first)
	}
	browser.Do(t, ctx, box("j"), inks("1"), box("c"), inks("2"))
	if now := ink("first"); now != first || ink("c") == first {
		t.Errorf("the first run has %q and, when another is taken away, %q", first, now)
	}
}
