package web

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"icar/internal/browser"
	"icar/outcome"
	"icar/report"
)

// TestNamesAreShownPlain opens the page beside a run and a claim whose words
// turn the direction of reading: no such mark is in what the page shows.
func TestNamesAreShownPlain(t *testing.T) {
	const mark = "\u202e\u2066\x1b"
	server := withRun(t)
	if err := os.Rename(filepath.Join(server.runs, "first"),
		filepath.Join(server.runs, "a"+mark+"z")); err != nil {
		t.Fatal(err)
	}
	claims := []outcome.Claim{{ID: mark, Source: "ours", Statement: "It holds" + mark,
		Relation: outcome.AtMost}}
	if err := report.WriteJSON(filepath.Join(server.runs, report.ClaimsFile), claims); err != nil {
		t.Fatal(err)
	}
	beside := start(t, Options{Runs: server.runs, Outcome: server.runs})
	ctx := patiently(t)
	show(t, ctx, beside.url+"/?inside.run=b"+mark, 1280)
	browser.Do(t, ctx,
		browser.Until("document.querySelector('#run-list td:nth-child(2)') && "+
			"document.querySelector('#claim-list td:nth-child(2)')"))
	text := browser.Ask[string](t, ctx, "document.body.textContent + document.body.innerHTML")
	if i := strings.IndexFunc(text, func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Bidi_Control) && r != '\n'
	}); i >= 0 {
		t.Errorf("the page holds %q", text[max(0, i-20):min(i+20, len(text))])
	}
	for _, want := range []string{`a\u202e\u2066\u001bz`, `It holds\u202e`, "rename the folder"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not show %s", want)
		}
	}
}
